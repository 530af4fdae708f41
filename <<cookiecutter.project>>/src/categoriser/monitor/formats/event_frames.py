"""The columns of captured rows and of labels, when they are frames."""

from typing import Any

import polars as pl

from categoriser.contract import COLUMNS

ROWS_IN_FRAME = 10_000

PLACE_COLUMNS = {"id": pl.String, "row": pl.Int64, "rows": pl.Int64, "time": pl.Datetime("us")}
INPUT_COLUMNS = {column.name: pl.String if column.is_text else pl.Float64 for column in COLUMNS}
CAPTURE_COLUMNS = PLACE_COLUMNS | INPUT_COLUMNS | {"label": pl.String}
TRUTH_COLUMNS = {name: CAPTURE_COLUMNS[name] for name in ("id", "row", "label", "time")}


def to_frame(rows: list[tuple[Any, ...]], columns: dict[str, Any]) -> pl.DataFrame:
    cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return pl.DataFrame(cells, columns).with_columns(pl.col("time").dt.replace_time_zone("UTC"))
