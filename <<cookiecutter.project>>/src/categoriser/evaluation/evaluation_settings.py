"""The settings `evaluate` of params.yaml, as the documents that rest on them keep them."""

from msgspec import Struct


class EvaluationSettings(Struct):
    slices: list[str]
    price_bands: list[float]
    min_rows: int
    resamples: int
    confidence: float
