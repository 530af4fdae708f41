"""A project whose settings suit the banks' invented rows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from categoriser.data import own
from categoriser.params import set_params
from categoriser.paths import PARAMS

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(project: Path) -> Path:
    """Fix the settings: the rows below are of two months."""
    set_params(PARAMS, {"prepare.months": 0, "data.path": "data/generated.csv"})
    subprocess.run(["git", "init", "--quiet"], check=True)
    (project / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    return project


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave DVC out: how it is called is tested elsewhere."""
    monkeypatch.setattr(own, "dvc", lambda *_: "")
