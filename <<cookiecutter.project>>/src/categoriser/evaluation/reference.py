"""What the model is compared with: the linear candidate, and the majority class."""

from collections.abc import Sequence
from typing import Any

from sklearn.dummy import DummyClassifier

# The candidate that needs no tuning and no effort.
REFERENCE = "linear"


def fit_majority(lines: Sequence[str], labels: Sequence[str]) -> Any:
    """Answer every line with the commonest class, and with the classes' shares as probabilities."""
    return DummyClassifier(strategy="prior").fit(lines, labels)
