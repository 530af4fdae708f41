"""The training job: what it leaves and logs, and how it fails."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from job_helpers.inputs import released_manifest, run_training, write_channel
from measured import CANDIDATE, FEW
from rules_helpers.made_rules import made_rule

from categoriser import paths
from categoriser.contract import transactions
from categoriser.diagnostics.findings import read_diagnostics
from categoriser.errors import UserError
from categoriser.jobs import train_job
from categoriser.jobs.spec.release_run import (
    LOGGED_DIAGNOSTICS,
    LOGGED_FIGURES,
    LOGGED_NUMBER,
)
from categoriser.model.package import Categoriser
from categoriser.params import set_params
from categoriser.rules.rules_file import write_rules


def test_training_leaves_the_model_where_sagemaker_takes_it_from(
    training: tuple[Path, str],
) -> None:
    ml, _ = training
    model = Categoriser.load(ml / "model")
    assert model.metadata.train_rows > 1000
    assert not (ml / "output/failure").exists()


def test_hyperparameters_are_texts_and_set_a_candidate_s_knobs(
    training: tuple[Path, str],
) -> None:
    knobs = Categoriser.load(training[0] / "model").metadata.classifier
    assert (knobs["epoch"], knobs["lr"], knobs["quantise"]) == (7, 0.5, False)
    assert knobs["dim"] == FEW["dim"]


def test_the_log_has_the_lines_that_the_metric_definitions_read(training: tuple[Path, str]) -> None:
    for name in LOGGED_FIGURES:
        [value] = re.findall(rf"\b{name}={LOGGED_NUMBER}", training[1])
        assert float(value) > 0
    # A training as short as this one may be over before its speed can be seen.
    for name in {*LOGGED_DIAGNOSTICS} - {"examples_per_second"}:
        values = re.findall(rf"\b{name}={LOGGED_NUMBER}", training[1])
        assert len(values) >= (1 if name == "findings" else 2), name


def test_the_diagnostics_are_where_sagemaker_takes_them_from(training: tuple[Path, str]) -> None:
    output = training[0] / "output/data"
    assert {path.name for path in output.iterdir()} == {
        "diagnostics.html",
        "diagnostics.json",
        "series.jsonl",
        "training.json",
    }
    assert read_diagnostics(output / "diagnostics.json").findings == ()
    assert "findings=0" in training[1]


def test_a_finding_that_is_to_stop_fails_the_job_and_stays_readable(
    tmp_path: Path, settings_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image"
    shutil.copytree(settings_folder, image)
    set_params(
        image / paths.PARAMS,
        {
            "diagnostics.too_little_data.threshold": 10_000,
            "diagnostics.too_little_data.action": "stop",
        },
    )
    ml = tmp_path / "ml"
    write_channel(ml / "input/data/data", released_manifest(), count=1500)
    (ml / "input/config").mkdir()
    (ml / "input/config/hyperparameters.json").write_text("{}")
    (ml / "model").mkdir()
    monkeypatch.chdir(image)
    with pytest.raises(UserError, match="the training is stopped by 3 findings"):
        train_job.fit(ml)
    said = (ml / "output/failure").read_text()
    assert "training rows, under 10000: give more rows" in said
    found = read_diagnostics(ml / "output/data/diagnostics.json")
    assert found.counts["too_little_data"] == 3
    assert list((ml / "model").iterdir()) == []


def test_the_settings_of_the_image_stay_as_they_are(
    training: tuple[Path, str], settings_folder: Path
) -> None:
    assert sorted(path.name for path in settings_folder.iterdir()) == [
        "behaviour",
        "champion",
        "monitoring",
        "params.yaml",
        "rules",
    ]
    document = yaml.safe_load((settings_folder / paths.PARAMS).read_text())
    assert document["train"]["candidates"][CANDIDATE]["epoch"] == FEW["epoch"]


def test_a_training_that_fails_ends_in_one_line_and_a_status(
    tmp_path: Path, settings_folder: Path
) -> None:
    (tmp_path / "input/data/data").mkdir(parents=True)
    (tmp_path / "input/data/data/data.json").write_text("{}")
    done = run_training(tmp_path, settings_folder)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line == f"error: {(tmp_path / 'output/failure').read_text()}"
    assert "data.json: Object missing required field" in line


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("no channel", "data.json"),
        ("no rows", "transactions.csv"),
        ("bad rows", "rows are bad"),
        ("unknown knob", "unknown field `epochs`"),
    ],
)
def test_a_training_that_fails_says_why_where_sagemaker_looks(
    tmp_path: Path, settings_folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str, told: str
) -> None:
    data = tmp_path / "input/data/data"
    write_channel(data, released_manifest(), count=400)
    if fault == "no channel":
        shutil.rmtree(data)
    elif fault == "no rows":
        (data / "transactions.csv").unlink()
    elif fault == "bad rows":
        (data / "transactions.csv").write_text("date,text,price,category\n" + "x,y,z,\n" * 5000)
    config = tmp_path / "input/config"
    config.mkdir(parents=True)
    knobs = {f"{CANDIDATE}.epochs": "5"} if fault == "unknown knob" else {}
    (config / "hyperparameters.json").write_text(json.dumps(knobs))
    monkeypatch.chdir(settings_folder)
    with pytest.raises(UserError, match=told):
        train_job.fit(tmp_path)
    said = (tmp_path / "output/failure").read_text()
    assert told in said
    assert len(said) <= 1024


def test_a_job_of_a_search_logs_a_trial_s_figures_and_leaves_no_model(
    tmp_path: Path, settings_folder: Path
) -> None:
    write_channel(tmp_path / "input/data/data", released_manifest(), count=1500)
    # As SageMaker gives them: one is its own.
    given = {
        "_tuning_objective_metric": "folds_log_loss",
        "measured": CANDIDATE,
        f"{CANDIDATE}.svm_c": "0.7",
    }
    done = run_training(tmp_path, settings_folder, **given)
    assert done.returncode == 0, done.stderr
    figures = dict(re.findall(r"^(folds_[a-z_]+)=([-+.e0-9]+)$", done.stdout, re.MULTILINE))
    assert sorted(figures) == ["folds_accuracy", "folds_log_loss"]
    assert 0.4 < float(figures["folds_accuracy"]) < 1
    assert list((tmp_path / "model").iterdir()) == []
    assert "validation_accuracy" not in done.stdout


def test_the_model_has_the_rules_of_the_image(
    tmp_path: Path, settings_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image"
    shutil.copytree(settings_folder, image)
    write_rules(image / paths.RULES, [made_rule("aldi", "transport")])
    ml = tmp_path / "ml"
    write_channel(ml / "input/data/data", released_manifest(), count=1500)
    (ml / "input/config").mkdir()
    (ml / "input/config/hyperparameters.json").write_text("{}")
    (ml / "model").mkdir()
    monkeypatch.chdir(image)
    train_job.fit(ml)
    model = Categoriser.load(ml / "model")
    [answer] = model.predict(transactions([("ALDI 77 sydney", 5.0)]))
    assert (answer.category, answer.source) == ("transport", "rule")
