"""The project's own settings, and a scratch folder as its root."""

from __future__ import annotations

from pathlib import Path

import pytest

from categoriser.params import Params, read_params

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def params() -> Params:
    return read_params(ROOT / "params.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with the project's params.yaml the working directory."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "champion").mkdir()
    (tmp_path / "champion/profile.json").write_text("null\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path
