"""Git, asked as a user asks it."""

import os
import subprocess


def git(*arguments: str) -> bytes | None:
    """Return what Git prints; None where there is no Git, no repository, or no such object."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def person() -> str:
    """Return the name of the person who works here, from Git or the system; empty for nobody."""
    name = (git("config", "user.name") or b"").decode(errors="replace").strip()
    return name or os.environ.get("USER", "")
