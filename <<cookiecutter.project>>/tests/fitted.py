"""A classifier that is fitted on lines and labels: each line is a merchant of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from measured import KNOBS

from categoriser.model.classifiers.fasttext_svm import Classifier
from categoriser.model.training_rows import TrainingRows


def fitted(
    lines: Sequence[str], labels: Sequence[str], knobs: Mapping[str, Any] = KNOBS
) -> Classifier:
    """Fit it with the knobs of small data."""
    return Classifier.fit(TrainingRows(lines, labels, lines), knobs)
