"""The pipeline, beside fastText, Polars and DVC by themselves."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import fasttext
import polars as pl
import yaml
from rich.console import Console
from rich.table import Table

from bench.compare.bare_fasttext import KNOBS, BareFastText, figures_by_part, write_lines
from bench.compare.timing import seconds, seconds_of_both
from bench.compare.unseen_merchants import fresh_salt, unseen_merchants_table, with_interval
from bench.many_rules import RULES, with_many_rules
from categoriser import paths
from categoriser.contract import FIELDS, transactions
from categoriser.data import prepare
from categoriser.errors import UserError
from categoriser.evaluation.evaluation_file import read_evaluation
from categoriser.model.choice import read_choice
from categoriser.model.classifier import classifier_of
from categoriser.model.package import Categoriser
from categoriser.model.prepared_rows import training_rows
from categoriser.model.training_rows import TrainingRows
from categoriser.params import read_params, set_params

ROOT = Path(__file__).resolve().parents[2]
BATCH_ROWS = 100_000  # of a batch to predict
# The longest that a training of so many rows may take.
MOST_TRAINING_SECONDS = 60
TRAINING_ROWS = 100_000
# Gates that let everything pass.
OPEN = {
    "min_gain_over_majority": None,
    "max_loss_to_reference": 1.0,
    "widest_loss": 1.0,
    "max_slice_gap": 1.0,
    "min_cases_held": None,
    "min_accuracy": None,
    "min_macro_f1": None,
}


def copy_project(folder: Path, file: Path | None) -> None:
    """Copy what the pipeline needs, with no champion and no cache, into a repository of its own."""
    leave = shutil.ignore_patterns(
        "cache", "tmp", "model", "model.dvc", "*.egg-info", "__pycache__"
    )
    for name in (
        ".dvc",
        paths.BEHAVIOUR.name,
        paths.CHAMPION.name,
        paths.MONITORING.parent.name,
        paths.RULES.parent.name,
    ):
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    # `model` is a package of the sources too.
    leave = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=leave)
    for name in ("dvc.yaml", "params.yaml", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    for facts in (paths.CHAMPION_FACTS, paths.CHAMPION_PROFILE, paths.DECISION):
        (folder / facts).write_text("null\n", encoding="utf-8")
    # No verdict stops the run: a stage that failed would run again.
    set_params(folder / paths.PARAMS, {f"gate.{name}": value for name, value in OPEN.items()})
    # The knobs were not chosen by the parts that this salt holds out.
    set_params(folder / paths.PARAMS, {"prepare.salt": fresh_salt()})
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


def train_seconds(rows: TrainingRows, scratch: Path) -> tuple[float, float]:
    """Return seconds of the chosen candidate's fit, and of `fasttext.train_supervised`."""
    train = read_params().train
    chosen = read_choice(paths.CHOICE).chosen
    file = scratch / "lines.txt"
    write_lines(file, rows)
    return seconds_of_both(
        lambda: classifier_of(chosen).fit(rows, train.knobs_of(chosen)),
        lambda: fasttext.train_supervised(str(file), loss="softmax", verbose=0, **KNOBS),
    )


def predict_seconds(train: TrainingRows, rows: pl.DataFrame) -> tuple[float, float]:
    """Return seconds for transactions to probabilities, and for lines by fastText alone."""
    categoriser = Categoriser.load(paths.MODEL)
    bare = BareFastText.fit(train, KNOBS)
    asked = transactions(rows.select(FIELDS).iter_rows())
    lines = rows["features"].to_list()
    return seconds_of_both(
        lambda: categoriser.predict_proba(asked), lambda: bare.predict_texts(lines)
    )


def seconds_with_rules(rows: pl.DataFrame) -> tuple[float, float]:
    """Return seconds for transactions to answers, with many rules and without."""
    categoriser = Categoriser.load(paths.MODEL)
    ruled = with_many_rules(categoriser, rows["text"].to_list())
    asked = transactions(rows.select(FIELDS).iter_rows())
    return seconds_of_both(lambda: ruled.predict(asked), lambda: categoriser.predict(asked))


def prepare_seconds(scratch: Path) -> tuple[float, float]:
    """Return the stage's seconds, and those of reading and writing its rows."""
    copy = scratch / "copy.parquet"
    return seconds_of_both(
        prepare.main, lambda: pl.read_parquet(paths.VALIDATED).write_parquet(copy)
    )


def accuracy_table() -> Table:
    """Each held-out part's figures, and by how much the model leads, with intervals."""
    salt = read_params().prepare.salt
    title = f"held-out rows (salt {salt}): model, scikit-learn reference, model's lead, fastText"
    table = Table(title=title)
    for name in ("part", "rows", "figure", "model", "reference", "lead", "fastText alone"):
        table.add_column(name, justify="left" if name in ("part", "figure") else "right")

    measured = read_evaluation(paths.EVALUATION).parts
    parts = {part: found for part, found in measured.items() if found.rows}
    peers = figures_by_part(paths.PREPARED, [*parts])
    for part, found in parts.items():
        peer = dict(zip(("accuracy", "log_loss", "calibration_error"), peers[part], strict=True))
        model = found.models["model"]
        reference = found.models["reference"]
        lead = found.lead["reference"]
        rows = str(found.rows)
        accuracies = (model.accuracy, reference.accuracy, lead.accuracy)
        intervals = [with_interval(one) for one in accuracies]
        table.add_row(part, rows, "accuracy", *intervals, peer["accuracy"])
        macro_f1s = (model.macro_f1, reference.macro_f1, lead.macro_f1)
        table.add_row(part, rows, "macro_f1", *[with_interval(one) for one in macro_f1s])
        for name in ("log_loss", "calibration_error"):
            own, other = (getattr(one, name) for one in (model, reference))
            figures = (f"{own:.4f}", f"{other:.4f}", f"{other - own:+.4f}", peer[name])
            table.add_row(part, rows, name, *figures)
    return table


def compare_pipeline(scratch: Path, file: Path | None, console: Console) -> None:
    """Run the pipeline in a copy, and print its figures beside the bare libraries'."""
    project = scratch / "project"
    peer = scratch / "peer"
    project.mkdir()
    copy_project(project, file)
    bare_dvc(peer)
    whole = seconds(lambda: python(project, "dvc", "repro"))
    # Of the largest process: kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    gigabytes = peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9
    rest, bare_rest = seconds_of_both(
        lambda: python(project, "dvc", "repro"), lambda: python(peer, "dvc", "repro")
    )

    table = Table("", "measured", "target", "bare library", "ratio", title="against bare libraries")
    with contextlib.chdir(project):
        validated = pl.scan_parquet(paths.VALIDATED).select(pl.len()).collect().item()
        train = pl.read_parquet(paths.PREPARED / "train.parquet")
        rows = training_rows(train)
        ours, bare = train_seconds(rows, scratch)
        most = MOST_TRAINING_SECONDS * len(train) / TRAINING_ROWS
        figures = (f"{ours:.2f} s", f"to {most:.0f} s", f"{bare:.2f} s")
        table.add_row(f"train, {len(train):,} rows", *figures, f"{ours / bare:.2f}")

        copies = math.ceil(BATCH_ROWS / len(train))
        batch = pl.concat([train] * copies).head(BATCH_ROWS)
        ours, bare = (BATCH_ROWS / time for time in predict_seconds(rows, batch))
        figures = (f"{ours:,.0f} rows/s", "from 100,000", f"{bare:,.0f} rows/s")
        table.add_row("predict a batch", *figures, f"{ours / bare:.2f}")

        ours, bare = (BATCH_ROWS / time for time in seconds_with_rules(batch))
        figures = (f"{ours:,.0f} rows/s", "ratio from 0.9", f"{bare:,.0f} rows/s")
        table.add_row(
            f"answer with {RULES:,} rules (bare: without)", *figures, f"{ours / bare:.2f}"
        )

        ours, bare = (validated / time for time in prepare_seconds(scratch))
        figures = (f"{ours:,.0f} rows/s", "from 200,000", f"{bare:,.0f} rows/s")
        table.add_row("prepare (bare: read, write)", *figures, f"{ours / bare:.2f}")

        figures = (f"{rest:.2f} s", "ratio to 1.5", f"{bare_rest:.2f} s")
        table.add_row("dvc repro, nothing to do", *figures, f"{rest / bare_rest:.2f}")
        table.add_row("the pipeline from nothing", f"{whole:.1f} s", "to 60 s")
        table.add_row("its largest process", f"{gigabytes:.2f} GB", "to 1.5 GB")
        console.print(table, accuracy_table(), unseen_merchants_table())
