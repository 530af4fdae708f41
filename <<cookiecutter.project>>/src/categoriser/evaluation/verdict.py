"""The document reports/gate.json: whether a model may go on, and what each gate found.

A decision to go on with too little evidence is a part of it, and a document of its own:
champion/decision.json, which Git keeps. The Lambda functions hold this module too: it needs
msgspec, and nothing larger.
"""

from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from categoriser.io.documents import MADE_BY_PIPELINE, parse_document, read_document

Outcome = Literal["failed", "insufficient", "not judged", "passed"]


class FigureVerdict(Struct, frozen=True):
    """One figure against its bound, on one held-out part or over one column's slices.

    `margin` is the figure less the bound; `low` and `high` are the ends of the figure's interval,
    and `low_bound` is what the lower end must reach. What does not exist is None. `why` says why a
    figure is not judged, or what its evidence lacks.
    """

    gate: str
    part: str
    figure: str
    outcome: Outcome
    bound: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    why: str = ""
    low_bound: float | None = None


class Training(Struct, frozen=True):
    """What tells one training from others: its rows, its features' version, its settings, rules.

    `rules` is the digest of the rules that go before the model, or empty.
    """

    train_digest: str
    features_version: int
    candidate: str
    classifier: dict[str, Any]
    rules: str = ""


class Decision(Struct, frozen=True):
    """A person's decision to go on with a model that there is too little evidence for.

    `when` is a time in UTC, `model` the digest of the model that it was made on, and `accepted`
    the verdicts of that time. It holds for every model of the same `training`, whoever trains it,
    and for nothing that is not among `accepted`.
    """

    why: str
    who: str
    when: str
    model: str
    training: Training
    accepted: tuple[FigureVerdict, ...]


class Verdict(Struct, frozen=True):
    """What the gates say of a model, which `model`, its digest, and its `training` tell.

    `outcome` is the worst of the verdicts that stop a model. `passed` says whether it may go on:
    all passed, or a `decision` accepts what there is too little evidence for. `faults` say in words
    what failed, and `doubts` what the evidence is too little for.
    """

    model: str
    training: Training
    passed: bool
    outcome: Outcome
    faults: tuple[str, ...]
    doubts: tuple[str, ...]
    verdicts: tuple[FigureVerdict, ...]
    decision: Decision | None = None


def read_verdict(path: Path) -> Verdict:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    return read_document(path, Verdict, MADE_BY_PIPELINE)


def parse_verdict(content: bytes, source: str) -> Verdict:
    """Read the file's bytes. Raises `UserError` that names the source where it is damaged."""
    return parse_document(content, Verdict, source, MADE_BY_PIPELINE)


def why_stopped(verdict: Verdict) -> str:
    """Say why the gates stop a model; where evidence lacks, first what a person can do."""
    if verdict.faults:
        return f"the gate refuses the model: {'; '.join(verdict.faults)}"
    return (
        "too little evidence, and no decision to go on without (docs/release.md, Accept): "
        f"{'; '.join(verdict.doubts)}"
    )
