"""Plots of a feature's distribution in the window over the baseline's."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from categoriser.evaluation.plots import MODEL_COLOURS, image, sheet
from categoriser.monitor.comparison.distances import psi
from categoriser.monitor.formats.feature_statistics import INTEGRAL, FeatureStatistics
from categoriser.monitor.formats.sketch import Floats, Weighted, quantile

BASELINE_COLOUR = MODEL_COLOURS["majority"]
WINDOW_COLOUR = MODEL_COLOURS["model"]
PLOT_BINS = 30
# A plot of numbers leaves out so much at either end, where a few rows would take all the room.
PLOT_TAIL = 0.02
MOST_CATEGORIES = 12
LONGEST_LABEL = 28
# Beyond it a double does not tell neighbouring whole numbers' bars apart.
LARGEST_DRAWN = 1e15


class DistributionPlot(NamedTuple):
    """A plot as an image's address, empty where there is nothing to draw.

    `psi` is the stability index over the bars, None without a baseline.
    """

    image: str = ""
    psi: float | None = None


NOT_DRAWN = DistributionPlot()


def plot_distributions(
    feature: FeatureStatistics, before: FeatureStatistics | None
) -> DistributionPlot:
    """Plot a feature of the window over the baseline's, if that is of the same kind."""
    if feature.sketch and feature.sketch.size:
        old = before.sketch if before and before.sketch and before.sketch.size else None
        return _number_plot(feature, feature.sketch.weighted(), old.weighted() if old else None)
    if feature.categories:
        return _category_plot(feature.categories, (before.categories if before else None) or {})
    return NOT_DRAWN


def _number_plot(
    feature: FeatureStatistics, now: Weighted, old: Weighted | None
) -> DistributionPlot:
    samples = [sample for sample in (now, old) if sample is not None]
    whole = feature.inferred_type == INTEGRAL
    low, high = _plotted_range(samples, whole=whole)
    if max(-low, high) > LARGEST_DRAWN:
        return NOT_DRAWN
    edges = _bar_edges(low, high, whole=whole)
    # What is beyond the ends is in the outermost bars.
    clipped = ((np.clip(values, edges[0], edges[-1]), weights) for values, weights in samples)
    counts = [np.histogram(values, edges, weights=weights)[0] for values, weights in clipped]
    figure, (axes,) = sheet(3.5, 1.5)
    if old:
        rows = counts[1]
        axes.stairs(100 * rows / rows.sum(), edges, fill=True, color=BASELINE_COLOUR, alpha=0.55)
    axes.stairs(100 * counts[0] / counts[0].sum(), edges, color=WINDOW_COLOUR, linewidth=1.4)
    axes.locator_params(axis="x", integer=whole)
    axes.set(ylabel="% of rows", xlim=(edges[0], edges[-1]), ylim=(0, None))
    return DistributionPlot(image(figure), psi(*counts) if old else None)


def _plotted_range(samples: Sequence[Weighted], *, whole: bool) -> tuple[float, float]:
    """Return the numbers between which the samples are drawn: without their tails, if need be."""
    low, high = _range(samples, tail=0.0)
    # All the whole numbers are shown where they are few.
    if whole and high - low < PLOT_BINS:
        return low, high
    return _range(samples, tail=PLOT_TAIL)


def _range(samples: Sequence[Weighted], tail: float) -> tuple[float, float]:
    ends = [quantile(sample, at) for sample in samples for at in (tail, 1 - tail)]
    return min(ends), max(ends)


def _bar_edges(low: float, high: float, *, whole: bool) -> Floats:
    if whole:
        # As many whole numbers in each bar.
        width = np.ceil((high - low + 1) / PLOT_BINS)
        return np.arange(low, high + width + 1, width) - 0.5
    return np.linspace(low, high if high > low else low + 1, PLOT_BINS + 1)


def _category_plot(now: Mapping[str, int], old: Mapping[str, int]) -> DistributionPlot:
    """Draw the largest categories; the others are one bar."""
    totals = [max(sum(counts.values()), 1) for counts in (now, old)]

    def largest_first(name: str) -> tuple[float, str]:
        return -now.get(name, 0) / totals[0] - old.get(name, 0) / totals[1], name

    names = sorted(now.keys() | old.keys(), key=largest_first)
    shown = names[:MOST_CATEGORIES]
    others = names[MOST_CATEGORIES:]
    bars = [[counts.get(name, 0) for name in shown] for counts in (now, old)]
    labels = [_bar_label(name) for name in shown]
    if others:
        labels.append(f"{len(others)} others")
        for bar, counts in zip(bars, (now, old), strict=True):
            bar.append(sum(counts.get(name, 0) for name in others))
    places = np.arange(len(labels))
    shares = 100 * np.array(bars) / np.array(totals)[:, None]
    figure, (axes,) = sheet(3.5, 0.5 + 0.24 * len(labels))
    if old:
        axes.barh(places + 0.2, shares[1], 0.38, color=BASELINE_COLOUR, alpha=0.55)
    axes.barh(places - 0.2, shares[0], 0.38, color=WINDOW_COLOUR)
    axes.set(xlabel="% of rows", yticks=places, yticklabels=labels)
    axes.invert_yaxis()
    return DistributionPlot(image(figure), psi(*bars) if old else None)


def _bar_label(name: str) -> str:
    if len(name) <= LONGEST_LABEL:
        return name
    return f"{name[: LONGEST_LABEL - 1]}…"
