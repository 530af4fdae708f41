"""Plots of a feature's distribution in the window over the baseline's."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from categoriser.evaluation.plots import COLOURS, image, sheet
from categoriser.monitor.comparison.distances import psi
from categoriser.monitor.formats.sketch import Weighted, quantile
from categoriser.monitor.formats.statistics import FeatureStatistics

BASELINE_COLOUR, WINDOW_COLOUR = COLOURS["majority"], COLOURS["model"]
PLOT_BINS = 30
# A plot of numbers leaves out so much at either end, where a few rows would take all the room.
PLOT_TAIL = 0.02
MOST_CATEGORIES = 12
LONGEST_LABEL = 28
# Beyond it a double does not tell neighbouring whole numbers' bars apart.
LARGEST_DRAWN = 1e15
NOT_DRAWN: dict[str, Any] = {"image": "", "psi": None}


def distributions(feature: FeatureStatistics, before: FeatureStatistics | None) -> dict[str, Any]:
    """Plot a feature of the window over the baseline's, if that is of the same kind.

    Returns `image`, empty where there is nothing to draw, and the stability index over the bars.
    """
    if feature.sketch and feature.sketch.size:
        old = before.sketch if before and before.sketch and before.sketch.size else None
        return _numbers(feature, feature.sketch.weighted(), old.weighted() if old else None)
    if feature.categories:
        return _categories(feature.categories, (before.categories if before else None) or {})
    return NOT_DRAWN


def _numbers(feature: FeatureStatistics, now: Weighted, old: Weighted | None) -> dict[str, Any]:
    samples = [sample for sample in (now, old) if sample is not None]
    every, most = (
        [quantile(sample, at) for sample in samples for at in (tail, 1 - tail)]
        for tail in (0.0, PLOT_TAIL)
    )
    whole = feature.inferred_type == "Integral"
    # All the whole numbers are shown where they are few.
    ends = every if whole and max(every) - min(every) < PLOT_BINS else most
    low, high = min(ends), max(ends)
    if max(-low, high) > LARGEST_DRAWN:
        return NOT_DRAWN
    if whole:
        # As many whole numbers in each bar.
        width = np.ceil((high - low + 1) / PLOT_BINS)
        edges = np.arange(low, high + width + 1, width) - 0.5
    else:
        edges = np.linspace(low, high if high > low else low + 1, PLOT_BINS + 1)
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
    return {"image": image(figure), "psi": psi(*counts) if old else None}


def _categories(now: Mapping[str, int], old: Mapping[str, int]) -> dict[str, Any]:
    """Draw the largest categories; the others are one bar."""
    totals = [max(sum(counts.values()), 1) for counts in (now, old)]

    def largest_first(name: str) -> tuple[float, str]:
        return -now.get(name, 0) / totals[0] - old.get(name, 0) / totals[1], name

    names = sorted(now.keys() | old.keys(), key=largest_first)
    shown, others = names[:MOST_CATEGORIES], names[MOST_CATEGORIES:]
    bars = [[counts.get(name, 0) for name in shown] for counts in (now, old)]
    most = LONGEST_LABEL - 1
    labels = [name if len(name) <= LONGEST_LABEL else f"{name[:most]}…" for name in shown]
    if others:
        labels.append(f"{len(others)} others")
        for bar, counts in zip(bars, (now, old), strict=True):
            bar.append(sum(counts.get(name, 0) for name in others))
    places, shares = np.arange(len(labels)), 100 * np.array(bars) / np.array(totals)[:, None]
    figure, (axes,) = sheet(3.5, 0.5 + 0.24 * len(labels))
    if old:
        axes.barh(places + 0.2, shares[1], 0.38, color=BASELINE_COLOUR, alpha=0.55)
    axes.barh(places - 0.2, shares[0], 0.38, color=WINDOW_COLOUR)
    axes.set(xlabel="% of rows", yticks=places, yticklabels=labels)
    axes.invert_yaxis()
    return {"image": image(figure), "psi": psi(*bars) if old else None}
