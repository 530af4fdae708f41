"""The document data/prepared/split.json: how the rows were parted."""

from pathlib import Path

from msgspec import Struct, field

from categoriser.io.documents import read_document

# One part to train on, one to calibrate on, and three to measure on.
PARTS = ("train", "validation", "time", "merchant", "random")
HELD_OUT_PARTS = ("time", "merchant", "random")
SPLIT_FILE = "split.json"
# Rows of no part: of held-out merchants that have too many.
LEFT_OUT = "left out"


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


class LargeGroup(Struct):
    """A group of held-out merchants: how many keys and rows it has, and its share of the part.

    `examples` are its most frequent keys.
    """

    group: str
    rows: int
    keys: int
    examples: list[str]
    share: float


class HeldOutGroups(Struct):
    """The largest groups of the part `merchant`, and how many rows were left out for their weight.

    `bound` is `prepare.largest_group`, the largest share that a group should have; where too few
    groups are held out, it is not `reached`.
    """

    bound: float = 1.0
    reached: bool = True
    left_out: int = 0
    largest: list[LargeGroup] = []


class Split(Struct):
    """The parts by name, the classes to train on, and in words what tells a merchant."""

    key: str
    classes: list[str]
    parts: dict[str, SplitPart]
    held_out: HeldOutGroups = field(default_factory=HeldOutGroups)


def read_split(prepared: Path) -> Split:
    """Read the file of the folder. Raises `UserError` where it is missing or damaged."""
    return read_document(prepared / SPLIT_FILE, Split, "dvc repro prepare")
