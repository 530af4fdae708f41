"""`make data` for a test: taking files, and what the project then holds."""

from __future__ import annotations

import csv

import pytest

from categoriser.data import own
from categoriser.paths import OWN


def make_data(monkeypatch: pytest.MonkeyPatch, *files: object, accept: str = "") -> None:
    monkeypatch.setenv("ACCEPT", accept)
    own.take_files(" ".join(map(str, files)))


def taken() -> list[dict[str, str]]:
    with OWN.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def input_columns(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: row[name] for name in ("date", "text", "price", "category")} for row in rows]
