"""The page reports/diagnostics.html: findings, curves and rules, in one file without a network."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes

from categoriser.diagnostics.findings import Diagnostics, read_diagnostics
from categoriser.diagnostics.series import (
    Series,
    TimedStep,
    Training,
    belongs,
    read_series,
    read_training,
)
from categoriser.errors import UserError
from categoriser.evaluation.plots import (
    MAJORITY_COLOUR,
    OWN_COLOUR,
    STYLE,
    WARNING_COLOUR,
    image,
    sheet,
)
from categoriser.evaluation.rendering import render
from categoriser.io.replacing import write_text
from categoriser.paths import DIAGNOSTICS, DIAGNOSTICS_PAGE, REPORT, SERIES, TRAINING

# What is drawn: a title, and the figures in it with their names and colours.
QUALITY = {
    "Loss, in nats": {
        "train_loss": ("training", OWN_COLOUR),
        "valid_loss": ("validation", WARNING_COLOUR),
    },
    "Accuracy": {
        "train_accuracy": ("training", OWN_COLOUR),
        "valid_accuracy": ("validation", WARNING_COLOUR),
    },
}
PACE = {
    "Learning rate": {"learning_rate": ("", OWN_COLOUR)},
    "Examples a second": {"examples_per_second": ("", MAJORITY_COLOUR)},
}


def draw(project: str, found: Diagnostics, training: Training) -> None:
    """Write the page of findings and of the training that they are of."""
    write_text(DIAGNOSTICS_PAGE, html(project, found, training, read_series(SERIES)))


def redraw(project: str) -> None:
    """Draw the page of the document that is there; remove it where a file of it is not.

    Git or DVC may have brought another document since. Neither keeps the page, whose curves are
    another each time.
    """
    try:
        draw(project, read_diagnostics(DIAGNOSTICS), read_training(TRAINING))
    except UserError:
        DIAGNOSTICS_PAGE.unlink(missing_ok=True)


def html(project: str, found: Diagnostics, training: Training, series: Series | None) -> str:
    """Return the page; a series of another training than this is left out."""
    steps = series.steps if series and belongs(series, training) else []
    with mpl.rc_context(STYLE):
        curves = [curves_plot(steps, figures) for figures in (QUALITY, PACE)] if steps else []
    return render(
        "diagnostics.html",
        "categoriser.diagnostics",
        project=project,
        found=found,
        training=training,
        curves=curves,
        report=REPORT.name,
    )


def curves_plot(steps: Sequence[TimedStep], plots: dict[str, dict[str, tuple[str, str]]]) -> str:
    """Return figures by epoch, a plot each, as a `data:` address."""
    figure, axes = sheet(9.2, 2.9, len(plots))
    for each, (title, figures) in zip(axes, plots.items(), strict=True):
        for name, (label, colour) in figures.items():
            draw_curve(each, steps, name, label, colour)
        each.set(title=title, xlabel="epochs", ylim=(0, 1) if title == "Accuracy" else (0, None))
        if each.get_legend_handles_labels()[0]:
            each.legend()
    return image(figure)


def draw_curve(axes: Axes, steps: Sequence[TimedStep], name: str, label: str, colour: str) -> None:
    """Draw one figure, in the steps that tell it."""
    told = [(step.epochs, getattr(step, name)) for step in steps]
    known = [(epochs, value) for epochs, value in told if value is not None]
    if known:
        marker = "o" if len(known) < len(steps) / 2 else ""
        epochs, values = zip(*known, strict=True)
        axes.plot(epochs, values, color=colour, label=label, marker=marker)
