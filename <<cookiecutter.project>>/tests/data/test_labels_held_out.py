"""What is said of labels whose months are held out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.data import own
from categoriser.data.labels_held_out import labels_held_out
from categoriser.params import set_params
from categoriser.paths import FEEDBACK_TRAIN, PARAMS

HEADER = "date,text,price,category"
MONTHS = ("2025-11", "2025-12", "2026-01", "2026-02")


def rows_of(months: tuple[str, ...], count: int) -> str:
    lines = [
        f"{month}-{n % 28 + 1:02},shop {chr(97 + n % 26)}{month[-1]},{n + 1},{'ab'[n % 2]}"
        for month in months
        for n in range(count)
    ]
    return "\n".join([HEADER, *lines, ""])


@pytest.fixture
def labels(project: Path) -> Path:
    """Write ten labels of each of four months."""
    FEEDBACK_TRAIN.parent.mkdir()
    FEEDBACK_TRAIN.write_text(rows_of(MONTHS, 10))
    return FEEDBACK_TRAIN


@pytest.mark.parametrize(
    ("newest", "months", "count"),
    [("2026-02", 1, 10), ("2026-02", 2, 20), ("2026-02", 3, 30), ("2026-03", 2, 10)],
)
def test_labels_of_the_months_held_out_are_counted(
    labels: Path, newest: str, months: int, count: int
) -> None:
    said = labels_held_out([Path("my.csv"), labels], newest, months)
    assert said.startswith(f"{count} of the 40 labelled rows in feedback/train.csv are of the")
    assert "prepare.months: 0" in said


def test_nothing_is_said_where_all_labels_are_learned_from(labels: Path) -> None:
    assert labels_held_out([labels], "2026-02", 0) == ""
    assert labels_held_out([labels], "2026-06", 2) == ""
    assert labels_held_out([Path("my.csv")], "2026-02", 2) == ""


def test_taking_labels_says_so(
    labels: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], check=True)
    (project / "my.csv").write_text(rows_of(MONTHS, 100))
    shares = {"months": 2, "merchants": 0.1, "random": 0.1, "validation": 0.1}
    values = {f"prepare.{name}": value for name, value in shares.items()}
    set_params(PARAMS, values | {"data.path": "data/generated.csv"})
    own.take_files("my.csv feedback/train.csv")
    note = "note: 20 of the 40 labelled rows in feedback/train.csv are of the newest 2 months"
    assert note in capsys.readouterr().out
    set_params(PARAMS, {"prepare.months": 0})
    own.take_files("my.csv feedback/train.csv")
    assert "note:" not in capsys.readouterr().out
