"""A small model's baseline, captures of it, and checks of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from measured import trained

from categoriser.contract import CSV, transactions
from categoriser.model.package import Categoriser
from categoriser.monitor.baseline import baseline
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.checks.judgement import judge_window
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.window_statistics import window_statistics as summarise_job
from categoriser.monitor.monitor_settings import MonitorSettings, read_monitor_settings
from categoriser.params import Section, read_params
from categoriser.serving.capture import capture_line
from categoriser.serving.protocol import render_answers

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
        name = f"call-{number}"
        at = time + timedelta(milliseconds=number)
        lines.append(
            capture_line(
                request,
                render_answers(answers, CSV, single=False),
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
