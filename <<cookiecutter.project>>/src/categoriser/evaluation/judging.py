"""The rules by which a model may go on: each figure of an evaluation against its bound.

Every figure is such that more is better, and has a bound that it must reach. With its interval it

- failed, where the whole interval is under the bound: noise alone fails no model;
- passed, where the figure itself reaches the bound;
- is not judged between the two, nor on a part too small to tell (`evaluate.min_rows`).

So that no model passes for want of rows, a gate that no part could judge has failed. Two gates are
otherwise: a floor looks at the figure alone, and slices that are not judged fail nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from categoriser.evaluation.bootstrap import MIN_GROUPS
from categoriser.evaluation.evaluation_file import (
    ColumnSlices,
    Evaluation,
    Interval,
    PartFigures,
    Scores,
)
from categoriser.evaluation.verdict import FigureVerdict, Outcome
from categoriser.params import Gate

# In the order of reports.
GATES = ("majority", "reference", "champion", "min_accuracy", "min_macro_f1", "slices")
# The worst first.
OUTCOMES: tuple[Outcome, ...] = ("failed", "not judged", "passed")


class Question(NamedTuple):
    """A figure that a gate asks for: its bound, what was measured, or why it cannot be judged."""

    gate: str
    figure: str
    bound: float
    measured: Interval | None
    why: str = ""


def judge(evaluation: Evaluation, settings: Gate) -> list[FigureVerdict]:
    """Judge every part by every gate that is on, then the slices; see the module for how."""
    verdicts = []
    for part, figures in evaluation.parts.items():
        small = too_small(figures, evaluation.settings.min_rows)
        for question in questions(evaluation, figures, settings):
            verdicts.append(judge_question(question, part, small))
    for gate in dict.fromkeys(verdict.gate for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.gate == gate]
        if all(verdict.outcome == "not judged" for verdict in own):
            why = f"no part could judge it ({own[-1].why})"
            verdicts.append(FigureVerdict(gate, "all", "", "failed", why=why))
    for column, compared in evaluation.slices.items():
        verdicts.append(judge_slices(column, compared, -settings.max_slice_gap))
    return sorted(verdicts, key=lambda verdict: GATES.index(verdict.gate))


def questions(evaluation: Evaluation, figures: PartFigures, settings: Gate) -> Iterator[Question]:
    """Yield what the gates that are on ask of one part."""
    one_class = "" if figures.avoided else "all rows are of the majority class"
    bound = settings.min_gain_over_majority
    yield Question("majority", "errors avoided", bound, figures.avoided, one_class)
    reference = figures.lead.get("reference")
    yield from leads("reference", -settings.max_loss_to_reference, reference)
    if evaluation.champion:
        champion = figures.lead.get("champion")
        why = evaluation.champion.unreadable
        yield from leads("champion", -settings.max_loss_to_champion, champion, why)
    own = figures.models.get("model")
    if settings.min_accuracy is not None:
        accuracy = point(own.accuracy) if own else None
        yield Question("min_accuracy", "accuracy", settings.min_accuracy, accuracy)
    if settings.min_macro_f1 is not None:
        macro_f1 = point(own.macro_f1) if own else None
        yield Question("min_macro_f1", "macro_f1", settings.min_macro_f1, macro_f1)


def leads(rival: str, bound: float, lead: Scores | None, why: str = "") -> Iterator[Question]:
    """Yield the questions of how far the model may be behind a rival."""
    yield Question(rival, "lead in accuracy", bound, lead.accuracy if lead else None, why)
    yield Question(rival, "lead in macro_f1", bound, lead.macro_f1 if lead else None, why)


def point(figure: Interval) -> Interval:
    """Return a figure without its interval: a floor looks at the figure alone."""
    return Interval(figure.value, figure.value, figure.value)


def judge_question(question: Question, part: str, small: str) -> FigureVerdict:
    """Judge one question of a part; `small` says why the part is too small to judge by."""
    why = small or question.why
    if question.measured is None or why:
        return FigureVerdict(
            question.gate, part, question.figure, "not judged", question.bound, why=why
        )
    return judge_interval(question.gate, part, question.figure, question.bound, question.measured)


def too_small(figures: PartFigures, min_rows: int) -> str:
    """Say why a part is too small to judge by; nothing where it is not."""
    if figures.rows < min_rows:
        return f"{figures.rows} rows, fewer than {min_rows} (evaluate.min_rows)"
    if figures.groups < MIN_GROUPS:
        return f"{figures.groups} merchants, fewer than {MIN_GROUPS}"
    return ""


def judge_interval(
    gate: str, part: str, figure: str, bound: float, measured: Interval
) -> FigureVerdict:
    """Judge one interval."""
    outcome: Outcome = "passed"
    why = ""
    if measured.high < bound:
        outcome = "failed"
    elif measured.value < bound:
        outcome = "not judged"
        why = "under the bound, but by no more than noise can explain"
    return FigureVerdict(
        gate=gate,
        part=part,
        figure=figure,
        outcome=outcome,
        bound=bound,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        margin=round(measured.value - bound, 6),
        why=why,
    )


def judge_slices(column: str, compared: ColumnSlices | None, bound: float) -> FigureVerdict:
    """Judge a column by each slice's accuracy less that of all rows; the worst verdict counts."""
    if compared is None or not compared.slices:
        why = "no slice has rows enough" if compared else "the data has no such column"
        return FigureVerdict("slices", column, "lead in accuracy", "not judged", bound, why=why)
    verdicts = []
    for one in compared.slices:
        lead = Interval(-one.gap.value, -one.gap.high, -one.gap.low)
        verdicts.append(judge_interval("slices", column, f"lead of {one.name}", bound, lead))
    return min(verdicts, key=lambda verdict: (OUTCOMES.index(verdict.outcome), verdict.value))


def in_words(verdict: FigureVerdict) -> str:
    """Say in words what failed, and by how much."""
    what = f"{verdict.gate} ({verdict.part}): "
    if verdict.value is None or verdict.bound is None:
        return what + verdict.why
    return (
        f"{what}{verdict.figure} is {verdict.value:.4f}, "
        f"{verdict.bound - verdict.value:.4f} under the bound of {verdict.bound:.4f}"
    )
