"""The requests: held-out rows, as each server takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from typing import NamedTuple

import polars as pl

from bench.load.servers import HOST, MLFLOW, MLFLOW_FAST, Server
from categoriser import paths
from categoriser.contract import CSV, FIELDS, JSON
from categoriser.data.split import HELD_OUT_PARTS
from categoriser.errors import UserError

# The kinds of request, and how many rows each has.
ONE_JSON = "1 row, JSON"
MANY_CSV = "100 rows, CSV"
MANY_JSON = "100 rows, JSON"
ROWS_OF_KIND = {ONE_JSON: 1, MANY_CSV: 100, MANY_JSON: 100}
MOST_BODIES = 10_000


class Load(NamedTuple):
    """What is asked of a server: requests of one kind, over and over."""

    kind: str
    server: Server
    requests: Iterator[bytes]


def held_out() -> pl.DataFrame:
    """Return the held-out rows' `FIELDS`. Raises `UserError` where they are missing."""
    files = [paths.PREPARED / f"{part}.parquet" for part in HELD_OUT_PARTS]
    try:
        rows = pl.concat([pl.read_parquet(file, columns=list(FIELDS)) for file in files])
    except OSError as error:
        raise UserError(f"{paths.PREPARED}: {error}; `dvc repro` makes it") from None
    if len(rows) < max(ROWS_OF_KIND.values()):
        raise UserError(f"{paths.PREPARED} holds out {len(rows)} rows, too few for a request")
    return rows


def request(kind: str, server: str, path: str, rows: pl.DataFrame) -> bytes:
    """Return a request for these rows, as the server takes them."""
    if kind == MANY_CSV:
        media = CSV
        text = rows.write_csv(include_header=False)
    elif server in (MLFLOW, MLFLOW_FAST):
        media = JSON
        text = json.dumps({"dataframe_split": {"columns": rows.columns, "data": rows.rows()}})
    else:
        media = JSON
        asked = rows.to_dicts()
        text = json.dumps(asked[0] if kind == ONE_JSON else asked)
    body = text.encode()
    head = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: {media}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def make_load(kind: str, server: Server, path: str, rows: pl.DataFrame) -> Load:
    """Make a server's requests of a kind, from all rows in turn."""
    size = ROWS_OF_KIND[kind]
    parts = [rows[first : first + size] for first in range(0, len(rows) - size + 1, size)]
    made = [request(kind, server.name, path, part) for part in parts[:MOST_BODIES]]
    return Load(kind, server, cycle(made))
