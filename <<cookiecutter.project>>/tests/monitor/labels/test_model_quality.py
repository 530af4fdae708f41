"""A model grown worse is a violation, and noise is not."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from monitor_helpers.made_labels import CLASSES, FACTS, SETTINGS, joined, labelled_rows, measured

from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.formats.constraints import load_quality_constraints
from categoriser.monitor.formats.quality_figures import NO_CLASS
from categoriser.monitor.labels import model_quality
from categoriser.monitor.labels.label_drift import label_drift
from categoriser.monitor.labels.model_quality import QualityResult, judge_model
from categoriser.monitor.labels.quality_baseline import baseline_quality
from categoriser.params import Params


def test_labels_of_no_class_are_errors_of_the_model(params: Params) -> None:
    truth = ["food"] * 80 + ["gifts"] * 12 + ["pets"] * 8
    found = measured(truth, ["food"] * 100, params)
    matrix = found.statistics.multiclass_classification_metrics.confusion_matrix
    assert list(matrix) == [*CLASSES, NO_CLASS]
    assert matrix[NO_CLASS] == {"bills": 0, "food": 20, "travel": 0, NO_CLASS: 0}
    assert found.statistics.figures()["accuracy"].value == 0.8
    assert found.labels == {"bills": 0, "food": 80, "travel": 0, NO_CLASS: 20}
    assert found.joined.unknown == 20
    kinds = [v.constraint_check_type for v in found.violations]
    assert "baseline_drift_check" in kinds
    assert "categorical_values_check" not in kinds  # half of the labels may be
    strict = SETTINGS.model_copy(update={"max_bad_labels": 0.1})
    _, violations = label_drift(found.labels, {"food": 100}, strict)
    assert "categorical_values_check" in [v.constraint_check_type for v in violations]


def test_an_earlier_models_answers_are_judged_as_its_own_classes(params: Params) -> None:
    found = measured(["gifts", "food"], ["gifts", "gifts"], params)
    assert found.statistics.figures()["accuracy"].value == 0.5
    assert found.joined.unknown == 1  # to the model of today


def test_a_model_grown_worse_is_a_violation_and_noise_is_none(params: Params) -> None:
    random = np.random.default_rng(5)
    how = SETTINGS.model_copy(update={"min_rows": 500})

    def week(rows: int, accuracy: float) -> tuple[list[str], list[str]]:
        truth = random.choice(CLASSES, rows, p=[0.2, 0.5, 0.3])
        other = np.array(CLASSES)[(np.searchsorted(CLASSES, truth) + 1) % 3]
        return truth.tolist(), np.where(random.random(rows) < accuracy, truth, other).tolist()

    truth, answers = week(5000, 0.9)
    rows = pl.DataFrame({"category": truth, "key": [f"{n}" for n in range(5000)]})
    statistics, bounds = baseline_quality(rows, answers, CLASSES, how)
    assert statistics.dataset.item_count == 5000
    thresholds = bounds.plain()["multiclass_classification_constraints"]
    assert list(thresholds) == [
        "accuracy",
        *(f"weighted_{name}" for name in ("recall", "precision", "f0_5", "f1", "f2")),
    ]
    # Three errors of 500 labels and of the baseline's 5,000.
    width = 3 * (0.09 / 500 + 0.09 / 5000) ** 0.5
    assert thresholds["accuracy"] == {
        "threshold": pytest.approx(0.9 - width, abs=0.015),
        "comparison_operator": "LessThanThreshold",
    }
    read = load_quality_constraints(json.loads(json.dumps(bounds.plain())))

    def alarms(rows: int, accuracy: float) -> list[str]:
        with joined(*labelled_rows(*week(rows, accuracy)), how) as labelled:
            found = judge_model(labelled, read, FACTS, how, params.evaluate, 0.15)
        assert (found.not_judged == "") == (rows >= 500)
        return [v.feature_name for v in found.violations if v.feature_name in thresholds]

    assert not any(alarms(500, 0.9) for _ in range(5))
    assert set(alarms(500, 0.8)) == set(thresholds)
    assert alarms(499, 0.5) == []


def test_slices_are_compared_where_the_captures_have_them(params: Params) -> None:
    truth = ["food"] * 1200
    answers = ["food"] * 600 + ["bills"] * 300 + ["food"] * 300
    country = pl.Series(["AU"] * 600 + ["NZ"] * 500 + [None] * 100)
    texts = pl.Series([f"{'abcdefghijklmnop'[n % 16] * 3} store" for n in range(1200)])
    found = measured(truth, answers, params, country=country, text=texts)
    assert found.slices is not None
    countries = found.slices["country"]
    assert countries is not None
    names = {part.name: part for part in countries.slices}
    assert countries.worst == "NZ"
    assert names["NZ"].accuracy.value == 0.4
    assert (names["NZ"].rows, names["NZ"].groups) == (500, 16)
    assert countries.not_judged == {"unknown": 100}
    bands = found.slices["price_band"]
    assert bands is not None
    assert bands.worst == "0 to 10"
    without = measured(truth, answers, params, text=texts, price=pl.lit(None, pl.Float64))
    assert without.slices is None
    assert measured(truth, answers, params, text=texts).slices["country"] is None  # type: ignore[index]


def test_fewer_labels_than_are_judged_violate_nothing(params: Params) -> None:
    how = SETTINGS.model_copy(update={"min_rows": 300, "max_bad_labels": 0.01})

    def found(rows: int) -> QualityResult:
        country = pl.Series(["AU" if n % 3 else "NZ" for n in range(rows)])
        texts = pl.Series([f"{'abcdefghijklmnop'[n % 16] * 3} store" for n in range(rows)])
        truth = ["gifts"] * rows
        answers = ["food" if n % 3 else "travel" for n in range(rows)]
        both = labelled_rows(truth, answers, country=country, text=texts)
        with joined(*both, how) as labelled:
            bounds = suggest_quality_constraints({"accuracy": 0.9})
            evaluate = params.evaluate.model_copy(update={"min_rows": 50})
            return judge_model(labelled, bounds, FACTS, how, evaluate, -1)

    few = found(299)
    assert few.violations == []
    assert few.not_judged == "299 labelled rows; quality.min_rows is 300"
    assert few.drift.distance == 1
    assert few.labels[NO_CLASS] == 299
    assert [*few.gaps] == ["slice_gap_country", "slice_gap_price_band"]
    enough = found(300)
    assert enough.not_judged == ""
    assert {violation.feature_name for violation in enough.violations} == {
        "accuracy",
        "ground_truth",
        "slice_gap_country",
        "slice_gap_price_band",
    }


def test_slices_of_very_many_rows_are_of_some_of_them(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_quality, "SLICED", 300)
    texts = pl.Series([f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)} store" for n in range(1000)])
    found = measured(["food"] * 1000, ["food"] * 1000, params, text=texts)
    assert found.statistics.dataset.item_count == 1000
    assert found.slices is not None
    bands = found.slices["price_band"]
    assert bands is not None
    [band] = bands.slices
    assert 300 <= band.rows < 400
