"""The figures of the model's quality: the form that Model Monitor gives them, and their files."""

from pathlib import Path

from msgspec import Struct, structs

from categoriser.io.documents import read_document
from categoriser.io.replacing import write_json
from categoriser.monitor.formats.baseline_facts import BASELINE_MADE_BY

QUALITY_STATISTICS_FILE = "model_quality_statistics.json"
QUALITY_CONSTRAINTS_FILE = "model_quality_constraints.json"

BEST_CONSTANT = "_best_constant_classifier"
# The confusion matrix's row of labels that are not classes of the model.
NO_CLASS = "(no class of the model)"


class QualityFigure(Struct, frozen=True):
    """A figure, and its standard error."""

    value: float
    standard_deviation: float


# By name, as Model Monitor names them.
QualityFigures = dict[str, QualityFigure]


class MulticlassMetrics(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The figures of labelled rows, and those of the best constant classifier; none without rows.

    `confusion_matrix` counts rows by their label and, in each, by the answer.
    """

    confusion_matrix: dict[str, dict[str, int]] = {}
    accuracy: QualityFigure | None = None
    weighted_recall: QualityFigure | None = None
    weighted_precision: QualityFigure | None = None
    weighted_f0_5: QualityFigure | None = None
    weighted_f1: QualityFigure | None = None
    weighted_f2: QualityFigure | None = None
    accuracy_best_constant_classifier: QualityFigure | None = None
    weighted_recall_best_constant_classifier: QualityFigure | None = None
    weighted_precision_best_constant_classifier: QualityFigure | None = None
    weighted_f0_5_best_constant_classifier: QualityFigure | None = None
    weighted_f1_best_constant_classifier: QualityFigure | None = None
    weighted_f2_best_constant_classifier: QualityFigure | None = None

    def figures(self) -> QualityFigures:
        """Return the figures that are known, by name."""
        named = structs.asdict(self).items()
        return {name: value for name, value in named if isinstance(value, QualityFigure)}


class LabelledDataset(Struct, frozen=True):
    item_count: int


class QualityStatistics(Struct, frozen=True, kw_only=True):
    """Model quality's statistics.json."""

    version: float = 0.0
    dataset: LabelledDataset
    multiclass_classification_metrics: MulticlassMetrics

    def figures(self) -> QualityFigures:
        return self.multiclass_classification_metrics.figures()


def write_quality_statistics(path: Path, statistics: QualityStatistics) -> None:
    write_json(path, statistics)


def read_quality_statistics(folder: Path) -> QualityStatistics:
    """Read them of the baseline's folder. Raises `UserError` where they are missing or damaged."""
    return read_document(folder / QUALITY_STATISTICS_FILE, QualityStatistics, BASELINE_MADE_BY)
