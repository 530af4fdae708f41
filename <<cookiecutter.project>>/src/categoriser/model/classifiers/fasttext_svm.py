"""fastText, joined by an SVM of fastText's own inputs.

Nothing else knows fastText, but for the `fasttext_*` modules and `margin_weights` in
`categoriser.model`, which are this module's own.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import quote, unquote

import fasttext
import fasttext_pybind
import msgspec
import numpy as np
from fasttext.FastText import _build_args, _FastText, read_args, unsupervised_default
from fasttext_pybind import Vector
from numpy.typing import NDArray

from categoriser.contract import LABEL_PREFIX
from categoriser.diagnostics.watch import Watch, blind_answers
from categoriser.errors import UserError
from categoriser.model.fasttext_file import output_matrix
from categoriser.model.training_rows import TrainingRows

MODEL_FILE = "fasttext.bin"
LINES_AT_ONCE = 4096  # lines whose vectors are in memory at once
# A model has a weight of four bytes for each input and class: together no more than 48 MB.
MOST_WEIGHTS = 12_000_000
FEWEST_BUCKETS = 10_000
KNOBS_OF_SVM = ("svm_c", "merchant_power", "fasttext_weight")
KNOBS = "params.yaml: train.candidates.fasttext_svm"
# What `fasttext.train_supervised` sets where it is not told.
SUPERVISED = unsupervised_default | {
    "model": "supervised",
    "loss": "softmax",
    "lr": 0.1,
    "minCount": 1,
    "minn": 0,
    "maxn": 0,
    "verbose": 0,
}

Count = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
Length = Annotated[int, msgspec.Meta(ge=0, le=64)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The knobs under `train.candidates.fasttext_svm`, named as fastText's Python names them.

    `bucket` is the most: of many classes a model has fewer (`buckets_for`). Three are not
    fastText's. `svm_c` is the SVM's C: the larger, the closer it follows the training
    rows. `merchant_power` says how much less a row counts for it, the more rows its merchant has: a
    row of n counts as n ** -merchant_power. `fasttext_weight` is how much fastText's own scores
    count beside the SVM's: more makes the model better at merchants that it has seen, and worse at
    others.

    With one thread the same rows give the same model, byte for byte; with more they do not.
    """

    dim: Count
    epoch: Count
    lr: Annotated[float, msgspec.Meta(gt=0)]
    word_ngrams: Count
    minn: Length
    maxn: Length
    min_count: Count
    bucket: Count
    thread: Count
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    quantise: bool
    svm_c: Annotated[float, msgspec.Meta(gt=0)]
    merchant_power: Annotated[float, msgspec.Meta(ge=0, le=1)]
    fasttext_weight: Annotated[float, msgspec.Meta(ge=0)]

    def __post_init__(self) -> None:
        if self.minn > self.maxn:
            raise ValueError("minn must not be over maxn")


class Classifier:
    """A fastText model with softmax loss; its labels are the classes, percent-encoded.

    Its input matrix holds the inputs' weights for each class, and its output matrix is the identity
    (with a single class, both are as fastText made them).
    """

    # Distributions whose versions the model's metadata records.
    LIBRARIES: ClassVar[tuple[str, ...]] = (
        "fasttext-community",
        "numpy",
        "scikit-learn",
        "scipy",
    )
    # What `make tune` tries.
    SEARCH: ClassVar[dict[str, tuple[Any, ...]]] = {
        "dim": (16, 32, 64),
        "epoch": (5, 10, 20, 40),
        "lr": (0.1, 0.2, 0.5, 1.0),
        "word_ngrams": (1, 2, 3),
        "minn": (2, 3, 4),
        "maxn": (4, 5, 6),
        "min_count": (1, 2),
        "svm_c": (0.1, 0.2, 0.35, 0.7, 1.5),
        "merchant_power": (0.0, 0.3, 0.6),
        "fasttext_weight": (0.0, 0.02, 0.05, 0.1, 0.2, 0.4),
    }

    def __init__(self, model: Any) -> None:
        self._model = model
        labels = classes_of(model)
        order = sorted(range(len(labels)), key=labels.__getitem__)
        self.classes = tuple(labels[row] for row in order)
        self.tokens = frozenset(model.get_words())
        # The output matrix stays as it is when the model is quantised.
        output = np.array(model.f.getOutputMatrix(), dtype=np.float64)[order]
        self._weights = np.ascontiguousarray(output.T)  # (dim, classes)

    @classmethod
    def fit(
        cls, rows: TrainingRows, settings: Mapping[str, Any], watch: Watch | None = None
    ) -> Self:
        """Train on rows. Raises `UserError` where nothing can be trained from them.

        The watch is told of fastText's own training; the SVM that joins it has no steps.
        """
        try:
            knobs = msgspec.structs.asdict(msgspec.convert(dict(settings), Settings))
        except msgspec.ValidationError as error:
            raise UserError(f"{KNOBS}: {error}") from None
        quantise = knobs.pop("quantise")
        of_svm = {name: knobs.pop(name) for name in KNOBS_OF_SVM}
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n") as lines:
            marks = {label: LABEL_PREFIX + quote(label, safe="") for label in set(rows.labels)}
            for label, line in zip(rows.labels, rows.lines, strict=True):
                lines.write(f"{marks[label]} {line}\n")
            lines.flush()
            try:
                bucket = buckets_for(rows, len(marks), knobs["bucket"])
                model = train_fasttext(lines.name, knobs | {"bucket": bucket}, rows, watch)
                if len(marks) > 1:
                    join_svm(model, rows, of_svm)
                if quantise:
                    model.quantize()
            except (RuntimeError, ValueError) as error:
                # Too few rows, a min_count over every word's, a learning rate that diverges.
                raise UserError(
                    f"fastText cannot train on these {len(rows.lines)} rows with the settings "
                    f"{KNOBS} ({error})"
                ) from None
        return cls(model)

    def predict_proba(self, features: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities, shape (rows, classes), columns as `classes`, each row's sum 1.

        This is fastText's own softmax, from its vectors of the lines. Its `predict` gives the same
        as strings by score, each 1e-5 too high, at a third of the speed.
        """
        line_vector = self._model.f.getSentenceVector
        dim, classes = self._weights.shape
        scores = np.zeros((len(features), classes))
        vector = Vector(dim)
        values = np.asarray(vector)  # a view of what fastText writes
        for start in range(0, len(features), LINES_AT_ONCE):
            end = start + LINES_AT_ONCE
            part = features[start:end]
            vectors = np.empty((len(part), dim))
            for row, line in enumerate(part):
                line_vector(vector, line + "\n")
                vectors[row] = values
            # Not `@`: BLAS adds in an order that depends on the number of rows, and a row's
            # answer must be the same to the last bit alone and in a batch.
            np.einsum("rd,dc->rc", vectors, self._weights, out=scores[start:end])
        powers: NDArray[np.float64] = np.exp(scores - scores.max(axis=1, keepdims=True))
        powers /= powers.sum(axis=1, keepdims=True)
        return powers

    def save(self, folder: Path) -> None:
        """Write the model into a folder that exists.

        fastText does not notice a write that fails. Raises `UserError` where the file is not whole.
        """
        path = folder / MODEL_FILE
        self._model.save_model(str(path))
        written = np.frombuffer(_checked(path), dtype=np.float32)
        if not np.array_equal(written, np.ravel(self._model.f.getOutputMatrix()), equal_nan=True):
            raise UserError(f"{path} was not written as it should be: is the disk full?")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises `UserError` for a file that is missing, of another kind, or not whole.
        """
        path = folder / MODEL_FILE
        _checked(path)
        try:
            return cls(fasttext.load_model(str(path)))
        except (ArithmeticError, LookupError, MemoryError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{path} is not a fastText model ({error}); `dvc repro` makes it anew"
            ) from None


def buckets_for(rows: TrainingRows, classes: int, most: int) -> int:
    """Return the number of a model's buckets.

    With the words' own weights, all are no more than `MOST_WEIGHTS`, unless words are very many.
    """
    words = len({word for line in rows.lines for word in line.split()})
    return min(most, max(MOST_WEIGHTS // max(classes, 1) - words, FEWEST_BUCKETS))


def train_fasttext(
    path: str, knobs: Mapping[str, Any], rows: TrainingRows, watch: Watch | None
) -> Any:
    """Do what `fasttext.train_supervised` does, and tell a watch of it.

    That function gives the model only once it is trained.
    """
    arguments = _build_args(*read_args((path,), knobs, ["input", *SUPERVISED], SUPERVISED))
    model = _FastText(args=arguments)
    if watch is None:
        fasttext_pybind.train(model.f, arguments)
    else:
        # Here, since what only loads a model does without SciPy.
        from categoriser.model.fasttext_probe import FileProgress, Probe

        probe = Probe(model, classes_of, arguments.lr, arguments.epoch, watch)
        blind = blind_answers(rows.labels, watch)
        watch.step(0, answers=blind, learning_rate=arguments.lr, seconds=0)
        with probe.beside(FileProgress(Path(path))):
            fasttext_pybind.train(model.f, arguments)
    model.set_args(model.f.getArgs())
    return model


def classes_of(model: Any) -> list[str]:
    """Return a fastText model's classes, in its own order."""
    return [unquote(label.removeprefix(LABEL_PREFIX)) for label in model.get_labels()]


def join_svm(model: Any, rows: TrainingRows, settings: Mapping[str, float]) -> None:
    """Join what fastText has learned with an SVM, and write both into fastText's matrices."""
    # Here, since what only loads a model needs neither scikit-learn nor SciPy.
    from categoriser.model.fasttext_inputs import Inputs
    from categoriser.model.margin_weights import joint_weights

    classes = classes_of(model)
    weights = joint_weights(model, classes, Inputs(model), rows, **settings)
    model.set_matrices(weights.astype(np.float32), np.eye(len(classes), dtype=np.float32))


def _checked(path: Path) -> bytes:
    """Return the output matrix in a file. Raises `UserError` for a file that is not whole."""
    try:
        return output_matrix(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not a whole fastText model ({error}): is it missing, or was the disk full? "
            "`dvc repro` makes it anew"
        ) from None
