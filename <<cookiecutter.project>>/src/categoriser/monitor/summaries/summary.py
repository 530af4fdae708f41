"""What a column's values come to, in a form that can be merged: the same on a laptop and on Spark.

A column that a batch lacks is missing from that batch's rows. NaN and infinities in numeric columns
count as missing: nothing can be computed from them. Text that spells a finite number is a number,
as Deequ judges it (`StatefulDataType`: `.5`, `5.` and ` 5` too), and a column without other text
gets a number's statistics. Unlike Deequ, this takes `1e-07` for a number, since scripts write small
numbers so, and does not take an empty text, or a sign or a point alone.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from datasketches import kll_doubles_sketch

from categoriser.errors import UserError
from categoriser.monitor.formats.feature_statistics import FRACTIONAL, INTEGRAL, STRING, DataType
from categoriser.monitor.formats.sketch import SKETCH_SIZE
from categoriser.monitor.summaries.hyperloglog import PRECISION, Registers, registers_of

MAX_CATEGORIES = 1000  # distinct values above which they are not counted one by one
EXACT = 2**53  # beyond it doubles skip integers
# Deequ's numbers may have a blank before the digits; a cast refuses it.
SPACED = r"^([+-]?) ([0-9]+\.?[0-9]*|\.[0-9]+)$"
WITHOUT_SPACE = "${1}${2}"
WHOLE_NUMBER = r"^[+-]?[0-9]+$"


@dataclass
class ColumnSummary:
    """A column's present values. Moments are Chan's; `categories` is None above the cap."""

    types: dict[DataType, int] = field(
        default_factory=lambda: {INTEGRAL: 0, FRACTIONAL: 0, STRING: 0}
    )
    mean: float = 0.0
    squares: float = 0.0  # sum of squared deviations from the mean
    minimum: float = math.inf
    maximum: float = -math.inf
    quantiles: Any = field(default_factory=lambda: kll_doubles_sketch(SKETCH_SIZE))
    registers: Registers = field(default_factory=lambda: np.zeros(2**PRECISION, dtype=np.uint8))
    categories: dict[str, int] | None = field(default_factory=dict)

    @property
    def present(self) -> int:
        return sum(self.types.values())

    @property
    def numbers(self) -> int:
        return self.types[INTEGRAL] + self.types[FRACTIONAL]

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """Return the summary of a batch's values. Types other than numbers are read as text."""
        column = cls()
        if values.dtype.is_numeric():
            column._stored(values)
        else:
            column._text(_as_text(values).drop_nulls())
        return column

    def _stored(self, values: pl.Series) -> None:
        numbers = values.cast(pl.Float64).to_numpy(writable=True)  # nulls are NaN
        finite = np.isfinite(numbers)
        if not finite.all():
            values = values.filter(pl.Series(finite))
            numbers = numbers[finite]
        self.types[INTEGRAL if values.dtype.is_integer() else FRACTIONAL] = len(numbers)
        hashes = pl.Series(numbers).hash().to_numpy()
        if values.dtype.is_integer():
            hashes = np.where(np.abs(numbers) > EXACT, values.hash().to_numpy(), hashes)
        self.registers = registers_of(hashes)
        self._measure(numbers)

    def _text(self, text: pl.Series) -> None:
        spelt = text.str.replace(SPACED, WITHOUT_SPACE)
        numbers = spelt.cast(pl.Float64, strict=False)
        numeric = numbers.is_finite().fill_null(value=False)
        integral = int(spelt.filter(numeric).str.contains(WHOLE_NUMBER).sum())
        self.types[INTEGRAL] = integral
        self.types[FRACTIONAL] = int(numeric.sum()) - integral
        self.types[STRING] = len(text) - int(numeric.sum())
        self.registers = registers_of(text.hash().to_numpy())
        counts = text.value_counts()
        self.categories = dict(counts.iter_rows()) if len(counts) <= MAX_CATEGORIES else None
        self._measure(numbers.filter(numeric).to_numpy(writable=True))

    def _measure(self, numbers: npt.NDArray[np.float64]) -> None:
        """Take in finite numbers, in an array that can be written: the sketch asks for one."""
        if not len(numbers):
            return
        with np.errstate(over="ignore", invalid="ignore"):
            self.mean = float(numbers.mean())
            self.squares = float(numbers.var()) * len(numbers)
        self.minimum = float(numbers.min())
        self.maximum = float(numbers.max())
        self.quantiles.update(numbers)

    def merge(self, other: Self) -> None:
        """Take in another part of the column. Moments: Chan, Golub and LeVeque (1979)."""
        total = self.numbers + other.numbers
        if other.numbers:
            shift = other.mean - self.mean
            share = other.numbers / total
            self.mean += shift * share
            self.squares += other.squares + shift * shift * self.numbers * share
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self.quantiles.merge(other.quantiles)
        self.registers = np.maximum(self.registers, other.registers)
        self.types = {name: count + other.types[name] for name, count in self.types.items()}
        if self.categories is None or other.categories is None:
            self.categories = None
            return
        for value, count in other.categories.items():
            self.categories[value] = self.categories.get(value, 0) + count
        if len(self.categories) > MAX_CATEGORIES:
            self.categories = None


@dataclass
class Summary:
    """The number of rows, and each column's summary by its name."""

    rows: int = 0
    columns: dict[str, ColumnSummary] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in an Arrow batch, of whatever columns."""
        named = zip(batch.schema.names, batch.columns, strict=True)
        columns = {name: ColumnSummary.of(pl.Series(values)) for name, values in named}
        self.merge(type(self)(batch.num_rows, columns))

    def merge(self, other: Self) -> None:
        """Take in the summary of other rows, of whatever columns; `other` is not to be used again.

        The result is the same in any order, but for the sketches' random choices.
        """
        self.rows += other.rows
        for name, column in other.columns.items():
            if name in self.columns:
                self.columns[name].merge(column)
            else:
                self.columns[name] = column

    def to_bytes(self) -> bytes:
        """Return the summary as MessagePack, for another process of the same job."""
        columns = {}
        for name, column in self.columns.items():
            columns[name] = vars(column) | {
                "quantiles": column.quantiles.serialize(),
                "registers": column.registers.tobytes(),
            }
        return msgspec.msgpack.encode([pl.__version__, self.rows, columns])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read `to_bytes`. Raises `UserError` if another version of Polars, which hashes, wrote."""
        version, rows, columns = msgspec.msgpack.decode(data)
        if version != pl.__version__:
            raise UserError(
                f"a worker has polars {version}, the driver {pl.__version__}: their counts of "
                "distinct values do not add up; install requirements/run.txt on both"
            )
        summary = cls(rows)
        for name, parts in columns.items():
            parts["quantiles"] = kll_doubles_sketch.deserialize(parts["quantiles"])
            parts["registers"] = np.frombuffer(parts["registers"], dtype=np.uint8)
            summary.columns[name] = ColumnSummary(**parts)
        return summary


def _as_text(values: pl.Series) -> pl.Series:
    """Return text; lists, structs, bytes and durations are written as Python writes them."""
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Duration):
        spelt = [None if value is None else str(value) for value in values.to_list()]
        return pl.Series(spelt, dtype=pl.String)
    return values.cast(pl.String)


def summarise(batches: Iterable[pa.RecordBatch]) -> Summary:
    summary = Summary()
    for batch in batches:
        summary.add(batch)
    return summary


def summarise_dataset(
    source: str, form: Literal["csv", "json", "parquet"], *, header: bool = True
) -> Summary:
    """Summarise files (a path, a glob or an S3 URI) without holding their rows in memory.

    CSV is read as text, so that what a number is does not depend on the first rows; without a
    header its columns are named `_c0`, `_c1` and so on, as Spark names them. JSON is lines.
    Raises `UserError` for what cannot be read.
    """
    try:
        if form == "parquet":
            frame = pl.scan_parquet(source)
        elif form == "json":
            frame = pl.scan_ndjson(source, infer_schema_length=None)
        else:
            frame = pl.scan_csv(source, infer_schema=False, has_header=header)
            if not header:
                names = frame.collect_schema().names()
                frame = frame.rename({name: f"_c{n}" for n, name in enumerate(names)})
        parts = frame.collect_batches(engine="streaming")
        return summarise(batch for part in parts for batch in part.to_arrow().to_batches())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"{source} cannot be read as {form}: {error}") from None
