"""The document reports/gate.json: whether a model may go on, and what each gate found.

The Lambda functions hold this module too: it needs msgspec, and nothing larger.
"""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from categoriser.io.documents import MADE_BY_PIPELINE, parse_document, read_document

Outcome = Literal["failed", "not judged", "passed"]


class FigureVerdict(Struct, frozen=True):
    """One figure against its bound, on one held-out part or over one column's slices.

    `margin` is the figure less the bound; `low` and `high` are the ends of the figure's interval.
    What does not exist is None. `why` says why a figure is not judged, or why a gate failed for
    want of one.
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


class Verdict(Struct, frozen=True):
    """What the gates say of a model: `model` is its digest, `faults` say in words what failed."""

    model: str
    passed: bool
    faults: tuple[str, ...]
    verdicts: tuple[FigureVerdict, ...]


def read_verdict(path: Path) -> Verdict:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    return read_document(path, Verdict, MADE_BY_PIPELINE)


def parse_verdict(content: bytes, source: str) -> Verdict:
    """Read the file's bytes. Raises `UserError` that names the source where it is damaged."""
    return parse_document(content, Verdict, source, MADE_BY_PIPELINE)
