"""The document reports/metrics.json, which `dvc metrics` shows: few numbers by held-out part."""

from pathlib import Path

from msgspec import Struct

from categoriser.evaluation.evaluation_file import Evaluation
from categoriser.evaluation.reference import REFERENCE
from categoriser.intervals import Scores
from categoriser.io.documents import MADE_BY_PIPELINE, damaged, read_json, to_document
from categoriser.model.choice import Choice

# The name of the folds beside the held-out parts.
FOLDS = "merchant_folds"


class RivalHeadline(Struct):
    """What is shown of a model that the model is compared with."""

    accuracy: float
    macro_f1: float


class PartHeadline(Struct, omit_defaults=True):
    """What is shown of the model on one part, and of its rivals. `coverage` is without review."""

    accuracy: float
    macro_f1: float
    calibration_error: float
    coverage: float | None = None
    reference: RivalHeadline | None = None
    champion: RivalHeadline | None = None


def headlines(evaluation: Evaluation) -> dict[str, PartHeadline]:
    """Return what is shown by part; an empty part is left out."""
    shown = {}
    for part, figures in evaluation.parts.items():
        if not figures.rows:
            continue
        model = figures.models["model"]
        shown[part] = PartHeadline(
            accuracy=model.accuracy.value,
            macro_f1=model.macro_f1.value,
            calibration_error=model.calibration_error,
            coverage=model.coverage,
            reference=of_rival(figures.models.get("reference")),
            champion=of_rival(figures.models.get("champion")),
        )
    choice = evaluation.model.metadata.choice
    if choice and choice.candidates:
        shown[FOLDS] = of_folds(choice)
    return shown


def of_folds(choice: Choice) -> PartHeadline:
    """Return what is shown of the folds by merchant in which the candidates were compared."""
    own = choice.candidates[choice.chosen]
    reference = choice.candidates.get(REFERENCE)
    return PartHeadline(
        accuracy=own.accuracy.value,
        macro_f1=own.macro_f1.value,
        calibration_error=own.calibration_error,
        reference=of_rival(reference),
    )


def of_rival(figures: Scores | None) -> RivalHeadline | None:
    if figures is None:
        return None
    return RivalHeadline(figures.accuracy.value, figures.macro_f1.value)


def read_headline(path: Path) -> dict[str, PartHeadline]:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    content = read_json(path, MADE_BY_PIPELINE)
    if not isinstance(content, dict):
        raise damaged(str(path), "holds no object", MADE_BY_PIPELINE)
    return {
        part: to_document(figures, PartHeadline, f"{path}, part {part},", MADE_BY_PIPELINE)
        for part, figures in content.items()
    }
