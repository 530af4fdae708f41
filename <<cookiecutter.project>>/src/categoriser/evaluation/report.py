"""The report (one HTML file, which asks nothing of a network) and the model card (Markdown).

Both are functions of the facts that `evaluate` gathers, and equal facts give equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from msgspec import to_builtins

from categoriser.data.generated_facts import GeneratedFacts
from categoriser.data.profile import Profile
from categoriser.evaluation.comparison import (
    beside_reference,
    compare_on_chosen_rows,
    compare_with,
    compare_with_reference,
    summary,
    why_chosen,
)
from categoriser.evaluation.evaluation_file import Evaluation, PartFigures, SliceFigures
from categoriser.evaluation.plots import (
    STYLE,
    confusion_plot,
    curves_plot,
    overview_plot,
    slices_plot,
)
from categoriser.evaluation.rendering import PART_MEANINGS, render
from categoriser.evaluation.verdict import Verdict
from categoriser.params import About
from categoriser.paths import MERCHANT_GROUPS

# A matrix of more classes says nothing: the pairs that are confused most and the worst classes do.
MANY_CLASSES = 40
WORST_CLASSES = 15
# A plot of more slices is not read.
MOST_SLICES = 40
# An interval that reaches further than this to either side, on average, is wide.
WIDE = 0.05
# The tables of rules show so many.
MOST_RULES_SHOWN = 50


@dataclass(frozen=True)
class ReportFacts:
    """All that the report and the model card say.

    `data` is the profile of the data at `data_path`; `generated` is None where it is one's own.
    """

    about: About
    evaluation: Evaluation
    verdict: Verdict
    data: Profile
    data_path: str
    generated: GeneratedFacts | None


@dataclass(frozen=True)
class Plots:
    """The report's plots: one of all parts, two kinds by part, and one by column of slices."""

    overview: str
    confusion: dict[str, str]
    curves: dict[str, str]
    slices: dict[str, str]


def html(facts: ReportFacts) -> str:
    """Return the report as one HTML page; all text from the data is escaped."""
    evaluation = facts.evaluation
    parts = {name: evaluation.parts[name] for name in PART_MEANINGS if evaluation.parts[name].rows}
    judged = {
        name: column.slices
        for name, column in evaluation.slices.items()
        if column and column.slices
    }
    with mpl.rc_context(STYLE):
        plots = draw_plots(parts, judged, evaluation.labels)
    metadata = dict(sorted(to_builtins(evaluation.model.metadata).items()))
    return render(
        "report.html",
        labels=evaluation.labels,
        many=MANY_CLASSES,
        worst=WORST_CLASSES,
        shown=MOST_RULES_SHOWN,
        groups_file=MERCHANT_GROUPS,
        plots=plots,
        metadata=metadata,
        **common(facts),
    )


def draw_plots(
    parts: Mapping[str, PartFigures],
    judged: Mapping[str, list[SliceFigures]],
    labels: list[str],
) -> Plots:
    """Return the plots, each as its `data:` address."""
    readable = len(labels) <= MANY_CLASSES
    return Plots(
        overview=overview_plot(parts) if parts else "",
        confusion={
            name: confusion_plot(part.confusion, labels) if readable else ""
            for name, part in parts.items()
        },
        curves={name: curves_plot(part) for name, part in parts.items()},
        slices={name: slices_plot(found[:MOST_SLICES]) for name, found in judged.items()},
    )


def model_card(facts: ReportFacts) -> str:
    """Return the model card in Markdown; text from the data cannot end a table's cell."""
    return render("model_card.md", **common(facts))


def common(facts: ReportFacts) -> dict[str, Any]:
    """Return what both pages say, by the templates' names for it.

    These are the facts, the dates, how many slices are too small, the model beside the reference
    and the champion (figure by figure, and in a sentence), and whether few merchants carry the
    figure on new ones.
    """
    evaluation = facts.evaluation
    parts = {name: evaluation.parts[name] for name in PART_MEANINGS}
    choice = evaluation.model.metadata.choice
    compared = compare_with_reference(parts, choice)
    with_champion = compare_with("champion", parts)
    with_champion += compare_on_chosen_rows(evaluation.beside_champion)
    dates = [date for part in evaluation.split.parts.values() for date in part.dates]
    planted = facts.generated.planted if facts.generated else None
    small = sum(len(column.not_judged) for column in evaluation.slices.values() if column)
    return {
        "about": facts.about,
        "evaluation": evaluation,
        "judgement": facts.verdict,
        "verdicts": facts.verdict.verdicts,
        "data": facts.data,
        "data_path": facts.data_path,
        "generated": facts.generated,
        "period": (min(dates, default="?"), max(dates, default="?")),
        "small": small,
        "choice": choice,
        "compared": compared,
        "beside_reference": beside_reference(choice, compared),
        "why_chosen": why_chosen(choice) if choice else "",
        "few_merchants": few_merchants(parts["merchant"]),
        "wide": WIDE,
        "with_champion": with_champion,
        "beside_champion": summary("champion", with_champion),
        "planted": f"{planted.column}: {planted.value}" if planted else "",
    }


def few_merchants(part: PartFigures) -> bool:
    """Return whether the interval of the model's accuracy is wide; not where there are no rows."""
    if not part.rows:
        return False
    accuracy = part.models["model"].accuracy
    return (accuracy.high - accuracy.low) / 2 > WIDE
