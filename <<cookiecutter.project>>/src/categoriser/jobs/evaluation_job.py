"""`process evaluate`: the stages that judge a model, as a SageMaker Processing job runs them."""

import logging
import shutil
from pathlib import Path

import polars as pl
from msgspec import convert
from msgspec.structs import asdict

from categoriser import paths
from categoriser.contract import FIELDS, transactions
from categoriser.data.split import HELD_OUT_PARTS
from categoriser.diagnostics.findings import Diagnostics, in_words, read_diagnostics
from categoriser.errors import UserError
from categoriser.evaluation import evaluate, gate, measure
from categoriser.evaluation.champion import Champion, read_champion
from categoriser.evaluation.golden import GoldenCase, GoldenCases
from categoriser.evaluation.verdict import Verdict, why_stopped
from categoriser.io.archives import unpack
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.jobs.channel import ML, prepared
from categoriser.model.metadata import read_metadata
from categoriser.model.package import Categoriser
from categoriser.monitor import baseline

log = logging.getLogger(__name__)


def evaluate_release(ml: Path = ML) -> str:
    """Evaluate the model beside the champion, if there is one, and return the exit message.

    A model that the gate stops is not a failure, since a failed job's output is not kept:
    `gate.json` says it, and the message. The decision in champion/decision.json is heeded. Raises
    `UserError` for a model of other training rows.
    """
    given = ml / "processing/input"
    output = ml / "processing/output"
    with prepared(given / "data", {}):
        unpack(given / "model/model.tar.gz", paths.MODEL)
        # Training's findings and their page go beside the report, which links to them.
        unpack(given / "diagnostics/output.tar.gz", paths.DIAGNOSTICS.parent)
        found = read_diagnostics(paths.DIAGNOSTICS)
        trained_on = read_metadata(paths.MODEL).train_digest
        if trained_on != digest(paths.PREPARED / "train.parquet"):
            raise UserError(f"{given / 'model'} was trained on other rows than {given / 'data'}")
        write_json(paths.CHAMPION_FACTS, crowned(given / "champion/model.tar.gz"))
        measure.main()
        baseline.main()
        evaluate.main()
        verdict = gate.decide()
        write_json(output / "golden.json", golden_cases())
        for path in (*paths.REPORT.parent.glob("*.*"), paths.BASELINE):
            shutil.move(path, output / path.name)
    for finding in found.findings:
        log.info("%s: %s", finding.rule, finding.sentence)
    return exit_message(verdict, found)


def exit_message(verdict: Verdict, diagnostics: Diagnostics) -> str:
    """Return what the job says: first of all what stops the model, then training's findings."""
    said = verdict_message(verdict)
    found = diagnostics.findings
    return f"{said}; training has {in_words(found)}" if found else said


def verdict_message(verdict: Verdict) -> str:
    """Return what the job says of the verdict."""
    if not verdict.passed:
        return why_stopped(verdict)
    if verdict.decision:
        decision = verdict.decision
        return f"Completed: the model may go on; accepted by {decision.who}: {decision.why}"
    return "Completed: the model may go on"


def crowned(live: Path) -> Champion | None:
    """Unpack the live model as the champion, whatever Git's is, and return its facts.

    There is none where nothing is live, and where the live model's classes are others than the
    model's and Git says that this is meant: its champion was retired, or has the model's classes.
    """
    if not live.exists():
        return None
    unpack(live, paths.CHAMPION_MODEL)
    in_git = read_champion(paths.CHAMPION)
    new = set(read_metadata(paths.MODEL).classes)
    old = set(read_metadata(paths.CHAMPION_MODEL).classes)
    if new != old and (in_git is None or set(in_git.classes) == new):
        return None
    return Champion(digest(paths.CHAMPION_MODEL), metrics={})


def golden_cases() -> GoldenCases:
    """Return held-out rows, and the answers that any endpoint with this model gives to them.

    They are the two surest rows of each class that are answered rightly and need no review, by the
    model, and two more by rules: the endpoint must have both.
    """
    model = Categoriser.load(paths.MODEL)
    held = [paths.PREPARED / f"{part}.parquet" for part in HELD_OUT_PARTS]
    rows = pl.read_parquet(held, columns=[*FIELDS, "category"]).unique("text", keep="first")
    answered = model.predict(transactions(rows.select(FIELDS).iter_rows()))
    answers = pl.DataFrame([asdict(answer) for answer in answered])
    rows = rows.with_columns(answers.rename({"category": "answer"}).get_columns())
    right = rows.filter(pl.col("answer") == pl.col("category"), ~pl.col("review"))
    surest = right.sort("category", "source", -pl.col("probability"), "text")
    surest = surest.group_by("category", "source").head(2)
    cases = surest.sort("category", "source", maintain_order=True)
    cases = cases.drop("answer", "probability", "review", "source")
    return GoldenCases(tuple(model.classes), tuple(convert(cases.to_dicts(), list[GoldenCase])))
