"""Decisions to go on with too little evidence: who made one, why, and what it holds for.

Git keeps the last one in champion/decision.json, beside the champion that came of it. The gate
heeds it wherever it judges the same training: here, and on AWS, where the job's image holds it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from categoriser import paths
from categoriser.errors import UserError
from categoriser.evaluation.verdict import Decision, FigureVerdict, Training, Verdict
from categoriser.io.documents import read_json, to_document
from categoriser.io.git_commands import person
from categoriser.io.replacing import write_json

RESTORED_BY = "git restore champion/decision.json"
# A reason of fewer characters says nothing, as the 1 of `ACCEPT=1` does.
SHORTEST_REASON = 10


def read_decision(folder: Path) -> Decision | None:
    """Return the decision in a champion's folder; None without one. Raises `UserError`."""
    path = folder / paths.DECISION.name
    content = read_json(path, RESTORED_BY)
    if content is None:
        return None
    return to_document(content, Decision, str(path), RESTORED_BY)


def heeded(
    decision: Decision | None, training: Training, verdicts: Sequence[FigureVerdict]
) -> Decision | None:
    """Return the decision where it accepts all that the verdicts are insufficient in; else None.

    It does so for its own training alone, and for the figures that it names.
    """
    if decision is None or decision.training != training:
        return None
    accepted = {place(verdict) for verdict in decision.accepted}
    doubtful = {place(verdict) for verdict in verdicts if verdict.outcome == "insufficient"}
    return decision if doubtful and doubtful <= accepted else None


def place(verdict: FigureVerdict) -> tuple[str, str, str]:
    """Return what tells a verdict from the others of a model."""
    return verdict.gate, verdict.part, verdict.figure


def decide(verdict: Verdict, why: str) -> Decision:
    """Return the decision, by the person who works here, to accept what a verdict doubts.

    Raises `UserError` where a gate failed, where nothing is to be accepted, for a reason that says
    nothing, and where nobody knows who decides.
    """
    reason = " ".join(why.split())
    if verdict.outcome == "failed":
        raise UserError(
            f"a gate failed, and no decision goes on with that: {'; '.join(verdict.faults)}"
        )
    if verdict.outcome == "passed":
        raise UserError("every gate passed: there is nothing to accept; `make promote` goes on")
    if len(reason) < SHORTEST_REASON:
        raise UserError(
            f"{reason!r} is not a reason: say why the model goes on with too little evidence, in "
            f'{SHORTEST_REASON} characters or more, as in ACCEPT="first month, watched by hand"'
        )
    who = person()
    if not who:
        raise UserError(
            "nobody is named as who decides; `git config user.name 'Ann Lee'` says who you are"
        )
    doubtful = tuple(one for one in verdict.verdicts if one.outcome == "insufficient")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Decision(reason, who, now, verdict.model, verdict.training, doubtful)


def record(decision: Decision | None) -> None:
    """Write the decision, or that there is none, for Git to keep."""
    write_json(paths.DECISION, decision)
