"""The model beside a rival on the same rows: which is better, by how much, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from categoriser.evaluation.evaluation_file import BesideChampion, PartFigures
from categoriser.evaluation.reference import REFERENCE
from categoriser.intervals import Interval, Scores
from categoriser.model.choice import Choice

Standing = Literal["better", "worse", "level"]
# The part whose merchants are judged over folds, and how the folds are called beside parts.
PART_OF_MERCHANTS = "merchant"
MERCHANT_FOLDS = "merchant folds"
# How a figure of `Scores` is called.
FIGURES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}


@dataclass(frozen=True)
class Comparison:
    """One figure of the model and of a rival on one part; `lead` is the first less the second."""

    part: str
    figure: str
    model: Interval
    rival: Interval
    lead: Interval

    @property
    def standing(self) -> Standing:
        """Where the model stands: `level` is what the interval of the lead cannot tell apart."""
        if self.lead.low > 0:
            return "better"
        return "worse" if self.lead.high < 0 else "level"

    @property
    def words(self) -> str:
        """Say which is better, and by how many percentage points."""
        if self.standing == "level":
            return "cannot be told apart"
        return f"the model is {self.standing} by {100 * abs(self.lead.value):.1f} points"


def compare_with(rival: str, parts: Mapping[str, PartFigures]) -> list[Comparison]:
    """Return the figures of both on each part in which the rival has answered."""
    found = []
    for part, figures in parts.items():
        lead = figures.lead.get(rival)
        if lead is None:
            continue
        found += both_figures(part, figures.models["model"], figures.models[rival], lead)
    return found


def compare_with_reference(
    parts: Mapping[str, PartFigures], choice: Choice | None
) -> list[Comparison]:
    """Return the figures beside the reference's; of merchants those over folds, where they exist.

    One part of held-out merchants says less than the folds, in which each merchant is held out. A
    model that is the reference itself has nothing beside it.
    """
    if is_reference(choice):
        return []
    folds = reference_in_folds(choice)
    if choice is None or folds is None:
        return compare_with("reference", parts)
    others = {name: part for name, part in parts.items() if name != PART_OF_MERCHANTS}
    own = choice.candidates[choice.chosen]
    reference = choice.candidates[REFERENCE]
    in_folds = both_figures(MERCHANT_FOLDS, own, reference, folds)
    return in_folds + compare_with("reference", others)


def is_reference(choice: Choice | None) -> bool:
    """Tell whether the reference itself was chosen."""
    return choice is not None and choice.chosen == REFERENCE


def beside_reference(choice: Choice | None, compared: Sequence[Comparison]) -> str:
    """Say in a sentence where the model stands beside the reference."""
    if is_reference(choice):
        return "The model is the reference itself."
    return summary("reference", compared)


def why_chosen(choice: Choice) -> str:
    """Say why the chosen candidate goes on, as the folds told."""
    beaten = [name for name, one in choice.candidates.items() if one.lead.accuracy.low > 0]
    if beaten:
        return f"its accuracy is surely over that of {', '.join(sorted(beaten))}"
    return "no other candidate's accuracy is surely over its"


def reference_in_folds(choice: Choice | None) -> Scores | None:
    """Return the model's lead over the reference in folds; None where it was not measured."""
    if choice is None or REFERENCE not in choice.candidates:
        return None
    return choice.candidates[REFERENCE].lead


def both_figures(part: str, model: Scores, rival: Scores, lead: Scores) -> list[Comparison]:
    """Return the comparison of each figure on one part."""
    return [
        Comparison(
            part=part,
            figure=called,
            model=getattr(model, name),
            rival=getattr(rival, name),
            lead=getattr(lead, name),
        )
        for name, called in FIGURES.items()
    ]


def compare_on_chosen_rows(chosen: Sequence[BesideChampion]) -> list[Comparison]:
    """Return the accuracy of the model and the champion on rows that are no held-out part."""
    return [
        Comparison(
            part=f"{one.name}, {one.rows:,} rows",
            figure=FIGURES["accuracy"],
            model=one.model,
            rival=one.champion,
            lead=one.lead,
        )
        for one in chosen
    ]


def summary(rival: str, compared: Sequence[Comparison]) -> str:
    """Say in a sentence where the model stands beside a rival, over all figures."""
    if not compared:
        return f"The model is not compared with the {rival}."
    standings = {one.standing for one in compared}
    in_all = f"in all {len(compared)} figures"
    if standings == {"level"}:
        return f"The model and the {rival} cannot be told apart {in_all}."
    if len(standings) == 1:
        return f"The model is {standings.pop()} than the {rival} {in_all}."
    said = []
    for standing in ("better", "worse"):
        places = [f"{one.figure} ({one.part})" for one in compared if one.standing == standing]
        if places:
            said.append(f"{standing} than the {rival} in {', '.join(places)}")
    others = "; in the other figures they cannot be told apart" if "level" in standings else ""
    return f"The model is {' and '.join(said)}{others}."
