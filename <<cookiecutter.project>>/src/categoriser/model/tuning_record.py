"""The document reports/tuning.json: what `make tune` tried, for `make track` to mirror."""

from pathlib import Path

from msgspec import DecodeError, Struct, json

from categoriser.errors import UserError
from categoriser.model.knobs import Knobs


class TrialRecord(Struct, frozen=True):
    """One trial: the classifier's knobs, and the figures on folds by merchant by name.

    A figure is None where training failed. `milliseconds` are those since the search began.
    """

    knobs: Knobs
    measured: dict[str, float | None]
    milliseconds: int


class TuningRecord(Struct, frozen=True):
    """A search: its candidate, data file, folds and seed, its trials, the number of the one kept.

    `milliseconds` are those from 1970 to its beginning. `experiment` is the section of params.yaml.
    """

    candidate: str
    data: str
    kept: int | None
    milliseconds: int
    seed: int
    trials: list[TrialRecord]
    folds: int | None = None
    experiment: dict[str, str] = {}


def parse_tuning(content: bytes, path: Path) -> TuningRecord:
    """Read the file's bytes. Raises `UserError` that names `path` where they are damaged."""
    try:
        return json.decode(content, type=TuningRecord)
    except DecodeError:
        raise UserError(
            f"{path} is damaged; `make tune` makes it anew, and without it (rm) there was none"
        ) from None
