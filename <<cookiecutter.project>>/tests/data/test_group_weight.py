"""No group is too much of the held-out merchants' part."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from categoriser.data.group_weight import (
    GROUPS_SHOWN,
    LEAST_KEPT,
    describe_groups,
    most_rows,
    rows_over,
)
from categoriser.data.split import HeldOutGroups, LargeGroup


@pytest.mark.parametrize(
    ("sizes", "share", "most"),
    [
        ([], 0.05, 0),
        ([5, 4, 3], 1, 5),
        ([10] * 20, 0.05, 10),
        # 20 of 200 rows are a tenth.
        ([100, *[10] * 18], 0.1, 20),
        # Of one group, and of ten, none can be a twentieth: a quarter of the rows stays.
        ([100], 0.05, 25),
        ([80, 20], 0.05, 13),
        ([100, *[1] * 9], 0.05, 19),
        # A share within reach that would cost more than that.
        ([1000, *[1] * 30], 0.05, 228),
    ],
)
def test_how_many_rows_a_group_keeps(sizes: list[int], share: float, most: int) -> None:
    assert most_rows(sizes, share) == most


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.floats(0.01, 1))
def test_as_many_rows_stay_as_the_share_allows(sizes: list[int], share: float) -> None:
    def kept(most: int) -> int:
        return sum(min(size, most) for size in sizes)

    most = most_rows(sizes, share)
    assert kept(most) >= LEAST_KEPT * sum(sizes)
    if most < max(sizes):
        assert most + 1 > share * kept(most + 1)
    if most > share * kept(most):
        assert kept(most - 1) < LEAST_KEPT * sum(sizes)


def test_the_rows_with_the_smallest_numbers_stay() -> None:
    groups = pl.Series(["a"] * 4 + ["b", "c"])
    order = pl.Series([0.4, 0.1, 0.3, 0.2, 0.9, 0.8])
    assert rows_over(0.5, groups, order).to_list() == [True, False, True, False, False, False]
    assert not rows_over(1, groups, order).any()
    assert rows_over(0.5, groups.head(0), order.head(0)).is_empty()


def test_the_largest_groups_are_described_with_their_commonest_keys() -> None:
    keys = ["amazon eu"] * 3 + ["amzn"] * 2 + ["amazon uk", "amazon us", "shell"]
    groups = ["amzn"] * 7 + ["shll"]
    found = describe_groups(pl.Series(groups), pl.Series(keys), left_out=4, share=0.5)
    amazon = LargeGroup("amzn", 7, 4, ["amazon eu", "amzn", "amazon uk"], 7 / 8)
    shell = LargeGroup("shll", 1, 1, ["shell"], 1 / 8)
    assert found == HeldOutGroups(0.5, reached=False, left_out=4, largest=[amazon, shell])


def test_only_the_first_groups_are_described() -> None:
    names = pl.Series([f"shop {number}" for number in range(30)])
    found = describe_groups(names, names, left_out=0, share=0.05)
    assert len(found.largest) == GROUPS_SHOWN
    assert found.reached


def test_a_part_without_rows_has_no_groups() -> None:
    empty = pl.Series([], dtype=pl.String)
    assert describe_groups(empty, empty, left_out=0, share=0.05) == HeldOutGroups(0.05)
