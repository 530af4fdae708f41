"""Check the data row by row, set bad rows aside, and compare the rest with the last accepted data.

The file is in the project's own form (`categoriser.data.table`), or is read into it. It is read in
batches. Three things grow with it in memory: a hash for each row and one column of numbers at a
time, each of about 8 bytes a row, and the different values of the columns of text but `text`.

A category that the last accepted data lack sets its row aside as other faults do: a few are typing
errors, many fail the stage. Rows equal in every column are kept and counted: a bank's data hold two
equal fares a day. A file that was joined to itself shows in the share of such rows, which is
compared with the accepted one like the distribution of each column.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandera.polars as pa
import polars as pl

from categoriser.command import run_command
from categoriser.data.distributions import distances, profile_rows
from categoriser.data.profile import Profile, accepted_profile
from categoriser.data.row_schema import UNKNOWN_CATEGORY, row_faults, row_schema, typed
from categoriser.data.set_aside import Aside
from categoriser.data.table import REQUIRED, Fault, Table, own_table
from categoriser.errors import UserError
from categoriser.io.replacing import replacing, write_json
from categoriser.params import Validate, read_params
from categoriser.paths import PROFILE, SET_ASIDE, VALIDATED

ROWS_AT_ONCE = 50_000
FORGET_HINT = "if the data are meant to differ: make promote FORGET=data"
# From this share of rows with an unknown category on, the data are of another kind.
OTHER_KIND = 0.5


class BadRowsError(UserError):
    """Too many rows are bad; `reasons` counts them by reason."""

    def __init__(self, message: str, reasons: Counter[str]) -> None:
        super().__init__(message)
        self.reasons = reasons


def validate(
    source: Path,
    settings: Validate,
    accepted: Profile | None,
    validated: Path,
    aside: Path,
    read: Callable[[Path], Table] = own_table,
) -> Profile:
    """Write good rows to `validated` (Parquet) and bad ones to `aside` (CSV); return the profile.

    `accepted` is the profile of the last accepted data; `read` gives the file's rows. Raises
    `UserError` for a file that is not such a table, for a share of bad rows above `tolerance`, and
    for a column whose distribution lies further than `max_shift` from the accepted one: then
    `validated` is not written.
    """
    schema = row_schema(settings, accepted.categories if accepted else None)
    hashes = []
    with replacing(validated) as target:
        table = read(source)
        with replacing(aside) as path, path.open("w", encoding="utf-8", newline="") as stream:
            bad = Aside(stream, unit=table.unit)
            parts: list[Path] = []
            for rows in _good_batches(table, schema, bad):
                parts.append(target.with_name(f"{len(parts):06}.part"))
                rows.write_parquet(parts[-1])
                hashes.append(rows.drop("row").hash_rows().to_numpy())
        good = sum(map(len, hashes))
        _check_kind(source, bad, good, accepted, aside)
        _check_bad(source, bad, good, settings.tolerance, aside)
        kept = pl.scan_parquet(parts)
        kept.sink_parquet(target, row_group_size=ROWS_AT_ONCE)
        repeated = good - len(np.unique(np.concatenate(hashes)))
        found = profile_rows(kept, round(repeated / good, 6), bad.rows, bad.reasons)
        if accepted:
            shifts = distances(kept, accepted)
            shifts["repeated rows"] = abs(found.repeated - accepted.repeated)
            _check_shifts(source, shifts, settings.max_shift)
    return found


def _check_kind(source: Path, bad: Aside, good: int, accepted: Profile | None, aside: Path) -> None:
    """Raise where most rows are bad because their categories are not those of the accepted data."""
    rows = bad.rows + good
    strange = bad.reasons[f"category {UNKNOWN_CATEGORY}"]
    if not accepted or strange < OTHER_KIND * max(rows, 1):
        return
    known = ", ".join(accepted.categories)
    raise BadRowsError(
        f"{source} is another kind of data: in {strange:,} of {rows:,} rows the category "
        f"{UNKNOWN_CATEGORY}. To take it in their place: make promote FORGET=data, then this "
        f"command again.\n  Accepted categories: {known}\n  First cases:\n    "
        + "\n    ".join(bad.first)
        + f"\n  All of them are in {aside}",
        bad.reasons,
    )


def _check_bad(source: Path, bad: Aside, good: int, tolerance: float, aside: Path) -> None:
    rows = bad.rows + good
    if rows == 0:
        raise UserError(f"{source} has a header and no rows")
    if good == 0 or bad.rows > tolerance * rows:
        reasons = "; ".join(f"{reason} ({count})" for reason, count in bad.reasons.most_common())
        way_out = f"; {FORGET_HINT}" if f"category {UNKNOWN_CATEGORY}" in bad.reasons else ""
        raise BadRowsError(
            f"{source}: {bad.rows} of {rows} rows are bad, and validate.tolerance in params.yaml "
            f"allows {tolerance:.2%}.\n  Reasons: {reasons}\n  First cases:\n    "
            + "\n    ".join(bad.first)
            + f"\n  All of them are in {aside}; mend {source}, or raise the tolerance{way_out}",
            bad.reasons,
        )


def _check_shifts(source: Path, shifts: dict[str, float], limit: float) -> None:
    far = [f"{name} by {shift:.3f}" for name, shift in shifts.items() if shift > limit]
    if far:
        raise UserError(
            f"{source} is unlike the last accepted data: {', '.join(far)}; validate.max_shift in "
            f"params.yaml allows {limit}. Look for a fault in the data, or raise max_shift; "
            f"{FORGET_HINT}"
        )


def _good_batches(table: Table, schema: pa.DataFrameSchema, bad: Aside) -> Iterator[pl.DataFrame]:
    """Yield the table's good rows, typed and with their numbers, a batch at a time."""
    columns = {"row": pl.Int64, **dict.fromkeys(table.names, pl.String)}
    while True:
        # Plain tuples of text, which Python's garbage collector need not look through.
        read: list[tuple[int | str, ...]] = []
        lines: dict[int, str | bytes] = {}
        found: dict[int, list[Fault]] = {}
        for number, line, fields, wrong in islice(table.rows, ROWS_AT_ONCE):
            lines[number] = line
            if wrong is None:
                read.append((number, *fields))
            else:
                found[number] = [wrong]
        if not lines:
            return
        raw = pl.DataFrame(read, columns, orient="row")
        rows = typed(raw)
        for index, column, words in row_faults(rows, schema):
            number = raw.item(index, "row")
            found.setdefault(number, []).append((f"{column} {words}", raw.item(index, column)))
        for number in sorted(found):
            bad.add(number, lines[number], found[number])
        good = rows.filter(~pl.col("row").is_in(list(found)))
        yield good.select("row", *REQUIRED, pl.exclude("row", *REQUIRED))


def main() -> None:
    params = read_params()
    found = validate(params.data.path, params.validate_, accepted_profile(), VALIDATED, SET_ASIDE)
    write_json(PROFILE, found)
    sys.stdout.write(
        f"{found.rows} rows are good, {found.repeated:.1%} of them repeat another in full; "
        f"{found.bad_rows} bad rows are in {SET_ASIDE}\n"
    )


if __name__ == "__main__":
    run_command(main)
