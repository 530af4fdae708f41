"""The report (one HTML file, which asks nothing of a network) and the model card (Markdown).

Both are functions of the facts that `gate` gathers, and equal facts give equal bytes.
"""

import base64
import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from categoriser.model.tokens import said

OWN, MAJORITY = "#0b5cad", "#8b96a3"
COLOURS = {"model": OWN, "reference": "#c2691c", "champion": "#2f8f5b", "majority": MAJORITY}
STYLE: dict[Any, Any] = {
    "axes.edgecolor": "#c3ccd6",
    "axes.grid": True,
    "axes.labelcolor": "#3c4858",
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
    "ytick.color": "#3c4858",
}
# The held-out parts in the order of reading, and what their rows are.
PARTS = {
    "time": "the last months: rows later than all that was trained on",
    "merchant": "merchants of which no row was trained on",
    "random": "rows of the same months and merchants as the training's",
}
FIGURES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1"}
# Cells of a larger confusion matrix are too small for a number.
MOST_NUMBERS = 16
# Of more classes a matrix says nothing: the pairs that are confused most do, and the worst classes.
MANY_CLASSES = 40
WORST = 15
# A plot of more slices is not read.
MOST_SLICES = 40


def html(facts: dict[str, Any]) -> str:
    """Return the report as one HTML page; all text from the data is escaped."""
    all_parts = facts["evaluation"]["parts"]
    parts = {name: all_parts[name] for name in PARTS if all_parts[name]["rows"]}
    labels = facts["evaluation"]["labels"]
    compared = facts["evaluation"]["slices"].items()
    judged = {name: column["slices"] for name, column in compared if column and column["slices"]}
    readable = len(labels) <= MANY_CLASSES
    with mpl.rc_context(STYLE):
        plots = {
            "overview": overview(parts) if parts else "",
            "confusion": {
                name: confusion(part, labels) if readable else "" for name, part in parts.items()
            },
            "curves": {name: curves(part) for name, part in parts.items()},
            "slices": {name: slices(found[:MOST_SLICES]) for name, found in judged.items()},
        }
    shown = {"labels": labels, "many": MANY_CLASSES, "worst": WORST, "plots": plots}
    return render("report.html", **shown, **common(facts), **facts)


def model_card(facts: dict[str, Any]) -> str:
    """Return the model card in Markdown; text from the data cannot end a table's cell."""
    return render("model_card.md", **common(facts), **facts)


def common(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what both pages say beside the facts: dates, and how many slices are too small."""
    evaluation = facts["evaluation"]
    dates = [date for part in evaluation["split"]["parts"].values() for date in part["dates"]]
    compared = filter(None, evaluation["slices"].values())
    small = sum(len(column["not_judged"]) for column in compared)
    return {"period": (min(dates, default="?"), max(dates, default="?")), "small": small}


def render(template: str, package: str = "categoriser.evaluation", **values: Any) -> str:
    """Fill a template of a package's `templates`, in which those of this one can be included.

    A name that it asks for and does not get is an error.
    """
    environment = Environment(
        autoescape=select_autoescape(),
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("categoriser.evaluation")]),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "cell": cell,
        "percent": percent,
        "points": points,
        "said": said,
        "span": span,
    }
    return environment.get_template(template).render(values, meaning=PARTS, order=list(COLOURS))


def cell(text: object) -> str:
    """Escape what Markdown would take for markup, in a table or outside."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~&]|<|>)", r"\\\1", " ".join(str(text).split()))


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def points(share: float | None) -> str:
    """Write a difference of shares in percentage points."""
    return "–" if share is None else f"{100 * share:+.1f}".replace("-", "−")


def span(interval: dict[str, float], signed: bool = False) -> str:
    """Write an interval's ends, as `percent` and `points` write its value."""
    if signed:
        return f"{points(interval['low'])} to {points(interval['high'])}"
    return f"{100 * interval['low']:.1f} to {100 * interval['high']:.1f}"


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
    axes: Axes, places: Sequence[float], intervals: Sequence[dict[str, float]], **style: Any
) -> None:
    """Draw intervals as points with whiskers, one at each place on the vertical axis."""
    values = np.array([[i["value"], i["low"], i["high"]] for i in intervals]).reshape(-1, 3)
    # A percentile interval may lie beside its value.
    whiskers = np.abs(values[:, 1:] - values[:, :1]).T
    axes.errorbar(values[:, 0], places, xerr=whiskers, fmt="o", markersize=5, **style)


def overview(parts: dict[str, Any]) -> str:
    """Accuracy and macro-F1 of the model and its rivals on each held-out part."""
    figure, both = sheet(9.2, 0.5 + 0.75 * len(parts), 2)
    for axes, (figure_name, title) in zip(both, FIGURES.items(), strict=True):
        for offset, (name, colour) in enumerate(COLOURS.items()):
            here = [n for n, part in enumerate(parts.values()) if name in part["models"]]
            found = [list(parts.values())[n]["models"][name][figure_name] for n in here]
            places = [n + (offset - 1.5) * 0.18 for n in here]
            if found:
                forest(axes, places, found, color=colour, label=name)
        axes.set(title=title, xlim=(0, 1), yticks=range(len(parts)), yticklabels=list(parts))
        axes.invert_yaxis()
    figure.legend(*both[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return image(figure)


def curves(part: dict[str, Any]) -> str:
    """Calibration, and accuracy over coverage."""
    figure, (calibration, coverage) = sheet(9.2, 3.2, 2)
    bins, steps, chosen = part["calibration"], part["coverage"], part["models"]["model"]
    most = max(b["rows"] for b in bins)
    line = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
    calibration.plot([0, 1], [0, 1], color=MAJORITY, linewidth=1, linestyle="--")
    calibration.plot(*line, color=OWN)
    calibration.scatter(*line, s=[8 + 90 * b["rows"] / most for b in bins], color=OWN)
    calibration.set(title="Calibration (a point's area: rows)", xlim=(0, 1), ylim=(0, 1))
    calibration.set(xlabel="probability of the answer", ylabel="share right")
    covered = ([step[name] for step in steps] for name in ("coverage", "covered_accuracy"))
    coverage.plot(*covered, color=OWN)
    if chosen["coverage"]:
        coverage.plot(chosen["coverage"], chosen["covered_accuracy"], "o", color="#b3261e")
    title = "Accuracy by coverage (dot: the review threshold)"
    coverage.set(title=title, xlim=(0, 1), ylim=(None, 1))
    coverage.set(xlabel="share answered without review", ylabel="share right of those")
    return image(figure)


def confusion(part: dict[str, Any], labels: Sequence[str]) -> str:
    """Heat map of the true classes' rows: shares by colour, counts as numbers."""
    size = len(labels)
    counts = np.array(part["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, (axes,) = sheet(min(3 + 0.52 * size, 9.2), min(1.6 + 0.38 * size, 9))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.set(xlabel="answered", ylabel="true", yticks=range(size), yticklabels=labels)
    axes.set_xticks(range(size), labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=9 if size <= MOST_NUMBERS else 5)
    if size <= MOST_NUMBERS:
        centred: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
        for row, column in np.argwhere(counts):
            colour = "white" if shares[row, column] > 0.5 else "#3c4858"
            axes.text(column, row, f"{counts[row, column]:,}", color=colour, **centred)
    return image(figure)


def slices(compared: Sequence[dict[str, Any]]) -> str:
    """Forest plot of the slices' accuracy, the worst served on top."""
    figure, (axes,) = sheet(9.2, 0.8 + 0.3 * len(compared))
    places = range(len(compared))
    forest(axes, places, [part["accuracy"] for part in compared], color=OWN)
    # Every slice's gap is to the same accuracy: that of all rows.
    overall = compared[0]["accuracy"]["value"] + compared[0]["gap"]["value"]
    axes.axvline(overall, color="#b3261e", linewidth=1, linestyle="--")
    names = [f"{part['name']}  ({part['rows']:,} rows)" for part in compared]
    axes.set(xlabel="accuracy (dashed: all rows)", yticks=places, yticklabels=names)
    axes.set_xlim(right=1)
    axes.set_ylim(len(compared) - 0.5, -0.5)
    return image(figure)
