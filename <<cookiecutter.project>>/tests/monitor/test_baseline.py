"""The stage `baseline`: rows out of sample, the same files for the same input."""

from __future__ import annotations

import json
import tempfile
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from measured import CHOSEN, PARAMS, TRAIN, trained
from monitor_helpers.made_baseline import HOW, OWN
from rules_helpers.measured_rules import ruled_model

from categoriser.data.generate import generate
from categoriser.data.prepare import prepare
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.model.package import Categoriser
from categoriser.model.train import train
from categoriser.monitor import baseline as stage
from categoriser.monitor.baseline import allowing_chance, answer_rows, baseline, reference
from categoriser.monitor.calibration.thresholds import CalibratedThresholds
from categoriser.monitor.calibration.undrifted_weeks import calibrate_thresholds
from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import drifts_from
from categoriser.monitor.formats.constraints import load_constraints
from categoriser.monitor.formats.statistics_file import load_statistics
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.params import read_params, read_sections


def told(**changes: list[str]) -> MonitorSettings:
    """Return quick settings with changes to the features."""
    features = OWN.features.model_copy(update=changes)
    return OWN.model_copy(update={"thresholds": HOW, "features": features})


@cache
def pipeline() -> tuple[Path, Path]:
    """Return the folders of 3,000 generated rows' prepared parts and of a model."""
    folder = Path(tempfile.mkdtemp(prefix="baseline-"))
    params = read_params(PARAMS)
    rows, _ = generate(params.generate.model_copy(update={"rows": 3000}))
    (folder / "prepared").mkdir()
    for name, part in prepare(rows, params.prepare)[0].items():
        part.write_parquet(folder / f"prepared/{name}.parquet")
    train(folder / "prepared", folder / "model", TRAIN, CHOSEN)
    return folder / "prepared", folder / "model"


def numbered(**sizes: int) -> dict[str, pl.DataFrame]:
    return {part: pl.DataFrame({"part": part, "row": range(size)}) for part, size in sizes.items()}


def test_the_baseline_is_of_rows_out_of_sample_in_proportion() -> None:
    rows = reference(numbered(train=300, validation=50, time=240, merchant=80, random=50))
    # A quarter of the rows was held out, so a quarter of the other parts is taken, evenly.
    taken = {"validation": 50, "time": 60, "merchant": 20, "random": 50}
    assert dict(rows["part"].value_counts().iter_rows()) == taken
    assert rows.filter(part="time")["row"].diff().drop_nulls().unique().to_list() == [4]


def test_nothing_held_out_at_random_is_refused() -> None:
    with pytest.raises(UserError, match=r"prepare\.random"):
        reference(numbered(train=300, validation=0, time=9, merchant=9, random=0))


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.parquet is missing"):
        baseline(
            tmp_path,
            pipeline()[1],
            tmp_path / "a",
            tmp_path / "a.json",
            told(),
            read_params(PARAMS),
        )


def test_the_stage_writes_the_same_files_for_the_same_input(tmp_path: Path) -> None:
    prepared, model = pipeline()
    for name in ("a", "b"):
        baseline(
            prepared, model, tmp_path / name, tmp_path / f"{name}.json", told(), read_params(PARAMS)
        )
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a.json") == digest(tmp_path / "b.json")

    facts = json.loads((tmp_path / "a/facts.json").read_text())
    categoriser = Categoriser.load(model)
    assert facts["classes"] == list(categoriser.classes)
    assert facts["model"] == digest(model)
    assert facts["train_rows"] == categoriser.metadata.train_rows
    assert sum(facts["labels"].values()) == pytest.approx(1)

    known = load_statistics(json.loads((tmp_path / "a/statistics.json").read_text()))
    bounds = load_constraints(json.loads((tmp_path / "a/constraints.json").read_text()))
    assert known.item_count == facts["rows"]
    domains = {
        feature.name: feature.string_constraints.domains
        for feature in bounds.features
        if feature.string_constraints
    }
    assert domains["class_predictions"] == list(categoriser.classes)
    assert set(domains["country"] or []) == {"AU", "GB", "NZ", "US", "unknown"}
    assert {"visa", "pos", "eftpos", "card", "sq *", "other"} <= set(domains["prefix"] or [])
    # What it is made of is not drift, and breaks no constraint.
    thresholds = read_sections(tmp_path / "a.json", CalibratedThresholds).at(known.item_count)
    assert set(thresholds) == set(known.features)
    drifts = drifts_from(known, known, bounds, thresholds)
    assert check_constraints(known, bounds, drifts) == []


def test_a_feature_that_is_left_out_is_not_in_the_baseline(tmp_path: Path) -> None:
    gone = ["price", "class_predictions"]
    how = told(leave_out=gone)
    baseline(*pipeline(), tmp_path / "a", tmp_path / "a.json", how, read_params(PARAMS))
    known = load_statistics(json.loads((tmp_path / "a/statistics.json").read_text()))
    assert set(known.features) == set(
        read_sections(tmp_path / "a.json", CalibratedThresholds).features
    )
    assert not set(gone) & set(known.features)
    assert "refund" in known.features


def test_a_name_to_leave_out_that_is_no_feature_is_refused(tmp_path: Path) -> None:
    how = told(leave_out=["prcie"])
    with pytest.raises(UserError, match=r"leave_out: there is no feature 'prcie'"):
        baseline(*pipeline(), tmp_path / "a", tmp_path / "a.json", how, read_params(PARAMS))


def test_a_week_of_few_rows_is_no_season() -> None:
    random = np.random.default_rng(3)
    days = [date(2026, 1, 1) + timedelta(days=n // 20) for n in range(20 * 280)]
    frame = pl.DataFrame({"price": random.normal(size=len(days))})
    # Three rows nineteen months before all others, and far from them.
    early = pl.DataFrame({"price": [9.0] * 3})
    dates = pl.Series([date(2024, 6, 1)] * 3 + days)
    rows = pl.concat([early, frame]), dates
    alone = frame, pl.Series(days)
    [limit] = calibrate_thresholds(rows, rows, HOW).at(1500).values()
    [without] = calibrate_thresholds(alone, alone, HOW).at(1500).values()
    assert limit == pytest.approx(without, rel=0.2)


def test_the_command_reads_the_projects_settings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, model = pipeline()
    monkeypatch.setattr(stage, "read_monitor_settings", told)
    monkeypatch.setattr(stage, "PREPARED", prepared)
    monkeypatch.setattr(stage, "MODEL", model)
    stage.main()
    assert (
        read_sections(project / "monitoring/thresholds.json", CalibratedThresholds).at(300)["price"]
        > 0.05
    )
    assert (project / "baseline/facts.json").exists()


def test_a_completeness_under_one_allows_for_chance() -> None:
    document = {
        "features": [{"name": "whole", "completeness": 1.0}, {"name": "part", "completeness": 0.9}]
    }
    whole, part = allowing_chance(load_constraints(document), 500).features
    assert whole.completeness == 1.0
    assert part.completeness == pytest.approx(0.9 - 4 * (0.9 * 0.1 / 500) ** 0.5)


def test_the_baseline_is_of_the_answers_with_rules() -> None:
    rows = pl.read_parquet(trained()[0] / "random.parquet")
    answers = answer_rows(rows, Categoriser.load(ruled_model()))
    shell = rows["text"].str.starts_with("shell aa ")
    assert shell.any()
    assert set(answers.filter(shell)["label"]) == {"transport"}
    assert set(answers.filter(shell)["probabilities"].arr.max()) == {1.0}
