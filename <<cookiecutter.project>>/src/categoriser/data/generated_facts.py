"""The document data/generated.json: what is known of generated rows."""

from pathlib import Path

from msgspec import Struct

from categoriser.io.documents import read_document


class Planted(Struct):
    """The slice that every model serves worse: a share of its rows hides the merchant."""

    column: str
    value: str
    hidden: float


class GeneratedFacts(Struct):
    """How rows were generated, and the best accuracy that their noise allows.

    `months` are the first and the last (YYYY-MM). `ceiling` is the expected accuracy of the best
    classifier that there could be, `ceiling_by` the same by column and value.
    """

    rows: int
    seed: int
    months: list[str]
    label_noise: float
    planted: Planted
    ceiling: float
    ceiling_by: dict[str, dict[str, float]]
    generated: bool = True


def read_generated_facts(path: Path) -> GeneratedFacts:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    return read_document(path, GeneratedFacts, "dvc repro generate")
