from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from categoriser.errors import UserError
from categoriser.model import tune as command
from categoriser.model.classifier import Classifier
from categoriser.model.train import train
from categoriser.model.tune import tune
from categoriser.params import read_params, set_params

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the project's file with settings sure to be bettered; make the space small."""
    path = tmp_path / "params.yaml"
    shutil.copy(PARAMS, path)
    set_params(path, {"train.classifier.epoch": 1, "train.classifier.lr": 0.0001})
    set_params(path, {"train.classifier.bucket": 1000})
    monkeypatch.setattr(Classifier, "SEARCH", {"epoch": (10, 20), "lr": (0.5, 1e30)})
    return path


def test_the_best_of_the_trials_is_written_and_comments_stay(params: Path, prepared: Path) -> None:
    before = params.read_text(encoding="utf-8")
    trials = tune(prepared, params, minutes=0, trials=5, seed=0)
    losses = [measured["validation_log_loss"] for _, measured in trials]
    assert len(losses) == 5
    assert losses == sorted(losses)
    written = read_params(params).train.classifier
    assert written == trials[0][0]
    assert written["epoch"] in (10, 20)
    after = params.read_text(encoding="utf-8")
    changed = [b for b, a in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert [line.split(":")[0].strip() for line in changed] == ["epoch", "lr"]


def test_the_loss_is_the_one_that_train_reports(
    params: Path, prepared: Path, tmp_path: Path
) -> None:
    [_, measured] = tune(prepared, params, minutes=0, trials=2, seed=3)[0]
    metadata = train(prepared, tmp_path / "model", read_params(params).train).metadata
    assert metadata["validation_log_loss"] == measured["validation_log_loss"]


def test_the_same_seed_tries_the_same(params: Path, prepared: Path, tmp_path: Path) -> None:
    again = shutil.copy(params, tmp_path / "again.yaml")
    first, second = (tune(prepared, path, 0, trials=4, seed=7) for path in (params, Path(again)))
    assert first == second


def test_settings_that_cannot_be_trained_come_last(params: Path, prepared: Path) -> None:
    trials = tune(prepared, params, minutes=0, trials=6, seed=0)
    assert trials[-1][0]["lr"] == 1e30
    assert trials[-1][1]["validation_log_loss"] == float("inf")


def test_the_time_ends_the_search(
    params: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(clock) * 30.0)
    # Started at 0 s; looked at 30 s, 60 s and 90 s after each trial.
    assert len(tune(prepared, params, minutes=1, trials=None, seed=0)) == 3


def test_without_validation_rows_there_is_nothing_to_compare(
    params: Path, prepared: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(prepared, tmp_path / "prepared")
    empty = pl.read_parquet(folder / "validation.parquet").clear()
    empty.write_parquet(folder / "validation.parquet")
    with pytest.raises(UserError, match=r"raise params.yaml: prepare.validation"):
        tune(folder, params, minutes=0, trials=1, seed=0)


def test_the_command_prints_the_trials_and_the_next_step(
    params: Path,
    prepared: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings: dict[str, Any] = {"PARAMS": params, "PREPARED": prepared}
    for name, value in settings.items():
        monkeypatch.setattr(command, name, value)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["tune", "--trials", "3"])
    command.main()
    printed = capsys.readouterr().out
    assert "the best of 3 trials" in printed
    assert "dvc repro" in printed.splitlines()[-1]
