"""The model beside a rival: which is better, by how much, and how sure that is."""

from __future__ import annotations

import pytest
from msgspec import structs
from sound_evaluation import choice_among, figure, sound_evaluation

from categoriser.evaluation.comparison import (
    Comparison,
    beside_reference,
    compare_with,
    compare_with_reference,
    summary,
    why_chosen,
)
from categoriser.evaluation.evaluation_file import PartFigures
from categoriser.intervals import Interval, Scores

BETTER = Interval(0.021, 0.004, 0.038)
WORSE = Interval(-0.039, -0.054, -0.027)
LEVEL = Interval(0.002, -0.004, 0.008)


def comparison(part: str, lead: Interval, name: str = "accuracy") -> Comparison:
    return Comparison(part, name, figure(0.8), figure(0.8), lead)


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        (BETTER, "the model is better by 2.1 points"),
        (WORSE, "the model is worse by 3.9 points"),
        (LEVEL, "cannot be told apart"),
        # The reference itself.
        (Interval(0, 0, 0), "cannot be told apart"),
    ],
)
def test_a_difference_counts_where_its_whole_interval_is_on_one_side(
    lead: Interval, words: str
) -> None:
    assert comparison("time", lead).words == words


@pytest.mark.parametrize(
    ("leads", "sentence"),
    [
        ([BETTER, BETTER], "The model is better than the reference in all 2 figures."),
        ([WORSE, WORSE], "The model is worse than the reference in all 2 figures."),
        ([LEVEL, LEVEL], "The model and the reference cannot be told apart in all 2 figures."),
        (
            [BETTER, LEVEL, WORSE],
            "The model is better than the reference in accuracy (0) and worse than the reference "
            "in accuracy (2); in the other figures they cannot be told apart.",
        ),
        (
            [WORSE, BETTER],
            "The model is better than the reference in accuracy (1) and worse than the reference "
            "in accuracy (0).",
        ),
        ([], "The model is not compared with the reference."),
    ],
)
def test_a_sentence_says_where_the_model_stands(leads: list[Interval], sentence: str) -> None:
    compared = [comparison(str(number), lead) for number, lead in enumerate(leads)]
    assert summary("reference", compared) == sentence


def test_each_part_with_rows_is_compared_in_both_figures() -> None:
    evaluation = sound_evaluation()
    evaluation.parts["time"] = PartFigures(rows=0, groups=0)
    for part in ("merchant", "random"):
        figures = evaluation.parts[part]
        figures.models["reference"] = figures.models["model"]
        figures.lead["reference"] = Scores(BETTER, LEVEL)
    compared = compare_with("reference", evaluation.parts)
    assert [(one.part, one.figure, one.standing) for one in compared] == [
        ("merchant", "accuracy", "better"),
        ("merchant", "macro-F1", "level"),
        ("random", "accuracy", "better"),
        ("random", "macro-F1", "level"),
    ]
    assert compare_with("champion", evaluation.parts) == []


def test_merchants_are_compared_over_folds_where_the_reference_was_a_candidate() -> None:
    parts = sound_evaluation().parts
    for part in parts.values():
        part.models["reference"] = part.models["model"]
    compared = compare_with_reference(parts, choice_among(BETTER))
    assert [one.part for one in compared] == [
        *["merchant folds"] * 2,
        *["time"] * 2,
        *["random"] * 2,
    ]
    first = compared[0]
    assert (first.model.value, first.rival.value, first.lead) == (0.72, 0.7, BETTER)
    assert first.words == "the model is better by 2.1 points"


def test_without_the_reference_as_a_candidate_its_merchants_are_those_held_out() -> None:
    parts = sound_evaluation().parts
    for part in parts.values():
        part.models["reference"] = part.models["model"]
    alone = choice_among(BETTER)
    del alone.candidates["linear"]
    for choice in (None, alone):
        compared = compare_with_reference(parts, choice)
        assert {one.part for one in compared} == {"time", "merchant", "random"}


def test_a_model_that_is_the_reference_has_nothing_beside_it() -> None:
    parts = sound_evaluation().parts
    choice = structs.replace(choice_among(BETTER), chosen="linear")
    assert compare_with_reference(parts, choice) == []
    assert beside_reference(choice, []) == "The model is the reference itself."
    assert beside_reference(None, []) == "The model is not compared with the reference."


@pytest.mark.parametrize(
    ("lead", "why"),
    [
        (BETTER, "its accuracy is surely over that of linear"),
        (LEVEL, "no other candidate's accuracy is surely over its"),
    ],
)
def test_it_is_said_why_a_candidate_goes_on(lead: Interval, why: str) -> None:
    assert why_chosen(choice_among(lead)) == why
