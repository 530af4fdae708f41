"""The document data/choice.json: how the candidates answered merchants that they had not seen."""

from pathlib import Path

from msgspec import Struct

from categoriser.intervals import Interval, Scores
from categoriser.io.documents import read_document
from categoriser.model.knobs import Knobs


class CandidateFigures(Scores):
    """A candidate's figures over all folds: shares, and the log loss in nats.

    `lead` is the chosen candidate's figure less this one's, on the same rows, and `loss_lead` this
    one's log loss less the chosen one's: both are over 0 where the chosen one is better.
    """

    knobs: Knobs
    calibration_error: float
    log_loss: float
    lead: Scores
    loss_lead: Interval


class Choice(Struct, frozen=True):
    """Which candidate goes on, and the figures that decided, by candidate.

    `rows` and `groups` count the rows and the merchants of the folds. There are no figures where no
    fold could be measured: with a single merchant nothing can be held out.
    """

    chosen: str
    folds: int
    rows: int
    groups: int
    candidates: dict[str, CandidateFigures]


def unmeasured(candidate: str) -> Choice:
    """Return a choice that nothing was measured for."""
    return Choice(candidate, folds=0, rows=0, groups=0, candidates={})


def read_choice(path: Path) -> Choice:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    return read_document(path, Choice, "dvc repro choose")
