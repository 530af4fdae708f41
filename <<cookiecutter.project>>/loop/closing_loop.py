"""`make loop`: labels of a month that drifts are learned from, and the next month tells the gain.

The champion answers a drifted month over HTTP; all that it answered is labelled, and the labels go
the way that a team's go: `feedback`, `data`, the pipeline, the gate. The retrained model and the
champion then answer the next month, which drifts alike and which nothing was trained on.

Labels are of the newest month, and `prepare.months` would hold it out: it is 0 here, as in the jobs
on AWS that train on labels. All of it happens in a copy of the project.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from categoriser import paths
from categoriser.command import run_command
from categoriser.data.own import take_files
from categoriser.errors import UserError
from categoriser.evaluation.champion import read_champion
from categoriser.evaluation.evaluation_file import BesideChampion
from categoriser.evaluation.promote import promote
from categoriser.evaluation.rendering import percent, points, span
from categoriser.evaluation.verdict import Verdict, read_verdict
from categoriser.io.digests import digest
from categoriser.io.dvc_commands import dvc_status
from categoriser.monitor.feedback_export import export_feedback
from categoriser.params import Params, read_params, set_params
from categoriser.reproduce import call
from loop.answered_rows import compare_on, right_answers
from loop.drifted_months import DRIFT_IN_WORDS, drifted_month, refuse_own_data
from loop.project_copy import project_copy
from loop.served_rows import CAPTURES, TRUTH, serve_rows, write_labels

# What is kept of the retrained model.
KEPT = (paths.REPORT, paths.MODEL_CARD, paths.VERDICT)
CONSOLE = Console(highlight=False, soft_wrap=True)


def close_loop() -> bool:
    """Play the loop; return whether the gate passes and the retrained model is surely better.

    Raises `UserError` where the project's data are not the generated ones, where there is no sound
    model to begin with, and where a step fails.
    """
    params = read_params()
    refuse_own_data(params, "make loop")
    kept = paths.LOOP.absolute()
    with project_copy():
        settle_champion()
        serve_month(params)
        retrain()
        verdict = read_verdict(paths.VERDICT)
        keep_report(kept)
        found = compare_next_month(params)
    return tell(found, verdict)


def settle_champion() -> None:
    """Make the copy's model its champion, if there is none. Raises `UserError` for another one."""
    champion = read_champion(paths.CHAMPION)
    if champion is None:
        say(f"There is no champion: {paths.MODEL} takes its part in this rehearsal")
        promote()
        return
    if champion.digest != digest(paths.MODEL):
        raise UserError(
            f"the champion {champion.digest[:12]} is another model than the one in {paths.MODEL}, "
            "whose settings and data the retrained one would have: `make promote` makes that one "
            "the champion, and `make promote FORGET=champion` retires the other"
        )
    changed = changed_stages()
    if changed:
        raise UserError(
            f"{paths.MODEL} is of an earlier state (changed since: {', '.join(changed)}); "
            "`make run` brings it up to date"
        )


def changed_stages() -> list[str]:
    """Name the stages of which something has changed since they ran, other than the champion."""
    changed = []
    for stage, changes in dvc_status().items():
        of_champion = [
            isinstance(change, dict)
            and all(Path(path).is_relative_to(paths.CHAMPION) for path in _paths_in(change))
            for change in changes
        ]
        if not all(of_champion):
            changed.append(stage)
    return changed


def _paths_in(change: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the paths that a part of `dvc status` names, such as {"changed deps": {path: how}}."""
    return [path for found in change.values() for path in found]


def serve_month(params: Params) -> None:
    """Have the champion answer the first month, and write all its labels."""
    rows = drifted_month(params.generate, 1)
    labels = serve_rows(rows, paths.CHAMPION_MODEL, Path(), "loop")
    write_labels(labels, Path(TRUTH))
    say(f"{rows.height:,} rows served, captured and labelled: {DRIFT_IN_WORDS}")


def retrain() -> None:
    """Train on the data and the labels. Raises `UserError` where a stage before the gate fails."""
    export_feedback(CAPTURES, TRUTH)
    set_params(paths.PARAMS, {"prepare.months": 0})
    take_files(f"{paths.GENERATED} {paths.FEEDBACK_TRAIN}")
    paths.VERDICT.unlink()
    failed = call("dvc", "repro")
    if failed and not (paths.VERDICT.exists() and not read_verdict(paths.VERDICT).passed):
        raise UserError("the pipeline failed before the gate, as DVC says above")


def keep_report(folder: Path) -> None:
    """Copy what says most of the retrained model to a folder, in place of the last rehearsal's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in KEPT:
        shutil.copyfile(path, folder / path.name)


def compare_next_month(params: Params) -> list[BesideChampion]:
    """Compare the retrained model with the champion on the second month."""
    rows = drifted_month(params.generate, 2)
    champion = right_answers(paths.CHAMPION_MODEL, rows)
    retrained = right_answers(paths.MODEL, rows)
    return compare_on(rows, champion, retrained, params.evaluate)


def tell(found: Sequence[BesideChampion], verdict: Verdict) -> bool:
    """Print the comparison and what follows; return whether the loop has closed."""
    table = Table(title="Accuracy on the next month, which drifts alike")
    table.add_column("rows of")
    for column in ("rows", "merchants", "champion", "retrained", "difference, points"):
        table.add_column(column, justify="right")
    for one in found:
        table.add_row(
            one.name,
            f"{one.rows:,}",
            f"{one.groups:,}",
            percent(one.champion.value),
            percent(one.model.value),
            f"{points(one.lead.value)} ({span(one.lead, signed=True)})",
        )
    CONSOLE.print(table)
    lead = found[0].lead
    is_better = lead.low > 0
    sure = "is surely better" if is_better else "is not surely better"
    say(
        f"The retrained model {sure} than the champion on a month that neither was trained on: "
        f"{points(lead.value)} points ({span(lead, signed=True)})."
    )
    for fault in (*verdict.faults, *verdict.doubts):
        say(f"The gate: {fault}")
    passed = "passes" if verdict.passed else "does not pass"
    say(f"The retrained model {passed} its gate. Its report: {paths.LOOP / paths.REPORT.name}")
    return is_better and verdict.passed


def say(line: str) -> None:
    CONSOLE.print(line, markup=False)


def main() -> None:
    if not close_loop():
        sys.exit(1)


if __name__ == "__main__":
    run_command(main)
