"""The same summary by Spark, for data that outgrows a machine; `make test-spark` tries it.

`python -m categoriser.monitor.spark SOURCE BASELINE OUTPUT` is what a job on EMR Serverless, Glue
or SageMaker's Spark runs, in a folder with `monitoring/`. `--archives` brings the workers an
environment (by `venv-pack`, with the packages of requirements/spark.txt and this one) and the
folder that `dvc repro baseline` writes.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from rich.console import Console

from categoriser.command import run_command
from categoriser.io.s3_uri import S3Uri, is_s3
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.statistics_file import (
    STATISTICS_FILE,
    dump_statistics,
    write_statistics,
)
from categoriser.monitor.monitor_settings import read_monitor_settings
from categoriser.monitor.summaries.summary import Summary, summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.capture_shares import CaptureShare, summarise_shares
from categoriser.monitor.watching.watched_captures import Watching
from categoriser.plural import plural

COLUMN = "summary"
SCHEMA = f"{COLUMN} binary"
GROUPS = 8  # summaries that reach the driver, however many partitions there are


def summarise_dataframe(dataframe: DataFrame) -> Summary:
    """Summarise each partition where it is, and merge the summaries on workers, then here."""
    parts = dataframe.mapInArrow(_summarise, SCHEMA).repartition(GROUPS)
    return _merged(bytes(row[COLUMN]) for row in parts.mapInArrow(_merge, SCHEMA).collect())


def _summarise(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield pa.record_batch({COLUMN: [summarise(batches).to_bytes()]})


def _merge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    merged = _merged(part.as_py() for batch in batches for part in batch[COLUMN])
    yield pa.record_batch({COLUMN: [merged.to_bytes()]})


def _merged(parts: Iterable[bytes]) -> Summary:
    summary = Summary()
    for part in parts:
        summary.merge(Summary.from_bytes(part))
    return summary


def summarise_captures_on_spark(
    files: Sequence[str], watching: Watching
) -> tuple[Summary, Problems]:
    """Summarise captures on the workers, in as many shares as there are cores.

    Eight bytes of each captured call come to the driver, which tells repeated calls by them.
    """
    context = SparkSession.builder.getOrCreate().sparkContext
    count = max(1, min(len(files), context.defaultParallelism))
    shares = [files[number::count] for number in range(count)]

    def run(tasks: Sequence[CaptureShare]) -> list[bytes]:
        # It is pickled: the same function as without Spark.
        summarised = context.parallelize(tasks, len(tasks)).map(watching.summarise)
        return list(summarised.collect())

    return summarise_shares(shares, run)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m categoriser.monitor.spark")
    parser.add_argument("source", metavar="SOURCE", help="a folder or s3://bucket/prefix")
    parser.add_argument("baseline", metavar="BASELINE", type=Path, help="a folder on each worker")
    parser.add_argument("output", metavar="OUTPUT", help="a folder or s3://bucket/prefix")
    parser.add_argument("--format", choices=("captures", "parquet", "csv"), default="captures")
    parser.add_argument("--start", type=datetime.fromisoformat, help="of captures, UTC")
    parser.add_argument("--end", type=datetime.fromisoformat)
    given = parser.parse_args()
    features = read_monitor_settings().features
    problems = Problems()
    if given.format == "captures":
        watching = Watching(
            given.baseline,
            given.start,
            given.end,
            features.preprocessor,
            tuple(features.leave_out),
        )
        files = event_files(given.source, given.start, given.end, problems)
        summary, found = summarise_captures_on_spark(files, watching)
        problems.merge(found)
        known = watching.statistics(summary, problems)
    else:
        reader = SparkSession.builder.getOrCreate().read.option("header", value=True)
        summary = summarise_dataframe(reader.format(given.format).load(given.source))
        known = statistics_of(summary)
    if is_s3(given.output):
        import boto3

        output = S3Uri.parse(given.output)
        key = f"{output.key.rstrip('/')}/{STATISTICS_FILE}".lstrip("/")
        body = json.dumps(dump_statistics(known), allow_nan=False).encode()
        boto3.client("s3").put_object(Bucket=output.bucket, Key=key, Body=body)
    else:
        write_statistics(Path(given.output) / STATISTICS_FILE, known)
    said = [plural(summary.rows, "row"), *problems.notes()]
    Console().print("; ".join(said), markup=False, highlight=False)


if __name__ == "__main__":
    run_command(main)
