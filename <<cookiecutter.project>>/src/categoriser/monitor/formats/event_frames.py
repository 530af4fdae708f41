"""The columns of captured rows and of labels, when they are frames."""

from collections.abc import Sequence

import polars as pl

from categoriser.contract import COLUMNS

ROWS_IN_FRAME = 10_000

PLACE_COLUMNS = pl.Schema(
    {"id": pl.String(), "row": pl.Int64(), "rows": pl.Int64(), "time": pl.Datetime("us")}
)
INPUT_COLUMNS = pl.Schema(
    {column.name: pl.String() if column.is_text else pl.Float64() for column in COLUMNS}
)
CAPTURE_COLUMNS = pl.Schema({**PLACE_COLUMNS, **INPUT_COLUMNS, "label": pl.String()})
TRUTH_COLUMNS = pl.Schema({name: CAPTURE_COLUMNS[name] for name in ("id", "row", "label", "time")})


def to_frame(rows: Sequence[tuple[object, ...]], columns: pl.Schema) -> pl.DataFrame:
    """Return rows as a frame with these columns; times are in UTC."""
    cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return pl.DataFrame(cells, columns).with_columns(pl.col("time").dt.replace_time_zone("UTC"))
