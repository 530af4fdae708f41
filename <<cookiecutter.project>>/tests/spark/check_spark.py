"""Spark's summary is the laptop's: `make test-spark`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import boto3
import numpy as np
import polars as pl
import pytest
import yaml
from monitor_helpers.made_labels import FACTS
from moto import mock_aws
from msgspec import structs
from pyspark.sql import SparkSession

from categoriser.command import run_command
from categoriser.monitor import spark
from categoriser.monitor.formats.baseline_facts import write_baseline_facts
from categoriser.monitor.formats.event_files import find_files
from categoriser.monitor.formats.feature_statistics import FeatureStatistics, Statistics
from categoriser.monitor.formats.sketch import SKETCH_SIZE, Sketch
from categoriser.monitor.formats.statistics_file import dump_statistics, load_statistics
from categoriser.monitor.summaries.summary import Summary, summarise, summarise_dataset
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.capture_summary import summarise_captures
from categoriser.monitor.watching.watched_captures import Watching
from categoriser.monitor.watching.watched_features import SeenInTraining
from categoriser.paths import MONITORING
from categoriser.serving.capture import capture_line

CLASSES = ["fees", "groceries", "transport"]
FILES = 12
RECORDS = 40
ROWS = 25
# Of DataSketches' KLL at k = 2048, for one rank of one sketch: 99 % of them are nearer.
KLL_BOUND = 0.0013
HLL_BOUND = 3 * 1.04 / 2**7


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 500).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    texts = [f"aldi {n % 90} sydney au" for n in range(500)]
    rows = {"text": texts, "key": ["aldi"] * 500, "country": ["au"] * 500}
    SeenInTraining.learn(pl.DataFrame(rows)).save(folder)
    write_baseline_facts(folder, structs.replace(FACTS, classes=CLASSES))
    return folder


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write files of records of rows, one of them cut off in the middle of a line."""
    folder = tmp_path_factory.mktemp("captures")
    random = np.random.default_rng(7)
    time = datetime(2026, 11, 22, tzinfo=UTC)
    for file in range(FILES):
        lines = []
        for number in range(RECORDS):
            prices = random.lognormal(3, 1, ROWS).round(2)
            texts = [f"{random.choice(['Aldi', 'shell'])} {n} Sydney AU" for n in range(ROWS)]
            asked = "".join(f"{t},{p}\n" for t, p in zip(texts, prices, strict=True))
            shares = random.dirichlet([1, 1, 1], ROWS).round(6)
            answered = "".join(
                f"__label__{CLASSES[int(np.argmax(row))]},{','.join(map(str, row))}\n"
                for row in shares
            )
            event = f"event {file} {number}"
            line = capture_line(
                asked.encode(), answered.encode(), "text/csv", event_id=event, time=time
            )
            lines.append(line)
        text = b"".join(lines)
        (folder / f"{file}.jsonl").write_bytes(text[:-200] if file == 3 else text)
    return folder


def quantile_distance(one: Sketch, other: Sketch) -> float:
    """Return the largest difference of two sketches' cumulative distributions."""
    values = np.unique(np.concatenate([one.weighted()[0], other.weighted()[0]]))

    def ranks(sketch: Sketch) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        items, weights = sketch.weighted()
        sums = np.append(0.0, np.cumsum(weights))
        return sums[np.searchsorted(items, values, side="right")] / sketch.size

    return float(np.abs(ranks(one) - ranks(other)).max())


def assert_alike(spark_found: Summary, found: Summary) -> None:
    ours: Statistics = statistics_of(found)
    theirs: Statistics = statistics_of(spark_found)
    assert theirs.item_count == ours.item_count
    assert theirs.features.keys() == ours.features.keys()
    for name, one in ours.features.items():
        other: FeatureStatistics = theirs.features[name]
        for exact in ("inferred_type", "present", "missing", "min", "max", "categories", "types"):
            assert getattr(other, exact) == getattr(one, exact), (name, exact)
        assert other.distinct == pytest.approx(one.distinct, rel=HLL_BOUND)
        for moment in ("mean", "sum", "std_dev"):
            value = getattr(one, moment)
            close = None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)
            assert getattr(other, moment) == close, (name, moment)
        if one.sketch and other.sketch:
            assert quantile_distance(one.sketch, other.sketch) <= 2 * KLL_BOUND, name


def test_a_dataframe_has_the_summary_of_its_rows(session: SparkSession, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "price": random.lognormal(3, 1, 60_000),
            "holed": [None if n % 7 else n / 3 for n in range(60_000)],
            "count": random.integers(-5, 200, 60_000),
            "country": random.choice(["au", "nz"], 60_000),
            "text": [f"shop {n}" for n in range(60_000)],
            "nothing": pl.Series([None] * 60_000, dtype=pl.String),
        }
    )
    file = tmp_path / "rows.parquet"
    frame.write_parquet(file)
    found = spark.summarise_dataframe(session.read.parquet(str(file)).repartition(7))
    assert_alike(found, summarise_dataset(str(file), "parquet"))
    assert frame.height // 7 > SKETCH_SIZE  # each partition's sketch is no longer exact


def test_a_dataframe_without_rows_has_an_empty_summary(session: SparkSession) -> None:
    empty = session.createDataFrame([], "price double")
    assert spark.summarise_dataframe(empty).rows == summarise([]).rows == 0


def test_captures_have_the_same_summary_by_both_drivers(
    session: SparkSession, captures: Path, baseline: Path
) -> None:
    files = find_files(str(captures))
    watching = Watching(baseline)
    found, problems = spark.summarise_captures_on_spark(files, watching)
    alone, same_problems = summarise_captures(files, watching)
    assert found.rows == (FILES * RECORDS - 1) * ROWS
    assert_alike(found, alone)
    assert problems.counts == same_problems.counts
    assert sum(problems.counts.values()) == 1


def test_a_copied_file_counts_once_whichever_worker_has_the_copy(
    session: SparkSession, captures: Path, baseline: Path
) -> None:
    files = find_files(str(captures))
    watching = Watching(baseline)
    alone, _ = summarise_captures(files, watching)
    found, problems = spark.summarise_captures_on_spark([files[0], *files, files[1]], watching)
    assert found.rows == alone.rows
    assert problems.seen["repeated"] == 2 * RECORDS
    assert_alike(found, alone)


def test_the_job_writes_statistics(
    session: SparkSession,
    captures: Path,
    baseline: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["spark", str(captures), str(baseline), str(tmp_path)])
    run_command(spark.main)
    found = load_statistics(json.loads((tmp_path / "statistics.json").read_text()))
    assert found.item_count == (FILES * RECORDS - 1) * ROWS
    assert found.features["price"].completeness == 1.0


def test_the_job_honours_the_window_and_the_projects_settings(
    session: SparkSession,
    captures: Path,
    baseline: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = tmp_path / "script.py"
    script.write_text("def preprocess_handler(inference_record):\n    return {'own': 7}\n")
    file = tmp_path / MONITORING
    document = yaml.safe_load(MONITORING.read_text())
    document["features"] |= {"preprocessor": str(script), "leave_out": ["refund"]}
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(document))
    monkeypatch.chdir(tmp_path)
    for window, rows in (
        ("--start=2026-11-22", (FILES * RECORDS - 1) * ROWS),
        ("--end=2026-11-22", 0),
    ):
        monkeypatch.setattr(sys, "argv", ["spark", str(captures), str(baseline), "out", window])
        run_command(spark.main)
        found = load_statistics(json.loads((tmp_path / "out/statistics.json").read_text()))
        assert found.item_count == rows
        assert ("own" in found.features, "refund" in found.features) == (rows > 0, False)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_job_summarises_a_data_set(
    session: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Literal["csv", "parquet"],
) -> None:
    frame = pl.DataFrame({"price": [1.5, None, 3.0] * 99, "country": ["au", "nz", None] * 99})
    file = tmp_path / f"rows.{form}"
    frame.write_csv(file) if form == "csv" else frame.write_parquet(file)
    arguments = [str(file), "none", str(tmp_path), "--format", form]
    monkeypatch.setattr(sys, "argv", ["spark", *arguments])
    run_command(spark.main)
    found = json.loads((tmp_path / "statistics.json").read_text())
    expected = statistics_of(summarise_dataset(str(file), form))
    assert load_statistics(found) == load_statistics(dump_statistics(expected))


def test_the_job_writes_statistics_to_s3(
    session: SparkSession, captures: Path, baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    arguments = [str(captures), str(baseline), "s3://reports/a/week/"]
    monkeypatch.setattr(sys, "argv", ["spark", *arguments])
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="reports")
        run_command(spark.main)
        body = s3.get_object(Bucket="reports", Key="a/week/statistics.json")["Body"]
        found = load_statistics(json.loads(body.read()))
    assert found.item_count == (FILES * RECORDS - 1) * ROWS
