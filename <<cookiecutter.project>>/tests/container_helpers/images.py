"""The two images: their names, their user, and their sizes."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from container_helpers.engine import docker

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]

SERVE = f"{PROJECT}-serve"
JOB = f"{PROJECT}-job"

RUN_AS = 10001  # the image's own, where it is started as root


def inspected(image: str) -> dict[str, Any]:
    [found] = json.loads(docker("image", "inspect", image).stdout)
    return dict(found)


def added(image: str) -> list[int]:
    """Return the bytes of each layer over the base image, the newest first."""
    form = "{{.Size}} {{.CreatedBy}}"
    history = docker("history", "--human=false", "--no-trunc", "--format", form, image).stdout
    newer, found, _ = history.partition(f"RUN_AS={RUN_AS}")
    assert found
    return [int(size) for size in re.findall(r"^(\d+) ", newer, re.MULTILINE)]
