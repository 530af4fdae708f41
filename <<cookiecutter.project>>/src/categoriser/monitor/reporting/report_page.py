"""`report.html`: a check's report as one page that asks nothing of a network.

Equal results give equal bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from msgspec import convert

from categoriser.evaluation.evaluation_file import SliceFigures
from categoriser.evaluation.plots import STYLE, confusion, slices
from categoriser.evaluation.rendering import render
from categoriser.io.replacing import write_json, write_text
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.reporting.distribution_plots import (
    BASELINE_COLOUR,
    WINDOW_COLOUR,
    distributions,
)
from categoriser.monitor.reporting.findings import findings
from categoriser.monitor.reporting.report_document import report_document
from categoriser.monitor.reporting.terminal_report import heading
from categoriser.params import About, read_params


def write_report(result: CheckResult, folder: Path) -> None:
    """Write `report.json` and `report.html` into a folder; `params.yaml` says whose they are."""
    found = report_document(result)
    write_json(folder / "report.json", found)
    write_text(folder / "report.html", report_page(result, found, read_params().about))


def report_page(result: CheckResult, found: Mapping[str, Any], about: About) -> str:
    """Return the result and its `facts` as one HTML page; text from the data is escaped."""
    before = result.baseline.features if result.baseline else {}
    with mpl.rc_context(STYLE):
        plots = {
            name: distributions(feature, before.get(name))
            for name, feature in result.current.features.items()
        }
        matrix, by_slice = "", {}
        if result.quality and result.quality["joined"]["joined"]:
            quality = result.quality
            counts = quality["statistics"]["multiclass_classification_metrics"]["confusion_matrix"]
            rows = [list(row.values()) for row in counts.values()]
            matrix = confusion(rows, list(counts))
            judged = ((name, found) for name, found in (quality["slices"] or {}).items() if found)
            by_slice = {
                name: slices(convert(found["slices"], list[SliceFigures]))
                for name, found in judged
                if found["slices"]
            }
    drawn = {"plots": plots, "matrix": matrix, "by_slice": by_slice}
    shown = {
        "about": about,
        "heading": heading(result),
        "colours": {"baseline": BASELINE_COLOUR, "window": WINDOW_COLOUR},
        "findings": findings(result),
        "samples": result.samples,
    }
    return render("monitor.html", "categoriser.monitor", **drawn, **shown, **found)


def share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
