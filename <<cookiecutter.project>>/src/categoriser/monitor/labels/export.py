"""Labelled rows as data to train the next model on: `train.csv` and `holdout.csv`."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import duckdb
import polars as pl

from categoriser.contract import COLUMNS, FIELDS
from categoriser.data.hashed_uniform import uniform
from categoriser.data.table import REQUIRED
from categoriser.errors import UserError
from categoriser.evaluation.price_bands import PRICE_BAND
from categoriser.io.replacing import replacing
from categoriser.monitor.labels.label_join import LabelledRows
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.monitor.watching.watched_features import UNKNOWN_COUNTRY
from categoriser.paths import MONITORING
from categoriser.plural import plural

FEEDBACK_PARTS = ("train", "holdout")

# The rows that can be exported; the joined rows' columns but those of the join are further ones.
EXPORTED = """
CREATE OR REPLACE TABLE exported AS
    SELECT DISTINCT time::DATE AS date, {inputs}, truth AS category {further}
    FROM answered WHERE NOT unknown AND time IS NOT NULL AND {readable}
"""
TEXT_INPUT = "trim(regexp_replace({name}, '[\\r\\n]+', ' ', 'g')) AS {name}"
READABLE_TEXT = "regexp_matches({name}, '\\S') AND NOT contains({name}, chr(0))"
READABLE_NUMBER = "isfinite({name})"
COLUMNS_OF_THE_JOIN = {
    *FIELDS,
    "contradicted",
    "hours_late",
    "id",
    "label",
    "labels",
    "place",
    "row",
    "time",
    "truth",
    "unknown",
}

# An earlier export's rows, as `exported` has them.
EARLIER = "date::DATE AS date, {inputs}, category {further}"
NUMBER_INPUT = "{name}::DOUBLE AS {name}"
ADD = "CREATE OR REPLACE TABLE exported AS FROM exported UNION ALL BY NAME FROM added"


class TooFewRowsError(UserError):
    """There are labels, and not enough of them yet."""


def export_labelled(
    labelled: LabelledRows, settings: QualitySettings, folder: Path, slices: Sequence[str] = ()
) -> dict[str, int]:
    """Add the joined rows to labelled data, `train.csv` and `holdout.csv`; count the files' rows.

    They have the columns of `REQUIRED`, and the captures' further ones, with those of `slices` that
    captures lack. A further column is never empty: what nobody knows is `unknown`, so that no slice
    of the next model is named by nothing. Rows alike in all columns are one. Where an earlier
    export has a row with another category, the new label counts. Labels that contradict each other
    are left out, labels that are not a class, and rows without an input or a time. A hash of a
    row's date, price and text says which file it is in, so it is in that one in every export, as
    long as `holdout` stays. The same rows and labels give the same bytes, in whatever order they
    come.

    Raises `UserError`, and writes nothing, where an earlier export cannot be read;
    `TooFewRowsError`, which is one, for fewer new rows than `min_rows`.
    """
    count = _select_exported(labelled, slices)
    if count < settings.min_rows:
        raise TooFewRowsError(
            f"{plural(count, 'labelled row')} can be exported, and quality.min_rows in "
            f"{MONITORING} asks for {settings.min_rows}: wait for more labels, or take in more days"
        )
    for part in FEEDBACK_PARTS:
        _add_earlier(labelled.connection, folder / f"{part}.csv")
    _order(labelled.connection)
    with replacing(folder) as aside:
        aside.mkdir()
        if folder.exists():  # what else is there stays there
            parts = shutil.ignore_patterns(*(f"{part}.csv" for part in FEEDBACK_PARTS))
            shutil.copytree(folder, aside, ignore=parts, dirs_exist_ok=True)
        return _write_parts(labelled, settings.holdout, aside)


def _select_exported(labelled: LabelledRows, slices: Sequence[str]) -> int:
    """Make the table `exported` of the joined rows that can be exported, and count them."""
    connection = labelled.connection
    known = {*connection.table("answered").columns} - COLUMNS_OF_THE_JOIN
    lacking = {*slices} - known - {PRICE_BAND, *REQUIRED}
    query = EXPORTED.format(
        inputs=", ".join(_inputs(TEXT_INPUT, "{name}")),
        further=_filled(sorted(known)) + _unknown(sorted(lacking)),
        readable=" AND ".join(_inputs(READABLE_TEXT, READABLE_NUMBER)),
    )
    [[count]] = connection.execute(query).fetchall()
    return int(count)


def _order(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view `ordered`: the columns of `REQUIRED`, then the further ones by name."""
    further = sorted({*connection.table("exported").columns} - {*REQUIRED})
    # A column that only one export has is unknown in the other's rows.
    columns = f"{', '.join(map(_quoted, REQUIRED))} {_filled(further)}"
    connection.table("exported").select(columns).create_view("ordered", replace=True)


def _write_parts(labelled: LabelledRows, holdout: float, folder: Path) -> dict[str, int]:
    """Write the ordered rows to the files of `FEEDBACK_PARTS`, and count each file's rows."""
    counts = dict.fromkeys(FEEDBACK_PARTS, 0)
    with ExitStack() as stack:
        files = {
            part: stack.enter_context((folder / f"{part}.csv").open("wb"))
            for part in FEEDBACK_PARTS
        }
        for number, rows in enumerate(labelled.rows("FROM ordered ORDER BY ALL")):
            is_held_out = _held_out(rows, holdout)
            for part, chosen in (("train", ~is_held_out), ("holdout", is_held_out)):
                rows.filter(chosen).write_csv(files[part], include_header=number == 0)
                counts[part] += int(chosen.sum())
    return counts


def _held_out(rows: pl.DataFrame, holdout: float) -> pl.Series:
    cells = rows.select("date", "price", "text").iter_rows()
    content = (f"{day} {price!r} {text}" for day, price, text in cells)
    return uniform("feedback", content) < holdout


def _inputs(text: str, number: str) -> list[str]:
    """Return SQL for each column of the record, from the form for a text or for a number."""
    return [
        (text if column.is_text else number).format(name=_quoted(column.name)) for column in COLUMNS
    ]


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _filled(columns: Sequence[str]) -> str:
    """Return SQL for more columns, as text, in which nothing is empty."""
    form = ", coalesce(nullif(trim({name}::VARCHAR), ''), '" + UNKNOWN_COUNTRY + "') AS {name}"
    return "".join(form.format(name=_quoted(name)) for name in columns)


def _unknown(columns: Sequence[str]) -> str:
    """Return SQL for more columns, whose values nobody knows."""
    return "".join(f", '{UNKNOWN_COUNTRY}' AS {_quoted(name)}" for name in columns)


def _add_earlier(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Add a file's rows to the table `exported`, but those that it has in all but the category."""
    if not path.exists():
        return
    try:
        written = _read_export(connection, path)
        further = _filled([name for name in written.columns if name not in REQUIRED])
        earlier = written.select(
            EARLIER.format(inputs=", ".join(_inputs("{name}", NUMBER_INPUT)), further=further)
        ).set_alias("earlier")
        exported = connection.table("exported")
        both = {*earlier.columns} & {*exported.columns} - {"category"}
        names = map(_quoted, both)
        same = (f"earlier.{name} IS NOT DISTINCT FROM exported.{name}" for name in names)
        earlier.join(exported, " AND ".join(same), "anti").create_view("added", replace=True)
        connection.execute(ADD)
    except (duckdb.DataError, duckdb.ProgrammingError, duckdb.IOException) as error:
        raise UserError(
            f"{path}, an earlier export to add to, cannot be read: "
            f"{str(error).splitlines()[0]}; mend it, or move it elsewhere"
        ) from None


def _read_export(connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """Read a CSV as Polars writes it: all values as text."""
    return connection.read_csv(
        str(path),
        header=True,
        all_varchar=True,
        sep=",",
        quotechar='"',
        escapechar='"',
        allow_quoted_nulls=False,
        buffer_size=4_000_000,  # bytes: the default takes half of the least memory_limit_mb
    )
