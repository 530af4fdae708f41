"""What the model is compared with: a linear model of scikit-learn's, and the majority class."""

from collections.abc import Sequence
from typing import Any

from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline, make_union


def fit_reference(lines: Sequence[str], labels: Sequence[str]) -> Any:
    """Fit a TF-IDF of words, word pairs and four-letter pieces, a logistic regression a class.

    It is fitted on the lines that the model was trained on. It has a fixed number of passes and
    averaged weights, so that it needs no tuning and no validation rows. Labels of a single class
    leave nothing to learn: then it is the majority class.
    """
    if len(set(labels)) == 1:
        return fit_majority(lines, labels)
    words = TfidfVectorizer(
        token_pattern=r"\S+",  # noqa: S106 (a word)
        ngram_range=(1, 2),
        lowercase=False,
        sublinear_tf=True,
    )
    pieces = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(4, 4), min_df=2, lowercase=False, sublinear_tf=True
    )
    linear = SGDClassifier(
        loss="log_loss", alpha=3e-6, random_state=0, max_iter=10, tol=None, average=True
    )
    return make_pipeline(make_union(words, pieces), linear).fit(lines, labels)


def fit_majority(lines: Sequence[str], labels: Sequence[str]) -> Any:
    """Answer every line with the commonest class, and with the classes' shares as probabilities."""
    return DummyClassifier(strategy="prior").fit(lines, labels)
