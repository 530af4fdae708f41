"""The classifier's module replaced by a scikit-learn one: all else passes its own tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Not the classifier's own tests, nor tuning's, which name fastText's knobs.
ROOM = ("package", "train", "explain", "predict", "evaluate", "gate")
TESTS = [
    *(str(HERE / f"test_{name}.py") for name in ROOM),
    str(ROOT / "tests" / "serving" / "test_app.py"),
    str(ROOT / "tests" / "test_skew.py"),
]


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Copy the sources with another classifier; return an environment that runs them."""
    source = tmp_path_factory.mktemp("swapped") / "src"
    shutil.copytree(
        ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    shutil.copy(HERE / "linear_classifier.py", source / "categoriser" / "model" / "classifier.py")
    # Whoever imports fastText fails: the classifier of before, and any other module.
    for name in ("fasttext", "fasttext_pybind"):
        (source / f"{name}.py").write_text("raise ImportError('fastText is not here')\n")
    # Small matrices: threads would cost more than they give.
    return os.environ | {"PYTHONPATH": str(source), "OPENBLAS_NUM_THREADS": "1"}


def run(environment: dict[str, str], folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_all_else_pass(swapped: dict[str, str]) -> None:
    run(swapped, ROOT, "pytest", "-x", "-p", "no:cacheprovider", *TESTS)


def test_the_commands_run(swapped: dict[str, str], prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "data" / "prepared")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    run(swapped, tmp_path, "categoriser.model.tune", "--trials", "2")
    run(swapped, tmp_path, "categoriser.model.train")
    run(swapped, tmp_path, "categoriser.model.explain", "aldi sydney", "--price", "3")
    assert (tmp_path / "model" / "classifier" / "linear.pickle").exists()
