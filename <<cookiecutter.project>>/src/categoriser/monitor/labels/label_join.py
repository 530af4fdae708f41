"""Ground truth joined to captures.

A label belongs to the prediction of the same id and row. Captures and labels may outgrow memory:
both are spilled to a scratch folder, and DuckDB joins them there under a memory limit.

- A prediction captured twice counts once. An id that two different predictions share says nothing
  of either: both are left out.
- A label given twice counts once. Of different labels the latest counts, as a correction; where
  the latest differ at one time, nobody can say which is right, and none is used.
- A label that is not a class of the model is an error of the model. All such are one class,
  `NO_CLASS`, which leaves accuracy and the weighted figures what they would be with a class
  each.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb
import polars as pl
from msgspec import Struct, convert

from categoriser.contract import FIELDS
from categoriser.errors import UserError
from categoriser.monitor.formats.event_frames import CAPTURE_COLUMNS, TRUTH_COLUMNS
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.paths import MONITORING

THREADS = 2
JOINED_ROWS_A_FRAME = 50_000

Frames = Iterable[pl.DataFrame]

JOIN = """
CREATE TABLE predicted AS
    SELECT id, "row", count(*) AS times, min(place) AS place, min(content) <> max(content) AS shared
    FROM (SELECT *, hash({inputs}, label) AS content FROM captures) GROUP BY ALL;
CREATE TABLE given AS
    SELECT id, "row", label, count(*) AS times, max(time) AS time FROM truths GROUP BY ALL;
CREATE TABLE latest AS
    SELECT id, "row", sum(times) AS times, count(*) AS labels, max(time) AS time
    FROM given GROUP BY ALL;
CREATE TABLE labelled AS
    SELECT latest.*, min(label) AS truth, count(*) > 1 AS contradicted
    FROM latest JOIN given ON latest.id = given.id AND latest."row" = given."row"
        AND latest.time IS NOT DISTINCT FROM given.time
    GROUP BY ALL;
CREATE TABLE joined AS
    SELECT captures.*, truth, truth NOT IN (FROM classes) AS unknown, labels, contradicted,
        -- A label's time is the start of its hour, which may lie before the prediction's.
        CASE WHEN labelled.time < captures.time THEN 0
        ELSE date_diff('second', captures.time, labelled.time) / 3600 END AS hours_late
    FROM labelled JOIN predicted USING (id, "row") JOIN captures USING (place) WHERE NOT shared;
CREATE VIEW answered AS SELECT * FROM joined WHERE NOT contradicted;
CREATE VIEW bad AS SELECT id, "row" FROM joined WHERE labels > 1 OR unknown;
"""

COUNTS = """
FROM (SELECT coalesce(sum(times), 0)::BIGINT AS captured, count(*) AS predictions,
        count(*) FILTER (times > 1) AS captured_again, count(*) FILTER (shared) AS shared_ids
        FROM predicted),
    (SELECT coalesce(sum(times), 0)::BIGINT AS labels, count(*) AS labelled,
        coalesce(sum(times - labels), 0)::BIGINT AS repeated,
        count(*) FILTER (labels > 1) AS conflicting, count(*) FILTER (contradicted) AS contradicted
        FROM labelled),
    (SELECT count(*) AS orphans FROM labelled ANTI JOIN predicted USING (id, "row")),
    (SELECT count(*) AS joined, count(*) FILTER (unknown) AS unknown,
        median(hours_late) AS median_hours_late, max(hours_late) AS most_hours_late FROM answered)
"""


class JoinCounts(Struct, frozen=True):
    """What was joined, in the order in which the report shows it.

    `captured` rows, different `predictions`, those `captured_again` and those with `shared_ids`
    (left out); `labels` given, `labelled` predictions, labels `repeated`, predictions whose labels
    are `conflicting`, of these `contradicted` (left out), `orphans` without a capture; `joined`
    predictions, those whose label is `unknown` to the model, `median_hours_late` and
    `most_hours_late` (None without rows), and `coverage`: the joined share of the predictions.
    """

    captured: int
    predictions: int
    captured_again: int
    shared_ids: int
    labels: int
    labelled: int
    repeated: int
    conflicting: int
    contradicted: int
    orphans: int
    joined: int
    unknown: int
    median_hours_late: float | None
    most_hours_late: float | None
    coverage: float


@dataclass(frozen=True)
class LabelledRows:
    """Captures with their labels: in the table `answered`, captures' columns, `truth`, `given`."""

    connection: duckdb.DuckDBPyConnection
    classes: list[str]
    counts: JoinCounts

    def rows(self, query: str) -> Iterator[pl.DataFrame]:
        """Yield a query's rows, a batch at a time; the first batch is empty."""
        reader = self.connection.sql(query).to_arrow_reader(JOINED_ROWS_A_FRAME)
        for batch in chain([reader.schema.empty_table()], reader):
            yield pl.DataFrame(batch)


@contextmanager
def join_labels(
    captures: Frames, truths: Frames, classes: Sequence[str], settings: QualitySettings
) -> Iterator[LabelledRows]:
    """Join labels to captures, in a scratch folder that is gone afterwards.

    `captures` have the columns of `CapturedRows.frame`; further ones, such as `country`, become
    slices and columns of the export. `truths` have those of `ground_truth_rows`. They may be of
    other windows: a label without its capture, and a capture without a label, are counted.
    """
    limits: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "preserve_insertion_order": False,
        "memory_limit": f"{settings.memory_limit_mb}MB",
    }
    with tempfile.TemporaryDirectory(prefix="categoriser-") as name:
        folder = Path(name)
        _spill(captures, CAPTURE_COLUMNS, folder / "captures")
        _spill(truths, TRUTH_COLUMNS, folder / "truths")
        try:
            with duckdb.connect(folder / "joined.duckdb", config=limits) as connection:
                for table in ("captures", "truths"):
                    spilled = connection.read_parquet(f"{folder / table}/*", union_by_name=True)
                    spilled.create_view(table)
                connection.register("classes", pl.DataFrame({"name": list(classes)}).to_arrow())
                connection.execute(JOIN.format(inputs=", ".join(f'"{name}"' for name in FIELDS)))
                yield LabelledRows(connection, list(classes), _count(connection))
        except duckdb.OutOfMemoryException:
            raise UserError(
                f"quality.memory_limit_mb in {MONITORING}, {settings.memory_limit_mb}, is not "
                "enough to join these labels to these captures; raise it, or take in fewer days"
            ) from None


def _count(connection: duckdb.DuckDBPyConnection) -> JoinCounts:
    [counts] = connection.sql(COUNTS).pl().to_dicts()
    coverage = counts["joined"] / max(1, counts["predictions"])
    return convert(counts | {"coverage": coverage}, JoinCounts)


def _spill(frames: Frames, columns: pl.Schema, folder: Path) -> None:
    """Write frames to files and number their rows; the first file has columns and no rows."""
    folder.mkdir()
    place = 0
    for number, frame in enumerate(chain([pl.DataFrame(schema=columns)], frames)):
        frame.drop_nulls("label").select(
            pl.exclude("rows", "probabilities", "label", "time"),
            pl.col("label").str.strip_chars(),
            pl.col("time").cast(pl.Datetime("us")),
        ).with_row_index("place", place).write_parquet(folder / f"{number}.parquet")
        place += frame.height
