"""A file of transactions: how it is written, and how answers are read."""

from __future__ import annotations

import csv
from pathlib import Path

HEADER = "id,date,text,price"
LINES = ['T0,2024-10-01,"aldi, sydney",12.50', "T1,2024-10-02,shell,-3.00", "T2,,metro,6.20"]


def write(path: Path, *lines: str, end: str = "\r\n") -> Path:
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
