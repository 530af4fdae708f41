"""`dvc.lock`, in which DVC records what ran."""

from pathlib import Path
from typing import Any

import yaml

from categoriser.errors import UserError
from categoriser.paths import LOCK

# What the file holds is DVC's to say.
DvcLock = dict[str, Any]


def read_lock(path: Path = LOCK) -> DvcLock:
    """Read DVC's record of what ran; empty where nothing did. Raises `UserError` for no such."""
    if not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        content = str(error)
    if isinstance(content, dict) and "schema" in content:
        return content
    fault = "is empty" if content is None else f"is not a record of DVC's ({content})"
    raise UserError(
        f"{path} {fault}; `git checkout {path}` brings the last commit's back, and without it "
        "(rm) all stages run anew"
    )
