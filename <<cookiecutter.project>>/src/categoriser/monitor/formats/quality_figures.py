"""Figures of the model's quality: their form, and the names of the files that hold them."""

from collections.abc import Mapping

BEST_CONSTANT = "_best_constant_classifier"

QualityFigures = Mapping[str, Mapping[str, float]]

QUALITY_STATISTICS_FILE, QUALITY_CONSTRAINTS_FILE = (
    "model_quality_statistics.json",
    "model_quality_constraints.json",
)
