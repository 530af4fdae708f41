"""A second linear model of fastText's inputs, and how it is joined with fastText's own.

fastText learns from one row after the other, and a merchant with many rows counts as many times. A
support vector machine (SVM) of the same inputs knows more of merchants that it has not seen, since
rare inputs weigh more in it (their inverse document frequency), and frequent merchants less; but
its scores say little of how sure they are, which fastText's do. Their sum is better than either.
The weights of the two are those of least log loss on the validation rows.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

from categoriser.model.fasttext_inputs import Inputs
from categoriser.model.training_rows import TrainingRows

Floats = NDArray[np.float64]

# The SVM's and fastText's weights where no validation row can say better.
USUAL_WEIGHTS = (2.0, 0.4)
# The bounds of each weight's logarithm.
WEIGHT_BOUNDS = (-6.0, 4.0)
# An answer of probability 0 that turns out true costs this probability's logarithm.
TINY = 1e-12


def joint_weights(
    model: Any,
    labels: Sequence[str],
    inputs: Inputs,
    train: TrainingRows,
    validation: TrainingRows,
    *,
    svm_c: float,
    merchant_power: float,
) -> Floats:
    """Return the weight of each input for each class, shape (inputs, classes), as `labels`.

    `model` is a fastText model of two classes or more; `labels` are its classes, in its order.
    """
    counts = Counter(train.merchants)

    def importance(merchants: Sequence[str]) -> Floats:
        return np.array([max(counts[name], 1) ** -merchant_power for name in merchants])

    own = own_weights(model)
    svm = svm_weights(inputs, labels, train, importance(train.merchants), svm_c)
    trained = {name: place for place, name in enumerate(labels)}
    rows = [row for row, label in enumerate(validation.labels) if label in trained]
    weights = USUAL_WEIGHTS
    if rows:
        shares = inputs.shares([validation.lines[row] for row in rows])
        truth = np.array([trained[validation.labels[row]] for row in rows])
        of_rows = importance([validation.merchants[row] for row in rows])
        weights = least_loss((shares @ svm, shares @ own), truth, of_rows)
    return weights[0] * svm + weights[1] * own


def own_weights(model: Any) -> Floats:
    """Return what fastText itself has learned as one matrix, shape (inputs, classes)."""
    # Not `@`: BLAS adds in an order that depends on its threads.
    product: Floats = np.einsum(
        "nd,cd->nc", model.get_input_matrix(), model.get_output_matrix(), dtype=np.float64
    )
    return product


def svm_weights(
    inputs: Inputs, labels: Sequence[str], train: TrainingRows, importance: Floats, svm_c: float
) -> Floats:
    """Fit one SVM a class, each against all others; return weights, shape (inputs, classes).

    Rows alike in line and class are one row, which counts as much as they do together.
    """
    together: defaultdict[tuple[str, str], float] = defaultdict(float)
    for line, label, weight in zip(train.lines, train.labels, importance, strict=True):
        together[line, label] += weight
    shares = inputs.shares([line for line, _ in together])
    place = {name: number for number, name in enumerate(labels)}
    truth = np.array([place[label] for _, label in together])
    weights = np.array([*together.values()])
    weights *= len(train.lines) / weights.sum()

    rarity = inverse_document_frequency(shares)
    weighted = shares @ sp.diags_array(rarity)
    lengths = np.sqrt(weighted.multiply(weighted).sum(axis=1))
    rows = sp.diags_array(1 / lengths) @ weighted
    svm = LinearSVC(C=svm_c, dual=True, fit_intercept=False, random_state=0)
    svm.fit(rows.tocsr(), truth, sample_weight=weights)
    coefficients = svm.coef_
    if len(labels) == 2:
        coefficients = np.vstack([-coefficients[0], coefficients[0]])
    found: Floats = (coefficients * rarity / np.median(lengths)).T
    return found


def inverse_document_frequency(shares: sp.csr_array) -> Floats:
    """Return ln((1 + rows) / (1 + rows with the input)) + 1 for each input, as scikit-learn does.

    https://scikit-learn.org/stable/modules/feature_extraction.html#tfidf-term-weighting
    """
    rows, inputs = shares.shape
    with_input = np.bincount(shares.indices, minlength=inputs)
    found: Floats = np.log((1 + rows) / (1 + with_input)) + 1
    return found


def least_loss(
    scores: tuple[Floats, Floats], truth: NDArray[np.int64], importance: Floats
) -> tuple[float, float]:
    """Return the two weights of `scores`, each (rows, classes), whose sum has the least log loss.

    `truth` holds each row's column, `importance` how much each row counts.
    """
    rows = np.arange(len(truth))
    shares = importance / importance.sum()

    def loss(logarithms: Floats) -> tuple[float, Floats]:
        weights = np.exp(logarithms)
        joint = weights[0] * scores[0] + weights[1] * scores[1]
        powers = np.exp(joint - joint.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        true = np.maximum(probabilities[rows, truth], TINY)
        probabilities[rows, truth] -= 1
        probabilities *= shares[:, None]
        slopes = [(probabilities * each).sum() for each in scores]
        return float(-(shares * np.log(true)).sum()), weights * slopes

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[WEIGHT_BOUNDS] * 2)
    svm, own = np.exp(found.x).tolist()
    return svm, own
