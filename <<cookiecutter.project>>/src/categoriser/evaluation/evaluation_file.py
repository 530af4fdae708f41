"""The document reports/evaluation.json: all that is measured of a model.

Shares and probabilities are from 0 to 1, log loss is in nats. The stage `measure` writes it;
`evaluate` and the report read it.
"""

from pathlib import Path
from typing import Any

from msgspec import Struct, field

from categoriser.data.split import Split
from categoriser.evaluation.champion import Champion
from categoriser.evaluation.evaluation_settings import EvaluationSettings
from categoriser.intervals import Interval, Scores
from categoriser.io.documents import read_document
from categoriser.model.metadata import Metadata
from categoriser.rules.rule_counts import RuleCounts

# Where the document holds knobs.
EXACT = ("knobs", "classifier")


class ModelFigures(Scores):
    """How good one model's answers to a part's rows are.

    `coverage` is the share of rows that are answered without review, `covered_accuracy` the share
    of those that are right.
    """

    calibration_error: float
    log_loss: float
    coverage: float
    covered_accuracy: float


class ClassFigures(Struct):
    """The model's figures on one class, which has so many `rows` of the part."""

    label: str = field(name="class")
    rows: int
    precision: float
    recall: float
    f1: float


class CalibrationBin(Struct):
    """The rows whose answers' probabilities lie in one bin: their mean, and the share right."""

    rows: int
    confidence: float
    accuracy: float


class CoverageStep(Struct):
    """What would be answered without review at one threshold, and the share right of that."""

    threshold: float
    coverage: float
    covered_accuracy: float


class WrongAnswer(Struct):
    """An example of a mistake: the text's words, without codes and long numbers."""

    words: str
    price: float
    probability: float


class ConfusedPair(Struct):
    """A true class that is answered as another; `share` is that of the true class's rows."""

    truth: str
    answer: str
    rows: int
    share: float
    examples: list[WrongAnswer]


class RuleEffect(Struct):
    """What rules change on one part: how many rows they answer, and the figures without them.

    `gain` is the figure with rules less the one without, on the same rows.
    """

    rows: int
    without: Scores
    gain: Scores


class PartFigures(Struct):
    """What is measured on one held-out part. An empty part has `rows` and `groups` only.

    `groups` counts the merchants. `models` are the figures by model: the model, the reference, the
    majority class and, if there is one, the champion. `lead` is the model's figure less the
    rival's on the same rows. `gain` is the share of the way from the majority class's figure to 1
    that the model has gone: of accuracy it is the share of that class's errors that the model
    avoids. It is None where the majority class makes no error. `confusion` counts the rows by true
    class (row) and answer (column), in the order of the evaluation's `labels`. The model's figures
    are of its answers with rules; `rules` is None where there are none.
    """

    rows: int
    groups: int
    models: dict[str, ModelFigures] = {}
    lead: dict[str, Scores] = {}
    gain: Scores | None = None
    classes: list[ClassFigures] = []
    confusion: list[list[int]] = []
    calibration: list[CalibrationBin] = []
    coverage: list[CoverageStep] = []
    confused: list[ConfusedPair] = []
    rules: RuleEffect | None = None


class SliceFigures(Struct):
    """One slice. `gap` is the accuracy of all rows less the slice's: positive where it is worse."""

    name: str
    rows: int
    groups: int
    accuracy: Interval
    gap: Interval


class ColumnSlices(Struct):
    """A column's slices that are judged, the worst served first.

    `worst` and `gap` are of the first of them, and `spread` is the largest difference between two;
    they are None where there are no slices. `not_judged` counts the rows of each slice that is too
    small.
    """

    slices: list[SliceFigures]
    not_judged: dict[str, int]
    worst: str | None = None
    gap: Interval | None = None
    spread: float | None = None


class BesideChampion(Struct):
    """The accuracy of the model and of the champion on the same rows, which `name` describes.

    `lead` is the model's less the champion's, and `groups` counts the merchants.
    """

    name: str
    rows: int
    groups: int
    model: Interval
    champion: Interval
    lead: Interval


class FailedCase(Struct):
    """A case that does not hold, by its line in the file: the first answer that is wrong.

    `wrong` counts the wrong answers among those to all `rows` of the case.
    """

    line: int
    text: str
    price: float
    expected: str
    answer: str
    probability: float
    wrong: int
    rows: int


class CasesOfKind(Struct):
    """The cases of one kind that were asked: how many, how many held, and those that did not."""

    cases: int
    held: int
    failed: list[FailedCase]


class Behaviour(Struct):
    """How the model behaves on a file's cases, by kind.

    `unasked` counts the cases of each category that the model does not have.
    """

    file: str
    kinds: dict[str, CasesOfKind]
    unasked: dict[str, int]


class MeasuredModel(Struct):
    digest: str
    metadata: Metadata


class Evaluation(Struct):
    """All that is measured.

    `settings` are those by which the figures were made. `parts` are the held-out parts by name;
    `slices` the columns by name, None where the data lacks the column; `tokens` each class's
    heaviest tokens with their weights. `behaviour` is None without a file of cases. `rules` counts
    all prepared rows by the rules that they meet; None without rules. `beside_champion` is on the
    newest month's rows and the worst slices, and empty without a champion to compare with.
    """

    champion: Champion | None
    labels: list[str]
    model: MeasuredModel
    parts: dict[str, PartFigures]
    settings: EvaluationSettings
    slices: dict[str, ColumnSlices | None]
    split: Split
    tokens: dict[str, list[tuple[str, float]]]
    behaviour: Behaviour | None = None
    rules: RuleCounts | None = None
    beside_champion: list[BesideChampion] = []


def read_evaluation(path: Path) -> Evaluation:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    return read_document(path, Evaluation, "dvc repro measure")


def rounded(value: Any) -> Any:
    """Round every float in nested dicts and lists to six decimals: enough, and easier to read.

    Knobs stay as they are: a small one would be another.
    """
    if isinstance(value, dict):
        return {key: item if key in EXACT else rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value
