"""DVC, called as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from categoriser.errors import UserError


def dvc(*arguments: str) -> str:
    """Run DVC and return what it prints. Raises `UserError` with what it said where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"`dvc {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def status() -> dict[str, Any]:
    """Return what `dvc status` says, by stage: nothing where the workspace is as dvc.lock says."""
    changes: dict[str, Any] = json.loads(dvc("status", "--json") or "{}")
    return changes
