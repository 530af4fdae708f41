"""Four months in which new merchants come, with a review of a few rows a month and without.

Each month's rows are answered by the current model. With review, the rows that `make review` would
show first get their labels, which go the way that a team's go: `feedback`, `data`, the pipeline. So
the next month has a model that has learned from them. Without review the first model stays.

`python -m loop.reviewed_months` plays it in a copy of the project, and prints both curves as
the table of docs/review.md.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from categoriser import paths
from categoriser.command import run_command
from categoriser.data.generation.world import Drift
from categoriser.data.own import take_files
from categoriser.evaluation.evaluation_file import BesideChampion
from categoriser.evaluation.rendering import percent, points, span
from categoriser.io.dvc_commands import dvc
from categoriser.monitor.feedback_export import export_feedback
from categoriser.params import read_params, set_params
from categoriser.review.opening import open_worklist, print_line
from loop.answered_rows import compare_on, right_answers
from loop.drifted_months import ROWS_IN_MONTH, drifted_month, refuse_own_data
from loop.project_copy import project_copy
from loop.served_rows import CAPTURES, serve_rows

# The share of each month's rows that new merchants have: the same merchants, and more and more.
NEW_MERCHANTS = (0.1, 0.2, 0.3, 0.4)
# So many rows are labelled each month; a label of a group of alike rows counts for each of them.
REVIEWED_ROWS = 200
# From the data to a model and its baseline. The candidate that was chosen stays: no month is about
# another one. The gate is not asked: what is shown is what labels are worth.
STAGES = ("validate", "prepare", "train", "add_rules", "baseline")
# The model that stays as it is.
FIRST_MODEL = Path("first_model")


class PlayedMonth(Struct):
    """One month: what was labelled after it, and accuracy with review beside that without.

    `labelled` counts rows, and `groups` the groups of alike rows that they are of. `compared` is on
    all rows, and on rows of new merchants and others; its champion is the model without review.
    """

    number: int
    labelled: int
    groups: int
    compared: list[BesideChampion]


def play_months(
    reviewed_rows: int = REVIEWED_ROWS, rows_in_month: int = ROWS_IN_MONTH
) -> Iterator[PlayedMonth]:
    """Play the months in a copy of the project; yield each when it is over.

    The first model is trained as the later ones are, but for the labels: no month is held out.
    Raises `UserError` where the project's data are not the generated ones, and where a step fails.
    """
    params = read_params()
    refuse_own_data(params, "this rehearsal")
    with project_copy():
        # Labels are of the newest month, which is learned from.
        set_params(paths.PARAMS, {"prepare.months": 0})
        # A review gives few labels at a time, and an export asks for more.
        set_params(paths.MONITORING, {"quality.min_rows": reviewed_rows // 2})
        dvc("repro", "--single-item", *STAGES)
        shutil.copytree(paths.MODEL, FIRST_MODEL)
        for number, share in enumerate(NEW_MERCHANTS, 1):
            drift = Drift(new_merchants=share)
            rows = drifted_month(params.generate, number, drift, rows_in_month)
            without = right_answers(FIRST_MODEL, rows)
            reviewed = right_answers(paths.MODEL, rows)
            month = PlayedMonth(number, 0, 0, compare_on(rows, without, reviewed, params.evaluate))
            if number < len(NEW_MERCHANTS):
                folder = Path(f"month-{number}")
                folder.mkdir()
                labels = serve_rows(rows, paths.MODEL, folder, folder.name)
                month.labelled, month.groups = review(folder, labels, reviewed_rows)
                retrain(folder)
            yield month


def review(folder: Path, categories: dict[str, str], rows: int) -> tuple[int, int]:
    """Label so many of the rows that the page shows first, as its labels are written.

    `categories` are all rows' by their names. Returns the numbers of rows and of their groups.
    """
    worklist = open_worklist(str(folder / CAPTURES), folder / paths.REVIEW_LABELS)
    chosen = worklist.names[:rows]
    given: dict[str, list[str]] = {}
    for name in chosen:
        given.setdefault(categories[name], []).append(name)
    worklist.store.add(list(given.items()))
    return len(chosen), len({*worklist.group_of[: len(chosen)]})


def retrain(folder: Path) -> None:
    """Train on the data and on all labels up to now, those of this folder among them."""
    export_feedback(str(folder / CAPTURES), str(folder / paths.REVIEW_LABELS))
    take_files(f"{paths.GENERATED} {paths.FEEDBACK_TRAIN}")
    dvc("repro", "--single-item", *STAGES)


def in_markdown(months: list[PlayedMonth]) -> str:
    """Return the months as a table."""
    lines = [
        "| month | rows of new merchants | labelled before | without review | with review "
        "| difference, points | on new merchants, without | with |",
        "|---:|---:|---:|---:|---:|:---|---:|---:|",
    ]
    labelled = 0
    for month in months:
        everything, new, *_ = month.compared
        lead = f"{points(everything.lead.value)} ({span(everything.lead, signed=True)})"
        lines.append(
            f"| {month.number} | {percent(new.rows / everything.rows)} | {labelled:,} "
            f"| {percent(everything.champion.value)} | {percent(everything.model.value)} | {lead} "
            f"| {percent(new.champion.value)} | {percent(new.model.value)} |"
        )
        labelled += month.labelled
    return "\n".join(lines)


def main() -> None:
    months = []
    for month in play_months():
        months.append(month)
        print_line(
            f"month {month.number}: {month.labelled} rows labelled, in {month.groups} groups"
        )
    print_line(in_markdown(months))


if __name__ == "__main__":
    run_command(main)
