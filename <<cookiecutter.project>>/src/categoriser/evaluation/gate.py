"""Stage `gate`, the last: it fails where the model may not go on; and the rules by which it may.

Every figure is such that more is better, and has a bound that it must reach. With its interval it

- failed, where the whole interval is under the bound: noise alone fails no model;
- passed, where the figure itself reaches the bound;
- is not judged between the two, nor on a part too small to tell (`evaluate.min_rows`).

So that no model passes for want of rows, a gate that no part could judge has failed. Two gates are
otherwise: a floor looks at the figure alone, and slices that are not judged fail nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from categoriser import paths
from categoriser.errors import UserError, run
from categoriser.evaluation.metrics import MIN_GROUPS
from categoriser.io.documents import Json, read_object
from categoriser.params import Gate

FIGURES = ("accuracy", "macro_f1")
GATES = ("majority", "reference", "champion", "min_accuracy", "min_macro_f1", "slices")
OUTCOMES = {"failed": "bold red", "not judged": "yellow", "passed": "green"}


@dataclass(frozen=True)
class Verdict:
    """One figure against its bound, on one held-out part or over one column's slices.

    `margin` is the figure less the bound. What does not exist is None.
    """

    gate: str
    part: str
    figure: str
    outcome: Literal["failed", "not judged", "passed"]
    bound: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    why: str = ""


def judge(evaluation: dict[str, Any], settings: Gate) -> list[Verdict]:
    """Judge every part by every gate that is on, then the slices; see the module for how."""
    min_rows = evaluation["settings"]["min_rows"]
    verdicts = []
    for part, figures in evaluation["parts"].items():
        small = too_small(figures, min_rows)
        for gate, figure, bound, measured, why in questions(evaluation, figures, settings):
            if small or why:
                verdict = Verdict(gate, part, figure, "not judged", bound, why=small or why)
            else:
                verdict = compare(gate, part, figure, bound, measured)
            verdicts.append(verdict)
    for gate in dict.fromkeys(verdict.gate for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.gate == gate]
        if all(verdict.outcome == "not judged" for verdict in own):
            why = f"no part could judge it ({own[-1].why})"
            verdicts.append(Verdict(gate, "all", "", "failed", why=why))
    for column, compared in evaluation["slices"].items():
        verdicts.append(judge_slices(column, compared, -settings.max_slice_gap))
    return sorted(verdicts, key=lambda verdict: GATES.index(verdict.gate))


def questions(
    evaluation: dict[str, Any], figures: dict[str, Any], settings: Gate
) -> Iterator[tuple[str, str, float, Any, str]]:
    """Yield gate, figure, bound, what was measured, and why it cannot be judged, for one part."""
    avoided, lead = figures.get("avoided"), figures.get("lead", {})
    one_class = "" if avoided else "all rows are of the majority class"
    yield "majority", "errors avoided", settings.min_gain_over_majority, avoided, one_class
    rivals = {"reference": (settings.max_loss_to_reference, "")}
    if champion := evaluation["champion"]:
        rivals["champion"] = settings.max_loss_to_champion, champion.get("unreadable", "")
    for rival, (loss, why) in rivals.items():
        for figure in FIGURES:
            measured = lead.get(rival, {}).get(figure)
            yield rival, f"lead in {figure}", -loss, measured, why
    for figure, floor in zip(FIGURES, (settings.min_accuracy, settings.min_macro_f1), strict=True):
        if floor is not None:
            value = figures.get("models", {}).get("model", {}).get(figure, {}).get("value")
            yield f"min_{figure}", figure, floor, {"value": value, "low": value, "high": value}, ""


def too_small(figures: dict[str, Any], min_rows: int) -> str:
    """Say why a part is too small to judge by; nothing where it is not."""
    if figures["rows"] < min_rows:
        return f"{figures['rows']} rows, fewer than {min_rows} (evaluate.min_rows)"
    if figures["groups"] < MIN_GROUPS:
        return f"{figures['groups']} merchants, fewer than {MIN_GROUPS}"
    return ""


def compare(gate: str, part: str, figure: str, bound: float, measured: dict[str, float]) -> Verdict:
    """Judge one interval."""
    value, low, high = measured["value"], measured["low"], measured["high"]
    margin, why = round(value - bound, 6), ""
    outcome: Literal["failed", "not judged", "passed"] = "passed"
    if high < bound:
        outcome = "failed"
    elif value < bound:
        outcome, why = "not judged", "under the bound, but by no more than noise can explain"
    return Verdict(gate, part, figure, outcome, bound, value, low, high, margin, why)


def judge_slices(column: str, compared: dict[str, Any] | None, bound: float) -> Verdict:
    """Judge a column by each slice's accuracy less that of all rows; the worst verdict stands."""
    slices = compared["slices"] if compared else []
    if not slices:
        why = "no slice has rows enough" if compared else "the data has no such column"
        return Verdict("slices", column, "lead in accuracy", "not judged", bound, why=why)
    verdicts = []
    for part in slices:
        gap = part["gap"]
        lead = {"value": -gap["value"], "low": -gap["high"], "high": -gap["low"]}
        verdicts.append(compare("slices", column, f"lead of {part['name']}", bound, lead))
    return min(verdicts, key=lambda v: (list(OUTCOMES).index(v.outcome), v.value))


def print_table(verdicts: list[Verdict]) -> None:
    """Print the verdicts, and why some are not judged, to a terminal."""
    console = Console()
    table = Table("gate", "part", "figure", "value", "bound", "margin", "outcome", box=None)
    for verdict in verdicts:
        numbers = (verdict.value, verdict.bound, verdict.margin)
        shown = ("" if number is None else f"{number:+.4f}" for number in numbers)
        outcome = f"[{OUTCOMES[verdict.outcome]}]{verdict.outcome}"
        table.add_row(verdict.gate, escape(verdict.part), escape(verdict.figure), *shown, outcome)
    console.print(table)
    for verdict in verdicts:
        if verdict.why:
            place = f"{verdict.gate} ({verdict.part}, {verdict.figure})"
            console.print(escape(f"{place}: {verdict.why}"))


def describe(verdict: Verdict) -> str:
    """Say in words what failed, and by how much."""
    what = f"{verdict.gate} ({verdict.part}): "
    if verdict.value is None or verdict.bound is None:
        return what + verdict.why
    return (
        f"{what}{verdict.figure} is {verdict.value:.4f}, "
        f"{verdict.bound - verdict.value:.4f} under the bound of {verdict.bound:.4f}"
    )


def read_verdict() -> Json:
    """Return what `evaluate` wrote. Raises `UserError` where that is missing or damaged."""
    return read_object(paths.VERDICT, "dvc repro", "faults", "model", "passed", "verdicts")


def decide() -> list[str]:
    """Print the verdict that stands, and return what failed, in words.

    Raises `UserError` where the monitor's baseline is of another model than the verdict.
    """
    verdict = read_verdict()
    baseline = read_object(paths.BASELINE_FACTS, "dvc repro baseline", "model")
    if baseline["model"] != verdict["model"]:
        raise UserError(
            f"{paths.BASELINE_FACTS} is of another model than {paths.VERDICT}; "
            "`dvc repro` makes both anew"
        )
    print_table([Verdict(**one) for one in verdict["verdicts"]])
    faults: list[str] = verdict["faults"]
    return faults


def main() -> None:
    if faults := decide():
        raise UserError(f"the model may not go on: {'; '.join(faults)}. {paths.REPORT} shows all")


if __name__ == "__main__":
    run(main)
