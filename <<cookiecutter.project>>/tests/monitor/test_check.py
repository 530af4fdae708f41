"""A run of the monitor: captures in; violations, message and report out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from measured import rows, trained
from monitor_helpers.made_checks import (
    ENVIRONMENT,
    NOON,
    PARAMS,
    SETTINGS,
    captured,
    changed,
    checked,
    kinds,
    labels,
    looked,
    made,
)
from monitor_helpers.made_results import by_name
from rich.console import Console

from categoriser.errors import UserError
from categoriser.monitor.baseline import baseline
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.capture_coverage import check_coverage
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.request_environment import request_from_environment
from categoriser.monitor.formats.constraints import load_constraints
from categoriser.monitor.formats.statistics_file import dump_statistics, load_statistics
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.reporting.findings import check_state, not_judged
from categoriser.monitor.reporting.published_metrics import metrics_of_result
from categoriser.monitor.watching.watched_captures import Watching


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
    assert sent["unread_captures"].value == pytest.approx(1284 / 1409)
    # It is no drift: nothing is retrained by it.
    assert (sent["violations"].value, sent["quality_violations"].value) == (0, 0)
    lenient = SETTINGS.captures.model_copy(update={"max_unread": 0.95})
    assert found.coverage
    assert check_coverage(found.coverage, lenient) == []


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
    assert (first.text, first.rows) == ("GELATO BONDI x1", 30)
    assert "zzqk wyrm" in {other.text for other in others}
    assert len(Watching(made()).new_texts(files, 1)) == 1
    assert Watching(made(), leave_out=("unseen_tokens",)).new_texts(files, 50) == []
    assert request_from_environment(ENVIRONMENT, SETTINGS).samples == 0


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
