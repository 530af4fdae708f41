"""From captures and a folder of labels to a worklist, and what is said of it."""

import sys
from pathlib import Path

import polars as pl

from categoriser.errors import UserError
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.monitor_settings import read_monitor_settings
from categoriser.paths import BASELINE
from categoriser.plural import plural
from categoriser.review.alike_groups import group_alike
from categoriser.review.label_store import LabelStore
from categoriser.review.uncertain_rows import UncertainRows, read_uncertain_rows
from categoriser.review.worklist import Worklist


def open_worklist(captures: str, labels: Path) -> Worklist:
    """Read captures and labels, and say what there is.

    Rows that have a label from elsewhere in the labels' folder, such as the API's, are left out.
    Raises `UserError` where there are no captures, no baseline, or files in the labels' folder that
    cannot be read.
    """
    settings = read_monitor_settings()
    problems = Problems()
    files = event_files(captures, None, None, problems)
    found = read_uncertain_rows(files, problems, BASELINE, settings.features.preprocessor)
    if not found.captured:
        raise UserError(
            f"{captures} holds no captured row; `make serve CAPTURE=captures` captures its answers"
        )
    store = LabelStore(labels)
    rows = _without(found.frame, store.labelled_elsewhere())
    worklist = Worklist(group_alike(rows, found.review_threshold), found.classes, store)
    for sentence in _sentences(found, worklist, labels):
        print_line(sentence)
    return worklist


def _without(rows: pl.DataFrame, calls: set[tuple[str, int]]) -> pl.DataFrame:
    """Return the rows that are not of these calls and rows."""
    known = pl.DataFrame(sorted(calls), {"id": pl.String, "row": pl.Int64}, orient="row")
    return rows.join(known, on=["id", "row"], how="anti", maintain_order="left")


def _sentences(found: UncertainRows, worklist: Worklist, labels: Path) -> list[str]:
    """Say what was read, and what was not."""
    rows = len(worklist.names)
    groups = plural(len(worklist.groups), "group")
    sentences = [
        f"{plural(found.captured, 'captured row')}, {plural(rows, 'row')} to review in {groups} of "
        f"alike ones; {worklist.rows_done:,} labelled in {labels}"
    ]
    elsewhere = found.frame.height - rows
    if elsewhere:
        sentences.append(
            f"{plural(elsewhere, 'row')} left out, labelled from elsewhere in {labels}"
        )
    return sentences + [f"note: {note}" for note in found.problems.notes()]


def print_line(line: str) -> None:
    """Print a line at once, for who waits for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
