"""`report.html`: a check's report as one page that asks nothing of a network.

Equal results give equal bytes.
"""

from pathlib import Path

import matplotlib as mpl
from msgspec import structs

from categoriser.evaluation.plots import STYLE, confusion_plot, slices_plot
from categoriser.evaluation.rendering import render
from categoriser.io.replacing import write_json, write_text
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.labels.model_quality import QualityResult
from categoriser.monitor.reporting.distribution_plots import (
    BASELINE_COLOUR,
    WINDOW_COLOUR,
    plot_distributions,
)
from categoriser.monitor.reporting.findings import findings
from categoriser.monitor.reporting.report_document import (
    REPORT_FILE,
    ReportDocument,
    report_document,
)
from categoriser.monitor.reporting.terminal_report import heading
from categoriser.params import About, read_params


def write_report(result: CheckResult, folder: Path) -> None:
    """Write `report.json` and `report.html` into a folder; `params.yaml` says whose they are."""
    document = report_document(result)
    write_json(folder / REPORT_FILE, document)
    write_text(folder / "report.html", report_page(result, document, read_params().about))


def report_page(result: CheckResult, document: ReportDocument, about: About) -> str:
    """Return the result and its document as one HTML page; text from the data is escaped."""
    before = result.baseline.features if result.baseline else {}
    quality = result.quality
    figures = quality.statistics.figures() if quality else {}
    with mpl.rc_context(STYLE):
        plots = {
            name: plot_distributions(feature, before.get(name))
            for name, feature in result.current.features.items()
        }
        matrix = _matrix_plot(quality) if quality and quality.joined.joined else ""
        by_slice = _slice_plots(quality) if quality and quality.joined.joined else {}
    return render(
        "monitor.html",
        "categoriser.monitor",
        about=about,
        heading=heading(result),
        colours={"baseline": BASELINE_COLOUR, "window": WINDOW_COLOUR},
        findings=findings(result),
        samples=result.samples,
        plots=plots,
        matrix=matrix,
        by_slice=by_slice,
        label_counts=structs.asdict(quality.joined) if quality else {},
        quality_figures=figures,
        detectable=result.power,
        **structs.asdict(document),
    )


def _matrix_plot(quality: QualityResult) -> str:
    counts = quality.statistics.multiclass_classification_metrics.confusion_matrix
    rows = [list(row.values()) for row in counts.values()]
    return confusion_plot(rows, list(counts))


def _slice_plots(quality: QualityResult) -> dict[str, str]:
    """Plot the slices of each column that has some."""
    return {
        column: slices_plot(compared.slices)
        for column, compared in (quality.slices or {}).items()
        if compared and compared.slices
    }
