"""`make run`: run the pipeline, mirror it into MLflow, and say on which data and what came out."""

import subprocess
import sys

from categoriser import paths
from categoriser.data.data_in_use import data_in_use
from categoriser.diagnostics import findings
from categoriser.diagnostics.page import redraw
from categoriser.errors import UserError
from categoriser.evaluation.headline import read_headline
from categoriser.evaluation.verdict import read_verdict
from categoriser.io.digests import digest
from categoriser.io.dvc_lock import read_lock
from categoriser.params import read_params
from categoriser.tracking.naming import in_words
from categoriser.tracking.training_follower import following_training

OUTCOMES = {
    "failed": "A gate failed",
    "insufficient": "No gate failed, but there is too little evidence",
    "passed": "No gate failed",
}


def reproduce() -> int:
    """Run DVC, then `track`, and return the first's status that is not 0.

    Raises `UserError` for files that DVC would not read.
    """
    params = read_params()
    read_lock()
    say(data_in_use(params))
    if named := in_words(params.experiment):
        say(named)
    with following_training():
        statuses = [call("dvc", "repro")]
    redraw(params.about.project)
    statuses.append(call("categoriser", "track"))
    say(summary())
    say(diagnosis())
    return next(filter(None, statuses), 0)


def call(module: str, *arguments: str) -> int:
    """Run a Python command, which says itself what fails; return its status."""
    return subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # before what the next command says


def diagnosis() -> str:
    """Say briefly what the rules say of the training, and where the curves are."""
    try:
        found = findings.read_diagnostics(paths.DIAGNOSTICS)
    except UserError as error:
        return f"No diagnostics: {error}"
    return f"Training: {findings.in_words(found.findings)}. Curves: {paths.DIAGNOSTICS_PAGE}"


def summary() -> str:
    """Say how good the model in `model/` is, in each held-out part, and where the report is.

    Where the verdict is of another model, because a stage failed, only that is said.
    """
    try:
        verdict = read_verdict(paths.VERDICT)
        figures = read_headline(paths.METRICS)
    except UserError as error:
        return f"No report: {error}"
    if not paths.MODEL.is_dir() or digest(paths.MODEL) != verdict.model:
        return f"No report on this model: {paths.REPORT} is about another"
    parts = (f"{part} {100 * one.accuracy:.1f} %" for part, one in figures.items())
    outcome = OUTCOMES[verdict.outcome]
    if verdict.decision:
        outcome += f", accepted by {verdict.decision.who}"
    return f"Accuracy: {', '.join(parts) or 'no held-out rows'}. {outcome}. Report: {paths.REPORT}"
