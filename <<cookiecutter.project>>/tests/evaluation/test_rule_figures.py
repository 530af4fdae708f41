"""What rules do to a model's figures, and what the labels say of the rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from measured import SETTINGS, crown, result, trained
from rules_helpers.measured_rules import ruled_evaluation, ruled_model

from categoriser.evaluation.measure import measure_model
from categoriser.features import words_of
from categoriser.model.package import Categoriser

PARTS = ("time", "merchant", "random")


def rows(part: str) -> pl.DataFrame:
    return pl.read_parquet(trained()[0] / f"{part}.parquet")


@pytest.mark.parametrize("part", PARTS)
def test_the_figures_are_those_of_what_is_deployed(part: str) -> None:
    held_out = rows(part)
    model = Categoriser.load(ruled_model())
    table = model.answer_features(held_out["features"].to_list(), held_out["price"].to_list())
    right = np.array(model.classes)[table.argmax(axis=1)] == held_out["category"].to_numpy()
    figures = ruled_evaluation().parts[part]
    assert figures.models["model"].accuracy.value == pytest.approx(right.mean(), abs=1e-6)
    assert np.trace(figures.confusion) == right.sum()


@pytest.mark.parametrize("part", PARTS)
def test_the_model_is_shown_without_rules_too(part: str) -> None:
    effect = ruled_evaluation().parts[part].rules
    assert effect
    alone = result()[0].parts[part].models["model"]
    assert effect.without.accuracy == alone.accuracy
    assert effect.without.macro_f1 == alone.macro_f1
    with_rules = ruled_evaluation().parts[part].models["model"]
    expected = with_rules.accuracy.value - alone.accuracy.value
    assert effect.gain.accuracy.value == pytest.approx(expected, abs=2e-6)
    assert effect.gain.accuracy.low <= effect.gain.accuracy.value <= effect.gain.accuracy.high
    words = rows(part)["text"].str.split(" ").list.first()
    assert effect.rows == words.is_in(["aldi", "shell"]).sum()


def test_rules_are_counted_over_all_parts() -> None:
    counts = ruled_evaluation().rules
    assert counts
    every = pl.concat(rows(part) for part in (*PARTS, "train", "validation"))
    shell = every.filter(pl.col("text").str.starts_with("shell "))
    aa = shell.filter(pl.col("text").str.starts_with("shell aa "))
    _, second, third, _ = counts.rules
    assert (second.met, second.answered) == (len(shell), len(shell) - len(aa))
    assert third.contradicted == (aa["category"] != "transport").sum()
    assert [rule.pattern for rule in counts.unmet] == ["nobody"]
    [pair] = counts.overlaps
    assert (pair.pattern, pair.other_pattern, pair.rows) == ("shell aa", "shell", len(aa))


def test_a_rules_answer_counts_as_answered_without_review() -> None:
    for part in PARTS:
        held_out = rows(part)
        asked = Categoriser.load(ruled_model())
        lines = held_out["features"].to_list()
        table = asked.answer_features(lines, held_out["price"].to_list())
        sure = (table.max(axis=1) >= asked.review_threshold) & np.array(
            asked.knows(words_of(lines))
        )
        sure |= table.max(axis=1) == 1
        figures = ruled_evaluation().parts[part].models["model"]
        assert figures.coverage == pytest.approx(sure.mean(), abs=1e-6)


def test_without_rules_nothing_is_said_of_them() -> None:
    plain = result()[0]
    assert plain.rules is None
    assert all(part.rules is None for part in plain.parts.values())


def test_a_champion_answers_with_its_own_rules(tmp_path: Path) -> None:
    champion = crown(tmp_path, ruled_model())
    found, _ = measure_model(trained()[0], trained()[1], champion, SETTINGS)
    for part in PARTS:
        ours = ruled_evaluation().parts[part].models["model"]
        assert found.parts[part].models["champion"].accuracy == ours.accuracy
