"""Reading the rows that a stage has written."""

from pathlib import Path

import polars as pl

from categoriser.errors import UserError


def read_rows(path: Path, *columns: str, made_by: str = "dvc repro prepare") -> pl.DataFrame:
    """Read some or all columns of a stage's rows. Raises `UserError` where they cannot be read."""
    try:
        return pl.read_parquet(path, columns=list(columns) or None)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `{made_by}` makes it") from None
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path} is damaged ({error}); `{made_by}` makes it anew") from None
