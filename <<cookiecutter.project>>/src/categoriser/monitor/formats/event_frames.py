"""The columns of captured rows and of labels, when they are frames."""

from typing import Any

import polars as pl

ROWS_IN_FRAME = 10_000

PLACE_COLUMNS = {"id": pl.String, "row": pl.Int64, "rows": pl.Int64, "time": pl.Datetime("us")}
CAPTURE_COLUMNS = PLACE_COLUMNS | {"text": pl.String, "price": pl.Float64, "label": pl.String}
TRUTH_COLUMNS = {name: CAPTURE_COLUMNS[name] for name in ("id", "row", "label", "time")}


def to_frame(rows: list[tuple[Any, ...]], columns: dict[str, Any]) -> pl.DataFrame:
    cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return pl.DataFrame(cells, columns).with_columns(pl.col("time").dt.replace_time_zone("UTC"))
