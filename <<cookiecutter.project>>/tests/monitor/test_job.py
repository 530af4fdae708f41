"""The monitor's run: the container's contract, captures in, violations and exit message out."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
import yaml
from measured import rows, trained
from moto import mock_aws
from rich.console import Console

from categoriser import process
from categoriser.errors import UserError
from categoriser.model.package import Categoriser
from categoriser.monitor import watching
from categoriser.monitor.baseline import baseline
from categoriser.monitor.check import check
from categoriser.monitor.formats import constraints, statistics
from categoriser.monitor.formats.capture import record
from categoriser.monitor.job import Job, from_environment
from categoriser.monitor.settings import Settings, read_settings
from categoriser.monitor.watching import Watching
from categoriser.params import Section, read_params
from categoriser.serving.protocol import CSV, render

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


def changed(section: str, **values: Any) -> Settings:
    """Return the project's settings, quick to calibrate, with values of a section."""
    settings = read_settings(ROOT / "monitoring/monitoring.yaml")
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
        answers = model.predict(batch["text"].to_list(), batch["price"].to_list())
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


def checked(folder: Path, settings: Settings = SETTINGS, **given: Any) -> dict[str, Any]:
    """Run a check of `folder`'s captures; return the report and what files there are."""
    fields: dict[str, Any] = {"baseline": str(made()), "output": folder / "output"} | given
    message = check(Job(source=str(folder / "captures"), **fields), settings)
    [report] = (folder / "output").rglob("report.json")
    found: dict[str, Any] = json.loads(report.read_text())
    assert found["message"] == message
    written = [
        json.loads(file.read_text())["violations"]
        for file in report.parent.glob("*constraint_violations.json")
    ]
    assert sum(map(len, written)) == len(found["violations"])
    return found


def kinds(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["feature_name"], one["constraint_check_type"]) for one in found["violations"]}


def test_rows_like_the_trainings_have_no_violations(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99), size=7)
    found = checked(tmp_path)
    assert found["violations"] == []
    assert found["message"] == "Completed: no violations in 600 rows"
    assert found["profile"] == "calibrated"
    assert found["captures"]["not_read"] == {}
    written = statistics.load(json.loads((tmp_path / "output/statistics.json").read_text()))
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
    settings = Settings.model_validate(
        SETTINGS.model_dump() | {"overrides": override, "thresholds": SETTINGS.thresholds}
    )
    names = {name for name, _ in kinds(checked(tmp_path, settings))}
    assert not names & {"price", "entropy"}
    override = yaml.safe_load("price: {threshold: 0.0001}")
    settings = SETTINGS.model_copy(
        update={
            "overrides": Settings.model_validate(
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
        check(Job(str(folder), tmp_path / "output", baseline=str(made())), SETTINGS)
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
    assert "2 captures or parts of them could not be read" in found["message"]


def test_two_processes_find_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = captured(tmp_path / "captures", rows(600, seed=5), files=5)
    how = Watching(made(), leave_out=("entropy",))
    files = sorted(map(str, folder.rglob("*.jsonl")))
    alone, problems = watching.summarise_captures(files, how)
    monkeypatch.setattr(watching, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together, same = watching.summarise_captures(files, how)
    one, other = (statistics.of_summary(summary) for summary in (alone, together))
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
    job_ = Job(
        str(tmp_path / "captures"),
        tmp_path / "output",
        baseline=str(made()),
        truth=str(tmp_path / "nowhere"),
    )
    with pytest.raises(UserError, match="nowhere"):
        check(job_, SETTINGS)
    assert (tmp_path / "output/report.html").exists()


def test_labels_that_come_late_judge_the_captures_that_they_belong_to(tmp_path: Path) -> None:
    frame = rows(600, seed=99)
    week = timedelta(days=7)
    captured(tmp_path / "captures", frame, NOON - week)
    captured(tmp_path / "captures", rows(300, seed=5), NOON + timedelta(milliseconds=700))
    truth = labels(tmp_path / "truth", frame["category"].to_list())
    found = checked(
        tmp_path,
        truth=str(truth),
        start=NOON,
        end=NOON + timedelta(hours=1),
        label_lag=week,
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
    job_ = Job(str(data), tmp_path / "first", format="csv")
    assert check(job_, SETTINGS) == "Completed: a baseline of 100 rows is suggested"
    known = statistics.load(json.loads((tmp_path / "first/statistics.json").read_text()))
    assert known.features["age"].inferred_type == "Integral"
    bounds = constraints.load(json.loads((tmp_path / "first/constraints.json").read_text()))
    assert bounds.features[1].string_constraints
    pl.DataFrame({"age": [50] * 100, "city": ["rome"] * 100}).write_csv(data / "a.csv")
    second = Job(
        str(data),
        tmp_path / "second",
        format="csv",
        statistics=tmp_path / "first/statistics.json",
        constraints=tmp_path / "first/constraints.json",
    )
    assert check(second, SETTINGS).startswith("CompletedWithViolations: ")
    found = json.loads((tmp_path / "second/report.json").read_text())
    assert kinds(found) >= {
        ("age", "baseline_drift_check"),
        ("city", "categorical_values_check"),
    }


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
    assert "400 labelled answers" in check(from_environment(environment, SETTINGS), SETTINGS)
    pl.DataFrame(right | {"said": wrong}).write_csv(data / "a.csv")
    environment["output_path"] = str(tmp_path / "second")
    environment["baseline_constraints"] = str(tmp_path / "first/constraints.json")
    message = check(from_environment(environment, SETTINGS), SETTINGS)
    assert message.startswith("CompletedWithViolations: 6 in 400 rows: LessThanThreshold: accuracy")
    document = json.loads((tmp_path / "second/statistics.json").read_text())
    assert document["multiclass_classification_metrics"]["accuracy"]["value"] == 0.5
    [first, *_] = json.loads((tmp_path / "second/constraint_violations.json").read_text())[
        "violations"
    ]
    assert first["metric_name"] == "accuracy"
    environment["ground_truth_attribute"] = "truth"
    with pytest.raises(UserError, match="ground_truth_attribute"):
        check(from_environment(environment, SETTINGS), SETTINGS)


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
    message = check(from_environment(environment, SETTINGS), SETTINGS)
    assert message == "Completed: no violations in 600 rows"


def test_another_model_s_captures_are_watched_by_a_script_alone(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    sides = [
        {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
        for mode, data in (("INPUT", "132,25,113.2,96"), ("OUTPUT", "0.01"))
    ]
    line = {
        "captureData": {"endpointInput": sides[0], "endpointOutput": sides[1]},
        "eventMetadata": {"eventId": "e", "inferenceTime": "2019-11-20T23:33:12Z"},
        "eventVersion": "0",
    }
    (folder / "a.jsonl").write_text((json.dumps(line) + "\n") * 9)
    script = tmp_path / "preprocessor.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    data = record.endpoint_input.data.rstrip()\n"
        "    return {str(n).zfill(20): value for n, value in enumerate(data.split(','))}\n"
    )
    first = Job(str(folder), tmp_path / "first", preprocessor=script)
    assert check(first, SETTINGS) == "Completed: a baseline of 9 rows is suggested"
    known = statistics.load(json.loads((tmp_path / "first/statistics.json").read_text()))
    assert list(known.features) == [str(n).zfill(20) for n in range(4)]
    again = Job(
        str(folder),
        tmp_path / "again",
        preprocessor=script,
        statistics=tmp_path / "first/statistics.json",
        constraints=tmp_path / "first/constraints.json",
    )
    assert check(again, SETTINGS) == "Completed: no violations in 9 rows"


def test_a_window_s_statistics_are_judged_as_its_captures_are(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    found = checked(tmp_path)
    other = Job(
        str(tmp_path / "output/statistics.json"),
        tmp_path / "other",
        format="statistics",
        baseline=str(made()),
    )
    assert check(other, SETTINGS) == found["message"]


def test_a_name_in_the_settings_that_is_no_feature_is_named(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    with pytest.raises(UserError, match=r"alarms\.features: there is no feature 'prcie'"):
        checked(tmp_path, changed("alarms", features=["prcie"]))
    own = Settings.model_validate(SETTINGS.model_dump() | {"overrides": {"accuracy": {}}})
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
    check(Job(str(data), tmp_path / "first", format="csv"), SETTINGS)
    own = Settings.model_validate(SETTINGS.model_dump() | {"overrides": {"price": {}}})
    again = Job(
        str(data),
        tmp_path / "again",
        format="csv",
        statistics=tmp_path / "first/statistics.json",
        constraints=tmp_path / "first/constraints.json",
    )
    assert check(again, own) == "Completed: no violations in 100 rows"


def test_captures_without_the_project_s_baseline_are_refused(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(30, seed=5))
    with pytest.raises(UserError, match="the environment variable baseline"):
        check(Job(str(tmp_path / "captures"), tmp_path / "output"), SETTINGS)


# The container's contract


def test_model_monitor_s_variables_are_read() -> None:
    found = from_environment(ENVIRONMENT, SETTINGS)
    assert found.source == "/opt/ml/processing/input/endpoint"
    assert found.format == "captures"
    assert (found.start, found.end) == (NOON - timedelta(hours=1), NOON)
    assert found.statistics == Path(ENVIRONMENT["baseline_statistics"])
    assert found.model_monitor
    assert found.namespaces == (
        "aws/sagemaker/Endpoints/data-metrics",
        "aws/sagemaker/Endpoints/model-metrics",
    )
    assert not from_environment(
        ENVIRONMENT | {"publish_cloudwatch_metrics": "Disabled"}, SETTINGS
    ).namespaces
    assert (
        from_environment(
            ENVIRONMENT | {"dataset_format": '{"csv": {"header": false}}'}, SETTINGS
        ).header
        is False
    )


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
    found = from_environment(own, SETTINGS)
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
        from_environment(ENVIRONMENT | {name: value}, SETTINGS)


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
        job_ = Job(
            "s3://captures/captures", tmp_path / "output", baseline="s3://captures/release/baseline"
        )
        assert check(job_, SETTINGS) == "Completed: no violations in 300 rows"


def run_process(folder: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run `process monitor` with the message's file in a folder."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from categoriser.errors import run\n"
        "from categoriser.process import process\n"
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
    process.leave("é" * 1000, tmp_path / "message")
    assert (tmp_path / "message").read_bytes().decode() == "é" * 512


def test_the_entry_point_refuses_an_unknown_step_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["process"]
    module, _, name = entry.partition(":")
    monkeypatch.setattr(sys, "argv", ["process", "deploy"])
    with pytest.raises(SystemExit, match=r"^error: there is no step 'deploy'; the steps are m"):
        getattr(import_module(module), name)()


def test_the_report_is_shown_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    job_ = Job(str(tmp_path / "captures"), tmp_path / "output", baseline=str(made()))
    check(job_, SETTINGS, Console(width=150))
    shown = capsys.readouterr().out
    for heading in ("feature", "data type", "completeness", "baseline drift", "categorical values"):
        assert heading in shown
    assert shown.count("Completed: no violations in 300 rows") == 1
    truth = labels(tmp_path / "truth", rows(300, seed=5)["category"].to_list())
    check(replace(job_, truth=str(truth)), SETTINGS, Console(width=150))
    assert "labels: 300 given, 300 of them to these captures" in capsys.readouterr().out


def test_the_settings_name_each_wrong_key(tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / "monitoring/monitoring.yaml").read_text())
    document["thresholds"]["profile"] = "loud"
    document["overrides"] = {"price": {"treshold": 0.1}}
    del document["schedule"]["lag_minutes"]
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(UserError) as error:
        read_settings(tmp_path / "m.yaml")
    for key in ("thresholds.profile", "overrides.price.treshold", "schedule.lag_minutes"):
        assert key in str(error.value)
