"""What is odd about valid data, and is let pass: each in a sentence, with counts and what to do."""

import datetime
import re
from collections import defaultdict
from collections.abc import Iterator

import polars as pl

from categoriser.data.intake.amounts import SPENDING_SHARE

# With fewer rows, figures say little of a class, and of the whole.
FEW_OF_CLASS = 10
LEAST_ROWS = 1000
# Older dates are odd.
MOST_YEARS = 20
# So many small classes are named.
CLASSES_NAMED = 5


def of(rows: pl.LazyFrame, today: datetime.date) -> Iterator[str]:
    """Yield what is odd about validated rows. There must be at least one row."""
    counted = rows.group_by("category").len().sort("category").collect(engine="streaming")
    classes: dict[str, int] = dict(counted.iter_rows())
    date = pl.col("date")
    price = pl.col("price")
    past = today - datetime.timedelta(days=round(365.25 * MOST_YEARS))
    facts = rows.select(
        rows=pl.len(),
        ahead=(date > today).sum(),
        newest=date.max(),
        behind=(date < past).sum(),
        oldest=date.min(),
        lowest=price.min(),
        highest=price.max(),
        negative=(price < 0).sum(),
    )
    found = facts.collect(engine="streaming").row(0, named=True)
    yield from _of_classes(classes)
    yield from _of_values(found)


def _of_classes(classes: dict[str, int]) -> Iterator[str]:
    alike: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        alike[re.sub(r"[\W_]+", " ", name.casefold()).strip()].append(name)
    for names in alike.values():
        if len(names) > 1:
            counts = " and ".join(f"{name!r} ({classes[name]:,} rows)" for name in names)
            yield (
                f"{counts} stay {len(names)} classes, though they differ only in case, spaces or "
                "signs: write them alike in the file if they are one"
            )
    few = {name: count for name, count in classes.items() if count < FEW_OF_CLASS}
    if few:
        shown = ", ".join(f"{name!r} ({count})" for name, count in [*few.items()][:CLASSES_NAMED])
        more = f" and {len(few) - CLASSES_NAMED} more" if len(few) > CLASSES_NAMED else ""
        yield (
            f"{len(few)} of {len(classes)} classes have fewer than {FEW_OF_CLASS} rows: {shown}"
            f"{more}. They can hardly be learnt or measured: add rows, or join them to others"
        )


def _of_values(found: dict[str, object]) -> Iterator[str]:
    rows = found["rows"]
    negative = found["negative"]
    if not isinstance(rows, int) or not isinstance(negative, int):
        raise TypeError("counts are whole numbers")
    if rows < LEAST_ROWS:
        yield (
            f"there are {rows:,} rows in all: figures of so few say little, and the gate may not "
            f"judge them; {LEAST_ROWS:,} or more are wanted"
        )
    if found["lowest"] == found["highest"]:
        yield (
            f"the price is {found['lowest']:g} in all {rows:,} rows: look whether the right column "
            "is the price; from one value nothing is learnt"
        )
    if negative >= SPENDING_SHARE * rows:
        yield (
            f"{negative:,} of {rows:,} prices are negative: here spending is positive, and a "
            "negative price is a refund. To turn them, write the line `sign: turned` into "
            "data/intake.yaml, and run the same command again"
        )
    if found["ahead"]:
        yield (
            f"{found['ahead']:,} rows have dates that are still to come, up to {found['newest']}: "
            "mend them, for the last months are what is held out"
        )
    if found["behind"]:
        yield (
            f"{found['behind']:,} rows are more than {MOST_YEARS} years old, from "
            f"{found['oldest']} on: look whether the dates are right"
        )
