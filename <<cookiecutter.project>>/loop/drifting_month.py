"""`make drift`: a month that drifts is generated, served, captured, labelled, and judged.

Only the rows are made up: the server of `make serve` answers over HTTP and captures, the labels
come back as ground truth, and the monitor reads both as it does in production.
"""

import shutil

from rich.console import Console

from categoriser import paths
from categoriser.command import run_command
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.monitor_settings import read_monitor_settings
from categoriser.monitor.reporting.terminal_report import SAMPLE_TEXTS
from categoriser.params import read_params
from loop.drifted_months import DRIFT_IN_WORDS, drifted_month, refuse_own_data
from loop.served_rows import CAPTURES, ENDPOINT_HERE, TRUTH, serve_rows, write_labels


def main() -> None:
    params = read_params()
    refuse_own_data(params, "make drift")
    settings = read_monitor_settings()
    rows = drifted_month(params.generate, 1)
    shutil.rmtree(paths.DRIFT, ignore_errors=True)
    paths.DRIFT.mkdir(parents=True)
    labels = serve_rows(rows, paths.MODEL, paths.DRIFT, "drift")
    write_labels(labels, paths.DRIFT / TRUTH)
    console = Console()
    console.print(f"{rows.height:,} rows served: {DRIFT_IN_WORDS}", highlight=False)
    job = MonitorRequest(
        source=str(paths.DRIFT / CAPTURES),
        output=paths.DRIFT,
        baseline=str(paths.BASELINE),
        truth=str(paths.DRIFT / TRUTH),
        endpoint=ENDPOINT_HERE,
        preprocessor=settings.features.preprocessor,
        postprocessor=settings.features.postprocessor,
        samples=SAMPLE_TEXTS,
    )
    check_window(job, settings, console)


if __name__ == "__main__":
    run_command(main)
