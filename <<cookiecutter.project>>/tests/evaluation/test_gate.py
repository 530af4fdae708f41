"""Measuring the model, and what decides on it: the gate, its report, and the promotion."""

from __future__ import annotations

import base64
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import SETTINGS, SIZES, TRAIN, no_champion, result, trained, write_parts
from msgspec import to_builtins
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support
from verbs import run_verb

from categoriser.contract import transactions
from categoriser.errors import UserError
from categoriser.evaluation import evaluate as evaluate_stage
from categoriser.evaluation import gate, metrics, report, scores
from categoriser.evaluation import measure as stage
from categoriser.evaluation.judging import compare, judge
from categoriser.evaluation.measure import (
    fit_majority,
    fit_reference,
    headline,
    load_champion,
    measure,
    other_classes,
)
from categoriser.evaluation.metrics import MIN_GROUPS, UNKNOWN, by_slice, price_bands
from categoriser.evaluation.mistakes import confused
from categoriser.evaluation.promote import forget, promote
from categoriser.evaluation.verdict import FigureVerdict
from categoriser.features import features
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.model.package import METADATA, Categoriser
from categoriser.model.tokens import said
from categoriser.model.train import train
from categoriser.params import Evaluate, Gate

# categoriser.evaluation.measure


def crown(folder: Path, model: Path) -> Path:
    """Make a model the champion."""
    shutil.copytree(model, folder / "model")
    write_json(folder / "champion.json", {"digest": digest(model), "metrics": {}})
    return folder


def test_figures_are_those_of_the_models_own_answers() -> None:
    prepared, model = trained()
    evaluation, _ = result()
    categoriser = Categoriser.load(model)
    for part in ("time", "merchant", "random"):
        rows = pl.read_parquet(prepared / f"{part}.parquet")
        answers = categoriser.predict_features(rows["features"].to_list()).argmax(axis=1)
        right = np.array(categoriser.classes)[answers] == rows["category"].to_numpy()
        figures = evaluation["parts"][part]
        assert figures["rows"] == len(rows)
        assert figures["groups"] == rows["key"].n_unique()
        accuracy = figures["models"]["model"]["accuracy"]
        assert accuracy["value"] == pytest.approx(right.mean(), abs=1e-6)
        assert accuracy["low"] < accuracy["value"] < accuracy["high"]
        assert np.trace(figures["confusion"]) == right.sum()
        assert np.sum(figures["confusion"]) == len(rows)
        assert sum(b["rows"] for b in figures["calibration"]) == len(rows)


def test_leads_are_differences_on_the_same_rows() -> None:
    figures = result()[0]["parts"]["random"]
    models = figures["models"]
    assert set(models) == {"model", "reference", "majority"}
    for rival in ("reference", "majority"):
        for figure in ("accuracy", "macro_f1"):
            expected = models["model"][figure]["value"] - models[rival][figure]["value"]
            assert figures["lead"][rival][figure]["value"] == pytest.approx(expected, abs=2e-6)
    own, majority = (models[name]["accuracy"]["value"] for name in ("model", "majority"))
    expected = (own - majority) / (1 - majority)
    assert figures["avoided"]["value"] == pytest.approx(expected, abs=1e-5)


def test_the_planted_slice_is_the_worst() -> None:
    compared = result()[0]["slices"]
    assert compared["country"]["worst"] == "NZ"
    assert compared["country"]["gap"]["low"] > 0
    # The time and the random rows, and not the merchants'.
    rows = sum(part["rows"] for part in compared["country"]["slices"])
    assert rows == SIZES["time"] + SIZES["random"]
    assert compared["absent"] is None


def test_the_same_input_gives_the_same_evaluation(tmp_path: Path) -> None:
    prepared, model = trained()
    again = measure(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    assert again[0] == result()[0]
    assert all(again[1][name].equals(table) for name, table in result()[1].items())


def test_tokens_explain_each_class() -> None:
    tokens = result()[0]["tokens"]
    assert {token for token, _ in tokens["transport"]} & {"shell", "metro", "parking", "ferry"}


def test_a_champion_that_is_the_model_itself_leads_by_nothing(tmp_path: Path) -> None:
    prepared, model = trained()
    evaluation, _ = measure(prepared, model, crown(tmp_path, model), SETTINGS)
    for part in evaluation["parts"].values():
        nothing = {"value": 0, "low": 0, "high": 0}
        assert part["lead"]["champion"] == {"accuracy": nothing, "macro_f1": nothing}
    assert evaluation["champion"]["digest"] == evaluation["model"]["digest"]


def test_a_champion_of_other_classes_is_not_compared_and_says_what_to_do(tmp_path: Path) -> None:
    prepared, model = trained()
    fewer = write_parts(tmp_path / "fewer")
    for part in ("train", "validation"):
        rows = pl.read_parquet(fewer / f"{part}.parquet")
        rows = rows.with_columns(pl.col("category").replace("groceries", "food"))
        rows.write_parquet(fewer / f"{part}.parquet")
    train(fewer, tmp_path / "other", TRAIN)
    champion = crown(tmp_path / "champion", tmp_path / "other")
    evaluation, _ = measure(prepared, model, champion, SETTINGS)
    assert "champion" not in evaluation["parts"]["random"]["models"]
    why = evaluation["champion"]["unreadable"]
    assert "the champion alone knows food; the model alone knows groceries" in why
    [last] = [v for v in judge(evaluation, LIMITS) if (v.gate, v.part) == ("champion", "all")]
    assert last.outcome == "failed"
    assert "FORGET=champion" in last.why


def test_many_classes_that_differ_are_named_shortly() -> None:
    assert other_classes(["a", "b"], ["b", "a"]) == ""
    why = other_classes([f"c{n}" for n in range(9)], ["c0"])
    assert "the champion alone knows c1, c2, c3, c4, c5 and 3 more" in why
    assert "the model alone" not in why


def test_a_class_that_training_lacks_is_an_error_of_every_model(tmp_path: Path) -> None:
    _, model = trained()
    prepared = write_parts(tmp_path / "prepared")
    rows = pl.read_parquet(prepared / "random.parquet")
    rows.with_columns(category=pl.lit("never seen")).write_parquet(prepared / "random.parquet")
    evaluation, _ = measure(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    part = evaluation["parts"]["random"]
    assert {figures["accuracy"]["value"] for figures in part["models"].values()} == {0}
    assert part["classes"][evaluation["labels"].index("never seen")]["rows"] == SIZES["random"]


def test_empty_parts_are_reported_as_empty(tmp_path: Path) -> None:
    _, model = trained()
    sizes = SIZES | {"time": 0, "merchant": 0, "random": 0}
    prepared = write_parts(tmp_path / "prepared", sizes)
    evaluation, tables = measure(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    assert evaluation["parts"]["time"] == {"rows": 0, "groups": 0}
    assert evaluation["slices"]["country"]["slices"] == []
    assert headline(evaluation) == {}
    assert all(table.is_empty() for table in tables.values())


def test_a_part_of_the_majority_class_alone_has_no_errors_to_avoid(tmp_path: Path) -> None:
    _, model = trained()
    prepared = write_parts(tmp_path / "prepared")
    commonest = pl.read_parquet(prepared / "train.parquet")["category"].mode().first()
    rows = pl.read_parquet(prepared / "random.parquet").with_columns(category=pl.lit(commonest))
    rows.write_parquet(prepared / "random.parquet")
    evaluation, _ = measure(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    assert evaluation["parts"]["random"]["avoided"] is None


def test_a_champion_without_its_model_says_what_to_do(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    shutil.rmtree(champion / "model")
    with pytest.raises(UserError, match="dvc pull"):
        measure(prepared, model, champion, SETTINGS)


def test_a_champion_of_another_digest_is_refused(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    write_json(champion / "champion.json", {"digest": "0" * 64, "metrics": {}})
    with pytest.raises(UserError, match=r"not the model that .*champion\.json names"):
        measure(prepared, model, champion, SETTINGS)


def test_a_champion_of_other_features_is_not_compared_and_says_why(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    metadata = json.loads((champion / "model" / METADATA).read_text())
    write_json(champion / "model" / METADATA, metadata | {"features_version": -1})
    write_json(champion / "champion.json", {"digest": digest(champion / "model"), "metrics": {}})
    evaluation, _ = measure(prepared, model, champion, SETTINGS)
    assert "features" in evaluation["champion"]["unreadable"]
    assert "champion" not in evaluation["parts"]["random"]["models"]


def test_a_missing_part_names_the_stage_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"time\.parquet is missing; `dvc repro prepare`"):
        measure(tmp_path, trained()[1], no_champion(tmp_path / "champion"), SETTINGS)


def test_main_writes_metrics_that_are_numbers_only_and_a_table_for_each_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, model = trained()
    monkeypatch.chdir(tmp_path)
    shutil.copytree(prepared, "data/prepared")
    shutil.copytree(model, "model")
    crown(Path("champion"), model)
    root = Path(__file__).parents[2]
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["evaluate"] = SETTINGS.model_dump()
    Path("params.yaml").write_text(yaml.safe_dump(params))
    stage.main()

    def leaves(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        return [value]

    shown = json.loads(Path("reports/metrics.json").read_text())
    assert list(shown["random"]) == [
        "accuracy",
        "calibration_error",
        "champion",
        "coverage",
        "macro_f1",
        "reference",
    ]
    assert all(isinstance(number, float) for number in leaves(shown))
    # What dvc.yaml draws is there, with the columns that it names.
    for plot in yaml.safe_load((root / "dvc.yaml").read_text())["plots"]:
        [drawn] = plot.values()
        for axis in ("x", "y"):
            if isinstance(drawn[axis], dict):
                for path, column in drawn[axis].items():
                    assert column in pl.read_csv(path).columns
            else:
                assert all(drawn[axis] in pl.read_csv(path).columns for path in drawn["y"])


# categoriser.evaluation.measure: the models that it is held against


def test_the_reference_learns_and_the_majority_answers_the_commonest_class() -> None:
    prepared, _ = trained()
    train, held_out = (
        pl.read_parquet(prepared / f"{part}.parquet") for part in ("train", "random")
    )
    lines, labels = train["features"].to_list(), train["category"].to_list()
    truth = held_out["category"].to_numpy()

    def accuracy(estimator: object) -> float:
        table = estimator.predict_proba(held_out["features"].to_list())  # type: ignore[attr-defined]
        np.testing.assert_allclose(table.sum(axis=1), 1)
        answers = estimator.classes_[table.argmax(axis=1)]  # type: ignore[attr-defined]
        return float(np.mean(answers == truth))

    commonest = max(set(labels), key=labels.count)
    assert accuracy(fit_majority(lines, labels)) == np.mean(truth == commonest)
    assert accuracy(fit_reference(lines, labels)) > 0.7


def test_two_fits_are_the_same() -> None:
    lines, labels = ["aldi PAID", "shell PAID", "aldi x PAID", "metro PAID"] * 5, ["g", "t"] * 10
    first, second = (fit_reference(lines, labels).predict_proba(lines) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_single_class_is_answered_always() -> None:
    reference = fit_reference(["aldi", "coles"], ["g", "g"])
    assert reference.predict_proba(["shell"]).tolist() == [[1.0]]


# categoriser.evaluation.metrics


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(deadline=None)
@given(pairs)
def test_scores_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, answers = np.array(rows).T
    found = scores.scores(scores.confusion(truth, answers, 5))
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, answers))
    present = np.unique(truth)
    assert found["macro_f1"] == pytest.approx(
        f1_score(truth, answers, labels=present, average="macro", zero_division=0)
    )
    by_class = precision_recall_fscore_support(truth, answers, labels=range(5), zero_division=0)
    for name, expected in zip(("precision", "recall", "f1", "support"), by_class, strict=True):
        np.testing.assert_allclose(found[name], expected)


def test_a_class_the_model_does_not_know_is_an_error_and_no_crash() -> None:
    labels = ["a", "b", "new"]
    truth = metrics.encode(["a", "new", "b"], labels)
    table = metrics.spread(np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), ["a", "b"], labels)
    found = scores.scores(scores.confusion(truth, table.argmax(axis=1), 3))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["recall"].tolist() == [1, 1, 0]
    expected = -np.mean(np.log([0.9, metrics.LEAST, 0.7]))
    assert metrics.log_loss(truth, table) == pytest.approx(expected)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(KeyError):
        metrics.encode(["b"], ["a"])


def test_log_loss_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    table = random.dirichlet(np.ones(4), size=50)
    truth = random.integers(4, size=50)
    assert metrics.log_loss(truth, table) == pytest.approx(log_loss(truth, table, labels=range(4)))


def test_the_calibration_error_of_a_worked_example() -> None:
    # Two bins: 0.95 three times, right twice; 0.55 once, wrong.
    table = np.array([[0.95, 0.05]] * 3 + [[0.55, 0.45]])
    bins = metrics.calibration(np.array([0, 0, 1, 1]), table)
    assert [b["rows"] for b in bins] == [1, 3]
    expected = (1 * 0.55 + 3 * abs(2 / 3 - 0.95)) / 4
    assert metrics.calibration_error(bins) == pytest.approx(expected)


def test_a_certain_answer_is_in_the_last_bin() -> None:
    [only] = metrics.calibration(np.array([0]), np.array([[1.0, 0.0]]))
    assert only == {"rows": 1, "confidence": 1, "accuracy": 1}


def test_coverage_counts_what_reaches_the_threshold() -> None:
    table = np.array([[0.6, 0.4], [0.59, 0.41], [0.1, 0.9]])
    known = np.ones(3, dtype=bool)
    found = metrics.coverage(np.array([0, 1, 0]), table, 0.6, known)
    assert found == {"coverage": pytest.approx(2 / 3), "covered_accuracy": 0.5}
    assert metrics.coverage(np.array([0, 1, 0]), table, 0.95, known)["covered_accuracy"] == 0
    # A text without a known word is never answered without review.
    known[0] = False
    found = metrics.coverage(np.array([0, 1, 0]), table, 0.6, known)
    assert found == {"coverage": pytest.approx(1 / 3), "covered_accuracy": 0}


def spread_of_accuracy(groups: np.ndarray, right: np.ndarray, resamples: int = 4000) -> float:
    drawn = metrics.resampled_scores(np.zeros_like(right), 1 - right, 2, groups, resamples)
    return float(np.std(drawn["accuracy"]))


def test_resamples_of_single_rows_have_the_binomial_spread() -> None:
    right = (np.arange(400) < 300).astype(int)
    expected = np.sqrt(0.75 * 0.25 / 400)
    assert spread_of_accuracy(np.arange(400), right) == pytest.approx(expected, rel=0.05)


def test_rows_that_stand_or_fall_together_give_the_spread_of_their_groups() -> None:
    right = np.repeat((np.arange(100) < 75).astype(int), 4)
    expected = np.sqrt(0.75 * 0.25 / 100)
    assert spread_of_accuracy(np.repeat(np.arange(100), 4), right) == pytest.approx(
        expected, rel=0.05
    )


def test_resamples_are_the_same_every_time_and_hold_the_groups_together() -> None:
    groups = np.array([0, 0, 0, 1, 1, 2])
    cells = np.array([0, 0, 0, 1, 1, 2])
    first = list(scores.resample(cells, 3, groups, 50))
    np.testing.assert_array_equal(first, list(scores.resample(cells, 3, groups, 50)))
    for counts in first:
        assert counts[0] % 3 == counts[1] % 2 == 0
        assert counts[0] / 3 + counts[1] / 2 + counts[2] == 3


def test_differences_of_two_models_are_paired() -> None:
    random = np.random.default_rng(0)
    truth, groups = random.integers(3, size=200), random.integers(40, size=200)
    groups = np.unique(groups, return_inverse=True)[1]
    first = np.where(random.random(200) < 0.7, truth, 0)
    second = first.copy()
    second[groups == 0] = truth[groups == 0]
    a, b = (metrics.resampled_scores(truth, x, 3, groups, 500)["accuracy"] for x in (second, first))
    # They differ on one group alone, so that the difference is never the other way round.
    assert (a - b).min() == 0
    assert np.std(a - b) < np.std(a) / 3


def test_an_interval_holds_the_confidence_and_leaves_out_what_does_not_exist() -> None:
    drawn = np.append(np.linspace(0, 1, 1001), np.nan)
    assert metrics.interval(0.4, drawn, 0.9) == {
        "value": 0.4,
        "low": pytest.approx(0.05),
        "high": pytest.approx(0.95),
    }


# categoriser.evaluation.metrics: accuracy by slice


def compare_places(frame: pl.DataFrame, right: list[bool], **changes: Any) -> dict[str, Any]:
    """Compare the slices of rows that are each a merchant of its own."""
    chosen: dict[str, Any] = {
        "slices": ["place"],
        "price_bands": [0, 10],
        "min_rows": 50,
        "resamples": 300,
        "confidence": 0.95,
    }
    if "price" not in frame.columns:
        frame = frame.with_columns(price=1.0)
    groups = changes.pop("groups", np.arange(len(frame)))
    answers = np.where(right, 0, 1)
    return by_slice(
        frame, np.zeros(len(frame), int), answers, groups, Evaluate(**(chosen | changes))
    )


def two_places() -> tuple[pl.DataFrame, list[bool]]:
    """200 rows of A, 90 % right; 100 of B, 60 % right; 20 of C, all wrong; 60 of none, right."""
    place = ["A"] * 200 + ["B"] * 100 + ["C"] * 20 + [None] * 60
    right = [n % 10 > 0 for n in range(200)] + [n % 10 > 3 for n in range(100)]
    return pl.DataFrame({"place": place}), right + [False] * 20 + [True] * 60


def test_the_worst_slice_and_its_gap() -> None:
    frame, right = two_places()
    found = compare_places(frame, right)["place"]
    overall = (180 + 60 + 60) / 380
    assert [part["name"] for part in found["slices"]] == ["B", "A", UNKNOWN]
    assert found["worst"] == "B"
    assert found["gap"]["value"] == pytest.approx(overall - 0.6)
    assert found["gap"]["low"] < overall - 0.6 < found["gap"]["high"]
    assert found["spread"] == pytest.approx(0.4)
    worst = found["slices"][0]
    assert (worst["rows"], worst["groups"]) == (100, 100)
    # Four standard deviations of a share of 0.6 in 100 rows: what the interval is wide.
    width = worst["accuracy"]["high"] - worst["accuracy"]["low"]
    assert width == pytest.approx(3.92 * np.sqrt(0.24 / 100), rel=0.15)


def test_small_slices_are_not_judged_and_absent_values_are_a_slice() -> None:
    frame, right = two_places()
    found = compare_places(frame, right)["place"]
    assert found["not_judged"] == {"C": 20}
    assert found["slices"][-1]["accuracy"]["value"] == 1
    assert compare_places(frame, right, min_rows=60)["place"]["not_judged"] == {"C": 20}
    assert compare_places(frame, right, min_rows=61)["place"]["not_judged"] == {
        "C": 20,
        UNKNOWN: 60,
    }


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_what_is_not_known_is_the_slice_unknown(nothing: str | None) -> None:
    frame = pl.DataFrame({"place": [*["AU"] * 60, *[nothing] * 60]})
    found = compare_places(frame, [True] * 60 + [False] * 60)["place"]
    assert [part["name"] for part in found["slices"]] == ["unknown", "AU"]


def test_a_number_that_is_none_is_unknown_too() -> None:
    frame = pl.DataFrame({"place": [1.0] * 60 + [float("nan")] * 60})
    found = compare_places(frame, [True] * 120)["place"]
    assert {part["name"] for part in found["slices"]} == {"unknown", "1.0"}


def test_many_rows_of_few_merchants_are_not_judged() -> None:
    frame, right = two_places()
    groups = np.concatenate(
        [np.arange(200), 200 + np.arange(100) % (MIN_GROUPS - 1), 300 + np.arange(80)]
    )
    groups = np.unique(groups, return_inverse=True)[1]
    assert compare_places(frame, right, groups=groups)["place"]["not_judged"] == {"B": 100, "C": 20}


def test_a_column_that_the_data_lacks_is_absent_and_no_error() -> None:
    frame, right = two_places()
    assert compare_places(frame, right, slices=["no_such"]) == {"no_such": None}


def test_no_slice_is_large_enough() -> None:
    frame, right = two_places()
    found = compare_places(frame, right, min_rows=1000)["place"]
    assert found["slices"] == []
    assert found["gap"] is None


def test_no_rows_at_all() -> None:
    empty = pl.DataFrame(schema={"place": pl.String, "price": pl.Float64})
    found = compare_places(empty, [], slices=["place", "price_band"])
    assert found["place"]["slices"] == found["price_band"]["slices"] == []


def test_columns_that_are_no_text_are_slices_too() -> None:
    frame = pl.DataFrame({"place": [1] * 60 + [2] * 60})
    found = compare_places(frame, [True] * 60 + [False] * 60)["place"]
    assert found["worst"] == "2"


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1),
    st.lists(st.integers(-99, 999), unique=True, max_size=4).map(sorted),
)
def test_every_price_lies_in_the_band_that_its_name_says(
    prices: list[float], edges: list[int]
) -> None:
    names = price_bands(pl.Series(prices, dtype=pl.Float64), edges)
    for price, name in zip(prices, names, strict=True):
        below = [edge for edge in edges if edge <= price]
        if not edges:
            assert name == "all"
        elif not below:
            assert name == f"under {edges[0]}"
        elif len(below) == len(edges):
            assert name == f"{edges[-1]} and over"
        else:
            assert name == f"{below[-1]} to {edges[len(below)]}"


# categoriser.evaluation.gate


ROOT = Path(__file__).parents[2]
LIMITS = Gate(
    min_gain_over_majority=0.1,
    max_loss_to_reference=0.02,
    max_loss_to_champion=0.01,
    max_slice_gap=0.15,
    min_accuracy=None,
    min_macro_f1=None,
)
PARTS = ("time", "merchant", "random")


def figure(value: float, half: float = 0.01) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def evaluation(**lead: dict[str, float]) -> dict[str, Any]:
    """Make a sound evaluation, in which the model's lead over each rival is as given."""
    rivals = {"reference": figure(0.0)} | lead
    part = {
        "rows": 1000,
        "groups": 100,
        "avoided": figure(0.6),
        "lead": {name: {"accuracy": one, "macro_f1": one} for name, one in rivals.items()},
        "models": {"model": {"accuracy": figure(0.8), "macro_f1": figure(0.7)}},
    }
    return {
        "champion": {"digest": "d"} if "champion" in lead else None,
        "parts": {name: copy.deepcopy(part) for name in PARTS},
        "settings": {"min_rows": 200},
        "slices": {},
    }


def outcomes(verdicts: list[FigureVerdict], name: str) -> set[str]:
    return {verdict.outcome for verdict in verdicts if verdict.gate == name}


def test_a_sound_model_passes_every_gate() -> None:
    verdicts = judge(evaluation(champion=figure(0.0)), LIMITS)
    assert {verdict.outcome for verdict in verdicts} == {"passed"}
    assert {verdict.gate for verdict in verdicts} == {"majority", "reference", "champion"}
    assert len(verdicts) == 3 * (1 + 2 + 2)


@pytest.mark.parametrize(
    ("value", "half", "outcome"),
    [
        (-0.019, 0.001, "passed"),
        (-0.019, 0.1, "passed"),
        (-0.021, 0.0005, "failed"),
        (-0.021, 0.002, "not judged"),
        (-0.2, 0.1, "failed"),
    ],
)
@pytest.mark.parametrize("rival", ["reference", "champion"])
def test_a_loss_fails_only_when_the_whole_interval_is_beyond_the_tolerance(
    rival: str, value: float, half: float, outcome: str
) -> None:
    tolerant = LIMITS.model_copy(update={"max_loss_to_champion": 0.02})
    found = evaluation(**{rival: figure(0.0)})
    found["parts"]["time"]["lead"][rival]["accuracy"] = figure(value, half)
    [verdict] = [
        v
        for v in judge(found, tolerant)
        if (v.gate, v.part, v.figure) == (rival, "time", "lead in accuracy")
    ]
    assert verdict.outcome == outcome
    assert verdict.margin == pytest.approx(value + 0.02)


def test_no_better_than_the_majority_class_fails() -> None:
    found = evaluation()
    found["parts"]["random"]["avoided"] = figure(0.05)
    failed = [v for v in judge(found, LIMITS) if v.outcome == "failed"]
    assert [(v.gate, v.part) for v in failed] == [("majority", "random")]
    assert failed[0].margin == pytest.approx(-0.05)


def test_a_model_does_not_pass_for_want_of_rows() -> None:
    found = evaluation(champion=figure(0.0))
    for part in found["parts"].values():
        part["rows"] = 199
    verdicts = judge(found, LIMITS)
    failed = [v for v in verdicts if v.outcome == "failed"]
    assert [v.gate for v in failed] == ["majority", "reference", "champion"]
    assert all("no part could judge it (199 rows, fewer than 200" in v.why for v in failed)


def test_small_and_empty_parts_are_not_judged_beside_one_that_is() -> None:
    found = evaluation()
    found["parts"]["time"] = {"rows": 0, "groups": 0}
    found["parts"]["merchant"]["groups"] = 9
    verdicts = judge(found, LIMITS)
    assert {v.outcome for v in verdicts if v.part == "random"} == {"passed"}
    assert {v.outcome for v in verdicts if v.part != "random"} == {"not judged"}
    why = {v.part: v.why for v in verdicts if v.part != "random"}
    assert why == {
        "time": "0 rows, fewer than 200 (evaluate.min_rows)",
        "merchant": "9 merchants, fewer than 10",
    }


def test_a_part_of_one_class_cannot_tell_a_model_from_the_majority() -> None:
    found = evaluation()
    found["parts"]["time"]["avoided"] = None
    assert outcomes(judge(found, LIMITS), "majority") == {"passed", "not judged"}


def test_a_champion_that_cannot_be_read_fails_and_says_why() -> None:
    found = evaluation()
    found["champion"] = {"digest": "d", "unreadable": "features of version 1"}
    verdicts = [v for v in judge(found, LIMITS) if v.gate == "champion"]
    assert verdicts[-1].outcome == "failed"
    assert {v.why for v in verdicts[:-1]} == {"features of version 1"}
    assert "features of version 1" in verdicts[-1].why


def test_floors_are_off_by_default_and_look_at_the_figure_alone() -> None:
    assert {v.gate for v in judge(evaluation(), LIMITS)} == {"majority", "reference"}
    floors = LIMITS.model_copy(update={"min_accuracy": 0.801, "min_macro_f1": 0.7})
    verdicts = judge(evaluation(), floors)
    assert outcomes(verdicts, "min_accuracy") == {"failed"}
    assert outcomes(verdicts, "min_macro_f1") == {"passed"}


def column(*gaps: dict[str, float]) -> dict[str, Any]:
    return {"slices": [{"name": f"s{n}", "gap": gap} for n, gap in enumerate(gaps)]}


@pytest.mark.parametrize(
    ("compared", "outcome", "name"),
    [
        (column(figure(0.1), figure(0.14)), "passed", "s1"),
        (column(figure(0.1), figure(0.2)), "failed", "s1"),
        # The worst slice is too small to tell, but another is surely beyond the bound.
        (column(figure(0.4, 0.3), figure(0.2)), "failed", "s1"),
        (column(figure(0.4, 0.3), figure(0.1)), "not judged", "s0"),
    ],
)
def test_slices_are_judged_by_their_intervals(
    compared: dict[str, Any], outcome: str, name: str
) -> None:
    found = evaluation()
    found["slices"] = {"country": compared}
    verdict = judge(found, LIMITS)[-1]
    assert (verdict.gate, verdict.part, verdict.outcome) == ("slices", "country", outcome)
    assert verdict.figure == f"lead of {name}"


def test_slices_that_cannot_be_judged_fail_nothing() -> None:
    found = evaluation()
    found["slices"] = {"absent": None, "small": column()}
    verdicts = [v for v in judge(found, LIMITS) if v.gate == "slices"]
    assert [(v.outcome, v.why) for v in verdicts] == [
        ("not judged", "the data has no such column"),
        ("not judged", "no slice has rows enough"),
    ]


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(-1, 1))
def test_a_verdict_is_one_of_three_and_agrees_with_its_margin(
    value: float, below: float, above: float, bound: float
) -> None:
    measured = {"value": value, "low": value - below, "high": value + above}
    verdict = compare("g", "p", "f", bound, measured)
    assert (verdict.outcome == "passed") == (value >= bound)
    assert (verdict.outcome == "failed") == (measured["high"] < bound)


def write_project(folder: Path, changes: dict[str, Any]) -> None:
    """Write a folder that holds what the stages before wrote."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["gate"] = LIMITS.model_dump() | changes
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    write_json(folder / "reports/evaluation.json", result()[0])
    write_json(folder / "baseline/facts.json", {"model": result()[0]["model"]["digest"]})
    write_json(folder / "data/profile.json", {"rows": 2000, "set_aside": {"no price": 3}})
    write_json(
        folder / "data/generated.json", {"ceiling": 0.9, "ceiling_by": {"country": {"NZ": 0.7}}}
    )


def test_the_stage_fails_with_status_1_after_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, {"min_accuracy": 0.99, "max_slice_gap": 1})
    monkeypatch.chdir(tmp_path)
    evaluate_stage.main()
    failed = subprocess.run(
        [sys.executable, "-m", "categoriser.evaluation.gate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "min_accuracy (random): accuracy is" in failed.stderr
    assert "under the bound of 0.9900" in failed.stderr
    assert "Traceback" not in failed.stderr
    verdict = json.loads((tmp_path / "reports/gate.json").read_text())
    assert verdict["passed"] is False
    assert verdict["model"] == result()[0]["model"]["digest"]
    assert "The model may not go on" in (tmp_path / "reports/report.html").read_text()
    assert "may not go on" in (tmp_path / "reports/model_card.md").read_text()


def test_the_stage_passes_and_writes_the_same_bytes_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_project(folder, {"max_slice_gap": 1, "max_loss_to_reference": 1})
        monkeypatch.chdir(folder)
        evaluate_stage.main()
        gate.main()
        names = ("gate.json", "report.html", "model_card.md")
        written.append([(folder / "reports" / name).read_bytes() for name in names])
    assert written[0] == written[1]
    assert json.loads(written[0][0])["passed"] is True
    shown = capsys.readouterr().out
    assert "errors avoided" in shown
    assert "the data has no such column" in shown


def test_a_baseline_of_another_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, {"max_slice_gap": 1, "max_loss_to_reference": 1})
    write_json(tmp_path / "baseline/facts.json", {"model": "another"})
    monkeypatch.chdir(tmp_path)
    evaluate_stage.main()
    with pytest.raises(UserError, match=r"baseline/facts\.json is of another model"):
        gate.main()


# categoriser.evaluation.report


GATE = Gate(
    min_gain_over_majority=0.1,
    max_loss_to_reference=1,
    max_loss_to_champion=1,
    max_slice_gap=1,
    min_accuracy=None,
    min_macro_f1=None,
)
VOID = {"meta", "img", "br"}


def facts(evaluation: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    evaluation = evaluation or result()[0]
    return {
        "about": {"project": "Bank <b>& Co", "owner": "Data science, a@example.com"},
        "evaluation": evaluation,
        "data": {"rows": 2000, "set_aside": {}},
        "data_path": "data/own.csv",
        "generated": None,
        "verdicts": to_builtins(judge(evaluation, GATE)),
        "passed": True,
    } | changes


class Page(HTMLParser):
    """Collects text and addresses, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.names: set[str] = set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_is_one_page_that_asks_nothing_of_a_network() -> None:
    page = Page(report.html(facts()))
    assert {"script", "link", "iframe"}.isdisjoint(page.names)
    images = [address for address in page.addresses if not address.startswith("#")]
    # Overview; curves and confusion for three parts; two columns' slices.
    assert len(images) == 1 + 3 * 2 + 2
    for address in images:
        kind, content = address.split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(content))


def test_the_report_shows_the_figures() -> None:
    evaluation = result()[0]
    text = " ".join(Page(report.html(facts())).texts)
    for part in evaluation["parts"].values():
        assert f"{100 * part['models']['model']['accuracy']['value']:.1f} %" in text
    assert evaluation["model"]["digest"] in text
    assert "No gate failed." in text
    assert "data is generated" not in text
    assert "The data has no such column." in text


def test_what_a_failed_gate_lacks_is_on_top() -> None:
    verdict = {
        "gate": "min_accuracy",
        "part": "time",
        "figure": "accuracy",
        "outcome": "failed",
        "bound": 0.9,
        "value": 0.8,
        "low": 0.8,
        "high": 0.8,
        "margin": -0.1,
        "why": "",
    }
    text = " ".join(Page(report.html(facts(verdicts=[verdict], passed=False))).texts)
    assert "The model may not go on." in text
    assert re.search(r"accuracy \+80\.0 points, 10\.0 under the bound of \+90\.0", text)


def test_generated_data_shows_the_ceiling_and_the_distance_to_it() -> None:
    ceiling = {"ceiling": 0.912, "ceiling_by": {"country": {"NZ": 0.654}}}
    text = " ".join(Page(report.html(facts(generated=ceiling))).texts)
    accuracy = result()[0]["parts"]["time"]["models"]["model"]["accuracy"]["value"]
    assert "91.2 %" in text
    assert "65.4 %" in text
    assert f"{100 * (0.912 - accuracy):.1f} points" in text
    assert "ceiling of 91.2 %" in report.model_card(facts(generated=ceiling))


def test_text_from_the_data_is_escaped_everywhere() -> None:
    # The last is no formula for the plots to set either.
    evil = "<script>alert(1)</script>|`x`$\\frac$"
    evaluation = copy.deepcopy(result()[0])
    evaluation["slices"]["country"]["slices"][0]["name"] = evil
    evaluation["slices"]["country"]["worst"] = evil
    evaluation["slices"]["country"]["not_judged"] = {evil: 3}
    evaluation["slices"][evil] = None
    evaluation["labels"][0] = evil
    evaluation["model"]["metadata"]["classes"] = [evil]
    evaluation["split"]["key"] = evil
    evaluation["tokens"] = {evil: [(evil, 0.5)]}
    for part in evaluation["parts"].values():
        part["classes"][0]["class"] = evil
        part["confused"][0] |= {"truth": evil, "answer": evil}
        part["confused"][0]["examples"] = [{"words": evil, "price": 1.0, "probability": 0.5}]
    shown = facts(evaluation, data={"rows": 1, "set_aside": {evil: 1}})
    page = Page(report.html(shown))
    assert "script" not in page.names
    assert evil in page.texts
    card = report.model_card(shown)
    assert "<script>" not in card
    widths = {
        tuple(len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines())
        for table in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE)
    }
    assert widths
    assert all(len(set(table)) == 1 for table in widths)


def test_empty_parts_and_slices_are_told() -> None:
    evaluation = copy.deepcopy(result()[0])
    evaluation["parts"] = {name: {"rows": 0, "groups": 0} for name in evaluation["parts"]}
    for compared in evaluation["slices"].values():
        if compared:
            compared["slices"] = []
    nothing = {"rows": 0, "groups": 0, "dates": [], "key_in_training": None}
    for name in ("time", "merchant", "random"):
        evaluation["split"]["parts"][name] |= nothing | {"line_in_training": None}
    text = " ".join(Page(report.html(facts(evaluation))).texts)
    assert text.count("This part is empty") == 3
    assert text.count("No slice has rows enough") == 2
    assert "| time | 0 |" in report.model_card(facts(evaluation))


def test_a_champion_that_could_not_be_read_is_told() -> None:
    evaluation = result()[0] | {"champion": {"digest": "d" * 64, "unreadable": "too old"}}
    page = report.html(facts(evaluation))
    assert "d" * 64 in page
    assert "not compared: too old" in page


def test_many_classes_leave_out_the_numbers_in_the_confusion_matrix() -> None:
    size = report.MOST_NUMBERS + 1
    labels = [f"c{n}" for n in range(size)]
    part = {"confusion": [[7777 if a == b else 0 for a in labels] for b in labels]}
    few = {"confusion": [[7777, 0], [0, 7777]]}
    plots = [report.confusion(part, labels), report.confusion(few, labels[:2])]
    shown = [base64.b64decode(plot.split(",")[1]).count(b"7,777") for plot in plots]
    assert shown[0] == 0
    assert shown[1] > 0


def test_so_many_classes_that_no_matrix_is_read_have_the_most_confused_and_the_worst() -> None:
    evaluation = copy.deepcopy(result()[0])
    names = [f"class {n}" for n in range(167)]
    evaluation["labels"] = evaluation["model"]["metadata"]["classes"] = names
    for part in evaluation["parts"].values():
        part["confusion"] = [[0] * 167] * 167
        part["classes"] = [
            {"class": name, "rows": 9, "precision": 0.5, "recall": 0.5, "f1": n / 167}
            for n, name in enumerate(names)
        ]
    text = report.html(facts(evaluation))
    assert "Confusion matrix" not in text
    assert "The 15 worst classes" in text
    assert text.count("<summary>All 167 classes</summary>") == 3 + 1
    # A name breaks between names alone.
    assert '<span class="name">class 7,</span>' in text


def test_both_pages_are_headed_by_project_date_data_and_owner() -> None:
    page, card = report.html(facts()), report.model_card(facts())
    assert "<title>Bank &lt;b&gt;&amp; Co: model report, data to 2026-03-31</title>" in page
    for text in ("2026-01-01 to 2026-03-31", "Data science, a@example.com"):
        assert text in page
        assert text in card.replace("\\", "")
    assert "data/own.csv" in page
    assert card.startswith("# Bank \\<b\\>\\& Co: model card")


def banner(page: str) -> str:
    [kind] = re.findall('class="banner ([a-z-]+)"', page)
    return str(kind)


def test_the_banner_is_green_only_where_all_is_judged() -> None:
    evaluation = copy.deepcopy(result()[0])
    for column in filter(None, evaluation["slices"].values()):
        column["not_judged"] = {}
    passed = [v for v in facts(evaluation)["verdicts"] if v["outcome"] == "passed"]
    open_ = passed[0] | {"outcome": "not judged", "why": "199 rows, fewer than 200"}
    assert banner(report.html(facts(evaluation, verdicts=passed))) == "passed"
    page = report.html(facts(evaluation, verdicts=[*passed, open_]))
    assert banner(page) == "not-judged"
    assert "Not all could be judged." in page
    assert "Not judged: majority, " in page
    assert "Not all could be judged" in report.model_card(
        facts(evaluation, verdicts=[*passed, open_])
    )
    assert banner(report.html(facts(evaluation, verdicts=[open_], passed=False))) == "failed"
    evaluation["slices"]["country"]["not_judged"] = {"FJ": 3}
    page = report.html(facts(evaluation, verdicts=passed))
    assert banner(page) == "not-judged"
    assert "1 slice has too few rows" in page


def test_the_report_shows_mistakes_and_says_prices_in_words() -> None:
    part = result()[0]["parts"]["random"]
    text = " ".join(Page(report.html(facts())).texts)
    first = part["confused"][0]
    assert first["examples"][0]["words"] in text
    assert "an amount of " in text
    assert not re.search(r"\b([A-Z])\1\b", text)


def test_most_confused_pairs_come_first_with_their_surest_examples() -> None:
    judged = pl.DataFrame(
        {
            "text": ["aldi 1234567", "ALDI", "shell", "coles", "coles", "aldi"],
            "price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "truth": [0, 0, 1, 0, 0, 0],
            "answer": [1, 1, 0, 1, 2, 0],
            "probability": [0.6, 0.9, 0.5, 0.7, 0.8, 0.9],
        }
    )
    first, *others = confused(judged, ["food", "fuel", "rent"])
    assert (first["truth"], first["answer"], first["rows"]) == ("food", "fuel", 3)
    assert first["share"] == 3 / 5
    # Of equal words the surest alone; codes and long numbers are left out.
    assert first["examples"] == [
        {"words": "aldi", "price": 2.0, "probability": 0.9},
        {"words": "coles", "price": 4.0, "probability": 0.7},
    ]
    assert [(pair["truth"], pair["answer"]) for pair in others] == [
        ("food", "rent"),
        ("fuel", "food"),
    ]
    assert confused(judged.filter(pl.col("truth") == pl.col("answer")), ["food"]) == []


@pytest.mark.parametrize("price", [0, 0.2, 4.5, 4.95, 4.05, 11.99, -11.99, 1e9])
def test_every_price_token_is_said_as_an_amount_that_holds_the_price(price: float) -> None:
    for token in features(transactions([("", price)]))[0].split():
        words = said(token)
        assert words != token
        if found := re.fullmatch(r"an amount of ([\d,.]+) (?:to ([\d,.]+)|and over)", words):
            low, high = (float((edge or "inf").replace(",", "")) for edge in found.groups())
            assert low <= abs(price) < high


def test_words_are_said_as_they_are() -> None:
    assert [said(word) for word in ("aldi", "7", "za", "ww", "é")] == ["aldi", "7", "za", "ww", "é"]


@pytest.mark.parametrize(
    ("share", "percent", "points"),
    [(None, "–", "–"), (0.1234, "12.3 %", "+12.3"), (-0.5, "-50.0 %", "−50.0")],
)
def test_numbers_read_well(share: float | None, percent: str, points: str) -> None:
    assert report.percent(share) == percent
    assert report.points(share) == points


# categoriser.evaluation.promote


METRICS = {"time": {"accuracy": 0.8, "macro_f1": 0.7, "reference": {"accuracy": 0.8}}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project's folder, under Git and DVC, whose model has passed its gates."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    _, model = trained()
    shutil.copytree(model, "model")
    write_json(Path("champion/champion.json"), None)
    write_json(Path("champion/profile.json"), None)
    write_json(Path("data/profile.json"), {"rows": 3})
    write_json(Path("reports/metrics.json"), METRICS)
    write_json(
        Path("reports/gate.json"),
        {"passed": True, "model": digest(model), "verdicts": [], "faults": []},
    )
    subprocess.run(["git", "init", "-q"], check=True)
    # All of `dvc init` that matters here, without its start-up.
    Path(".dvc").mkdir()
    Path(".dvc/config").touch()
    return tmp_path


def state(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_model_becomes_the_champion_that_evaluate_reads(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_verb("promote") == 0
    standing = digest(Path("model"))
    facts, champion = load_champion(Path("champion"))
    assert facts is not None
    assert facts["digest"] == standing
    assert facts["metrics"] == {"time": {"accuracy": 0.8, "macro_f1": 0.7}}
    assert facts["classes"] == list(Categoriser.load(Path("model")).classes)
    assert champion is not None
    assert json.loads(Path("champion/profile.json").read_text()) == {"rows": 3}
    # Git keeps the pointer, DVC the model.
    subprocess.run(["git", "add", "champion"], check=True)
    kept = subprocess.run(
        ["git", "ls-files", "champion"], capture_output=True, text=True, check=True
    )
    assert "champion/model.dvc" in kept.stdout
    assert "champion/model/" not in kept.stdout
    shown = capsys.readouterr().out
    assert standing[:12] in shown
    assert "git add champion" in shown


def test_a_second_champion_takes_the_place_of_the_first(project: Path) -> None:
    promote()
    metadata = Path("model/metadata.json")
    write_json(metadata, json.loads(metadata.read_text()) | {"train_rows": 1})
    write_json(
        Path("reports/gate.json"),
        {"passed": True, "model": digest(Path("model")), "verdicts": [], "faults": []},
    )
    assert promote() == digest(Path("champion/model")) == digest(Path("model"))


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        ({"passed": False}, "a gate failed"),
        ({"model": "0" * 64}, "judges the model 000000000000, but model holds"),
    ],
)
def test_no_other_model_than_one_that_passed_is_promoted(
    project: Path, verdict: dict[str, object], message: str
) -> None:
    before = state(project / "champion")
    path = Path("reports/gate.json")
    write_json(path, json.loads(path.read_text()) | verdict)
    with pytest.raises(UserError, match=message):
        promote()
    assert state(project / "champion") == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is damaged: it holds no object"),
        ('{"passed": true}', "is damaged: it lacks faults, model, verdicts"),
    ],
)
def test_a_damaged_verdict_is_said_in_a_line(project: Path, content: str, message: str) -> None:
    Path("reports/gate.json").write_text(content)
    for use in (promote, gate.decide):
        with pytest.raises(UserError, match=rf"gate\.json {message}.*`dvc repro`"):
            use()


@pytest.mark.parametrize("content", ["[]", "{}"])
def test_damaged_facts_of_a_champion_are_said_in_a_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "champion.json").write_text(content)
    with pytest.raises(UserError, match=r"champion\.json is damaged"):
        load_champion(tmp_path)


def test_what_is_missing_is_named(project: Path) -> None:
    shutil.rmtree("model")
    with pytest.raises(UserError, match="model is missing; `dvc repro` makes it"):
        promote()
    Path("reports/gate.json").unlink()
    with pytest.raises(UserError, match=r"gate\.json is missing; `dvc repro` makes it"):
        promote()


def test_a_failure_of_dvc_leaves_the_champion_as_it_was(project: Path) -> None:
    promote()
    before = state(project / "champion")
    write_json(Path("data/profile.json"), {"rows": 4})
    # DVC takes nothing that Git keeps.
    subprocess.run(["git", "add", "--force", "champion/model"], check=True)
    with pytest.raises(UserError, match="`dvc add --quiet champion/model` failed"):
        promote()
    assert state(project / "champion") == before
    assert not list(project.glob(".aside-*"))


def test_a_verdict_of_other_bounds_promotes_nothing(project: Path) -> None:
    Path("params.yaml").write_text("gate: {min_accuracy: 0.5}\n")
    stage = {"cmd": "true", "params": ["gate"], "outs": [{"reports/gate.json": {"cache": False}}]}
    Path("dvc.yaml").write_text(json.dumps({"stages": {"gate": stage}}))
    subprocess.run([sys.executable, "-m", "dvc", "commit", "--force", "--quiet"], check=True)
    Path("params.yaml").write_text("gate: {min_accuracy: 0.99}\n")
    with pytest.raises(UserError, match=r"earlier state .*gate"):
        promote()
    assert json.loads(Path("champion/champion.json").read_text()) is None


def test_what_is_meant_to_be_another_thing_can_be_forgotten(project: Path) -> None:
    promote()
    forget("data")
    assert json.loads(Path("champion/profile.json").read_text()) is None
    assert load_champion(Path("champion"))[1] is not None
    forget("champion")
    assert load_champion(Path("champion")) == (None, None)
    assert sorted(path.name for path in Path("champion").iterdir() if path.suffix != "") == [
        "champion.json",
        "profile.json",
    ]
