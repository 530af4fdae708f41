"""Figures with their bootstrap intervals, as several documents hold them."""

from msgspec import Struct


class Interval(Struct):
    """A figure with the ends of its bootstrap interval."""

    value: float
    low: float
    high: float


class Scores(Struct):
    """Two figures with their intervals: a model's own, or its lead over or gain on another's."""

    accuracy: Interval
    macro_f1: Interval
