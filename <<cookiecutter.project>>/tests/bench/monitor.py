"""`make bench`, the monitor's part: its statistics against Evidently's and Spark's, in one run.

Read the ratios: seconds depend on the machine and on what else it does. Nothing passes or fails.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from categoriser import paths
from categoriser.data.generate import generate
from categoriser.errors import UserError, run
from categoriser.model.package import Categoriser
from categoriser.monitor.formats.capture import record
from categoriser.params import read_params
from categoriser.serving.protocol import CSV, render

EVIDENTLY = Path(__file__).resolve().parents[2] / ".tools/evidently/bin/python"
ROUNDS = 3
ROWS, MANY = 100_000, 1_000_000
FILES = 4
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
OURS = PROGRAM.format(
    prepare="""
from categoriser.monitor.formats.statistics import dump, of_summary
from categoriser.monitor.summary import summarise_dataset
""",
    measured="dump(of_summary(summarise_dataset(sys.argv[1], 'parquet')))",
)
EVIDENTLYS = PROGRAM.format(
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
SPARKS = PROGRAM.format(
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
from categoriser.monitor.check import check
from categoriser.monitor.job import Job
from categoriser.monitor.settings import read_settings
if __name__ == "__main__":
    begin = time.perf_counter()
    job = Job(sys.argv[1], Path(sys.argv[2]), baseline=str(paths.BASELINE))
    check(job, read_settings())
    taken = time.perf_counter() - begin
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, others = (resource.getrusage(which).ru_maxrss for which in who)
    unit = 1 if sys.platform == "darwin" else 1024
    print(taken, (own + os.cpu_count() * others) * unit)
"""


def write(file: Path, rows: int) -> None:
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


def seconds(python: str, program: str, file: Path) -> float:
    """Run a program by a Python. Raises `UserError` with what a fault said."""
    command = [python, "-c", program, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"a summary failed: {done.stderr}")
    return float(done.stdout.split()[-1])


def compare(rows: int, python: str, program: str, scratch: Path) -> tuple[float, float]:
    """Return the median seconds of our statistics and of another's, run in turns."""
    file = scratch / f"{rows}.parquet"
    write(file, rows)
    times = [
        (seconds(sys.executable, OURS, file), seconds(python, program, file)) for _ in range(ROUNDS)
    ]
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times)


def statistics_table(scratch: Path) -> Table:
    """Our statistics of a file, beside Evidently's summary and Spark's functions."""
    table = Table("", "ours", "theirs", "times as fast", "target", title="statistics, 14 columns")
    for name, rows, python, program, target in (
        ("Evidently", ROWS, str(EVIDENTLY), EVIDENTLYS, "from 10"),
        ("local PySpark", MANY, sys.executable, SPARKS, "from 1"),
    ):
        ours, theirs = compare(rows, python, program, scratch)
        figures = (f"{ours:.2f} s", f"{theirs:.2f} s", f"{theirs / ours:.1f}")
        table.add_row(f"{name}, {rows:,} rows", *figures, target)
    return table


def write_captures(folder: Path) -> list[Path]:
    """Write `ROWS` calls of one row each, answered by the pipeline's model, into files."""
    categoriser = Categoriser.load(paths.MODEL)
    rows = generate(read_params().generate.model_copy(update={"rows": ROWS, "seed": 99}))[0]
    files = []
    for number, part in enumerate(rows.iter_slices(ROWS // FILES)):
        texts, prices = part["text"].to_list(), part["price"].to_list()
        lines = [
            record(
                f'"{text}",{price}\n'.encode(),
                render([answer], CSV, single=False),
                CSV,
                event_id=f"{number}-{row}",
                time=NOON,
            )
            for row, (text, price, answer) in enumerate(
                zip(texts, prices, categoriser.predict(texts, prices), strict=True)
            )
        ]
        files.append(folder / f"{number}.jsonl")
        files[-1].write_bytes(b"".join(lines))
    return files


def check_table(scratch: Path) -> Table:
    """Time a check, from files to report, of three sizes: the same files under more names."""
    table = Table("captured rows", "seconds", "sum of peaks", "target", title="monitor: a check")
    files = write_captures(scratch)
    for rows in (ROWS, MANY, 10 * MANY):
        folder = scratch / f"{rows}"
        folder.mkdir()
        for copy in range(rows // ROWS):
            for file in files:
                (folder / f"{copy}-{file.name}").hardlink_to(file)
        command = [sys.executable, "-c", CHECK, str(folder), str(scratch / "report")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"a check failed: {done.stderr}")
        taken, memory = map(float, done.stdout.split()[-2:])
        target = "under 30 s and 1 GB on two cores" if rows == MANY else ""
        table.add_row(f"{rows:,}", f"{taken:.1f} s", f"{memory / 1e9:.2f} GB", target)
    return table


def main() -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        console.print(check_table(Path(scratch)))
        console.print(statistics_table(Path(scratch)))


if __name__ == "__main__":
    run(main)
