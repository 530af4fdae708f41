"""`make bench [FILE=my.csv]`: the project against the bare libraries, Evidently and Spark.

Read the ratios: seconds depend on the machine and on what else it does. Nothing passes or fails.
The pipeline runs in a copy, where FILE (.csv or .csv.gz) takes the place of the generated data; the
monitor's part asks the project's own model and baseline.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import fasttext
import numpy as np
import polars as pl
import yaml
from rich.console import Console
from rich.table import Table

from categoriser import paths
from categoriser.command import run_command
from categoriser.contract import CSV, FIELDS, transactions
from categoriser.data import prepare
from categoriser.data.generate import generate
from categoriser.errors import UserError
from categoriser.evaluation.evaluation_file import Interval, read_evaluation
from categoriser.model.classifier import FILE, LABEL, Classifier
from categoriser.model.package import CLASSIFIER, Categoriser
from categoriser.params import read_params, set_params
from categoriser.serving.capture import record
from categoriser.serving.protocol import render

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
BATCH = 100_000  # rows of a batch to predict
# Gates that let everything pass.
OPEN = {
    "min_gain_over_majority": 0.0,
    "max_loss_to_reference": 1.0,
    "max_slice_gap": 1.0,
    "min_accuracy": None,
    "min_macro_f1": None,
}

EVIDENTLY = ROOT / ".tools/evidently/bin/python"
PROGRAM_ROUNDS = 3
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
from categoriser.monitor.formats.statistics import dump_statistics
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.summaries.summary import summarise_dataset
""",
    measured="dump_statistics(statistics_of(summarise_dataset(sys.argv[1], 'parquet')))",
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


# The pipeline.


def copy_project(folder: Path, file: Path | None) -> None:
    """Copy what the pipeline needs, with no champion and no cache, into a repository of its own."""
    leave = shutil.ignore_patterns(
        "cache", "tmp", "model", "model.dvc", "*.egg-info", "__pycache__"
    )
    for name in (".dvc", paths.CHAMPION.name, paths.MONITORING.parent.name):
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    # `model` is a package of the sources too.
    leave = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=leave)
    for name in ("dvc.yaml", "params.yaml", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    for facts in (paths.CHAMPION_FACTS, paths.CHAMPION_PROFILE):
        (folder / facts).write_text("null\n", encoding="utf-8")
    # No verdict stops the run: a stage that failed would run again.
    set_params(folder / paths.PARAMS, {f"gate.{name}": value for name, value in OPEN.items()})
    (folder / "data").mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    if file:
        python(folder, "categoriser", "data", str(file))
    elif read_params(folder / paths.PARAMS).data.path != paths.GENERATED:
        shutil.copy(ROOT / paths.OWN, folder / paths.OWN)


def bare_dvc(folder: Path) -> None:
    """Make a project with as many stages as `dvc.yaml` has, a chain that copies a line."""
    count = len(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    python(folder, "dvc", "init", "--quiet")
    (folder / "0").write_text("text\n", encoding="utf-8")
    stages = {
        f"stage{n}": {"cmd": f"cp {n} {n + 1}", "deps": [f"{n}"], "outs": [f"{n + 1}"]}
        for n in range(count)
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    python(folder, "dvc", "repro", "--quiet")


def python(folder: Path, *arguments: str) -> None:
    """Run `python -m` in a folder, with its sources. Raises `UserError` with what a fault said."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def compare(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Return the median seconds of both, run in turns: what slows one slows the other."""
    times = [(seconds(ours), seconds(bare)) for _ in range(ROUNDS)]
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times)


def train_seconds(lines: list[str], labels: list[str], scratch: Path) -> tuple[float, float]:
    """Return `Classifier.fit`'s seconds and those of `fasttext.train_supervised`."""
    settings = read_params().train.classifier
    known = ("dim", "epoch", "lr", "word_ngrams", "minn", "maxn", "min_count", "bucket", "thread")
    knobs = {name: settings[name] for name in known if name in settings}
    file = scratch / "lines.txt"
    marked = (f"{LABEL}{label} {line}\n" for label, line in zip(labels, lines, strict=True))
    file.write_text("".join(marked), encoding="utf-8")
    return compare(
        lambda: Classifier.fit(lines, labels, settings | {"quantise": False}),
        lambda: fasttext.train_supervised(str(file), loss="softmax", verbose=0, **knobs),
    )


def predict_seconds(rows: pl.DataFrame) -> tuple[float, float]:
    """Return seconds for transactions to probabilities, and for lines by fastText alone."""
    categoriser = Categoriser.load(paths.MODEL)
    bare = fasttext.load_model(str(paths.MODEL / CLASSIFIER / FILE))
    asked, lines = transactions(rows.select(FIELDS).iter_rows()), rows["features"].to_list()
    return compare(lambda: categoriser.predict_proba(asked), lambda: bare.predict(lines, k=-1))


def prepare_seconds(scratch: Path) -> tuple[float, float]:
    """Return the stage's seconds, and those of reading and writing its rows."""
    copy = scratch / "copy.parquet"
    return compare(prepare.main, lambda: pl.read_parquet(paths.VALIDATED).write_parquet(copy))


def accuracy_table() -> Table:
    """Each held-out part's figures, and by how much the model leads, with intervals."""
    table = Table(title="held-out rows: model, scikit-learn reference, model's lead")
    for name in ("part", "rows", "figure", "model", "reference", "lead"):
        table.add_column(name, justify="left" if name in ("part", "figure") else "right")

    for part, found in read_evaluation(paths.EVALUATION).parts.items():
        if not found.rows:
            continue
        model = found.models["model"]
        reference = found.models["reference"]
        lead = found.lead["reference"]
        rows = str(found.rows)
        accuracies = (model.accuracy, reference.accuracy, lead.accuracy)
        table.add_row(part, rows, "accuracy", *[with_interval(one) for one in accuracies])
        macro_f1s = (model.macro_f1, reference.macro_f1, lead.macro_f1)
        table.add_row(part, rows, "macro_f1", *[with_interval(one) for one in macro_f1s])
    return table


def with_interval(figure: Interval) -> str:
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"


def bench(scratch: Path, file: Path | None, console: Console) -> None:
    project, peer = scratch / "project", scratch / "peer"
    project.mkdir()
    copy_project(project, file)
    bare_dvc(peer)
    whole = seconds(lambda: python(project, "dvc", "repro"))
    # Of the largest process: kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    gigabytes = peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9
    rest, bare_rest = compare(
        lambda: python(project, "dvc", "repro"), lambda: python(peer, "dvc", "repro")
    )

    table = Table("", "measured", "target", "bare library", "ratio", title="against bare libraries")
    with contextlib.chdir(project):
        validated = pl.scan_parquet(paths.VALIDATED).select(pl.len()).collect().item()
        train = pl.read_parquet(paths.PREPARED / "train.parquet")
        lines, labels = train["features"].to_list(), train["category"].to_list()
        ours, bare = train_seconds(lines, labels, scratch)
        row = f"train, {len(lines):,} rows"
        table.add_row(row, f"{ours:.2f} s", "ratio to 1.2", f"{bare:.2f} s", f"{ours / bare:.2f}")

        batch = pl.concat([train] * -(-BATCH // len(train))).head(BATCH)
        ours, bare = (BATCH / time for time in predict_seconds(batch))
        figures = (f"{ours:,.0f} rows/s", "from 100,000", f"{bare:,.0f} rows/s")
        table.add_row("predict a batch", *figures, f"{ours / bare:.2f}")

        ours, bare = (validated / time for time in prepare_seconds(scratch))
        figures = (f"{ours:,.0f} rows/s", "from 200,000", f"{bare:,.0f} rows/s")
        table.add_row("prepare (bare: read, write)", *figures, f"{ours / bare:.2f}")

        figures = (f"{rest:.2f} s", "ratio to 1.5", f"{bare_rest:.2f} s")
        table.add_row("dvc repro, nothing to do", *figures, f"{rest / bare_rest:.2f}")
        table.add_row("the pipeline from nothing", f"{whole:.1f} s", "to 60 s")
        table.add_row("its largest process", f"{gigabytes:.2f} GB", "to 1.5 GB")
        console.print(table, accuracy_table())


# The monitor.


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
    write(file, rows)
    times = [
        (program_seconds(sys.executable, OURS, file), program_seconds(python, program, file))
        for _ in range(PROGRAM_ROUNDS)
    ]
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times)


def statistics_table(scratch: Path) -> Table:
    """Our statistics of a file, beside Evidently's summary and Spark's functions."""
    table = Table("", "ours", "theirs", "times as fast", "target", title="statistics, 14 columns")
    for name, rows, python, program, target in (
        ("Evidently", ROWS, str(EVIDENTLY), EVIDENTLYS, "from 10"),
        ("local PySpark", MANY, sys.executable, SPARKS, "from 1"),
    ):
        ours, theirs = compare_programs(rows, python, program, scratch)
        figures = (f"{ours:.2f} s", f"{theirs:.2f} s", f"{theirs / ours:.1f}")
        table.add_row(f"{name}, {rows:,} rows", *figures, target)
    return table


def write_captures(folder: Path) -> list[Path]:
    """Write `ROWS` calls of one row each, answered by the pipeline's model, into files."""
    categoriser = Categoriser.load(paths.MODEL)
    rows = generate(read_params().generate.model_copy(update={"rows": ROWS, "seed": 99}))[0]
    files = []
    for number, part in enumerate(rows.iter_slices(ROWS // FILES)):
        asked = transactions(part.select(FIELDS).iter_rows())
        lines = [
            record(
                f'"{one.text}",{one.price}\n'.encode(),
                render([answer], CSV, single=False),
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
    file = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        bench(Path(scratch), file, console)
    with tempfile.TemporaryDirectory() as scratch:
        console.print(check_table(Path(scratch)))
        console.print(statistics_table(Path(scratch)))


if __name__ == "__main__":
    run_command(main)
