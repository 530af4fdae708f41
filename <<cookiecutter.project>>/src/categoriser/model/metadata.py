"""The document model/metadata.json: what training knew of a model."""

from pathlib import Path

from msgspec import UNSET, Struct, UnsetType

from categoriser.errors import UserError
from categoriser.io.documents import MADE_BY_PIPELINE, read_json, to_document
from categoriser.model.calibration import COLDEST, HOTTEST, MOST_NOISE, Calibration
from categoriser.model.choice import Choice
from categoriser.model.knobs import Knobs

METADATA_FILE = "metadata.json"
BOUNDS = {
    "temperature": (COLDEST, HOTTEST),
    "novel_temperature": (COLDEST, HOTTEST),
    "label_noise": (0, MOST_NOISE),
    "review_threshold": (0, 1),
}
NEEDED_KEYS = ("candidate", "features_version", "classifier_digest", "classes", *BOUNDS)


class ValidationFigures(Struct, frozen=True):
    """What calibration and the validation rows say of a classifier.

    Log loss is in nats; it and the accuracy are not there without validation rows.
    """

    temperature: float
    novel_temperature: float
    label_noise: float
    validation_rows: int
    validation_accuracy: float | UnsetType = UNSET
    validation_log_loss: float | UnsetType = UNSET


class Metadata(Struct, frozen=True):
    """What training knew of a model.

    `candidate` names the classifier, `classifier` holds its knobs, and `choice` says how it was
    chosen. `libraries` are the versions of those it was trained with. The two temperatures and the
    noise are those of `Calibration`. The validation's figures are those of `ValidationFigures`, and
    of the classifier alone. `rules_digest` is of the file of rules beside this one, empty without
    rules.
    """

    candidate: str
    classes: list[str]
    features_version: int
    review_threshold: float
    temperature: float = 1.0
    novel_temperature: float = 1.0
    label_noise: float = 0.0
    classifier_digest: str = ""
    rules_digest: str = ""
    classifier: Knobs = {}
    choice: Choice | None = None
    libraries: dict[str, str] = {}
    train_digest: str = ""
    train_rows: int = 0
    validation_rows: int = 0
    validation_accuracy: float | UnsetType = UNSET
    validation_log_loss: float | UnsetType = UNSET

    @property
    def calibration(self) -> Calibration:
        return Calibration(self.temperature, self.novel_temperature, self.label_noise)


def read_metadata(model: Path) -> Metadata:
    """Read the file of a model's folder.

    Raises `UserError` where it is missing or damaged, and for values that no model has.
    """
    path = model / METADATA_FILE
    content = read_json(path, MADE_BY_PIPELINE)
    fault = _fault(content)
    if fault:
        raise UserError(
            f"{path} is not a model's metadata: {fault}; `{MADE_BY_PIPELINE}` makes it anew"
        )
    return to_document(content, Metadata, str(path), MADE_BY_PIPELINE)


def _fault(content: object) -> str | None:
    """Return what is wrong with the values by themselves, if anything is."""
    if not isinstance(content, dict):
        return "it is not an object"
    missing = [name for name in NEEDED_KEYS if name not in content]
    if missing:
        return f"{missing[0]} is missing"
    for name, (least, most) in BOUNDS.items():
        value = content[name]
        # No comparison holds for NaN, which JSON as Python reads it may have.
        if type(value) not in (int, float) or not least <= value <= most:
            return f"{name} is {value!r}, and must be a number from {least} to {most}"
    return None
