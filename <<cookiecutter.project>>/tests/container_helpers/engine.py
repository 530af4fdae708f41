"""Docker's client, and the bounds of every container."""

from __future__ import annotations

import os
import subprocess
import uuid

import pytest

LABEL = f"check-image={uuid.uuid4().hex}"
USER = os.getuid() or 4242  # whoever runs this can take away what the containers leave
LIMITS = ["--memory", "3g", "--pids-limit", "256", "--cpus", str(min(2, os.cpu_count() or 1))]
SMALL = ["--read-only", "--tmpfs", "/tmp", *LIMITS]
BARE = [*SMALL, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
OTHER = [*BARE, "--user", f"{USER}:{USER}"]


def docker(
    *arguments: str, check: bool = True, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the client, with `given` on its stdin. A failure is the test's, with what was said."""
    done = subprocess.run(
        ["docker", *arguments], input=given, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        pytest.fail(f"docker {' '.join(arguments[:4])}: {done.stderr.strip()}")
    return done
