"""Alike rows are a group, and the groups whose labels are worth most come first."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from categoriser.review.alike_groups import group_alike


def rows(*groups: tuple[str, int, float, bool], **columns: Any) -> pl.DataFrame:
    """Make rows of a key, so many, of a probability, of a new merchant or not."""
    cells = [
        {
            "name": f"{key}-{number}",
            "text": f"{key} {number % 2}",
            "price": float(number),
            "answer": "food",
            "probability": probability,
            "key": key,
            "is_new": is_new,
        }
        for key, count, probability, is_new in groups
        for number in range(count)
    ]
    return pl.DataFrame(cells).with_columns(**columns)


def order(frame: pl.DataFrame, threshold: float = 0.6) -> list[str]:
    groups = group_alike(frame, threshold).groups
    assert [group.number for group in groups] == [*range(len(groups))]
    return [group.text.split()[0] for group in groups]


@pytest.mark.parametrize(
    ("more_useful", "less_useful"),
    [
        (("many", 3, 0.5, False), ("few", 2, 0.5, False)),
        (("unsure", 2, 0.3, False), ("surer", 2, 0.5, False)),
        (("new", 2, 0.5, True), ("known", 2, 0.5, False)),
        # Many new ones of which the model is surer go before few.
        (("many", 10, 0.55, True), ("few", 2, 0.2, False)),
        # A text that says nothing is answered surely by its price alone.
        (("nothing", 2, 0.99, False), ("surer", 1, 0.5, False)),
    ],
    ids=["frequent", "uncertain", "new", "both", "says nothing"],
)
def test_the_more_useful_group_comes_first(
    more_useful: tuple[str, int, float, bool], less_useful: tuple[str, int, float, bool]
) -> None:
    wanted = [more_useful[0], less_useful[0]]
    assert order(rows(more_useful, less_useful)) == wanted
    assert order(rows(less_useful, more_useful)) == wanted


def test_the_order_does_not_depend_on_the_rows_order() -> None:
    frame = rows(*((f"key{number}", 3, 0.1 * (number % 3 + 1), False) for number in range(20)))
    assert order(frame) == order(frame.sample(fraction=1, shuffle=True, seed=1))


def test_a_group_says_what_its_rows_have_in_common() -> None:
    answers = pl.Series("answer", ["food", "food", "travel", "bills"])
    alike = group_alike(rows(("aldi", 3, 0.5, True), ("shell", 1, 0.4, False), answer=answers), 0.6)
    first, second = alike.groups
    assert (first.rows, first.texts, first.text) == (3, 2, "aldi 0")
    assert (first.answer, first.answers, first.probability) == ("food", 2, 0.5)
    assert (first.lowest, first.highest, first.is_new) == (0.0, 2.0, True)
    assert (second.first, second.rows, second.answer) == (3, 1, "bills")
    assert alike.rows["key"].to_list() == ["aldi", "aldi", "aldi", "shell"]


def test_prices_that_nobody_captured_are_none() -> None:
    frame = rows(("aldi", 2, 0.5, False)).with_columns(price=pl.lit(None, pl.Float64))
    [group] = group_alike(frame, 0.6).groups
    assert (group.lowest, group.highest) == (None, None)


def test_no_rows_are_no_groups() -> None:
    assert group_alike(rows(("aldi", 1, 0.5, False)).clear(), 0.6).groups == []
