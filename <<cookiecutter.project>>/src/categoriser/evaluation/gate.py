"""Stage `gate`, the last: it fails where the model may not go on."""

from collections.abc import Sequence

from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from categoriser import paths
from categoriser.command import run_command
from categoriser.errors import UserError
from categoriser.evaluation.verdict import FigureVerdict, Verdict, read_verdict
from categoriser.io.documents import read_document

AMBER = "bold #e0a100"
OUTCOME_STYLES = {
    "failed": "bold red",
    "insufficient": AMBER,
    "not judged": "dim",
    "passed": "green",
}


class BaselineModel(Struct):
    """What the gate reads of the baseline's facts: their own form is in a layer above this one."""

    model: str


def decide() -> Verdict:
    """Print the verdict on the model, and return it.

    Raises `UserError` where the monitor's baseline is of another model than the verdict.
    """
    verdict = read_verdict(paths.VERDICT)
    baseline = read_document(paths.BASELINE_FACTS, BaselineModel, "dvc repro baseline")
    if baseline.model != verdict.model:
        raise UserError(
            f"{paths.BASELINE_FACTS} is of another model than {paths.VERDICT}; "
            "`dvc repro` makes both anew"
        )
    console = Console()
    print_doubts(console, verdict)
    print_verdicts(console, verdict.verdicts)
    return verdict


def print_doubts(console: Console, verdict: Verdict) -> None:
    """Print what there is too little evidence for, and who accepted it, if anybody has."""
    if verdict.doubts:
        console.print("Too little evidence:", style=AMBER)
    for doubt in verdict.doubts:
        console.print(escape(f"  {doubt}"), style=AMBER)
    decision = verdict.decision
    if decision:
        words = f"Accepted by {decision.who} at {decision.when}: {decision.why}"
        console.print(escape(words), style=AMBER)


def print_verdicts(console: Console, verdicts: Sequence[FigureVerdict]) -> None:
    """Print the verdicts, and why some are not judged."""
    names = ("gate", "part", "figure", "value", "low", "high", "bound", "outcome")
    # Narrow enough for 80 columns.
    table = Table(*names, box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for verdict in verdicts:
        numbers = (verdict.value, verdict.low, verdict.high, verdict.bound)
        shown = ["" if number is None else f"{number:+.3f}" for number in numbers]
        outcome = f"[{OUTCOME_STYLES[verdict.outcome]}]{verdict.outcome}"
        table.add_row(verdict.gate, escape(verdict.part), escape(verdict.figure), *shown, outcome)
    console.print(table)
    for verdict in verdicts:
        if verdict.why and verdict.outcome == "not judged":
            place = f"{verdict.gate} ({verdict.part}, {verdict.figure})"
            console.print(escape(f"{place}: {verdict.why}"))


def main() -> None:
    verdict = decide()
    if verdict.passed:
        return
    if verdict.faults:
        raise UserError(
            f"the model may not go on: {'; '.join(verdict.faults)}. {paths.REPORT} shows all"
        )
    raise UserError(
        f"there is too little evidence for the model to go on: {'; '.join(verdict.doubts)}. "
        'More rows or more merchants give more; `make promote ACCEPT="why"` records a decision to '
        f"go on without. {paths.REPORT} shows all"
    )


if __name__ == "__main__":
    run_command(main)
