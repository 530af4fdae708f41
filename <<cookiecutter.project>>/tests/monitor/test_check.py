"""A run of the monitor: captures in; violations, message and report out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from measured import rows
from monitor_helpers.made_checks import (
    NOON,
    SETTINGS,
    captured,
    checked,
    kinds,
    labels,
    looked,
    made,
)
from rich.console import Console

from categoriser.errors import UserError
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.constraints import load_constraints
from categoriser.monitor.formats.statistics_file import load_statistics


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


def test_files_that_are_no_captures_are_named_and_not_read(tmp_path: Path) -> None:
    folder = captured(tmp_path / "captures", rows(300, seed=5))
    (folder / "_SUCCESS").touch()
    (folder / "notes.txt").write_text("not a capture")
    found = looked(tmp_path)
    [(kind, places)] = found.problems.places.items()
    assert kind == "file whose name ends neither in .jsonl nor in .jsonl.gz"
    assert [Path(place).name for place in places] == ["_SUCCESS", "notes.txt"]
    assert found.message.startswith("Completed: no violations in 300 rows; 2 files without")


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


def test_captures_without_the_project_s_baseline_are_refused(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(30, seed=5))
    with pytest.raises(UserError, match="the environment variable baseline"):
        check_window(MonitorRequest(str(tmp_path / "captures"), tmp_path / "output"), SETTINGS)


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
