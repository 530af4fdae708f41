"""Fitting the linear model, by scikit-learn."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import FeatureUnion

from categoriser.model.linear_inputs import LinearInputs

Floats = NDArray[np.float64]


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


def fit_weights(
    table: sp.csr_matrix, labels: Sequence[str], alpha: float, passes: int
) -> tuple[Floats, Floats]:
    """Fit one logistic regression a class, each against all others.

    Return its weights, shape (inputs, classes), and intercepts, shape (classes,); the classes are
    the labels sorted. They are averages over all steps of so many passes.
    """
    linear = SGDClassifier(
        loss="log_loss",
        alpha=alpha,
        random_state=0,
        max_iter=passes,
        tol=None,
        average=True,
    ).fit(table, labels)
    weights = linear.coef_.T
    intercepts = linear.intercept_
    if len(linear.classes_) == 2:
        # scikit-learn keeps those of the second class alone.
        weights = np.hstack([-weights, weights])
        intercepts = np.hstack([-intercepts, intercepts])
    return np.ascontiguousarray(weights), intercepts
