"""The rules by which a model may go on: each figure of an evaluation against its bound.

Every figure is such that more is better, and has a bound that it must reach. By its interval it

- failed, where the whole interval is under the bound: noise alone fails no model;
- passed, where the interval's lower end reaches the bound: noise alone passes none either;
- is insufficient between the two, and on a part that has rows, but too few of them or of merchants
  (`evaluate.min_rows`, `MIN_GROUPS`): there is too little evidence;
- is not judged where it does not exist and nothing is claimed: a part that holds out nothing, a
  part of one class beside the majority class, a column that the data lack, slices that are too
  small, a champion that cannot be compared, cases of behaviour that nobody wrote.

A gate that no part could judge is insufficient too; slices and cases that are not judged stop
nothing. The cases of behaviour are all that are asked: of each kind a share of them must hold.

Beside the reference the merchants are judged over the folds in which the candidates were compared,
where the reference was one of them: there each merchant is held out once.

The reference has a bound more. Nobody can ask that a model be surely as good as one that is equal
to it, since the interval of their difference lies on both sides of 0. So the lower end may lie
`gate.widest_loss` under the bound: a loss larger than that must be excluded.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from categoriser.evaluation.bootstrap import MIN_GROUPS
from categoriser.evaluation.comparison import (
    MERCHANT_FOLDS,
    PART_OF_MERCHANTS,
    reference_in_folds,
)
from categoriser.evaluation.evaluation_file import Behaviour, ColumnSlices, Evaluation, PartFigures
from categoriser.evaluation.verdict import FigureVerdict, Outcome
from categoriser.intervals import Interval, Scores
from categoriser.params import Gate

# In the order of reports.
GATES = (
    "majority",
    "reference",
    "champion",
    "min_accuracy",
    "min_macro_f1",
    "behaviour",
    "slices",
)
# The worst first.
OUTCOMES: tuple[Outcome, ...] = ("failed", "insufficient", "not judged", "passed")
# A verdict on a whole gate names this in place of a part.
ALL_PARTS = "all"


class Question(NamedTuple):
    """A figure that a gate asks for: its bound, what was measured, or why it does not exist.

    `slack` is how far under the bound the interval's lower end may lie.
    """

    gate: str
    figure: str
    bound: float
    measured: Interval | None
    why: str = ""
    slack: float = 0


def judge(evaluation: Evaluation, settings: Gate) -> list[FigureVerdict]:
    """Judge every part by every gate that is on, then behaviour and slices; see the module."""
    verdicts = []
    choice = evaluation.model.metadata.choice
    folds = reference_in_folds(choice)
    for part, figures in evaluation.parts.items():
        small = too_small(figures.rows, figures.groups, evaluation.settings.min_rows)
        for question in questions(evaluation, figures, settings):
            if folds and (question.gate, part) == ("reference", PART_OF_MERCHANTS):
                continue
            verdicts.append(judge_question(question, part, small))
    if choice and folds:
        small = too_small(choice.rows, choice.groups, evaluation.settings.min_rows)
        for question in reference_leads(folds, settings, ""):
            verdicts.append(judge_question(question, MERCHANT_FOLDS, small))
    for gate in dict.fromkeys(verdict.gate for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.gate == gate]
        if all(verdict.outcome == "not judged" for verdict in own):
            why = f"no part could judge it ({own[-1].why})"
            verdicts.append(FigureVerdict(gate, ALL_PARTS, "", "insufficient", why=why))
    if settings.min_cases_held is not None:
        verdicts += judge_behaviour(evaluation.behaviour, settings.min_cases_held)
    for column, compared in evaluation.slices.items():
        verdicts.append(judge_slices(column, compared, -settings.max_slice_gap))
    return sorted(verdicts, key=lambda verdict: GATES.index(verdict.gate))


def questions(evaluation: Evaluation, figures: PartFigures, settings: Gate) -> Iterator[Question]:
    """Yield what the gates that are on ask of one part."""
    empty = "" if figures.rows else "the part holds no rows"
    if settings.min_gain_over_majority is not None:
        yield from gains(settings.min_gain_over_majority, figures, empty)
    yield from reference_leads(figures.lead.get("reference"), settings, empty)
    if evaluation.champion:
        why = evaluation.champion.unreadable or empty
        champion = figures.lead.get("champion")
        yield from leads("champion", -settings.max_loss_to_champion, champion, why)
    own = figures.models.get("model")
    if settings.min_accuracy is not None:
        accuracy = own.accuracy if own else None
        yield Question("min_accuracy", "accuracy", settings.min_accuracy, accuracy, empty)
    if settings.min_macro_f1 is not None:
        macro_f1 = own.macro_f1 if own else None
        yield Question("min_macro_f1", "macro_f1", settings.min_macro_f1, macro_f1, empty)


def reference_leads(lead: Scores | None, settings: Gate, why: str) -> Iterator[Question]:
    """Yield the questions of how far the model may be behind the reference."""
    bound = -settings.max_loss_to_reference
    yield from leads("reference", bound, lead, why, slack=settings.widest_loss)


def gains(bound: float, figures: PartFigures, empty: str) -> Iterator[Question]:
    """Yield the questions of how much better the model is than the majority class."""
    gain = figures.gain
    why = "" if gain else empty or "all rows are of the majority class"
    yield Question("majority", "errors avoided", bound, gain.accuracy if gain else None, why)
    yield Question("majority", "gain in macro_f1", bound, gain.macro_f1 if gain else None, why)


def leads(
    rival: str, bound: float, lead: Scores | None, why: str, slack: float = 0
) -> Iterator[Question]:
    """Yield the questions of how far the model may be behind a rival."""
    accuracy = lead.accuracy if lead else None
    yield Question(rival, "lead in accuracy", bound, accuracy, why, slack)
    macro_f1 = lead.macro_f1 if lead else None
    yield Question(rival, "lead in macro_f1", bound, macro_f1, why, slack)


def judge_question(question: Question, part: str, small: str) -> FigureVerdict:
    """Judge one question of a part; `small` says why the part is too small to judge by."""
    gate, figure, bound, measured, why, slack = question
    if measured is None:
        return FigureVerdict(gate, part, figure, "not judged", bound, why=why)
    if small:
        return FigureVerdict(gate, part, figure, "insufficient", bound, why=small)
    return judge_interval(gate, part, figure, bound, measured, slack)


def too_small(rows: int, groups: int, min_rows: int) -> str:
    """Say why a part is too small to judge by; nothing where it is not."""
    if rows < min_rows:
        return f"{rows} rows, fewer than {min_rows} (evaluate.min_rows)"
    if groups < MIN_GROUPS:
        return f"{groups} merchants, fewer than {MIN_GROUPS}"
    return ""


def judge_interval(
    gate: str, part: str, figure: str, bound: float, measured: Interval, slack: float = 0
) -> FigureVerdict:
    """Judge one interval, whose lower end may lie `slack` under the bound."""
    low_bound = bound - slack
    outcome: Outcome = "passed"
    why = ""
    if measured.high < bound:
        outcome = "failed"
    elif measured.low < low_bound:
        outcome = "insufficient"
        why = f"the interval's lower end is {measured.low:+.4f}, and must reach {low_bound:+.4f}"
    return FigureVerdict(
        gate=gate,
        part=part,
        figure=figure,
        outcome=outcome,
        bound=bound,
        low_bound=low_bound,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        margin=round(measured.value - bound, 6),
        why=why,
    )


def judge_behaviour(behaviour: Behaviour | None, bound: float) -> Iterator[FigureVerdict]:
    """Yield a verdict on the share of each kind's cases that hold, and what was not asked.

    The cases are all that are asked, and no sample: their share has no interval.
    """
    figure = "cases held"
    if behaviour is None:
        why = "no file of cases is named by evaluate.behaviour, or it does not exist"
        yield FigureVerdict("behaviour", ALL_PARTS, figure, "not judged", bound, why=why)
        return
    for kind, found in behaviour.kinds.items():
        share = round(found.held / found.cases, 6)
        yield judge_interval("behaviour", kind, figure, bound, Interval(share, share, share))
    if behaviour.unasked:
        named = ", ".join(behaviour.unasked)
        why = f"{behaviour.file} has cases of categories that the model does not have: {named}"
        yield FigureVerdict("behaviour", ALL_PARTS, figure, "not judged", bound, why=why)
    elif not behaviour.kinds:
        why = f"{behaviour.file} has no cases"
        yield FigureVerdict("behaviour", ALL_PARTS, figure, "not judged", bound, why=why)


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


def worst_outcome(verdicts: Sequence[FigureVerdict]) -> Outcome:
    """Return the worst outcome that stops a model, or `passed`: what is not judged stops none."""
    found = {verdict.outcome for verdict in verdicts}
    return next((outcome for outcome in ("failed", "insufficient") if outcome in found), "passed")


def words_of(verdicts: Sequence[FigureVerdict], outcome: Outcome) -> tuple[str, ...]:
    """Say in words what has this outcome, each thing once."""
    return tuple(dict.fromkeys(in_words(one) for one in verdicts if one.outcome == outcome))


def in_words(verdict: FigureVerdict) -> str:
    """Say in words what failed and by how much, or what there is too little evidence for."""
    what = f"{verdict.gate} ({verdict.part}): "
    if verdict.value is None or verdict.bound is None:
        return what + verdict.why
    if verdict.outcome == "insufficient":
        return f"{what}{verdict.figure} is {verdict.value:+.4f}, but {verdict.why}"
    return (
        f"{what}{verdict.figure} is {verdict.value:.4f}, "
        f"{verdict.bound - verdict.value:.4f} under the bound of {verdict.bound:.4f}"
    )
