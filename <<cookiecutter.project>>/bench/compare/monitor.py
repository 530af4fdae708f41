"""The monitor: its statistics beside Evidently's and Spark's, and how long a check takes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from rich.table import Table

from bench.compare.pipeline import ROOT
from bench.compare.timing import in_turns
from categoriser import paths
from categoriser.contract import CSV, FIELDS, transactions
from categoriser.data.generate import generate
from categoriser.errors import UserError
from categoriser.model.package import Categoriser
from categoriser.params import read_params
from categoriser.serving.capture import capture_line
from categoriser.serving.protocol import render_answers

EVIDENTLY = ROOT / ".tools/evidently/bin/python"
PROGRAM_TURNS = 3
FEW_ROWS = 100_000
MANY_ROWS = 1_000_000
CAPTURE_FILES = 4
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

# Each program takes a file and prints the seconds of its statistics, the better of two rounds; what
# a process does once, such as importing or starting a session, is not counted.
PROGRAM = """
import sys, time
{prepare}
def measure():
    begin = time.perf_counter()
    {measured}
    return time.perf_counter() - begin
print("seconds", min(measure(), measure()))
"""
OUR_PROGRAM = PROGRAM.format(
    prepare="""
from categoriser.monitor.formats.statistics_file import dump_statistics
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.summaries.summary import summarise_dataset
""",
    measured="dump_statistics(statistics_of(summarise_dataset(sys.argv[1], 'parquet')))",
)
EVIDENTLY_PROGRAM = PROGRAM.format(
    prepare="""
import pandas
from evidently import Dataset, Report
from evidently.presets import DataSummaryPreset
frame = pandas.read_parquet(sys.argv[1])
""",
    measured="Report([DataSummaryPreset()]).run(Dataset.from_pandas(frame)).dict()",
)
# The same by Spark's own functions: counts, moments, extremes, quantiles as near as a sketch's,
# distinct values, and the counts of values where there are few.
SPARK_PROGRAM = PROGRAM.format(
    prepare="""
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
session = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").getOrCreate()
def summarise():
    frame = session.read.parquet(sys.argv[1])
    wanted = []
    for name, kind in frame.dtypes:
        wanted += [f.count(name), f.approx_count_distinct(name)]
        if kind == "double":
            wanted += [f.avg(name), f.sum(name), f.stddev_pop(name), f.min(name), f.max(name)]
            wanted += [f.percentile_approx(name, [n / 10 for n in range(11)], 1000)]
    frame.agg(*wanted).collect()
    for name in ("category", "country"):
        frame.groupBy(name).count().collect()
""",
    measured="summarise()",
)

# Seconds of a whole check, and the sum of its processes' peaks in bytes: more than they held, since
# the libraries' pages are shared and count in each.
CHECK = """
import os, resource, sys, time
from pathlib import Path
from categoriser import paths
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.monitor_settings import read_monitor_settings
if __name__ == "__main__":
    begin = time.perf_counter()
    job = MonitorRequest(sys.argv[1], Path(sys.argv[2]), baseline=str(paths.BASELINE))
    check_window(job, read_monitor_settings())
    taken = time.perf_counter() - begin
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, others = (resource.getrusage(which).ru_maxrss for which in who)
    unit = 1 if sys.platform == "darwin" else 1024
    print(taken, (own + os.cpu_count() * others) * unit)
"""


def write_columns(file: Path, rows: int) -> None:
    """Write 14 columns as a monitor sees them: 11 numbers, a text, a class and a country."""
    random = np.random.default_rng(rows)
    columns = {
        f"number{n}": random.lognormal(3, 1, rows).round(2) if n % 2 else random.normal(size=rows)
        for n in range(11)
    }
    merchants = random.integers(5_000, size=rows)
    pl.DataFrame(columns).with_columns(
        text=pl.Series([f"merchant {m} p{n:x} sydney au" for n, m in enumerate(merchants)]),
        category=pl.Series([f"class {n}" for n in random.integers(12, size=rows)]),
        country=pl.Series(random.choice(["au", "nz", "us"], rows)),
    ).write_parquet(file)


def program_seconds(python: str, program: str, file: Path) -> float:
    """Run a program by a Python. Raises `UserError` with what a fault said."""
    command = [python, "-c", program, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"a summary failed: {done.stderr}")
    return float(done.stdout.split()[-1])


def compare_programs(rows: int, python: str, program: str, scratch: Path) -> tuple[float, float]:
    """Return the median seconds of our statistics and of another's, run in turns."""
    file = scratch / f"{rows}.parquet"
    write_columns(file, rows)
    return in_turns(
        lambda: program_seconds(sys.executable, OUR_PROGRAM, file),
        lambda: program_seconds(python, program, file),
        PROGRAM_TURNS,
    )


def statistics_table(scratch: Path) -> Table:
    """Our statistics of a file, beside Evidently's summary and Spark's functions."""
    table = Table("", "ours", "theirs", "times as fast", "target", title="statistics, 14 columns")
    for name, rows, python, program, target in (
        ("Evidently", FEW_ROWS, str(EVIDENTLY), EVIDENTLY_PROGRAM, "from 10"),
        ("local PySpark", MANY_ROWS, sys.executable, SPARK_PROGRAM, "from 1"),
    ):
        ours, theirs = compare_programs(rows, python, program, scratch)
        figures = (f"{ours:.2f} s", f"{theirs:.2f} s", f"{theirs / ours:.1f}")
        table.add_row(f"{name}, {rows:,} rows", *figures, target)
    return table


def write_captures(folder: Path) -> list[Path]:
    """Write `FEW_ROWS` calls of one row each, answered by the pipeline's model, into files."""
    categoriser = Categoriser.load(paths.MODEL)
    rows = generate(read_params().generate.model_copy(update={"rows": FEW_ROWS, "seed": 99}))[0]
    files = []
    for number, part in enumerate(rows.iter_slices(FEW_ROWS // CAPTURE_FILES)):
        asked = transactions(part.select(FIELDS).iter_rows())
        lines = [
            capture_line(
                f'"{one.text}",{one.price}\n'.encode(),
                render_answers([answer], CSV, single=False),
                CSV,
                event_id=f"{number}-{row}",
                time=NOON,
            )
            for row, (one, answer) in enumerate(zip(asked, categoriser.predict(asked), strict=True))
        ]
        files.append(folder / f"{number}.jsonl")
        files[-1].write_bytes(b"".join(lines))
    return files


def check_table(scratch: Path) -> Table:
    """Time a check, from files to report, of three sizes: the same files under more names."""
    table = Table("captured rows", "seconds", "sum of peaks", "target", title="monitor: a check")
    files = write_captures(scratch)
    for rows in (FEW_ROWS, MANY_ROWS, 10 * MANY_ROWS):
        folder = scratch / f"{rows}"
        folder.mkdir()
        for copy in range(rows // FEW_ROWS):
            for file in files:
                (folder / f"{copy}-{file.name}").hardlink_to(file)
        command = [sys.executable, "-c", CHECK, str(folder), str(scratch / "report")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"a check failed: {done.stderr}")
        taken, memory = map(float, done.stdout.split()[-2:])
        target = "under 30 s and 1 GB on two cores" if rows == MANY_ROWS else ""
        table.add_row(f"{rows:,}", f"{taken:.1f} s", f"{memory / 1e9:.2f} GB", target)
    return table
