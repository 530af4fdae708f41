"""Stage `gate`, the last: it fails where the model may not go on."""

from collections.abc import Sequence

from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from categoriser import paths
from categoriser.command import run_command
from categoriser.errors import UserError
from categoriser.evaluation.verdict import FigureVerdict, read_verdict
from categoriser.io.documents import read_document

OUTCOME_STYLES = {"failed": "bold red", "not judged": "yellow", "passed": "green"}


class BaselineModel(Struct):
    """What the gate reads of the baseline's facts: their own form is in a layer above this one."""

    model: str


def decide() -> tuple[str, ...]:
    """Print the verdict on the model, and return what failed, in words.

    Raises `UserError` where the monitor's baseline is of another model than the verdict.
    """
    verdict = read_verdict(paths.VERDICT)
    baseline = read_document(paths.BASELINE_FACTS, BaselineModel, "dvc repro baseline")
    if baseline.model != verdict.model:
        raise UserError(
            f"{paths.BASELINE_FACTS} is of another model than {paths.VERDICT}; "
            "`dvc repro` makes both anew"
        )
    print_verdicts(verdict.verdicts)
    return verdict.faults


def print_verdicts(verdicts: Sequence[FigureVerdict]) -> None:
    """Print the verdicts, and why some are not judged, to a terminal."""
    console = Console()
    table = Table("gate", "part", "figure", "value", "bound", "margin", "outcome", box=None)
    for verdict in verdicts:
        numbers = (verdict.value, verdict.bound, verdict.margin)
        shown = ["" if number is None else f"{number:+.4f}" for number in numbers]
        outcome = f"[{OUTCOME_STYLES[verdict.outcome]}]{verdict.outcome}"
        table.add_row(verdict.gate, escape(verdict.part), escape(verdict.figure), *shown, outcome)
    console.print(table)
    for verdict in verdicts:
        if verdict.why:
            place = f"{verdict.gate} ({verdict.part}, {verdict.figure})"
            console.print(escape(f"{place}: {verdict.why}"))


def main() -> None:
    faults = decide()
    if faults:
        raise UserError(f"the model may not go on: {'; '.join(faults)}. {paths.REPORT} shows all")


if __name__ == "__main__":
    run_command(main)
