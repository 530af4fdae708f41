"""Waiting for AWS: looks at even distances, and the time of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

# Between two looks.
SECONDS = 15
# As long as a release is waited for.
MINUTES = 3 * 60


def polls(minutes: int = MINUTES) -> Iterator[int]:
    """Yield the number of each look, for so many minutes at most."""
    for number in range(minutes * 60 // SECONDS):
        yield number
        time.sleep(SECONDS)


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
