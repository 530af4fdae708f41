"""Rows that are set aside: a file of them, with number and reason, and the first for a message."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from typing import IO

from categoriser.data.table import Fault

FIRST_CASES = 5


@dataclass
class Aside:
    """The rows set aside: written as they come, counted by reason, the first kept for a message."""

    stream: IO[str]
    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)
    unit: str = "row"

    def __post_init__(self) -> None:
        self.writer = csv.writer(self.stream, lineterminator="\n")
        self.writer.writerow([self.unit, "reason", "line" if self.unit == "row" else "text"])

    def add(self, row: int, line: str | bytes, found: list[Fault]) -> None:
        """Set a row aside for what was found: reasons, and the values at fault."""
        self.rows += 1
        for reason, value in found:
            self.reasons[reason] += 1
            if len(self.first) < FIRST_CASES:
                self.first.append(f"{self.unit} {row}: {reason}: {value[:80]!r}")
        given = line.encode(errors="surrogateescape") if isinstance(line, str) else line
        text = given.decode(errors="replace").rstrip("\r\n")
        self.writer.writerow([row, "; ".join(reason for reason, _ in found), text])
