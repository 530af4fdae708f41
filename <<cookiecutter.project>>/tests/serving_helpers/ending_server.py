"""Servers that end soon, or cannot begin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from serving_helpers.running_server import serving_program

QUICK = """
worker.LINGER_SECONDS = 0.2
worker.GRACE_SECONDS = 0.5
parent.LAST_SECONDS = 0.5
"""


def failing(model: Path, change: str) -> tuple[int, str]:
    """Start a server that ends by itself; return its status and its log."""
    options = ["--model", str(model), "--port", "0", "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-c", serving_program(change), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr
