"""Measuring the model: the stage, and what it measures with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import SETTINGS, SIZES, TRAIN, no_champion, result, trained, write_parts
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support

from categoriser.errors import UserError
from categoriser.files import digest, write_json
from categoriser.model import evaluate as stage
from categoriser.model import metrics
from categoriser.model.evaluate import evaluate, fit_majority, fit_reference, headline
from categoriser.model.fairness import MISSING, compare_slices, price_bands
from categoriser.model.metrics import MIN_GROUPS
from categoriser.model.package import METADATA, Categoriser
from categoriser.model.train import train
from categoriser.params import Evaluate

# categoriser.model.evaluate


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
    again = evaluate(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    assert again[0] == result()[0]
    assert all(again[1][name].equals(table) for name, table in result()[1].items())


def test_tokens_explain_each_class() -> None:
    tokens = result()[0]["tokens"]
    assert {token for token, _ in tokens["transport"]} & {"shell", "metro", "parking", "ferry"}


def test_a_champion_that_is_the_model_itself_leads_by_nothing(tmp_path: Path) -> None:
    prepared, model = trained()
    evaluation, _ = evaluate(prepared, model, crown(tmp_path, model), SETTINGS)
    for part in evaluation["parts"].values():
        nothing = {"value": 0, "low": 0, "high": 0}
        assert part["lead"]["champion"] == {"accuracy": nothing, "macro_f1": nothing}
    assert evaluation["champion"]["digest"] == evaluation["model"]["digest"]


def test_a_champion_may_know_other_classes(tmp_path: Path) -> None:
    prepared, model = trained()
    fewer = write_parts(tmp_path / "fewer")
    for part in ("train", "validation"):
        rows = pl.read_parquet(fewer / f"{part}.parquet")
        rows = rows.with_columns(pl.col("category").replace("groceries", "food"))
        rows.write_parquet(fewer / f"{part}.parquet")
    train(fewer, tmp_path / "other", TRAIN)
    champion = crown(tmp_path / "champion", tmp_path / "other")
    evaluation, _ = evaluate(prepared, model, champion, SETTINGS)
    assert "food" in evaluation["labels"]
    assert evaluation["parts"]["random"]["lead"]["champion"]["accuracy"]["low"] > 0.1


def test_a_class_that_training_lacks_is_an_error_of_every_model(tmp_path: Path) -> None:
    _, model = trained()
    prepared = write_parts(tmp_path / "prepared")
    rows = pl.read_parquet(prepared / "random.parquet")
    rows.with_columns(category=pl.lit("never seen")).write_parquet(prepared / "random.parquet")
    evaluation, _ = evaluate(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    part = evaluation["parts"]["random"]
    assert {figures["accuracy"]["value"] for figures in part["models"].values()} == {0}
    assert part["classes"][evaluation["labels"].index("never seen")]["rows"] == SIZES["random"]


def test_empty_parts_are_reported_as_empty(tmp_path: Path) -> None:
    _, model = trained()
    sizes = SIZES | {"time": 0, "merchant": 0, "random": 0}
    prepared = write_parts(tmp_path / "prepared", sizes)
    evaluation, tables = evaluate(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
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
    evaluation, _ = evaluate(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    assert evaluation["parts"]["random"]["avoided"] is None


def test_a_champion_without_its_model_says_what_to_do(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    shutil.rmtree(champion / "model")
    with pytest.raises(UserError, match="dvc pull"):
        evaluate(prepared, model, champion, SETTINGS)


def test_a_champion_of_another_digest_is_refused(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    write_json(champion / "champion.json", {"digest": "0" * 64, "metrics": {}})
    with pytest.raises(UserError, match=r"not the model that .*champion\.json names"):
        evaluate(prepared, model, champion, SETTINGS)


def test_a_champion_of_other_features_is_not_compared_and_says_why(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    metadata = json.loads((champion / "model" / METADATA).read_text())
    write_json(champion / "model" / METADATA, metadata | {"features_version": -1})
    write_json(champion / "champion.json", {"digest": digest(champion / "model"), "metrics": {}})
    evaluation, _ = evaluate(prepared, model, champion, SETTINGS)
    assert "features" in evaluation["champion"]["unreadable"]
    assert "champion" not in evaluation["parts"]["random"]["models"]


def test_a_missing_part_names_the_stage_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"time\.parquet is missing; `dvc repro prepare`"):
        evaluate(tmp_path, trained()[1], no_champion(tmp_path / "champion"), SETTINGS)


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


# categoriser.model.evaluate: the models that it is held against


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


# categoriser.model.fairness


def compare(frame: pl.DataFrame, right: list[bool], **changes: Any) -> dict[str, Any]:
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
    return compare_slices(
        frame, np.zeros(len(frame), int), answers, groups, Evaluate(**(chosen | changes))
    )


def two_places() -> tuple[pl.DataFrame, list[bool]]:
    """200 rows of A, 90 % right; 100 of B, 60 % right; 20 of C, all wrong; 60 of none, right."""
    place = ["A"] * 200 + ["B"] * 100 + ["C"] * 20 + [None] * 60
    right = [n % 10 > 0 for n in range(200)] + [n % 10 > 3 for n in range(100)]
    return pl.DataFrame({"place": place}), right + [False] * 20 + [True] * 60


def test_the_worst_slice_and_its_gap() -> None:
    frame, right = two_places()
    found = compare(frame, right)["place"]
    overall = (180 + 60 + 60) / 380
    assert [part["name"] for part in found["slices"]] == ["B", "A", MISSING]
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
    found = compare(frame, right)["place"]
    assert found["not_judged"] == {"C": 20}
    assert found["slices"][-1]["accuracy"]["value"] == 1
    assert compare(frame, right, min_rows=60)["place"]["not_judged"] == {"C": 20}
    assert compare(frame, right, min_rows=61)["place"]["not_judged"] == {"C": 20, MISSING: 60}


def test_many_rows_of_few_merchants_are_not_judged() -> None:
    frame, right = two_places()
    groups = np.concatenate(
        [np.arange(200), 200 + np.arange(100) % (MIN_GROUPS - 1), 300 + np.arange(80)]
    )
    groups = np.unique(groups, return_inverse=True)[1]
    assert compare(frame, right, groups=groups)["place"]["not_judged"] == {"B": 100, "C": 20}


def test_a_column_that_the_data_lacks_is_absent_and_no_error() -> None:
    frame, right = two_places()
    assert compare(frame, right, slices=["no_such"]) == {"no_such": None}


def test_no_slice_is_large_enough() -> None:
    frame, right = two_places()
    found = compare(frame, right, min_rows=1000)["place"]
    assert found["slices"] == []
    assert found["gap"] is None


def test_no_rows_at_all() -> None:
    empty = pl.DataFrame(schema={"place": pl.String, "price": pl.Float64})
    found = compare(empty, [], slices=["place", "price_band"])
    assert found["place"]["slices"] == found["price_band"]["slices"] == []


def test_columns_that_are_no_text_are_slices_too() -> None:
    frame = pl.DataFrame({"place": [1] * 60 + [2] * 60})
    found = compare(frame, [True] * 60 + [False] * 60)["place"]
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


# categoriser.model.metrics


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(deadline=None)
@given(pairs)
def test_scores_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, answers = np.array(rows).T
    found = metrics.scores(metrics.confusion(truth, answers, 5))
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
    found = metrics.scores(metrics.confusion(truth, table.argmax(axis=1), 3))
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
    found = metrics.coverage(np.array([0, 1, 0]), table, 0.6)
    assert found == {"coverage": pytest.approx(2 / 3), "covered_accuracy": 0.5}
    assert metrics.coverage(np.array([0, 1, 0]), table, 0.95)["covered_accuracy"] == 0


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
    first = list(metrics.resample(cells, 3, groups, 50))
    np.testing.assert_array_equal(first, list(metrics.resample(cells, 3, groups, 50)))
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
