"""The facts that rows are drawn from, other settings, and shares of the rows drawn."""

from __future__ import annotations

import polars as pl

from categoriser.data.generation.world import FACTS
from categoriser.params import Generate

KINDS = pl.read_csv(FACTS / "kinds.csv")
MERCHANTS = pl.read_csv(FACTS / "merchants.csv")


def change(settings: Generate, **values: object) -> Generate:
    return settings.model_copy(update=values)


def share(rows: pl.DataFrame, condition: pl.Expr) -> float:
    return float(rows.select(condition.mean()).item())
