"""Rows that the tests' model answers, and a text that no log may have."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

ROWS = [
    ("spotify p0d3d89b19 sydney au", 11.99),
    ('cafe "x", perth', -4.5),
    ("aldi\n0042 perth", 1e300),
    ("élan vital", 0.0),
] * 50

SECRET = "ZEBRA 99"


def as_csv(rows: Sequence[tuple[str, float]]) -> str:
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue()
