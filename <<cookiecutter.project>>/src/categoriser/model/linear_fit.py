"""Fitting the linear model, by scikit-learn."""

import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import FeatureUnion

from categoriser.model.linear_inputs import LinearInputs

Floats = NDArray[np.float64]

# What scikit-learn prints after each pass of each class's regression.
PASS_LOSS = re.compile(r"Avg\. loss: (\S+),")
# What joblib, by which it goes from class to class, writes beside it.
JOBLIB = "[Parallel("


class Fitted(NamedTuple):
    """Weights, shape (inputs, classes), and intercepts, shape (classes,), classes sorted.

    `pass_losses` are the mean losses of the regressions during each pass, shape (passes,), in nats.
    """

    weights: Floats
    intercepts: Floats
    pass_losses: Floats


def fit_inputs(lines: Sequence[str], length: int) -> tuple[LinearInputs, sp.csr_matrix]:
    """Return the lines' inputs, and their values, shape (lines, inputs).

    `length` is that of a piece; one that occurs in a single line is no input. Raises `ValueError`
    where the lines have none.
    """
    words = TfidfVectorizer(
        token_pattern=r"\S+",  # noqa: S106 (a word)
        ngram_range=(1, 2),
        lowercase=False,
        sublinear_tf=True,
    )
    pieces = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(length, length),
        min_df=2,
        lowercase=False,
        sublinear_tf=True,
    )
    table = FeatureUnion([("words", words), ("pieces", pieces)]).fit_transform(lines)
    inputs = LinearInputs(
        words=words.get_feature_names_out().tolist(),
        pieces=pieces.get_feature_names_out().tolist(),
        length=length,
        rarity=np.concatenate([words.idf_, pieces.idf_]),
    )
    return inputs, table


def fit_weights(table: sp.csr_matrix, labels: Sequence[str], alpha: float, passes: int) -> Fitted:
    """Fit one logistic regression a class, each against all others.

    The weights are averages over all steps of so many passes.
    """
    regression = SGDClassifier(
        loss="log_loss",
        alpha=alpha,
        random_state=0,
        max_iter=passes,
        tol=None,
        average=True,
        verbose=1,
    )
    with _read_prints() as prints:
        linear = regression.fit(table, labels)
    losses = np.array(PASS_LOSS.findall(prints.getvalue()), dtype=np.float64)
    weights = linear.coef_.T
    intercepts = linear.intercept_
    if len(linear.classes_) == 2:
        # scikit-learn keeps those of the second class alone.
        weights = np.hstack([-weights, weights])
        intercepts = np.hstack([-intercepts, intercepts])
    # One regression's passes follow another's.
    pass_losses = losses.reshape(-1, passes).mean(axis=0)
    return Fitted(np.ascontiguousarray(weights), intercepts, pass_losses)


@contextmanager
def _read_prints() -> Iterator[io.StringIO]:
    """Take what scikit-learn prints, and let pass what others say of faults."""
    prints, faults = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(prints), redirect_stderr(faults):
            yield prints
    finally:
        others = (line for line in faults.getvalue().splitlines(True) if JOBLIB not in line)
        sys.stderr.writelines(others)


def blind_loss(labels: Sequence[str]) -> float:
    """Return the regressions' mean loss, in nats, where they know the classes' shares alone."""
    _, rows = np.unique(labels, return_counts=True)
    shares = rows / rows.sum()
    rest = 1 - shares
    return float(-(shares * np.log(shares) + rest * np.log(rest)).mean())


def learning_rate(alpha: float, steps: int) -> float:
    """Return scikit-learn's rate after so many rows, by its schedule `optimal`.

    https://scikit-learn.org/stable/modules/sgd.html#mathematical-formulation
    """
    typical_weight: float = alpha**-0.25
    start = 1 / (typical_weight * alpha)
    return 1 / (alpha * (start + steps - 1))
