"""A project on few rows whose pipeline has run, for the rehearsals to play in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from pipeline_copy import Copy

# Fewer rows yet, and less training, are enough to see what labels teach.
FEW = {
    "generate.rows": 4000,
    "train.candidates.fasttext_svm.epoch": 5,
}


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("rehearsed"))
    copy.set(FEW)
    done = copy.run("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


@pytest.fixture
def inside(rehearsed: Copy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in that project, as its commands do, and let DVC find its Python and its code."""
    monkeypatch.setenv("PYTHONPATH", str(rehearsed.folder / "src"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with chdir(rehearsed.folder):
        yield rehearsed.folder
