"""The rules by which a model may go on: each figure of an evaluation against its bound.

Every figure is such that more is better, and has a bound that it must reach. With its interval it

- failed, where the whole interval is under the bound: noise alone fails no model;
- passed, where the figure itself reaches the bound;
- is not judged between the two, nor on a part too small to tell (`evaluate.min_rows`).

So that no model passes for want of rows, a gate that no part could judge has failed. Two gates are
otherwise: a floor looks at the figure alone, and slices that are not judged fail nothing.
"""

from collections.abc import Iterator
from typing import Any

from categoriser.evaluation.metrics import MIN_GROUPS
from categoriser.evaluation.verdict import FigureVerdict, Outcome
from categoriser.params import Gate

JUDGED_FIGURES = ("accuracy", "macro_f1")
# In the order of reports.
GATES = ("majority", "reference", "champion", "min_accuracy", "min_macro_f1", "slices")
# The worst first.
OUTCOMES: tuple[Outcome, ...] = ("failed", "not judged", "passed")


def judge(evaluation: dict[str, Any], settings: Gate) -> list[FigureVerdict]:
    """Judge every part by every gate that is on, then the slices; see the module for how."""
    min_rows = evaluation["settings"]["min_rows"]
    verdicts = []
    for part, figures in evaluation["parts"].items():
        small = too_small(figures, min_rows)
        for gate, figure, bound, measured, why in questions(evaluation, figures, settings):
            if small or why:
                verdict = FigureVerdict(gate, part, figure, "not judged", bound, why=small or why)
            else:
                verdict = compare(gate, part, figure, bound, measured)
            verdicts.append(verdict)
    for gate in dict.fromkeys(verdict.gate for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.gate == gate]
        if all(verdict.outcome == "not judged" for verdict in own):
            why = f"no part could judge it ({own[-1].why})"
            verdicts.append(FigureVerdict(gate, "all", "", "failed", why=why))
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
        for figure in JUDGED_FIGURES:
            measured = lead.get(rival, {}).get(figure)
            yield rival, f"lead in {figure}", -loss, measured, why
    for figure, floor in zip(
        JUDGED_FIGURES, (settings.min_accuracy, settings.min_macro_f1), strict=True
    ):
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


def compare(
    gate: str, part: str, figure: str, bound: float, measured: dict[str, float]
) -> FigureVerdict:
    """Judge one interval."""
    value, low, high = measured["value"], measured["low"], measured["high"]
    margin = round(value - bound, 6)
    outcome: Outcome = "passed"
    why = ""
    if high < bound:
        outcome = "failed"
    elif value < bound:
        outcome = "not judged"
        why = "under the bound, but by no more than noise can explain"
    return FigureVerdict(gate, part, figure, outcome, bound, value, low, high, margin, why)


def judge_slices(column: str, compared: dict[str, Any] | None, bound: float) -> FigureVerdict:
    """Judge a column by each slice's accuracy less that of all rows; the worst verdict stands."""
    slices = compared["slices"] if compared else []
    if not slices:
        why = "no slice has rows enough" if compared else "the data has no such column"
        return FigureVerdict("slices", column, "lead in accuracy", "not judged", bound, why=why)
    verdicts = []
    for part in slices:
        gap = part["gap"]
        lead = {"value": -gap["value"], "low": -gap["high"], "high": -gap["low"]}
        verdicts.append(compare("slices", column, f"lead of {part['name']}", bound, lead))
    return min(verdicts, key=lambda v: (OUTCOMES.index(v.outcome), v.value))


def in_words(verdict: FigureVerdict) -> str:
    """Say in words what failed, and by how much."""
    what = f"{verdict.gate} ({verdict.part}): "
    if verdict.value is None or verdict.bound is None:
        return what + verdict.why
    return (
        f"{what}{verdict.figure} is {verdict.value:.4f}, "
        f"{verdict.bound - verdict.value:.4f} under the bound of {verdict.bound:.4f}"
    )
