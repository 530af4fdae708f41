"""The document data/prepared/split.json: how the rows were parted."""

from pathlib import Path

from msgspec import Struct

from categoriser.io.documents import read_document

# One part to train on, one to calibrate on, and three to measure on.
PARTS = ("train", "validation", "time", "merchant", "random")
HELD_OUT_PARTS = ("time", "merchant", "random")
SPLIT_FILE = "split.json"


class SplitPart(Struct):
    """A part's size, its dates, and what it shares with training.

    `groups` counts the merchants; `dates` are the first and the last day, or none. The shares are
    of rows, and None in an empty part. `unseen_classes` counts the rows of each class that
    training lacks.
    """

    rows: int
    groups: int
    dates: list[str]
    key_in_training: float | None
    line_in_training: float | None
    unseen_classes: dict[str, int]


class Split(Struct):
    """The parts by name, the classes to train on, and in words what tells a merchant."""

    key: str
    classes: list[str]
    parts: dict[str, SplitPart]


def read_split(prepared: Path) -> Split:
    """Read the file of the folder. Raises `UserError` where it is missing or damaged."""
    return read_document(prepared / SPLIT_FILE, Split, "dvc repro prepare")
