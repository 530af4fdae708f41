"""Answers before calibration: asked, joined, sampled, written and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from categoriser.errors import UserError
from categoriser.model.answers import Answers, read_answers, write_answers
from categoriser.model.package import Categoriser


def some(rows: int) -> Answers:
    random = np.random.default_rng(0)
    table = random.dirichlet([1] * 3, size=rows)
    return Answers(table, random.random(rows), random.integers(3, size=rows))


def same(one: Answers, other: Answers) -> bool:
    return (
        np.array_equal(one.probabilities, other.probabilities)
        and np.array_equal(one.novelty, other.novelty)
        and np.array_equal(one.truth, other.truth)
    )


def test_a_classifiers_columns_are_in_the_labels_places(categoriser: Categoriser) -> None:
    classifier = categoriser.classifier
    labels = ["alimony", *classifier.classes]
    rows = pl.DataFrame({"features": ["aldi zyx"], "category": [classifier.classes[0]]})
    found = Answers.of(classifier, rows, labels)
    assert found.probabilities[0, 0] == 0
    assert np.array_equal(found.probabilities[:, 1:], classifier.predict_proba(["aldi zyx"]))
    assert found.truth.tolist() == [1]
    assert found.novelty.tolist() == [0.5]


def test_joined_and_sampled_answers_keep_their_rows_together() -> None:
    whole = some(100)
    parts = [whole.at(np.arange(40)), whole.at(np.arange(40, 100)), Answers.none(3)]
    assert same(Answers.joined(parts), whole)
    sampled = whole.sample(30)
    assert len(sampled.truth) == 30
    assert same(sampled, whole.sample(30))
    assert whole.sample(100) is whole
    place = {novelty: number for number, novelty in enumerate(whole.novelty)}
    assert same(sampled, whole.at(np.array([place[one] for one in sampled.novelty])))


@pytest.mark.parametrize("rows", [0, 7])
def test_what_is_written_is_read_again(tmp_path: Path, rows: int) -> None:
    write_answers(tmp_path / "answers.parquet", some(rows))
    assert same(read_answers(tmp_path / "answers.parquet"), some(rows))


def test_a_missing_file_names_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing; `dvc repro choose` makes it"):
        read_answers(tmp_path / "answers.parquet")
