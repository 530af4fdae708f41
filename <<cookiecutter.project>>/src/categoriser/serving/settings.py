"""What the server is told when it starts, with the defaults."""

import os
from dataclasses import dataclass
from pathlib import Path

from categoriser.errors import UserError
from categoriser.paths import MODEL

MOST_WORKERS = 64


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens, what it serves with how many processes, and what it captures.

    Port 0 takes any free one. Calls are captured under the folder `capture`, if there is one,
    `capture_percent` of them, under the name of the endpoint.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    model: Path = MODEL
    workers: int = os.cpu_count() or 1
    capture: Path | None = None
    capture_percent: int = 100
    endpoint_name: str = "local"

    def check(self) -> None:
        """Raise `UserError` for a number that is beyond its bounds."""
        if not (1 <= self.workers <= MOST_WORKERS and 1 <= self.capture_percent <= 100):
            raise UserError(
                f"--workers must be from 1 to {MOST_WORKERS}, --capture-percent from 1 to 100"
            )
