"""`make compare [EXPERIMENT=] [METRIC=] [KIND=]`: runs beside each other, in a table and a page.

Only runs on the same data are compared. MLflow is asked and nothing is written to it.
"""

from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from rich.console import Console

from categoriser.errors import UserError
from categoriser.io.replacing import write_text
from categoriser.paths import VEGA
from categoriser.tracking.comparing.comparison import compare
from categoriser.tracking.comparing.page import html
from categoriser.tracking.comparing.recorded_runs import Kind, read_runs
from categoriser.tracking.comparing.table import print_comparison
from categoriser.tracking.store import check_store, store_address
from categoriser.tracking.track import project_name


def compare_here(experiment: str | None, metric: str | None, kind: Kind, output: Path) -> None:
    """Print the tables and write the page.

    Raises `UserError` for a store that cannot be used, and for an experiment or a metric that there
    is not.
    """
    uri = store_address()
    check_store(uri)
    mlflow.set_tracking_uri(uri)
    project = project_name()
    try:
        runs, is_all = read_runs(project, experiment, kind)
    except MlflowException as error:
        raise UserError(f"MLflow at {uri}: {error.message}") from None
    compared = compare(runs, kind, metric)
    if not VEGA.exists():
        raise UserError(f"{VEGA} is missing, which draws the plots: `make compare` makes it")
    page = html(project, compared, VEGA.read_text(encoding="utf-8"), is_all)
    write_text(output, page)
    console = Console()
    for one in compared:
        print_comparison(console, one)
    if len(compared) > 1:
        console.print("Runs on different data are not comparable, so each has a table of its own.")
    if not is_all:
        console.print(f"These are the newest {len(runs):,} {kind}; the others are left out.")
    console.print(f"Page: {output}", soft_wrap=True, highlight=False, markup=False)
