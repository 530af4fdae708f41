"""How many rows each part would get, before the data are taken, and what to hold out instead.

The parts are `prepare`'s own: parts of the rows or, where there are many, of an even sample.
"""

import sys
from dataclasses import dataclass

import polars as pl

from categoriser.data.group_corrections import read_group_corrections
from categoriser.data.merchant_group import find_merchants
from categoriser.data.prepare import part_of
from categoriser.data.split import LEFT_OUT, PARTS
from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.params import Prepare
from categoriser.paths import MERCHANT_GROUPS

# Where there are more rows, an even sample of so many is parted.
SAMPLE_ROWS = 20_000
# Less than this share of the rows, or fewer classes, is not enough to train on.
LEAST_TRAINING_SHARE = 1 / 3
LEAST_CLASSES = 2


@dataclass(frozen=True)
class Sizes:
    """About how many rows each part gets, how many get into none, and the classes of training."""

    rows: dict[str, int]
    left_out: int
    classes: int

    @property
    def enough(self) -> bool:
        """Whether a model can be trained and calibrated on them."""
        return (
            self.classes >= LEAST_CLASSES
            and self.rows["validation"] > 0
            and self.rows["train"] >= LEAST_TRAINING_SHARE * sum(self.rows.values())
        )

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {self.rows[name]:,}" for name in PARTS)
        if not self.left_out:
            return parts
        return f"{parts}; {self.left_out:,} are left out (prepare.largest_group)"


class Sample:
    """Rows with their keys, whose parts can be counted for several settings."""

    def __init__(self, rows: pl.LazyFrame) -> None:
        self.count: int = rows.select(pl.len()).collect().item()
        self.step = max(1, self.count // SAMPLE_ROWS)
        chosen = rows.filter(pl.int_range(pl.len()) % self.step == 0)
        self.rows = chosen.collect(engine="streaming")
        normal = normalise(self.rows["text"].to_list())
        corrections = read_group_corrections(MERCHANT_GROUPS)
        self.rows = self.rows.with_columns(key=find_merchants(self.rows, normal, corrections).group)

    def sizes(self, settings: Prepare) -> Sizes:
        """Return what the parts get."""
        part = part_of(self.rows, settings)
        counts = dict(part.value_counts().iter_rows())
        scale = self.count / self.rows.height
        rows = {name: round(counts.get(name, 0) * scale) for name in PARTS}
        left_out = round(counts.get(LEFT_OUT, 0) * scale)
        return Sizes(rows, left_out, self.rows.filter(part == "train")["category"].n_unique())

    @property
    def months(self) -> list[str]:
        """The calendar months that have rows."""
        return self.rows["date"].dt.strftime("%Y-%m").unique().sort().to_list()


def settle_held_out(rows: pl.LazyFrame, settings: Prepare, *, accept: bool) -> dict[str, object]:
    """Say what each part would get; return the changes of `params.yaml` that leave enough.

    There are no changes where training gets enough as it is. Raises `UserError` where changes are
    needed and not accepted yet, and where no changes would do.
    """
    sample = Sample(rows)
    months = sample.months
    sizes = sample.sizes(settings)
    span = months[0] if len(months) == 1 else f"{len(months)} months, {months[0]} to {months[-1]}"
    about = "about " if sample.step > 1 else ""
    sys.stdout.write(f"The rows are of {span}. The parts get {about}{sizes}\n")
    if sizes.enough:
        return {}
    other = _settings_that_leave_enough(sample, settings)
    if other is None:
        raise UserError(
            f"training would get {sizes.rows['train']:,} rows of {sizes.classes} classes, whatever "
            f"is held out: it needs {LEAST_CLASSES} classes or more; give more data"
        )
    changes = {
        f"prepare.{name}": value
        for name, value in other.model_dump().items()
        if value != getattr(settings, name)
    }
    proposed = ", ".join(f"{name}: {value}" for name, value in changes.items())
    left = sample.sizes(other)
    if not accept:
        raise UserError(
            f"training would get only {sizes.rows['train']:,} of {sample.count:,} rows. Proposed "
            f"for params.yaml: {proposed}. The parts then get {about}{left}. To set it and take "
            "the data, run the same command with ACCEPT=1"
        )
    sys.stdout.write(f"params.yaml gets {proposed}. The parts then get {about}{left}\n")
    return changes


def _settings_that_leave_enough(sample: Sample, settings: Prepare) -> Prepare | None:
    """Return settings that hold out less: fewer months first, then smaller shares."""
    tenth = {"merchants": 0.1, "random": 0.1, "validation": 0.1}
    given = settings.model_dump()
    smaller = {name: min(given[name], share) for name, share in tenth.items()}
    for shares in ({}, smaller):
        for months in range(min(settings.months, len(sample.months) - 1), -1, -1):
            other = settings.model_copy(update={"months": months, **shares})
            if other != settings and sample.sizes(other).enough:
                return other
    return None
