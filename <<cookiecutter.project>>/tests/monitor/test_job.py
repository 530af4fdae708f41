"""The monitor's run: the container's contract, captures in; metrics, report, exit message out."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import boto3
import numpy as np
import polars as pl
import pytest
import yaml
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import rows, trained
from moto import mock_aws
from rich.console import Console

from categoriser.contract import CSV, transactions
from categoriser.errors import UserError, run
from categoriser.jobs import exit_message, processing
from categoriser.model.package import Categoriser
from categoriser.monitor.baseline import baseline
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.capture_coverage import (
    CaptureCoverage,
    check_coverage,
    count_coverage,
)
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.checks.judgement import judge_window, see_coverage
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.request_environment import request_from_environment
from categoriser.monitor.checks.window_statistics import window_statistics as summarise_job
from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import FeatureDrift, drifts_from
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.constraints import Constraints, load_constraints
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.sketch import Sketch
from categoriser.monitor.formats.statistics import (
    FeatureStatistics,
    Statistics,
    dump_statistics,
    load_statistics,
)
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.monitor_settings import MonitorSettings, read_monitor_settings
from categoriser.monitor.reporting.cloudwatch_metrics import (
    MetricDatum,
    metric_name,
    metrics_of_quality,
    metrics_of_statistics,
    send_metrics,
    stamped,
    write_collected,
)
from categoriser.monitor.reporting.distribution_plots import distributions
from categoriser.monitor.reporting.findings import check_state, not_judged
from categoriser.monitor.reporting.published_metrics import metrics_of_result
from categoriser.monitor.reporting.report_document import feature_table, report_document
from categoriser.monitor.reporting.report_page import report_page, write_report
from categoriser.monitor.reporting.sentences import sentences
from categoriser.monitor.reporting.terminal_report import show_result
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching import capture_summary
from categoriser.monitor.watching.capture_shares import summarise_shares
from categoriser.monitor.watching.capture_summary import summarise_captures
from categoriser.monitor.watching.watched_captures import Watching
from categoriser.params import About, Section, read_params
from categoriser.serving.capture import record
from categoriser.serving.protocol import render

# categoriser.monitor.job and check


ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENVIRONMENT = {
    "dataset_format": '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput"]}}',
    "dataset_source": "/opt/ml/processing/input/endpoint",
    "output_path": "/opt/ml/processing/output",
    "start_time": "2026-11-22T11:00:00Z",
    "end_time": "2026-11-22T12:00:00Z",
    "publish_cloudwatch_metrics": "Enabled",
    "sagemaker_endpoint_name": "live",
    "sagemaker_monitoring_schedule_name": "daily",
    "baseline_statistics": "/opt/ml/processing/baseline/stats/statistics.json",
    "baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json",
}


def changed(section: str, **values: Any) -> MonitorSettings:
    """Return the project's settings, quick to calibrate, with values of a section."""
    settings = read_monitor_settings(ROOT / "monitoring/monitoring.yaml")
    quick = settings.thresholds.model_copy(update={"weeks": 200, "window_rows": [200, 600]})
    settings = settings.model_copy(update={"thresholds": quick})
    before = getattr(settings, section)
    after = before.model_copy(update=values) if isinstance(before, Section) else values
    return settings.model_copy(update={section: after})


SETTINGS = changed("thresholds")
PARAMS = read_params(ROOT / "params.yaml")


@cache
def made() -> Path:
    """Return what the stage `baseline` writes for a small model, with its thresholds in it."""
    prepared, model = trained()
    folder = model.parent / "baseline"
    baseline(prepared, model, folder, model.parent / "thresholds.json", SETTINGS, PARAMS)
    return folder


def captured(
    folder: Path, frame: pl.DataFrame, time: datetime = NOON, size: int = 1, files: int = 1
) -> Path:
    """Answer rows by the small model and write the calls as captures; ids are `call-<number>`."""
    model = Categoriser.load(trained()[1])
    lines = []
    for number, batch in enumerate(frame.select("text", "price").iter_slices(size)):
        answers = model.predict(transactions(batch.iter_rows()))
        request = batch.write_csv(include_header=False).encode()
        name, at = f"call-{number}", time + timedelta(milliseconds=number)
        lines.append(
            record(
                request,
                render(answers, CSV, single=False),
                CSV,
                event_id=f"event-{number}",
                time=at,
                inference_id=name,
            )
        )
    place = folder / f"live/AllTraffic/{time:%Y/%m/%d/%H}"
    place.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (place / f"{number}.jsonl").write_bytes(b"".join(lines[number::files]))
    return folder


def labels(folder: Path, categories: Sequence[str]) -> Path:
    place = folder / "2026/11/22/13"
    place.mkdir(parents=True)
    lines = [
        json.dumps(
            {
                "groundTruthData": {"data": json.dumps(category), "encoding": "CSV"},
                "eventMetadata": {"eventId": f"call-{number}"},
                "eventVersion": "0",
            }
        )
        for number, category in enumerate(categories)
    ]
    (place / "labels.jsonl").write_text("\n".join(lines))
    return folder


def checked(folder: Path, settings: MonitorSettings = SETTINGS, **given: Any) -> dict[str, Any]:
    """Run a check of `folder`'s captures; return the report and what files there are."""
    fields: dict[str, Any] = {"baseline": str(made()), "output": folder / "output"} | given
    message = check_window(MonitorRequest(source=str(folder / "captures"), **fields), settings)
    [report] = (folder / "output").rglob("report.json")
    found: dict[str, Any] = json.loads(report.read_text())
    assert found["message"] == message
    written = [
        json.loads(file.read_text())["violations"]
        for file in report.parent.glob("*constraint_violations.json")
    ]
    assert sum(map(len, written)) == len(found["violations"])
    return found


def looked(folder: Path, **given: Any) -> CheckResult:
    """Judge `folder`'s captures without drawing a report, which takes most of a check's time."""
    job_ = MonitorRequest(
        str(folder / "captures"), folder / "output", baseline=str(made()), **given
    )
    current, problems = summarise_job(job_, made(), SETTINGS)
    return judge_window(job_, made(), current, problems, SETTINGS)[0]


def kinds(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["feature_name"], one["constraint_check_type"]) for one in found["violations"]}


def test_rows_like_the_trainings_have_no_violations(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99), size=7)
    found = checked(tmp_path)
    assert found["violations"] == []
    assert found["message"] == "Completed: no violations in 600 rows"
    assert found["profile"] == "calibrated"
    assert found["captures"]["not_read"] == {}
    written = load_statistics(json.loads((tmp_path / "output/statistics.json").read_text()))
    assert written.item_count == 600
    page = (tmp_path / "output/report.html").read_text()
    assert "class_predictions" in page


def test_drift_is_seen_in_what_it_touches_and_named_in_the_message(tmp_path: Path) -> None:
    frame = rows(600, seed=99).with_columns(pl.col("price") * 10, text="ZZZZ " + pl.col("text"))
    captured(tmp_path / "captures", frame)
    found = checked(tmp_path)
    drifted = {name for name, kind in kinds(found) if kind == "baseline_drift_check"}
    assert drifted >= {"price", "unseen_tokens", "unseen_ngrams", "upper_share"}
    assert "refund" not in drifted
    assert found["message"].startswith("CompletedWithViolations: ")
    assert "price" in found["message"]


def test_model_monitors_own_threshold_is_the_profile_compat(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 1.6))
    assert ("price", "baseline_drift_check") in kinds(checked(tmp_path))
    found = checked(tmp_path, changed("thresholds", profile="compat"))
    assert found["profile"] == "compat"
    assert ("price", "baseline_drift_check") not in kinds(found)
    [price] = [one for one in found["features"] if one["feature"] == "price"]
    assert (price["threshold"], price["method"]) == (0.1, "Robust")


def test_a_person_s_overrides_go_before_what_was_calibrated(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    override = yaml.safe_load("price: {threshold: 0.9}\nentropy: {evaluate: false}")
    settings = MonitorSettings.model_validate(
        SETTINGS.model_dump() | {"overrides": override, "thresholds": SETTINGS.thresholds}
    )
    names = {name for name, _ in kinds(checked(tmp_path, settings))}
    assert not names & {"price", "entropy"}
    override = yaml.safe_load("price: {threshold: 0.0001}")
    settings = SETTINGS.model_copy(
        update={
            "overrides": MonitorSettings.model_validate(
                SETTINGS.model_dump() | {"overrides": override}
            ).overrides
        }
    )
    assert "price" in {name for name, _ in kinds(checked(tmp_path, settings))}


def test_few_rows_are_shown_and_their_drift_is_not_judged(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(50, seed=99).with_columns(pl.col("price") * 10))
    found = checked(tmp_path)
    assert found["violations"] == []
    assert found["message"] == "Completed: too few to judge: 50 rows"


def test_only_the_window_is_judged(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5), NOON - timedelta(hours=1))
    captured(tmp_path / "captures", rows(400, seed=6), NOON)
    found = checked(tmp_path, start=NOON, end=NOON + timedelta(hours=1), endpoint="live")
    assert found["window"]["rows"] == 400
    assert (tmp_path / "output/live/monitor/2026/11/22/13/report.html").exists()


def test_a_window_without_captures_is_completed_and_no_older_report_stays(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(30, seed=5))
    checked(tmp_path)
    found = checked(tmp_path, start=NOON + timedelta(days=9))
    assert found["message"] == "Completed: no data from 2026-12-01T12:00Z"
    assert found["window"]["rows"] == 0


def test_where_nothing_can_be_read_the_job_fails_and_its_report_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    (folder / "a.jsonl").write_text("{cut\n{cut\n")
    with pytest.raises(
        UserError, match=r"no capture could be read: .*\(2\), first at .*a\.jsonl:1"
    ):
        check_window(
            MonitorRequest(str(folder), tmp_path / "output", baseline=str(made())), SETTINGS
        )
    report = json.loads((tmp_path / "output/report.json").read_text())
    assert sum(report["captures"]["not_read"].values()) == 2


def test_what_cannot_be_read_is_reported_by_file_and_line(tmp_path: Path) -> None:
    folder = captured(tmp_path / "captures", rows(300, seed=5))
    [file] = folder.rglob("*.jsonl")
    file.write_bytes(b'{"captureData": {"endp\n' + file.read_bytes() + b"\xff\xfe\n")
    found = checked(tmp_path)
    assert found["window"]["rows"] == 300
    assert sum(found["captures"]["not_read"].values()) == 2
    places = str(found["captures"]["places"])
    assert f"{file}:1" in places
    assert f"{file}:302" in places
    assert "2 of 302 captures could not be read" in found["message"]


def test_mostly_unread_captures_are_a_violation_of_their_own_with_a_metric(tmp_path: Path) -> None:
    """1,284 of 1,409 calls unread, and all the rest as it was."""
    [file] = captured(tmp_path / "captures", rows(125, seed=5)).rglob("*.jsonl")
    file.write_bytes(file.read_bytes() + b'{"captureData": {"endp\n' * 1284)
    found = looked(tmp_path)
    assert found.message.startswith("CompletedWithViolations: 1 in 125 rows: unread_captures_")
    assert "1,284 of 1,409 captures could not be read" in found.message
    [violation] = found.violations
    assert (violation.feature_name, violation.constraint_check_type) == (
        "captures",
        "unread_captures_check",
    )
    sent = by_name(metrics_of_result(found, SETTINGS)[0])
    assert sent["unread_captures"]["Value"] == pytest.approx(1284 / 1409)
    # It is no drift: nothing is retrained by it.
    assert (sent["violations"]["Value"], sent["quality_violations"]["Value"]) == (0, 0)
    lenient = SETTINGS.captures.model_copy(update={"max_unread": 0.95})
    assert found.coverage
    assert check_coverage(found.coverage, lenient) == []


def test_a_copied_file_counts_once(tmp_path: Path) -> None:
    folder = captured(tmp_path / "captures", rows(400, seed=5), files=4)
    once = looked(tmp_path)
    [first, *others] = sorted(map(str, folder.rglob("*.jsonl")))
    copy = Path(first).with_name("copy of it.jsonl")
    copy.write_bytes(Path(first).read_bytes())
    twice = looked(tmp_path)
    assert twice.current.item_count == 400
    assert "100 captures left out, whose event id came before" in twice.message
    for name, drift in twice.drifts.items():
        assert drift.distance == pytest.approx(once.drifts[name].distance, abs=1e-3)
    # Nor where another worker has the copy, or the copy's copy.
    shares = [[first, others[0]], [str(copy), *others[1:]], [first]]
    how = Watching(made())
    summary, problems = summarise_shares(shares, lambda given_: map(how.summarise, given_))
    assert summary.rows == 400
    assert problems.seen["records"] == 400
    assert problems.seen["repeated"] == 200


def test_files_that_are_no_captures_are_named_and_not_read(tmp_path: Path) -> None:
    folder = captured(tmp_path / "captures", rows(300, seed=5))
    (folder / "_SUCCESS").touch()
    (folder / "notes.txt").write_text("not a capture")
    found = looked(tmp_path)
    [(kind, places)] = found.problems.places.items()
    assert kind == "file whose name ends neither in .jsonl nor in .jsonl.gz"
    assert [Path(place).name for place in places] == ["_SUCCESS", "notes.txt"]
    assert found.message.startswith("Completed: no violations in 300 rows; 2 files without")


def one_sided(folder: Path, side: str) -> Path:
    """Take a side out of all captures."""
    for file in folder.rglob("*.jsonl"):
        lines = [json.loads(text) for text in file.read_text().splitlines()]
        for record_ in lines:
            del record_["captureData"][side]
        file.write_text("".join(json.dumps(record_) + "\n" for record_ in lines))
    return folder


@pytest.mark.parametrize(
    ("missing", "watched", "not_captured"),
    [
        ("endpointOutput", "price", {"class_predictions", "review", "entropy"}),
        ("endpointInput", "review", {"price", "refund", "text_length", "unseen_tokens"}),
    ],
)
def test_captures_of_one_side_are_judged_on_what_they_have(
    tmp_path: Path, missing: str, watched: str, not_captured: set[str]
) -> None:
    one_sided(captured(tmp_path / "captures", rows(600, seed=99), size=7), missing)
    found = looked(tmp_path)
    assert found.violations == []
    assert found.problems.counts == {}
    assert check_state(found) == "not-judged"
    assert any("what is not captured: " in why for why in not_judged(found))
    assert watched in found.current.features
    assert not found.current.features.keys() & not_captured
    # A Spark job's statistics say so too.
    again = load_statistics(dump_statistics(found.current))
    assert again.not_captured == found.current.not_captured
    # What there is is judged.
    drifted = rows(600, seed=99).with_columns(pl.col("price") * 10, text="ZZZZ " + pl.col("text"))
    one_sided(captured(tmp_path / "captures", drifted), missing)
    names = {one.feature_name for one in looked(tmp_path).violations}
    assert names
    assert not names & not_captured
    assert ("price" in names) == (missing == "endpointOutput")


def test_where_some_outputs_are_not_captured_completeness_is_of_the_others(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(400, seed=5), NOON - timedelta(hours=1))
    [file] = one_sided(tmp_path / "captures", "endpointOutput").rglob("*.jsonl")
    file.write_text(file.read_text().replace("event-", "other-"))
    captured(tmp_path / "captures", rows(400, seed=6), NOON)
    found = looked(tmp_path)
    assert found.current.item_count == 800
    assert found.current.features["review"].present == 400
    assert found.current.features["review"].completeness == 1
    assert "completeness_check" not in {one.constraint_check_type for one in found.violations}


def test_one_empty_file_in_a_quiet_window_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures/a.jsonl").touch()
    found = checked(tmp_path)
    assert found["message"] == "Completed: no data; 1 file without captures passed over"
    assert found["state"] == "not-judged"


def test_records_outside_the_window_are_told_in_the_terminal_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captured(tmp_path / "captures", rows(40, seed=5), NOON)
    job_ = MonitorRequest(
        str(tmp_path / "captures"),
        tmp_path / "output",
        baseline=str(made()),
        start=NOON + timedelta(minutes=1),
    )
    message = check_window(job_, SETTINGS, Console(width=80))
    assert message.endswith(
        "Completed: no data from 2026-11-22T12:01Z; 40 captures outside the window"
    )
    assert "40 captures outside the window" in capsys.readouterr().out


def test_new_texts_are_found_for_the_one_who_looks_and_for_no_job(tmp_path: Path) -> None:
    new = pl.DataFrame({"text": ["GELATO BONDI x1"] * 30 + ["zzqk wyrm"], "price": [5.0] * 31})
    frame = pl.concat([rows(300, seed=5).select("text", "price"), new])
    files = [str(file) for file in captured(tmp_path / "captures", frame).rglob("*.jsonl")]
    [first, *others] = Watching(made()).new_texts(files, 50)
    assert (first["text"], first["rows"]) == ("GELATO BONDI x1", 30)
    assert "zzqk wyrm" in {other["text"] for other in others}
    assert len(Watching(made()).new_texts(files, 1)) == 1
    assert Watching(made(), leave_out=("unseen_tokens",)).new_texts(files, 50) == []
    assert request_from_environment(ENVIRONMENT, SETTINGS).samples == 0


def test_two_processes_find_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = captured(tmp_path / "captures", rows(600, seed=5), files=5)
    how = Watching(made(), leave_out=("entropy",))
    files = sorted(map(str, folder.rglob("*.jsonl")))
    alone, problems = summarise_captures(files, how)
    monkeypatch.setattr(capture_summary, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together, same = summarise_captures(files, how)
    one, other = (statistics_of(summary) for summary in (alone, together))
    assert problems == same
    assert one.features.keys() == other.features.keys()
    assert "entropy" not in one.features
    for name, feature in one.features.items():
        assert other.features[name].present == feature.present == 600
        if feature.mean is not None:
            assert other.features[name].mean == pytest.approx(feature.mean, rel=1e-9, abs=1e-12)
        assert other.features[name].categories == feature.categories


def test_labels_judge_the_model(tmp_path: Path) -> None:
    frame = rows(600, seed=99)
    captured(tmp_path / "captures", frame)
    truth = labels(tmp_path / "truth", frame["category"].to_list())
    quality = checked(tmp_path, truth=str(truth))["quality"]
    assert quality["joined"]["joined"] == 600
    assert quality["violations"] == []
    wrong = labels(tmp_path / "wrong", ["transport"] * 600)
    found = checked(tmp_path, truth=str(wrong))
    assert ("accuracy", "LessThanThreshold") in kinds(found)
    assert ("ground_truth", "baseline_drift_check") in kinds(found)
    own = json.loads((tmp_path / "output/constraint_violations.json").read_text())
    assert {one["feature_name"] for one in own["violations"]} == {"ground_truth"}
    model = tmp_path / "output/model_quality_constraint_violations.json"
    assert "accuracy" in {one["metric_name"] for one in json.loads(model.read_text())["violations"]}


def test_faulty_labels_do_not_lose_what_was_found_without_them(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    job_ = MonitorRequest(
        str(tmp_path / "captures"),
        tmp_path / "output",
        baseline=str(made()),
        truth=str(tmp_path / "nowhere"),
    )
    with pytest.raises(UserError, match="nowhere"):
        check_window(job_, SETTINGS)
    assert (tmp_path / "output/report.html").exists()


def test_labels_that_come_late_judge_the_captures_that_they_belong_to(tmp_path: Path) -> None:
    frame = rows(600, seed=99)
    week = timedelta(days=7)
    captured(tmp_path / "captures", frame, NOON - week)
    captured(tmp_path / "captures", rows(300, seed=5), NOON + timedelta(milliseconds=700))
    truth = labels(tmp_path / "truth", frame["category"].to_list())
    found = checked(
        tmp_path, truth=str(truth), start=NOON, end=NOON + timedelta(hours=1), label_lag=week
    )
    assert found["window"]["rows"] == 300
    assert found["quality"]["joined"]["joined"] == 600


def test_a_script_that_the_baseline_does_not_know_is_refused(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    script = tmp_path / "preprocessor.py"
    script.write_text("def preprocess_handler(record):\n    return {'one': 1}\n")
    with pytest.raises(UserError, match="made with another preprocessor"):
        checked(tmp_path, preprocessor=script)


def test_a_team_s_script_adds_features_and_changes_them(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    script = tmp_path / "preprocessor.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    text, _, price = record.endpoint_input.data.strip().rpartition(',')\n"
        "    return {'dollars': float(price), 'country': 'everywhere'}\n"
    )
    found = checked(tmp_path, changed("thresholds", profile="compat"), preprocessor=script)
    assert ("dollars", "extra_column_check") in kinds(found)
    assert ("country", "categorical_values_check") in kinds(found)


def test_a_baseline_with_the_script_has_its_features(tmp_path: Path) -> None:
    script = tmp_path / "preprocessor.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    text, _, price = record.endpoint_input.data.strip().rpartition(',')\n"
        "    return {'dollars': float(price)}\n"
    )
    prepared, model = trained()
    settings = changed("features", preprocessor=script, leave_out=["entropy"])
    own = tmp_path / "own"
    baseline(prepared, model, own, tmp_path / "thresholds.json", settings, PARAMS)
    known = json.loads((own / "statistics.json").read_text())
    names = {feature["name"] for feature in known["features"]}
    assert "dollars" in names
    assert "entropy" not in names
    assert "dollars" in json.loads((tmp_path / "thresholds.json").read_text())["features"]
    assert (own / "thresholds.json").read_bytes() == (tmp_path / "thresholds.json").read_bytes()
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    found = checked(tmp_path, settings, baseline=str(own), preprocessor=script)
    assert ("dollars", "baseline_drift_check") in kinds(found)
    assert "entropy" not in {one["feature"] for one in found["features"]}


def test_without_a_baseline_one_is_suggested_and_then_compared_with(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    pl.DataFrame({"age": range(100), "city": ["perth", "sydney"] * 50}).write_csv(data / "a.csv")
    job_ = MonitorRequest(str(data), tmp_path / "first", format="csv")
    assert check_window(job_, SETTINGS) == "Completed: a baseline of 100 rows is suggested"
    known = load_statistics(json.loads((tmp_path / "first/statistics.json").read_text()))
    assert known.features["age"].inferred_type == "Integral"
    bounds = load_constraints(json.loads((tmp_path / "first/constraints.json").read_text()))
    assert bounds.features[1].string_constraints
    pl.DataFrame({"age": range(80, 180), "city": ["rome"] * 100}).write_csv(data / "a.csv")
    second = MonitorRequest(
        str(data),
        tmp_path / "second",
        format="csv",
        statistics=tmp_path / "first/statistics.json",
        constraints=tmp_path / "first/constraints.json",
    )
    assert check_window(second, SETTINGS).startswith("CompletedWithViolations: ")
    found = json.loads((tmp_path / "second/report.json").read_text())
    assert kinds(found) >= {("age", "baseline_drift_check"), ("city", "categorical_values_check")}


def test_model_quality_alone_is_suggested_and_then_judged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    right, wrong = {"said": ["a", "b"] * 200, "true": ["a", "b"] * 200}, ["b", "b"] * 200
    pl.DataFrame(right).write_csv(data / "a.csv")
    environment = {
        "dataset_source": str(data),
        "dataset_format": '{"csv": {"header": true}}',
        "output_path": str(tmp_path / "first"),
        "analysis_type": "MODEL_QUALITY",
        "problem_type": "MulticlassClassification",
        "inference_attribute": "said",
        "ground_truth_attribute": "true",
    }
    assert "400 labelled answers" in check_window(
        request_from_environment(environment, SETTINGS), SETTINGS
    )
    pl.DataFrame(right | {"said": wrong}).write_csv(data / "a.csv")
    environment["output_path"] = str(tmp_path / "second")
    environment["baseline_constraints"] = str(tmp_path / "first/constraints.json")
    message = check_window(request_from_environment(environment, SETTINGS), SETTINGS)
    assert message.startswith("CompletedWithViolations: 6 in 400 rows: LessThanThreshold: accuracy")
    document = json.loads((tmp_path / "second/statistics.json").read_text())
    assert document["multiclass_classification_metrics"]["accuracy"]["value"] == 0.5
    [first, *_] = json.loads((tmp_path / "second/constraint_violations.json").read_text())[
        "violations"
    ]
    assert first["metric_name"] == "accuracy"
    environment["ground_truth_attribute"] = "truth"
    with pytest.raises(UserError, match="ground_truth_attribute"):
        check_window(request_from_environment(environment, SETTINGS), SETTINGS)


def test_labels_that_model_monitor_has_merged_into_captures_are_read(tmp_path: Path) -> None:
    frame = rows(600, seed=99)
    [file] = captured(tmp_path / "captures", frame).rglob("*.jsonl")
    merged = []
    for line, label in zip(file.read_text().splitlines(), frame["category"], strict=True):
        record_ = json.loads(line)
        record_["groundTruthData"] = {"data": json.dumps(label), "encoding": "CSV"}
        merged.append(json.dumps(record_))
    file.write_text("\n".join(merged))
    environment = {
        "dataset_source": str(tmp_path / "captures"),
        "dataset_format": '{"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}',
        "output_path": str(tmp_path / "output"),
        "baseline": str(made()),
        "analysis_type": "MODEL_QUALITY",
    }
    message = check_window(request_from_environment(environment, SETTINGS), SETTINGS)
    assert message == "Completed: no violations in 600 rows"


def test_another_model_s_captures_are_watched_by_a_script_alone(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    sides = [
        {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
        for mode, data in (("INPUT", "132,25,113.2,96"), ("OUTPUT", "0.01"))
    ]
    lines = [
        {
            "captureData": {"endpointInput": sides[0], "endpointOutput": sides[1]},
            "eventMetadata": {"eventId": f"e{number}", "inferenceTime": "2019-11-20T23:33:12Z"},
            "eventVersion": "0",
        }
        for number in range(9)
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    script = tmp_path / "preprocessor.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    data = record.endpoint_input.data.rstrip()\n"
        "    return {str(n).zfill(20): value for n, value in enumerate(data.split(','))}\n"
    )
    first = MonitorRequest(str(folder), tmp_path / "first", preprocessor=script)
    assert check_window(first, SETTINGS) == "Completed: a baseline of 9 rows is suggested"
    known = load_statistics(json.loads((tmp_path / "first/statistics.json").read_text()))
    assert list(known.features) == [str(n).zfill(20) for n in range(4)]
    again = MonitorRequest(
        str(folder),
        tmp_path / "again",
        preprocessor=script,
        statistics=tmp_path / "first/statistics.json",
        constraints=tmp_path / "first/constraints.json",
    )
    assert check_window(again, SETTINGS) == "Completed: no violations in 9 rows"


def test_a_window_s_statistics_are_judged_as_its_captures_are(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    found = checked(tmp_path)
    other = MonitorRequest(
        str(tmp_path / "output/statistics.json"),
        tmp_path / "other",
        format="statistics",
        baseline=str(made()),
    )
    assert check_window(other, SETTINGS) == found["message"]


def test_a_name_in_the_settings_that_is_no_feature_is_named(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    with pytest.raises(UserError, match=r"alarms\.features: there is no feature 'prcie'"):
        checked(tmp_path, changed("alarms", features=["prcie"]))
    own = MonitorSettings.model_validate(SETTINGS.model_dump() | {"overrides": {"accuracy": {}}})
    with pytest.raises(UserError, match=r"overrides: there is no feature 'accuracy'"):
        checked(tmp_path, own)


def test_an_alarm_may_be_of_the_model_of_labels_and_of_slices(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    names = ["price", "accuracy", "ground_truth", "slice_gap_country"]
    assert checked(tmp_path, changed("alarms", features=names))["violations"] == []


def test_the_project_s_overrides_do_not_stop_the_check_of_another_s_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    pl.DataFrame({"age": range(100)}).write_csv(data / "a.csv")
    check_window(MonitorRequest(str(data), tmp_path / "first", format="csv"), SETTINGS)
    own = MonitorSettings.model_validate(SETTINGS.model_dump() | {"overrides": {"price": {}}})
    again = MonitorRequest(
        str(data),
        tmp_path / "again",
        format="csv",
        statistics=tmp_path / "first/statistics.json",
        constraints=tmp_path / "first/constraints.json",
    )
    assert check_window(again, own) == "Completed: no violations in 100 rows"


def test_captures_without_the_project_s_baseline_are_refused(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(30, seed=5))
    with pytest.raises(UserError, match="the environment variable baseline"):
        check_window(MonitorRequest(str(tmp_path / "captures"), tmp_path / "output"), SETTINGS)


# The container's contract


def test_model_monitor_s_variables_are_read() -> None:
    found = request_from_environment(ENVIRONMENT, SETTINGS)
    assert found.source == "/opt/ml/processing/input/endpoint"
    assert found.format == "captures"
    assert (found.start, found.end) == (NOON - timedelta(hours=1), NOON)
    assert found.statistics == Path(ENVIRONMENT["baseline_statistics"])
    assert found.model_monitor
    assert found.namespaces == (
        "aws/sagemaker/Endpoints/data-metrics",
        "aws/sagemaker/Endpoints/model-metrics",
    )
    assert not request_from_environment(
        ENVIRONMENT | {"publish_cloudwatch_metrics": "Disabled"}, SETTINGS
    ).namespaces
    assert (
        request_from_environment(
            ENVIRONMENT | {"dataset_format": '{"csv": {"header": false}}'}, SETTINGS
        ).header
        is False
    )


@pytest.mark.parametrize("option", ["line", "lines"])
def test_json_lines_are_asked_for_as_the_api_or_as_the_sdk_writes_it(option: str) -> None:
    given_ = ENVIRONMENT | {"dataset_format": json.dumps({"json": {option: True}})}
    assert request_from_environment(given_, SETTINGS).format == "json"
    with pytest.raises(UserError, match="JSON is read as lines"):
        request_from_environment(
            ENVIRONMENT | {"dataset_format": json.dumps({"json": {option: False}})}, SETTINGS
        )


def test_variables_of_real_jobs_that_are_ignored_are_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    real = {
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "metric_time": "2021-05-06T22:00:00Z",
        "probability_attribute": "1",
        "end_time_offset": "",
    }
    request_from_environment(ENVIRONMENT | real, SETTINGS)
    assert caplog.messages == [
        "given and ignored: metric_time, probability_attribute, "
        "dataset_format.csv.output_columns_position"
    ]
    caplog.clear()
    request_from_environment(
        ENVIRONMENT | {"dataset_format": '{"csv": {"header": true}}'}, SETTINGS
    )
    assert caplog.messages == []


def asked(
    calls: list[int], refused: list[int], seen: dict[str, int], percent: float = 100
) -> CaptureCoverage:
    """Return how much a job saw, by a CloudWatch that answers so; five minutes each."""
    found = replace(BARE, endpoint="live", variant="main", start=START, end=END)
    found = replace(found, capture_percent=percent)
    client = boto3.client("cloudwatch", "eu-west-1")
    dimensions = [
        {"Name": "EndpointName", "Value": "live"},
        {"Name": "VariantName", "Value": "main"},
    ]
    names = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
    queries = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": name,
                    "Dimensions": dimensions,
                },
                "Period": 300,
                "Stat": "Sum",
            },
        }
        for name in names
    ]
    results = [
        {"Id": "invocations", "Values": [float(count) for count in calls]},
        {"Id": "invocation4xxerrors", "Values": [float(count) for count in refused]},
    ]
    with Stubber(client) as stub:
        stub.add_response(
            "get_metric_data",
            {"MetricDataResults": results},
            {"MetricDataQueries": queries, "StartTime": found.start, "EndTime": found.end},
        )
        return count_coverage(found, Problems(seen=Counter(seen)), client)


def missing(found: CaptureCoverage) -> list[str]:
    return [
        one.description
        for one in check_coverage(found, SETTINGS.captures)
        if "Missing" in one.description
    ]


def test_captures_are_held_against_the_calls_that_cloudwatch_counts() -> None:
    found = asked([400, 650], [50], {"records": 880, "probes": 10, "unread": 20})
    # Probes and what cannot be read are captured too; what was refused need not be.
    assert (found.answered, found.expected, found.captured) == (1000, 1000, 910)
    assert found.missing_share == pytest.approx(0.09)
    assert missing(found) == []
    found = asked([1000], [], {"records": 890})
    assert missing(found) == ["Missing captures: 11% (890 of 1,000 came) exceed 10%"]


def test_of_a_share_of_the_calls_chance_is_allowed_for() -> None:
    def of_a_tenth(records: int) -> CaptureCoverage:
        return asked([1000], [], {"records": records}, percent=10)

    assert of_a_tenth(70).expected == 100
    assert missing(of_a_tenth(70)) == []
    assert missing(of_a_tenth(45)) == ["Missing captures: 55% (45 of 100 came) exceed 10%"]


def test_where_nothing_is_known_of_calls_nothing_is_asked_and_nothing_is_missing() -> None:
    # No client and no region: a question would fail.
    for job_ in (BARE, replace(BARE, endpoint="live", start=START, end=END)):
        found = count_coverage(job_, Problems(seen=Counter(records=3)))
        assert (found.answered, found.missing_share) == (None, None)
        assert check_coverage(found, SETTINGS.captures) == []


def test_that_cloudwatch_refuses_is_told_and_loses_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = boto3.client("cloudwatch", "eu-west-1")
    monkeypatch.setattr(boto3, "client", lambda _: client)
    job_ = replace(BARE, endpoint="live", variant="main", start=START, end=END)
    with Stubber(client) as stub:
        stub.add_client_error("get_metric_data", "AccessDenied", "not you")
        found, violations, fault = see_coverage(job_, Problems(seen=Counter(records=3)), SETTINGS)
    assert re.search(r"how many calls live answered .*not you.*GetMetricData", str(fault))
    assert (found and found.read, violations) == (3, [])


@pytest.mark.parametrize("value", ["all", "-1", "101"])
def test_a_percentage_that_is_none_is_named(value: str) -> None:
    with pytest.raises(UserError, match="capture_percent must be a number from 0 to 100"):
        request_from_environment(ENVIRONMENT | {"capture_percent": value}, SETTINGS)


def test_the_method_for_categories_is_the_job_s(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99))
    found = checked(
        tmp_path, changed("thresholds", profile="compat"), categorical_method="ChiSquared"
    )
    [country] = [one for one in found["features"] if one["feature"] == "class_predictions"]
    assert country["method"] == "ChiSquared"


def test_an_own_schedule_s_window_ends_a_lag_before_it_fires() -> None:
    own = ENVIRONMENT | {
        "scheduled_time": "2026-11-22T12:00:00Z",
        "sagemaker_endpoint_datacapture_prefix": "s3://captures",
        "baseline": "s3://releases/7/baseline",
    }
    del own["start_time"], own["end_time"], own["dataset_source"]
    found = request_from_environment(own, SETTINGS)
    schedule = SETTINGS.schedule
    assert found.history == "s3://captures"
    assert found.label_lag == timedelta(hours=SETTINGS.quality.label_lag_hours)
    assert found.end == NOON - timedelta(minutes=schedule.lag_minutes)
    assert found.end - found.start == timedelta(hours=schedule.window_hours)  # type: ignore[operator]
    assert (found.source, found.baseline) == ("s3://captures/live", "s3://releases/7/baseline")
    assert found.namespaces == (SETTINGS.metrics.namespace, SETTINGS.metrics.namespace)
    assert not found.model_monitor


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start_time", "yesterday"),
        ("dataset_format", "csv"),
        ("dataset_source", ""),
        ("output_path", ""),
        ("problem_type", "Regression"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(UserError, match=name):
        request_from_environment(ENVIRONMENT | {name: value}, SETTINGS)


def test_metrics_go_to_cloudwatch_with_the_count_that_the_alarm_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        found = checked(tmp_path, namespaces=("own", "own"), endpoint="live", schedule="daily")
        client = boto3.client("cloudwatch")
        sent = client.list_metrics(Namespace="own")["Metrics"]
        names = {metric["MetricName"] for metric in sent}
        assert {"violations", "feature_baseline_drift_price", "feature_non_null_price"} <= names
        assert sent[0]["Dimensions"] == [
            {"Name": "Endpoint", "Value": "live"},
            {"Name": "MonitoringSchedule", "Value": "daily"},
        ]
        now = datetime.now(UTC)
        [point] = client.get_metric_statistics(
            Namespace="own",
            MetricName="violations",
            Dimensions=sent[0]["Dimensions"],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Sum"],
        )["Datapoints"]
        assert point["Sum"] == len(found["violations"])


def test_captures_and_baseline_come_from_s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = captured(tmp_path / "captures", rows(300, seed=5))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="captures")
        for top, prefix in ((folder, "captures"), (made(), "release/baseline")):
            for file in (path for path in top.rglob("*") if path.is_file()):
                client.upload_file(str(file), "captures", f"{prefix}/{file.relative_to(top)}")
        job_ = MonitorRequest(
            "s3://captures/captures", tmp_path / "output", baseline="s3://captures/release/baseline"
        )
        assert check_window(job_, SETTINGS) == "Completed: no violations in 300 rows"


def run_process(folder: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run `process monitor` with the message's file in a folder."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from categoriser.errors import run\n"
        "from categoriser.jobs.processing import process\n"
        "run(lambda: process('monitor', Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "message")],
        cwd=ROOT,
        env={"PATH": "/bin", "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, folder / "message"


def test_the_process_ends_with_the_message_that_sagemaker_shows(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5).with_columns(pl.col("price") * 10))
    done, message = run_process(
        tmp_path,
        dataset_source=str(tmp_path / "captures"),
        output_path=str(tmp_path / "output"),
        baseline=str(made()),
    )
    assert done.returncode == 0, done.stderr
    assert message.read_text().startswith("CompletedWithViolations: ")
    assert len(message.read_bytes()) <= 1024


def test_a_fault_is_the_message_and_the_status(tmp_path: Path) -> None:
    done, message = run_process(tmp_path, dataset_source="x")
    assert done.returncode == 1
    assert message.read_text() == "Failed: the environment variable output_path is missing"


def test_an_exit_message_is_cut_between_characters(tmp_path: Path) -> None:
    exit_message.leave("é" * 1000, tmp_path / "message")
    assert (tmp_path / "message").read_bytes().decode() == "é" * 512


def test_the_command_refuses_an_unknown_step_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["process", "deploy"])
    with pytest.raises(SystemExit, match=r"^error: there is no step 'deploy'; the steps are e"):
        run(processing.main)


def test_the_report_is_shown_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    job_ = MonitorRequest(str(tmp_path / "captures"), tmp_path / "output", baseline=str(made()))
    check_window(job_, SETTINGS, Console(width=150))
    shown = capsys.readouterr().out
    assert "300 rows, calibrated thresholds, model " in " ".join(shown.split())
    assert "Nothing was found, and not everything was judged." in shown
    assert "the model: no labels were given" in shown
    assert shown.count("Completed: no violations in 300 rows") == 1
    truth = labels(tmp_path / "truth", rows(300, seed=5)["category"].to_list())
    check_window(replace(job_, truth=str(truth)), SETTINGS, Console(width=150))
    assert "labels: 300 given, 300 of them to these captures" in capsys.readouterr().out


def test_the_settings_name_each_wrong_key(tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / "monitoring/monitoring.yaml").read_text())
    document["thresholds"]["profile"] = "loud"
    document["overrides"] = {"price": {"treshold": 0.1}}
    del document["schedule"]["lag_minutes"]
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(UserError) as error:
        read_monitor_settings(tmp_path / "m.yaml")
    for key in ("thresholds.profile", "overrides.price.treshold", "schedule.lag_minutes"):
        assert key in str(error.value)


# categoriser.monitor.metrics and report


END = datetime(2026, 11, 22, tzinfo=UTC)
QUALITY: dict[str, Any] = {
    "statistics": {
        "multiclass_classification_metrics": {
            "confusion_matrix": {"a": {"a": 30, "b": 5}, "b": {"a": 4, "b": 61}},
            "accuracy": {"value": 0.91, "standard_deviation": 0.02},
            "accuracy_best_constant_classifier": {"value": 0.65, "standard_deviation": 0.03},
        }
    },
    "violations": [
        asdict(Violation("accuracy", "LessThanThreshold", "Metric accuracy with 0.91 was <low>"))
    ],
    "joined": {"labels": 120, "labelled": 100, "joined": 100, "coverage": 0.25},
    "labels": {"a": 35, "b": 65},
    "drift": asdict(FeatureDrift("ground_truth", 0.01, 0.05, "Robust")),
    "slices": {
        "account": None,
        "country": {
            "slices": [
                {
                    "name": "AU",
                    "rows": 100,
                    "groups": 50,
                    "accuracy": {"value": 0.91, "low": 0.85, "high": 0.95},
                    "gap": {"value": 0.0, "low": 0.0, "high": 0.0},
                }
            ]
        },
    },
    "not_judged": "",
}


def of(frame: pl.DataFrame) -> Statistics:
    return statistics_of(summarise(frame.to_arrow().to_batches()))


def columns(count: int, scale: float = 1.0, bank: str = "b_1") -> dict[str, Any]:
    numbers = np.arange(count)
    return {
        "price": (numbers % 97) * scale + 0.5,
        "tokens": numbers % 7,
        "bank": np.where(numbers % 3, "a <b>&", bank),
        "text": [f"row {n}" for n in numbers],
    }


BARE, START = MonitorRequest(source="", output=Path()), END - timedelta(days=7)


def result(**changes: Any) -> CheckResult:
    """Return a window of which the price drifted, a bank is new, and a column is missing."""
    # Fewer rows than a sketch keeps: beyond, it drops some at random.
    before = of(pl.DataFrame(columns(1800) | {"gone": np.ones(1800)}))
    now = of(pl.DataFrame(columns(900, scale=1.5, bank="new")))
    limits = suggest_constraints(before)
    drifts = drifts_from(now, before, limits, {"price": 0.05, "tokens": 0.05})
    violations = check_constraints(now, limits, drifts)
    given = CheckResult(
        job=replace(BARE, endpoint="endpoint-1", schedule="weekly", start=START, end=END),
        profile="calibrated",
        message=f"CompletedWithViolations: {len(violations)}",
        current=now,
        baseline=before,
        constraints=limits,
        drifts=drifts,
        violations=violations,
        problems=Problems(
            Counter({"cut off": 2}), {"cut off": ["a<b.jsonl:3", "c.jsonl:9"]}, Counter(records=898)
        ),
        power=[
            {"feature": "price", "shift": "all prices, times", "500": 1.3, "5000": None},
            {"feature": "tokens", "shift": "share of the rows", "500": 0.1, "5000": 0.04},
        ],
        quality=QUALITY,
    )
    return replace(given, **changes)


class Page(HTMLParser):
    """Collects text and addresses, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.names: set[str] = set()
        self.images: list[str] = []
        self.bad: list[str] = []
        self.feed(text)
        assert not self.open

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in {"meta", "img", "br", "wbr"}:
            self.open.append(tag)
        named = dict(attrs)
        if tag == "td" and "bad" in (named.get("class") or "").split():
            self.bad.append("")
        if tag == "img":
            self.images.append(named["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.bad and "td" in self.open and not self.bad[-1]:
            self.bad[-1] = data


def html(found: CheckResult) -> str:
    about = About(project="Spend sorter", owner="Money & Co., money@bank.example")
    return report_page(found, report_document(found), about)


def page(found: CheckResult) -> Page:
    return Page(html(found))


def line(found: CheckResult, name: str) -> Mapping[str, Any]:
    (one,) = [line for line in feature_table(found) if line["feature"] == name]
    return one


def test_the_table_has_a_line_a_feature_and_one_for_what_is_missing() -> None:
    found = result()
    assert [line["feature"] for line in feature_table(found)] == [
        "price",
        "tokens",
        "bank",
        "text",
        "gone",
    ]
    price = line(found, "price")
    assert price["data_type"] == "Fractional"
    assert price["baseline_drift"] == found.drifts["price"].distance
    assert (price["threshold"], price["method"]) == (0.05, "Simple")
    assert price["violations"].keys() == {"baseline_drift_check"}
    assert line(found, "bank")["categorical_values"] == pytest.approx(2 / 3)
    assert line(found, "text")["categorical_values"] is None
    assert line(found, "gone")["data_type"] is None
    assert line(found, "gone")["violations"].keys() == {"missing_column_check"}


def test_the_page_asks_nothing_of_a_network_and_all_its_pictures_are_whole() -> None:
    shown = page(result())
    assert {"script", "link", "iframe", "b"}.isdisjoint(shown.names)
    # Four features have a distribution; confusion, and one slice.
    assert len(shown.images) == 4 + 1 + 1
    for address in shown.images:
        kind, content = address.split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(content))


def test_the_page_shows_what_was_found() -> None:
    found = result()
    shown = page(found)
    for text in (
        "endpoint-1, weekly, 2026-11-15 00:00 to 2026-11-22 00:00 UTC, 900 rows, calibrated",
        found.message,
        *(violation.description for violation in found.violations),
        f"{found.drifts['price'].distance:.4f}",
        "898 records read",
        "a<b.jsonl:3",
        "500 rows",
        "5,000 rows",
        "What windows of two sizes can detect",
        "labels 120, labelled 100, joined 100, coverage 25.0%",
        "Metric accuracy with 0.91 was <low>",
        "Distance of the labels from training's: 0.0100, threshold 0.0500",
    ):
        assert text in shown.text
    # The feature and what of it is wrong; the metric.
    assert [text.strip() for text in shown.bad] == [
        "price",
        f"{found.drifts['price'].distance:.4f}",
        "bank",
        "66.7 %",
        "gone",
        "missing",
        "0.9100",
    ]


def test_the_page_stands_without_baseline_window_quality_and_problems() -> None:
    bare = result(
        baseline=None,
        constraints=Constraints(),
        drifts={},
        violations=[],
        problems=Problems(),
        power=[],
        quality=None,
        job=BARE,
        message="Completed: no violations",
    )
    shown = page(bare)
    assert "900 rows, calibrated thresholds." in shown.text
    assert "Nothing was unreadable." in shown.text
    assert "Model quality" not in shown.text
    assert shown.bad == []
    empty = replace(bare, current=Statistics(0, {}))
    assert "No feature has a distribution." in page(empty).text
    unlabelled: dict[str, Any] = QUALITY | {
        "statistics": {"multiclass_classification_metrics": {}},
        "joined": {"labels": 0, "labelled": 0, "joined": 0},
        "slices": None,
        "drift": None,
        "violations": [],
        "not_judged": "no labels",
    }
    assert (
        "Not held against the baseline: no labels." in page(replace(bare, quality=unlabelled)).text
    )


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        write_report(result(), tmp_path / folder)
    for name in ("report.html", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    found = json.loads((tmp_path / "one" / "report.json").read_text())
    assert found["window"] == {
        "start": "2026-11-15T00:00:00+00:00",
        "end": "2026-11-22T00:00:00+00:00",
        "rows": 900,
    }
    assert found["captures"] == {
        "seen": {"records": 898},
        "not_read": {"cut off": 2},
        "places": {"cut off": ["a<b.jsonl:3", "c.jsonl:9"]},
    }
    assert len(found["violations"]) == 3


def test_a_page_of_many_features_is_small() -> None:
    columns = {f"feature_{n}": np.random.default_rng(n).lognormal(size=500) for n in range(25)}
    many = of(pl.DataFrame(columns))
    found = result(current=many, baseline=many, drifts={}, violations=[])
    assert len(html(found)) < 1_500_000


def drawn(name: str, now: Any, before: Any) -> dict[str, Any]:
    current, baseline = (of(pl.DataFrame({name: values})) for values in (now, before))
    return distributions(current.features[name], baseline.features[name])


def picture(found: Mapping[str, Any]) -> str:
    return base64.b64decode(found["image"].split(",")[1]).decode()


def test_rare_categories_are_drawn_as_one() -> None:
    now = [f"value number {n}" for n in range(40) for _ in range(40 - n)]
    image = picture(drawn("a", now, [*now, "old" * 20]))
    assert "value number 0" in image
    assert "value number 11" in image
    assert "value number 12" not in image
    assert "29 others" in image


def test_the_stability_index_is_of_the_bars() -> None:
    assert drawn("a", [1, 2, 3] * 9, [1, 2, 3] * 99)["psi"] == pytest.approx(0)
    assert drawn("a", ["x"] * 9, ["x"] * 99)["psi"] == pytest.approx(0)
    assert drawn("a", [1, 1, 1, 2], [1, 2, 2, 2])["psi"] == pytest.approx(np.log(3))


def test_what_cannot_be_drawn_is_left_out() -> None:
    assert drawn("a", [None, None], ["x", "y"])["image"] == ""
    assert drawn("a", [1e300, -1e300], [1.0, 2.0])["image"] == ""
    alone = distributions(of(pl.DataFrame({"a": [1.0]})).features["a"], None)
    assert alone["image"]
    assert alone["psi"] is None
    hollow = FeatureStatistics("a", "Fractional", 9, 0, 1.0, sketch=Sketch({}, []))
    assert distributions(hollow, hollow)["image"] == ""


NUMBERS = st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=9) | st.lists(
    st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9
)


@settings(deadline=None, max_examples=30)
@given(NUMBERS, NUMBERS)
def test_no_numbers_break_a_plot(now: list[float], before: list[float]) -> None:
    drawn("a", now, before)


def terminal(found: CheckResult, width: int = 140, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    show_result(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_what_happened_and_what_is_wrong() -> None:
    found = result()
    printed = terminal(found)
    assert "900 rows, calibrated thresholds" in " ".join(printed.split())
    assert "3 findings, the worst first." in printed
    assert "Prices +46 %: the median is 69.50, was 47.50." in printed
    lines = {text.split()[0]: text for text in printed.splitlines() if text.startswith("  ")}
    ratio = found.drifts["price"].distance / 0.05  # type: ignore[operator]
    assert f"{found.drifts['price'].distance:.4f}, {ratio:.1f} × threshold" in lines["price"]
    assert "Only 66.67% of data is in the domain" in lines["bank"]
    assert "it is in the baseline, and not in this window" in lines["gone"]
    assert "2 × cut off, first: a<b.jsonl:3" in printed
    assert printed.rstrip().endswith(found.message)


def worst(*violations: Violation, **changes: Any) -> CheckResult:
    return result(violations=list(violations), **changes)


def fallen(name: str) -> Violation:
    text = f"Metric {name} with 0.83123 +/- 0.01 was LessThanThreshold '0.87'"
    return Violation(name, "LessThanThreshold", text)


def test_a_finding_is_a_line_of_80_columns_and_the_worst_comes_first() -> None:
    long = "class_probabilities__label_fees_and_interest"
    drifts = {
        name: FeatureDrift(name, distance, 0.05, "Simple")
        for name, distance in {long: 0.06, "price": 0.21, "tokens": 0.5}.items()
    }
    drifted = [
        Violation(name, "baseline_drift_check", f"Baseline drift distance: {one.distance}")
        for name, one in drifts.items()
    ]
    unread = Violation("captures", "unread_captures_check", "Unread captures: 91.13% exceed 5%")
    figures = [fallen(name) for name in ("weighted_f1", "accuracy", "weighted_recall")]
    found = worst(*drifted, *figures, unread, drifts=drifts)
    printed = terminal(found, width=80)
    block = printed.split("\n\n")[1].splitlines()
    assert [text.split()[0] for text in block[:5]] == [
        "captures",
        "accuracy",
        "tokens",
        "price",
        long,
    ]
    assert all(len(text) <= 80 for text in printed.splitlines())
    # One drop of the model is one finding.
    assert "0.8312 ± 0.01, bound 0.87, and 2 figures like it" in block[1]
    assert "5 findings, the worst first." in printed
    shown = page(found)
    assert "5 findings, the worst first." in shown.text
    for violation in found.violations:
        assert violation.description in shown.text
    assert len(report_document(found)["violations"]) == 7


def test_names_are_whole_in_the_80_columns_of_a_jobs_log() -> None:
    names = [f"class_probabilities__label_{'x' * n}" for n in (9, 70)]
    drifts = {name: FeatureDrift(name, 0.5, 0.1, "Simple") for name in names}
    kind = "baseline_drift_check"
    found = worst(*(Violation(name, kind, "") for name in names), drifts=drifts)
    printed = terminal(found, width=80)
    for name in names:
        [text] = [text for text in printed.splitlines() if text.startswith(f"  {name} ")]
        assert "drift 0.5000, 5.0 × threshold" in text


def test_many_findings_are_in_the_report_and_the_worst_in_the_terminal() -> None:
    kind = "completeness_check"
    many = [Violation(f"f{n}", kind, "Observed: Only 5% of data is present.") for n in range(30)]
    features = {
        one.feature_name: FeatureStatistics(one.feature_name, "String", 1, 19, 0.05) for one in many
    }
    found = worst(*many, current=Statistics(20, features))
    printed = terminal(found)
    assert "f24 " in printed
    assert "f25 " not in printed
    assert "and 5 findings more, in the report" in printed
    assert "f29: Observed" in page(found).text


def test_the_terminal_marks_violations_and_takes_names_as_they_are() -> None:
    found = result(job=replace(BARE, endpoint="[red]x[/nothing]"))
    coloured = terminal(found, force_terminal=True, color_system="standard")
    assert "\x1b[1;31mprice" in coloured
    assert "\x1b[1;31mtokens" not in coloured
    assert "[red]x[/nothing]" in terminal(found)


JUDGED: dict[str, Any] = {"violations": [], "problems": Problems()}


def judged(**changes: Any) -> CheckResult:
    """Return a window in which all is judged, by labels too, and nothing is found."""
    now = of(pl.DataFrame(columns(900)))
    drifts = {
        name: FeatureDrift(name, 0.01, 0.05, "Simple") for name in now.features if name != "text"
    }
    return result(**JUDGED | {"current": now, "drifts": drifts} | changes)


def test_the_page_is_headed_by_the_project_and_its_owner() -> None:
    texts = page(judged()).texts
    assert texts.count("Spend sorter: monitoring report") == 2
    assert any(text.endswith("Owner: Money & Co., money@bank.example.") for text in texts)


def test_the_banner_is_green_only_where_all_is_judged() -> None:
    assert check_state(judged()) == "passed"
    assert 'class="banner passed"' in html(judged())
    assert "Not judged" not in page(judged()).text


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"current": Statistics(0, {})}, "the data: there is none in this window"),
        ({"least_rows": 1000}, "the data: 900 rows; thresholds.min_rows is 1000"),
        ({"quality": None}, "the model: no labels were given"),
        ({"quality": QUALITY | {"not_judged": "9 labelled rows"}}, "the model: 9 labelled rows"),
        ({"faults": ["nowhere cannot be listed"]}, "nowhere cannot be listed"),
        (
            {"problems": Problems({"not JSON": 1}, {"not JSON": ["a:1"]}, Counter(unread=1))},
            "1 capture that could not be read",
        ),
        (
            {"drifts": {"price": FeatureDrift("price", 0.1, None, "Simple")}},
            "the drift of what has no distance or no threshold: price",
        ),
        (
            {"baseline": None, "constraints": Constraints(), "drifts": {}},
            "the data: there is no baseline to compare with",
        ),
    ],
)
def test_the_banner_is_amber_where_anything_is_not_judged(
    changes: dict[str, Any], why: str
) -> None:
    found = judged(**changes)
    assert check_state(found) == "not-judged"
    written = html(found)
    assert 'class="banner not-judged"' in written
    assert 'class="banner passed"' not in written
    assert why in " ".join(terminal(found).split())
    assert why in page(found).text


def test_features_that_are_not_captured_are_said_and_are_not_green() -> None:
    now = of(pl.DataFrame(columns(900)))
    found = judged(current=replace(now, not_captured=("review", "entropy")))
    assert check_state(found) == "not-judged"
    assert "what is not captured: review, entropy" in page(found).text


def test_the_first_screen_says_in_sentences_what_happened() -> None:
    rows_ = 1000

    def frame(scale: float, new: int, travel: int) -> Statistics:
        numbers = np.arange(rows_)
        return of(
            pl.DataFrame(
                {
                    "price": (numbers % 97 + 1) * scale,
                    "unseen_tokens": np.where(numbers < new, 0.5, 0.0),
                    "class_predictions": np.where(numbers < travel, "travel", "home"),
                    "class_probabilities__label_travel": np.where(numbers < travel, 0.9, 0.1),
                    "upper_share": numbers / rows_ * scale,
                }
            )
        )

    before, now = frame(1.0, 100, 50), frame(1.5, 280, 100)
    drifts = {name: FeatureDrift(name, 0.3, 0.1, "Simple") for name in now.features}
    drifted = [Violation(name, "baseline_drift_check", "") for name in now.features]
    figure = {"value": 0.83, "standard_deviation": 0.01}
    measured = QUALITY["statistics"]["multiclass_classification_metrics"] | {"accuracy": figure}
    labelled = QUALITY | {"statistics": {"multiclass_classification_metrics": measured}}
    found = worst(
        *drifted,
        fallen("accuracy"),
        current=now,
        baseline=before,
        drifts=drifts,
        quality=labelled,
        accuracy_before=0.87,
        model="c56ab6bfcccc68c4ee62",
    )
    said = sentences(found)
    assert said == [
        "1,000 rows from 2026-11-15 00:00 to 2026-11-22 00:00 UTC, held against model "
        "c56ab6bfcccc at endpoint-1.",
        "Accuracy 83.0 % by 100 labels: −4.0 points against the held-out rows.",
        "Prices +50 %: the median is 70.50, was 47.00.",
        "About 20 % of the rows have new merchants or a new wording: 28.0 % of the texts hold what "
        "no training row has, 10.0 % did in the baseline.",
        "The answer travel has 10.0 % of the rows, had 5.0 %.",
        "Moved too: upper_share.",
    ]
    assert all(sentence in page(found).text for sentence in said)
    assert all(sentence in " ".join(terminal(found).split()) for sentence in said[1:])


def test_texts_with_new_words_are_on_the_page_and_not_in_what_is_kept() -> None:
    found = result(
        samples=[{"text": "<Gelato> 7 bondi", "answer": None, "rows": 12, "unseen": 1.0}]
    )
    assert "<Gelato> 7 bondi" in page(found).text
    assert "12  –                   <Gelato> 7 bondi" in terminal(found)
    assert "Gelato" not in json.dumps(report_document(found))
    assert "training lacks" not in page(result()).text


# Metrics.


def by_name(data: list[MetricDatum]) -> dict[str, MetricDatum]:
    named = {datum["MetricName"]: datum for datum in data}
    assert len(named) == len(data)
    return named


def test_features_become_model_monitors_metrics() -> None:
    now = of(pl.DataFrame({"price": [1.5, 2.5, None, 8.0], "bank": ["a", "b", "a", "a"]}))
    drifts = {
        "price": FeatureDrift("price", 0.25, None, "Simple"),
        "bank": FeatureDrift("bank", None, 0.1, "Simple"),
    }
    found = by_name(metrics_of_statistics(now, drifts, Constraints()))
    assert found["feature_data_price"]["StatisticValues"] == {
        "SampleCount": 3,
        "Sum": 12.0,
        "Minimum": 1.5,
        "Maximum": 8.0,
    }
    assert found["feature_non_null_price"]["StatisticValues"] == {
        "SampleCount": 4,
        "Sum": 3,
        "Minimum": 0,
        "Maximum": 1,
    }
    assert found["feature_non_null_bank"]["StatisticValues"]["Minimum"] == 1
    assert found["feature_baseline_drift_price"]["Value"] == 0.25
    assert found.keys() == {
        "feature_data_price",
        "feature_non_null_price",
        "feature_non_null_bank",
        "feature_baseline_drift_price",
    }


def test_a_feature_with_metrics_disabled_emits_none() -> None:
    now = of(pl.DataFrame({"a": [1], "b": [2]}))
    limits = load_constraints(
        {"features": [{"name": "a", "monitoringConfigOverrides": {"emit_metrics": "Disabled"}}]}
    )
    assert by_name(metrics_of_statistics(now, {}, limits)).keys() == {
        "feature_data_b",
        "feature_non_null_b",
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_cloudwatch_refuses_is_not_sent(value: float) -> None:
    feature = FeatureStatistics("a", "Fractional", 2, 0, 1.0, sum=value, min=0.0, max=1.0)
    drifts = {"a": FeatureDrift("a", value, 0.1, "Simple")}
    data = metrics_of_statistics(Statistics(2, {"a": feature}), drifts, Constraints())
    assert by_name(data).keys() == {"feature_non_null_a"}
    assert metrics_of_quality({"f1": {"value": value, "standard_deviation": value}}) == []
    nothing = Statistics(0, {"a": FeatureStatistics("a", "Unknown", 0, 0, 0.0)})
    assert metrics_of_statistics(nothing, {}, Constraints()) == []


def test_quality_becomes_metrics_with_their_deviations() -> None:
    found = by_name(metrics_of_quality({"accuracy": {"value": 0.9, "standard_deviation": 0.01}}))
    assert {name: datum["Value"] for name, datum in found.items()} == {
        "accuracy": 0.9,
        "accuracy_standard_deviation": 0.01,
    }


@settings(deadline=None)
@given(st.lists(st.text(max_size=300), unique=True, max_size=6))
def test_names_are_printable_ascii_and_stay_different(names: list[str]) -> None:
    taken = [metric_name(f"feature_data_{name}") for name in names]
    assert len(set(taken)) == len(names)
    for name in taken:
        assert name.isascii()
        assert name.isprintable()
        assert len(name) <= 255


def test_plain_names_stay_and_others_are_told_apart() -> None:
    assert metric_name("f_fees & interest") == "f_fees & interest"
    assert metric_name("café") == "caf%C3%A9"
    assert metric_name("caf%C3%A9") == "caf%25C3%25A9"
    assert metric_name("x" * 300 + "a") != metric_name("x" * 300 + "b")


def made_up(count: int, name: str = "m") -> list[MetricDatum]:
    data = metrics_of_quality({f"{name}{n}": {"value": n} for n in range(count)})
    return stamped(data, "endpoint é", "weekly", END)


def test_data_carry_endpoint_schedule_and_time() -> None:
    (datum,) = made_up(1)
    assert datum == {
        "MetricName": "m0",
        "Value": 0.0,
        "Timestamp": END,
        "Dimensions": [
            {"Name": "Endpoint", "Value": "endpoint %C3%A9"},
            {"Name": "MonitoringSchedule", "Value": "weekly"},
        ],
    }
    # CloudWatch takes no empty dimension.
    (datum,) = stamped([{"MetricName": "m", "Value": 1.0}], "", " ", END)
    assert datum["Dimensions"] == []


@pytest.fixture
def cloudwatch() -> Iterator[Any]:
    """Yield a client whose calls moto answers."""
    with mock_aws():
        yield boto3.client(
            "cloudwatch", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )


@pytest.mark.parametrize(
    ("data", "calls"),
    [
        (made_up(1), 1),
        (made_up(1500), 2),
        (made_up(300, "é" * 40), 1),
        (made_up(900, "x" * 250), 2),
    ],
)
def test_calls_stay_within_the_limits_and_lose_nothing(
    cloudwatch: Any, data: list[MetricDatum], calls: int
) -> None:
    sizes: list[int] = []
    # Before compression, which makes a call smaller.
    cloudwatch.meta.events.register_first(
        "before-call.cloudwatch.PutMetricData",
        lambda params, **_: sizes.append(len(params["body"])),
    )
    sent: list[Any] = []
    cloudwatch.meta.events.register(
        "provide-client-params.cloudwatch.PutMetricData",
        lambda params, **_: sent.append(params["MetricData"]),
    )
    send_metrics(data, "Bank/Monitor", cloudwatch)
    assert [datum for batch in sent for datum in batch] == data
    assert max(map(len, sent)) <= 1000
    assert len(sizes) == len(sent) >= calls
    assert max(sizes) <= 1_000_000
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="Bank/Monitor")
    kept = [metric for page in pages for metric in page["Metrics"]]
    assert {metric["MetricName"] for metric in kept} == {datum["MetricName"] for datum in data}


def test_a_refusal_says_what_to_do(cloudwatch: Any) -> None:
    with Stubber(cloudwatch) as stub:
        stub.add_client_error("put_metric_data", "AccessDenied", "not you")
        with pytest.raises(
            UserError, match=r"Bank/Monitor.*not you.*cloudwatch:PutMetricData"
        ) as e:
            send_metrics(made_up(1), "Bank/Monitor", cloudwatch)
    assert isinstance(e.value.__cause__, ClientError)


def test_without_data_nothing_is_called_and_no_aws_library_is_loaded() -> None:
    code = (
        "import sys; from categoriser.monitor.reporting.cloudwatch_metrics import send_metrics;"
        "send_metrics([], 'x');"
        "assert not {'boto3', 'botocore'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_model_monitors_file_has_a_datum_a_line(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cloudwatch_metrics.jsonl"
    local = END.astimezone(timezone(timedelta(hours=11)))
    data = stamped([{"MetricName": "m", "Value": 1.0}], "e", "s", local)
    write_collected([*data, *data], path)
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    assert (
        lines
        == [
            {
                "MetricName": "m",
                "Value": 1.0,
                "Timestamp": "2026-11-22T00:00:00Z",
                "Dimensions": [
                    {"Name": "Endpoint", "Value": "e"},
                    {"Name": "MonitoringSchedule", "Value": "s"},
                ],
            }
        ]
        * 2
    )
