"""Training: its metadata, its log, and its faults."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from measured import CANDIDATE, CHOSEN
from msgspec import UNSET

from categoriser.errors import UserError
from categoriser.features import VERSION
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.model.answers import Answers, write_answers
from categoriser.model.calibration import Calibration, row_losses
from categoriser.model.package import Categoriser
from categoriser.model.train import train
from categoriser.model.training_rows import TRAINING_COLUMNS
from categoriser.params import Train, set_params
from categoriser.paths import CHOICE, TRAINED, UNSEEN_ANSWERS


def test_the_metadata_says_what_was_done(model: Path, prepared: Path, settings: Train) -> None:
    metadata = json.loads((model / "metadata.json").read_text())
    assert metadata["classes"] == ["fees & interest", "groceries", "transport"]
    assert metadata["features_version"] == VERSION
    assert metadata["train_rows"] == 900
    assert metadata["validation_rows"] == 300
    assert metadata["train_digest"] == digest(prepared / "train.parquet")
    assert metadata["classifier"] == settings.candidates[CANDIDATE]
    assert metadata["candidate"] == CANDIDATE
    assert metadata["choice"]["chosen"] == CANDIDATE
    assert set(metadata["libraries"]) >= {"numpy"}


def test_the_validation_figures_are_the_saved_models(model: Path, prepared: Path) -> None:
    categoriser = Categoriser.load(model)
    rows = pl.read_parquet(prepared / "validation.parquet")
    truth = np.array([categoriser.classes.index(label) for label in rows["category"]])
    said = categoriser.predict_features(rows["features"].to_list())
    metadata = categoriser.metadata
    assert metadata.validation_accuracy == pytest.approx((said.argmax(1) == truth).mean())
    assert metadata.validation_accuracy is not UNSET
    assert metadata.validation_accuracy > 0.75  # one label in five is drawn at random
    assert metadata.validation_log_loss == pytest.approx(row_losses(truth, said).mean(), abs=1e-5)


def test_the_log_has_the_form_that_sagemaker_reads(prepared: Path, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "params.yaml", tmp_path)
    set_params(tmp_path / "params.yaml", {"train.candidates.fasttext_svm.bucket": 1000})
    shutil.copytree(prepared, tmp_path / "data" / "prepared")
    write_json(tmp_path / CHOICE, CHOSEN)
    write_answers(tmp_path / UNSEEN_ANSWERS, Answers.none(3))
    done = subprocess.run(
        [sys.executable, "-m", "categoriser.model.train"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    metadata = json.loads((tmp_path / TRAINED / "metadata.json").read_text())
    names = ["train_rows", "temperature", "novel_temperature", "label_noise"]
    names += ["validation_rows", "validation_accuracy", "validation_log_loss"]
    # A classifier that can be watched tells its steps before.
    steps = [line for line in done.stdout.splitlines() if line.startswith("epochs=")]
    rest = done.stdout.splitlines()[len(steps) :]
    assert rest == [f"{name}={metadata[name]}" for name in names]
    assert done.stderr == ""


def test_twice_the_same_rows_are_the_same_folder(
    prepared: Path, model: Path, tmp_path: Path, settings: Train
) -> None:
    train(prepared, tmp_path / "model", settings, CHOSEN)
    assert digest(tmp_path / "model") == digest(model)


@pytest.mark.parametrize("validation", [[], ["unheard of"]])
def test_without_validation_rows_of_trained_classes_nothing_is_calibrated(
    prepared: Path, tmp_path: Path, settings: Train, validation: list[str]
) -> None:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    pl.DataFrame(
        {
            "features": ["aldi"] * len(validation),
            "category": validation,
            "key": ["aldi"] * len(validation),
        },
        schema=dict.fromkeys(TRAINING_COLUMNS, pl.String),
    ).write_parquet(tmp_path / "validation.parquet")
    metadata = train(tmp_path, tmp_path / "model", settings, CHOSEN).metadata
    assert (metadata.calibration, metadata.validation_rows) == (Calibration(), 0)
    assert metadata.validation_accuracy is UNSET


def test_a_fault_leaves_the_model_of_before(
    prepared: Path, tmp_path: Path, settings: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(prepared, tmp_path / "model", settings, CHOSEN)
    before = digest(tmp_path)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("categoriser.model.package.write_json", fail)
    with pytest.raises(KeyboardInterrupt):
        train(prepared, tmp_path / "model", settings, CHOSEN)
    assert digest(tmp_path) == before


def test_missing_and_damaged_rows_are_named(tmp_path: Path, settings: Train) -> None:
    with pytest.raises(UserError, match=r"train.parquet is missing; `dvc repro prepare`"):
        train(tmp_path, tmp_path / "model", settings, CHOSEN)
    (tmp_path / "train.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UserError, match=r"train.parquet is damaged"):
        train(tmp_path, tmp_path / "model", settings, CHOSEN)
