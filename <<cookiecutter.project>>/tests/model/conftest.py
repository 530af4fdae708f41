"""A file of transactions to answer, and the file to write."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_helpers.transaction_files import HEADER, LINES, write


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in.csv", HEADER, *LINES)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"
