"""`facts.json` of the baseline's folder: what a check must know of the model and its training."""

from pathlib import Path

from msgspec import Struct

from categoriser.evaluation.evaluation_settings import EvaluationSettings
from categoriser.io.documents import read_document
from categoriser.io.replacing import write_json

FACTS_FILE = "facts.json"
BASELINE_MADE_BY = "dvc repro baseline"


class WatchedWith(Struct, frozen=True):
    """The settings that a baseline and the captures held against it must have in common.

    `preprocessor` is the digest of the team's script.
    """

    leave_out: list[str]
    preprocessor: str | None


class BaselineFacts(Struct, frozen=True, kw_only=True):
    """What a check must know of the model whose baseline it is, and of its training.

    `model` is the model's digest. `labels` holds each class's share of the `train_rows` training
    rows, and `rows` counts the baseline's own. `evaluate` and `max_slice_gap` are the settings by
    which slices are compared.
    """

    classes: list[str]
    review_threshold: float
    model: str
    labels: dict[str, float]
    rows: int
    train_rows: int
    watched: WatchedWith
    evaluate: EvaluationSettings
    max_slice_gap: float


def write_baseline_facts(folder: Path, facts: BaselineFacts) -> None:
    write_json(folder / FACTS_FILE, facts)


def read_baseline_facts(folder: Path) -> BaselineFacts:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    return read_document(folder / FACTS_FILE, BaselineFacts, BASELINE_MADE_BY)
