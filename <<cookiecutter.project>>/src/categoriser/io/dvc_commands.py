"""DVC, run as a user runs it."""

import json
import subprocess
import sys
from typing import Any

from categoriser.errors import UserError
from categoriser.io.dvc_lock import read_lock


def dvc(*arguments: str) -> str:
    """Run DVC as a user does; return what it prints. Raises `UserError` with it where DVC fails."""
    # Here, since the server's image has this module and no YAML.

    read_lock()  # which says better than DVC what is wrong with it
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"`dvc {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def dvc_status() -> dict[str, list[Any]]:
    """Return what `dvc status` says, by stage: nothing where the workspace is as dvc.lock says."""
    changes: dict[str, list[Any]] = json.loads(dvc("status", "--json") or "{}")
    return changes
