"""The plots of the reports, each as a `data:` address of an SVG image."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from categoriser.evaluation.evaluation_file import PartFigures, SliceFigures
from categoriser.intervals import Interval

OWN_COLOUR = "#0b5cad"
MAJORITY_COLOUR = "#8b96a3"
WARNING_COLOUR = "#b3261e"
INK_COLOUR = "#3c4858"
MODEL_COLOURS = {
    "model": OWN_COLOUR,
    "reference": "#c2691c",
    "champion": "#2f8f5b",
    "majority": MAJORITY_COLOUR,
}
STYLE: dict[Any, Any] = {
    "axes.edgecolor": "#c3ccd6",
    "axes.grid": True,
    "axes.labelcolor": INK_COLOUR,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "font.size": 9,
    "grid.color": "#e7ecf1",
    "legend.frameon": False,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    # The ids in the file come from this, not from chance.
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "xtick.color": "#5a6675",
    "ytick.color": INK_COLOUR,
}
# Cells of a larger confusion matrix are too small for a number.
MOST_NUMBERS = 16


def sheet(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many inches, and its axes from left to right."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def image(figure: Figure) -> str:
    """Return a figure as a `data:` address."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()


def forest(
    axes: Axes, places: Sequence[float], intervals: Sequence[Interval], **style: Any
) -> None:
    """Draw intervals as points with whiskers, one at each place on the vertical axis."""
    values = np.array([[one.value, one.low, one.high] for one in intervals]).reshape(-1, 3)
    # A percentile interval may lie beside its value.
    whiskers = np.abs(values[:, 1:] - values[:, :1]).T
    axes.errorbar(values[:, 0], places, xerr=whiskers, fmt="o", markersize=5, **style)


def overview_plot(parts: Mapping[str, PartFigures]) -> str:
    """Accuracy and macro-F1 of the model and its rivals on each held-out part."""
    figure, (left, right) = sheet(9.2, 0.5 + 0.75 * len(parts), 2)
    for number, (model, colour) in enumerate(MODEL_COLOURS.items()):
        # A part's models lie beside each other.
        offset = (number - 1.5) * 0.18
        measured = [
            (place + offset, part.models[model])
            for place, part in enumerate(parts.values())
            if model in part.models
        ]
        if measured:
            places = [place for place, _ in measured]
            forest(left, places, [one.accuracy for _, one in measured], color=colour, label=model)
            forest(right, places, [one.macro_f1 for _, one in measured], color=colour, label=model)
    for axes, title in ((left, "Accuracy"), (right, "Macro-F1")):
        axes.set(title=title, xlim=(0, 1), yticks=range(len(parts)), yticklabels=list(parts))
        axes.invert_yaxis()
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return image(figure)


def curves_plot(part: PartFigures) -> str:
    """Calibration, and accuracy over coverage."""
    figure, (left, right) = sheet(9.2, 3.2, 2)
    draw_calibration(left, part)
    draw_coverage(right, part)
    return image(figure)


def draw_calibration(axes: Axes, part: PartFigures) -> None:
    bins = part.calibration
    most = max(one.rows for one in bins)
    confidence = [one.confidence for one in bins]
    accuracy = [one.accuracy for one in bins]
    areas = [8 + 90 * one.rows / most for one in bins]
    axes.plot([0, 1], [0, 1], color=MAJORITY_COLOUR, linewidth=1, linestyle="--")
    axes.plot(confidence, accuracy, color=OWN_COLOUR)
    axes.scatter(confidence, accuracy, s=areas, color=OWN_COLOUR)
    axes.set(title="Calibration (a point's area: rows)", xlim=(0, 1), ylim=(0, 1))
    axes.set(xlabel="probability of the answer", ylabel="share right")


def draw_coverage(axes: Axes, part: PartFigures) -> None:
    steps = part.coverage
    chosen = part.models["model"]
    axes.plot(
        [step.coverage for step in steps],
        [step.covered_accuracy for step in steps],
        color=OWN_COLOUR,
    )
    if chosen.coverage:
        axes.plot(chosen.coverage, chosen.covered_accuracy, "o", color=WARNING_COLOUR)
    title = "Accuracy by coverage (dot: the review threshold)"
    axes.set(title=title, xlim=(0, 1), ylim=(None, 1))
    axes.set(xlabel="share answered without review", ylabel="share right of those")


def confusion_plot(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """Heat map of the true classes' rows: shares by colour, counts as numbers."""
    size = len(labels)
    counts = np.array(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, (axes,) = sheet(min(3 + 0.52 * size, 9.2), min(1.6 + 0.38 * size, 9))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.set(xlabel="answered", ylabel="true", yticks=range(size), yticklabels=labels)
    axes.set_xticks(range(size), labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=9 if size <= MOST_NUMBERS else 5)
    if size <= MOST_NUMBERS:
        for row, column in np.argwhere(counts):
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}",
                color="white" if shares[row, column] > 0.5 else INK_COLOUR,
                ha="center",
                va="center",
                fontsize=8,
            )
    return image(figure)


def slices_plot(compared: Sequence[SliceFigures]) -> str:
    """Forest plot of the slices' accuracy, the worst served on top."""
    figure, (axes,) = sheet(9.2, 0.8 + 0.3 * len(compared))
    places = range(len(compared))
    forest(axes, places, [one.accuracy for one in compared], color=OWN_COLOUR)
    # Every slice's gap is to the same accuracy: that of all rows.
    overall = compared[0].accuracy.value + compared[0].gap.value
    axes.axvline(overall, color=WARNING_COLOUR, linewidth=1, linestyle="--")
    names = [f"{one.name}  ({one.rows:,} rows)" for one in compared]
    axes.set(xlabel="accuracy (dashed: all rows)", yticks=places, yticklabels=names)
    axes.set_xlim(right=1)
    axes.set_ylim(len(compared) - 0.5, -0.5)
    return image(figure)
