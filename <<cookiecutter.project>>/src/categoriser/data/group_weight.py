"""How much of the held-out merchants' part one group may be, and which groups are the largest.

A figure on a part that is half one merchant's is that merchant's figure. So rows of the largest
groups are left out until none is over the share that is wanted, but at most as many as leave
`LEAST_KEPT` of the part: with few groups the share may stay out of reach.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import polars as pl

from categoriser.data.split import HeldOutGroups, LargeGroup

LEAST_KEPT = 0.25
# So many groups are described, and so many of a group's keys.
GROUPS_SHOWN = 10
KEYS_SHOWN = 3


def rows_over(share: float, groups: pl.Series, order: pl.Series) -> pl.Series:
    """Return for each row whether it is left out.

    `groups` are the rows' groups. Of a group the rows with the smallest numbers in `order` stay.
    """
    frame = pl.DataFrame({"group": groups, "order": order})
    sizes = frame.group_by("group").len()["len"].to_list()
    place = pl.col("order").rank("ordinal").over("group")
    return frame.select(over=place > most_rows(sizes, share))["over"]


def most_rows(sizes: Sequence[int], share: float) -> int:
    """Return how many rows a group of these sizes may keep; 0 without groups.

    It is the largest number by which no group has more than `share` of all kept rows. Where that
    keeps less than `LEAST_KEPT` of the rows, it is the smallest number that keeps as much.
    """
    rows = np.array(sizes, dtype=np.int64)
    numbers = range(1, max(sizes, default=0) + 1)

    def kept(most: int) -> int:
        return int(rows.clip(max=most).sum())

    within = bisect_left(numbers, True, key=lambda most: most > share * kept(most))
    enough = bisect_left(numbers, True, key=lambda most: kept(most) >= LEAST_KEPT * rows.sum())
    return max(within, numbers[enough]) if numbers else 0


def describe_groups(
    groups: pl.Series, keys: pl.Series, left_out: int, share: float
) -> HeldOutGroups:
    """Describe the groups of a part's rows, which have these keys; `left_out` more were over."""
    frame = pl.DataFrame({"group": groups, "key": keys})
    found = (
        frame.group_by("group", "key")
        .len()
        .sort("len", "key", descending=[True, False])
        .group_by("group", maintain_order=True)
        .agg(rows=pl.sum("len"), keys=pl.len(), examples=pl.col("key").head(KEYS_SHOWN))
        .sort("rows", "group", descending=[True, False])
        .head(GROUPS_SHOWN)
    )
    largest = [
        LargeGroup(**group, share=group["rows"] / frame.height)
        for group in found.iter_rows(named=True)
    ]
    reached = not largest or largest[0].rows <= share * frame.height
    return HeldOutGroups(bound=share, reached=reached, left_out=left_out, largest=largest)
