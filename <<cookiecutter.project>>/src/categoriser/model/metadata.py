"""The document model/metadata.json: what training knew of a model."""

from pathlib import Path
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from categoriser.io.documents import read_document

METADATA_FILE = "metadata.json"
MADE_BY = "dvc repro"


class Metadata(Struct, frozen=True):
    """What training knew of a model.

    `classifier` holds the classifier's own knobs, whichever it is. `libraries` are the versions of
    those it was trained with. Log loss is in nats; the validation's figures are not there without
    validation rows.
    """

    classes: list[str]
    features_version: int
    review_threshold: float
    temperature: float
    classifier_digest: str = ""
    classifier: dict[str, Any] = {}
    libraries: dict[str, str] = {}
    train_digest: str = ""
    train_rows: int = 0
    validation_rows: int = 0
    validation_accuracy: float | UnsetType = UNSET
    validation_log_loss: float | UnsetType = UNSET


def read_metadata(model: Path) -> Metadata:
    """Read the file of a model's folder. Raises `UserError` where it is missing or damaged."""
    return read_document(model / METADATA_FILE, Metadata, MADE_BY)
