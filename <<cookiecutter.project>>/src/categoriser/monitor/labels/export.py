"""Labelled rows as data to train the next model on: `train.csv` and `holdout.csv`."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb

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

# What of a joined row the export writes as it is; the rest but `JOINS` are further columns.
EXPORTED = """
CREATE OR REPLACE TABLE exported AS
    SELECT DISTINCT time::DATE AS date, {inputs}, truth AS category {further}
    FROM answered WHERE NOT unknown AND time IS NOT NULL AND {readable}
"""
TEXT_INPUT = "trim(regexp_replace({name}, '[\\r\\n]+', ' ', 'g')) AS {name}"
READABLE_TEXT = "regexp_matches({name}, '\\S') AND NOT contains({name}, chr(0))"
READABLE_NUMBER = "isfinite({name})"
JOINS = {"id", "row", "place", "label", *FIELDS, "time", "truth", "unknown", "labels"}
JOINS |= {"contradicted", "hours_late"}

# A CSV as Polars writes it, and its rows as `exported` has them.
WRITTEN: dict[str, Any] = {
    "header": True,
    "all_varchar": True,
    "sep": ",",
    "quotechar": '"',
    "escapechar": '"',
    "allow_quoted_nulls": False,
    "buffer_size": 4_000_000,  # bytes: the default takes half of the least memory_limit_mb
}
EARLIER = "date::DATE AS date, {inputs}, category {further}"
NUMBER_INPUT = "{name}::DOUBLE AS {name}"
ADD = "CREATE OR REPLACE TABLE exported AS FROM exported UNION ALL BY NAME FROM added"


class TooFewRowsError(UserError):
    """There are labels, and not enough of them yet."""


def export_labelled(
    labelled: LabelledRows, settings: QualitySettings, folder: Path, slices: Sequence[str] = ()
) -> dict[str, int]:
    """Add the joined rows to labelled data, `train.csv` and `holdout.csv`; count the files' rows.

    They have the columns of `REQUIRED`, and the captures' further ones,
    with those of `slices` that captures lack. A further column is never empty: what nobody knows
    is `unknown`, so that no slice of the next model is named by nothing. Rows alike in all columns
    are one. Of a row that an earlier export has with another category the new label stands. Labels
    that contradict each other are left out, labels of no class, and rows without an input or
    a time. Which file a row is in is a hash of its date, price and text, so it is in that one
    in every export, as long as `holdout` stays. The same rows and labels give the same bytes, in
    whatever order they come.

    Raises `UserError`, and writes nothing, where an earlier export cannot be read;
    `TooFewRowsError`, which is one, for fewer new rows than `min_rows`.
    """
    connection = labelled.connection
    known = {*connection.table("answered").columns} - JOINS
    lacking = {*slices} - known - {PRICE_BAND, *REQUIRED}
    further = _filled(sorted(known)) + _unknown(sorted(lacking))
    inputs = _inputs(TEXT_INPUT, "{name}")
    readable = " AND ".join(_inputs(READABLE_TEXT, READABLE_NUMBER))
    query = EXPORTED.format(inputs=", ".join(inputs), further=further, readable=readable)
    [[count]] = connection.execute(query).fetchall()
    if count < settings.min_rows:
        raise TooFewRowsError(
            f"{plural(count, 'labelled row')} can be exported, and quality.min_rows in "
            f"{MONITORING} asks for {settings.min_rows}: wait for more labels, or take in more days"
        )
    for part in FEEDBACK_PARTS:
        _add_earlier(connection, folder / f"{part}.csv")
    # A column that only one export has is unknown in the other's rows.
    others = sorted({*connection.table("exported").columns} - {*REQUIRED})
    ordered = connection.table("exported").select(
        f"{', '.join(map(_quoted, REQUIRED))} {_filled(others)}"
    )
    ordered.create_view("ordered", replace=True)
    counts = dict.fromkeys(FEEDBACK_PARTS, 0)
    with replacing(folder) as aside, ExitStack() as stack:
        aside.mkdir()
        if folder.exists():  # what else is there stays there
            parts = shutil.ignore_patterns(*(f"{part}.csv" for part in FEEDBACK_PARTS))
            shutil.copytree(folder, aside, ignore=parts, dirs_exist_ok=True)
        files = {
            part: stack.enter_context((aside / f"{part}.csv").open("wb")) for part in FEEDBACK_PARTS
        }
        for number, rows in enumerate(labelled.rows("FROM ordered ORDER BY ALL")):
            cells = rows.select("date", "price", "text").iter_rows()
            content = (f"{day} {price!r} {text}" for day, price, text in cells)
            kept = uniform("feedback", content) < settings.holdout
            for part, chosen in zip(FEEDBACK_PARTS, (~kept, kept), strict=True):
                rows.filter(chosen).write_csv(files[part], include_header=number == 0)
                counts[part] += int(chosen.sum())
    return counts


def _inputs(text: str, number: str) -> list[str]:
    """Return SQL for each column of the record, by what a text's is and a number's."""
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
    """Return SQL for more columns of which nothing is known."""
    return "".join(f", '{UNKNOWN_COUNTRY}' AS {_quoted(name)}" for name in columns)


def _add_earlier(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Add a file's rows to the table `exported`, but those that it has in all but the category."""
    if not path.exists():
        return
    try:
        written = connection.read_csv(str(path), **WRITTEN)
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
