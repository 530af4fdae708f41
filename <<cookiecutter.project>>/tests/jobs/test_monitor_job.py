"""The scheduled check of every endpoint that has captures."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from job_helpers.live_account import (
    DATA,
    NEW,
    NOON,
    OLD,
    Account,
    endpoints_with_metric,
    metric_value,
    put_invocations,
    reports_by_endpoint,
)
from measured import rows

from categoriser.errors import UserError
from categoriser.jobs import processing
from prove.example import PROJECT


@pytest.fixture
def watching(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    """Set what the scheduled check is given: no endpoint, and a baseline of each release."""
    monkeypatch.setenv("baseline", f"s3://{DATA}/runs/{{release}}/evaluation/baseline")
    monkeypatch.setenv("output_path", str(tmp_path / "output"))
    monkeypatch.setenv("publish_cloudwatch_metrics", "Enabled")
    monkeypatch.setenv("sagemaker_monitoring_schedule_name", f"{PROJECT}-check")
    return account


@pytest.fixture
def counted(watching: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Set what else the scheduled check is given: how many captures there should be."""
    monkeypatch.setenv("live_endpoint", NEW)
    monkeypatch.setenv("endpoint_variant", "main")
    monkeypatch.setenv("capture_percent", "50")
    return watching


@pytest.mark.actor("monitor")
def test_where_nothing_is_captured_of_what_is_served_that_is_a_violation(
    counted: Account, tmp_path: Path
) -> None:
    put_invocations(NEW, 500)
    processing.run_step("monitor", tmp_path / "message")
    message = (tmp_path / "message").read_text()
    assert message.startswith("CompletedWithViolations: 1 in no data")
    assert "missing_captures_check: captures" in message
    [found] = reports_by_endpoint(tmp_path / "output")[NEW]["violations"]
    assert found["description"] == "Missing captures: 100% (0 of 250 came) exceed 10%"
    assert metric_value("missing_captures", NEW, f"{PROJECT}-check") == 1
    # It is not drift, and starts no retraining.
    assert metric_value("violations", NEW, f"{PROJECT}-check") == 0


@pytest.mark.actor("monitor")
def test_as_many_captures_as_calls_are_no_violation_and_a_quiet_night_is_none(
    counted: Account, tmp_path: Path
) -> None:
    processing.run_step("monitor", tmp_path / "message")
    assert (tmp_path / "message").read_text().startswith("Completed: no data")
    counted.capture(NEW, rows(200, seed=3), NOON - timedelta(days=1))
    put_invocations(NEW, 420)
    processing.run_step("monitor", tmp_path / "message")
    assert (tmp_path / "message").read_text().startswith("Completed: no violations in 200 rows")
    missing = metric_value("missing_captures", NEW, f"{PROJECT}-check")
    assert missing == pytest.approx(10 / 210)


@pytest.mark.actor("monitor")
def test_after_a_release_the_old_endpoint_s_window_is_judged_too_and_by_itself(
    watching: Account, tmp_path: Path
) -> None:
    watching.capture(OLD, rows(200, seed=3), NOON - timedelta(days=2))
    drifted = rows(200, seed=4).with_columns(pl.col("price") * 30)
    watching.capture(NEW, drifted, NOON - timedelta(days=1))
    watching.capture(f"{PROJECT}-20250101-000000-0000000", rows(9, 1), datetime(2025, 2, 1))
    processing.run_step("monitor", tmp_path / "message")
    found = reports_by_endpoint(tmp_path / "output")
    assert {*found} == {OLD, NEW}
    assert [found[name]["window"]["rows"] for name in (OLD, NEW)] == [200, 200]
    assert "price" in {one["feature_name"] for one in found[NEW]["violations"]}
    assert "price" not in {one["feature_name"] for one in found[OLD]["violations"]}
    message = (tmp_path / "message").read_text()
    assert message.startswith("CompletedWithViolations: ")
    assert NEW in message
    assert (
        endpoints_with_metric("violations")
        == endpoints_with_metric("quality_violations")
        == {OLD, NEW}
    )


@pytest.mark.actor("monitor")
def test_an_endpoint_that_cannot_be_judged_hides_no_other_s_result(
    watching: Account, tmp_path: Path
) -> None:
    unknown = f"{PROJECT}-20261109-120000-0cccccc"  # no baseline
    watching.capture(unknown, rows(60, seed=3), NOON - timedelta(days=1))
    watching.capture(OLD, rows(200, seed=3), NOON - timedelta(days=2))
    with pytest.raises(
        UserError, match=rf"facts\.json is missing.*\({unknown}\); Completed.*{OLD}"
    ):
        processing.run_step("monitor", tmp_path / "message")
    assert {*reports_by_endpoint(tmp_path / "output")} == {OLD}
    assert endpoints_with_metric("violations") == {OLD}


@pytest.mark.actor("monitor")
def test_labels_of_an_endpoint_that_is_gone_judge_its_own_answers(
    watching: Account, tmp_path: Path
) -> None:
    frame = rows(300, seed=5)
    watching.capture(OLD, frame, NOON - timedelta(days=9), name="old")
    watching.label(["transport"] * 300, NOON - timedelta(days=2), name="old")
    watching.capture(NEW, rows(200, seed=6), NOON - timedelta(days=1), name="new")
    processing.run_step("monitor", tmp_path / "message")
    found = reports_by_endpoint(tmp_path / "output")
    assert found[OLD]["quality"]["joined"]["joined"] == 300
    assert "accuracy" in {one["feature_name"] for one in found[OLD]["violations"]}
    assert found[NEW]["quality"]["joined"]["joined"] == 0
    assert not {"accuracy"} & {one["feature_name"] for one in found[NEW]["violations"]}
    assert endpoints_with_metric("quality_violations") == {OLD, NEW}


@pytest.mark.actor("monitor")
def test_without_captures_the_check_is_completed(watching: Account, tmp_path: Path) -> None:
    processing.run_step("monitor", tmp_path / "message")
    assert (tmp_path / "message").read_text() == (
        "Completed: no data from 2026-11-15T12:00Z to 2026-11-22T12:00Z"
    )


def test_one_endpoint_that_is_named_is_judged_alone(
    watching: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("sagemaker_endpoint_name", OLD)
    for endpoint in (OLD, NEW):
        watching.capture(endpoint, rows(100, seed=3), NOON - timedelta(days=1))
    processing.run_step("monitor", tmp_path / "message")
    assert {*reports_by_endpoint(tmp_path / "output")} == {OLD}
