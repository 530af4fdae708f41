"""One small run of the whole pipeline, of an experiment, and of a gate that fails."""

from __future__ import annotations

import json

import pytest
import yaml
from pipeline_copy import SETTINGS, Copy

from categoriser import paths
from categoriser.io.digests import digest


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("pipeline"))


def test_a_failing_gate_comes_last_and_leaves_metrics_and_report(copy: Copy) -> None:
    copy.set({"gate.min_accuracy": 0.999})
    done = copy.run("dvc", "repro")
    assert done.returncode != 0
    assert "failed to reproduce 'gate'" in done.stderr
    assert "min_accuracy" in done.stderr + done.stdout
    verdicts = json.loads((copy.folder / paths.VERDICT).read_text())
    assert verdicts["passed"] is False
    assert "accuracy" in copy.run("dvc", "metrics", "show").stdout
    assert (copy.folder / paths.REPORT).exists()


def test_an_experiment_is_kept_where_the_gate_would_fail(copy: Copy) -> None:
    expected = yaml.safe_load(copy.params())
    expected["train"]["candidates"]["fasttext_svm"]["epoch"] = 1
    tried = copy.run("dvc", "exp", "run", "evaluate", "-S", "train.candidates.fasttext_svm.epoch=1")
    assert tried.returncode == 0, tried.stderr
    assert yaml.safe_load(copy.params()) == expected
    assert "# Every knob of the pipeline." in copy.params()
    # All that is there is the try's, as the README says to commit it.
    standing = digest(copy.folder / paths.MODEL)
    assert json.loads((copy.folder / paths.VERDICT).read_text())["model"] == standing
    for page in (paths.REPORT, paths.MODEL_CARD):
        assert standing[:12] in (copy.folder / page).read_text(encoding="utf-8")
    [name] = copy.run("dvc", "exp", "list", "--name-only").stdout.split()
    assert name in copy.run("dvc", "exp", "show", "--csv").stdout
    copy.set(SETTINGS)


def test_the_pipeline_runs_from_end_to_end_and_then_rests(copy: Copy) -> None:
    first = copy.run("dvc", "repro")
    assert first.returncode == 0, first.stdout + first.stderr
    metrics = json.loads((copy.folder / paths.METRICS).read_text())
    assert 0.4 < metrics["random"]["accuracy"] <= 1
    again = copy.run("dvc", "repro")
    assert "Running stage" not in again.stdout
    assert "Data and pipelines are up to date" in again.stdout
    assert copy.run("dvc", "plots", "show").returncode == 0


def test_the_same_rows_give_the_same_bytes(copy: Copy) -> None:
    assert copy.run("dvc", "repro").returncode == 0
    lock = (copy.folder / paths.LOCK).read_bytes()
    assert copy.run("dvc", "repro", "--force").returncode == 0
    assert (copy.folder / paths.LOCK).read_bytes() == lock
