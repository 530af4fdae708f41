"""The rows that a classifier is fitted on. A leaf, since the server has the classifier too."""

from collections.abc import Sequence
from typing import NamedTuple

# The columns of the prepared files that a fit reads, in the order of `TrainingRows`.
TRAINING_COLUMNS = ("features", "category", "key")


class TrainingRows(NamedTuple):
    """Lines of `categoriser.features`, and the class and the merchant of each."""

    lines: Sequence[str]
    labels: Sequence[str]
    merchants: Sequence[str]
