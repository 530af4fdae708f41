"""What a state's files say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from categoriser import paths
from categoriser.io.git_commands import git
from categoriser.tracking.states import flatten, history, read_state

LOCK = b"""
stages:
  validate:
    deps:
    - {path: champion/profile.json, md5: '00'}
    - {path: data/own.csv, md5: b026}
  prepare:
    outs:
    - {path: data/prepared, md5: c1.dir}
"""

CONTENTS = {
    paths.LOCK: LOCK,
    paths.PARAMS: b"data: {path: data/own.csv}\ntrain: {lr: 0.5, seed: null}",
    paths.METRICS: b'{"random": {"accuracy": 0.75, "food & drink/f1": 1, "absent": null}}',
    paths.VERDICT: b'{"passed": false}',
}


def test_a_state_has_parameters_metrics_and_tags() -> None:
    state = read_state(CONTENTS, 5)
    assert state.params == {"data.path": "data/own.csv", "train.lr": 0.5, "train.seed": None}
    assert state.metrics == {"random.accuracy": 0.75, "random.food _ drink_f1": 1.0}
    assert state.tags == {
        "dvc_lock": hashlib.sha256(LOCK).hexdigest(),
        "dvc_data": "b026",
        "dvc_prepared": "c1.dir",
        "gate": "failed",
    }
    assert state.milliseconds == 5


@pytest.mark.parametrize(
    ("verdict", "gate"),
    [
        ('{"passed": true}', "passed"),
        ('{"passed": true, "outcome": "passed"}', "passed"),
        ('{"passed": false, "outcome": "failed"}', "failed"),
        ('{"passed": false, "outcome": "insufficient"}', "insufficient"),
        ('{"passed": true, "outcome": "insufficient", "decision": {"why": "w"}}', "accepted"),
        ("{}", "not run"),
    ],
)
def test_the_gate_passed_stopped_the_model_or_did_not_run(verdict: str, gate: str) -> None:
    assert read_state(CONTENTS | {paths.VERDICT: verdict.encode()}, 5).tags["gate"] == gate


def test_a_decision_to_go_on_is_a_tag() -> None:
    decided = b'{"passed": true, "decision": {"why": "a new market", "who": "Ann Lee"}}'
    state = read_state(CONTENTS | {paths.VERDICT: decided}, 5)
    assert state.tags["accepted"] == "Ann Lee: a new market"


def test_without_a_verdict_the_gate_did_not_run() -> None:
    files = {path: content for path, content in CONTENTS.items() if path != paths.VERDICT}
    assert read_state(files, 5).tags["gate"] == "not run"


def test_without_the_data_in_the_lock_there_is_no_hash() -> None:
    for lock in (b"stages: {}", b"stages: {validate: {deps: [{path: other, md5: '1'}]}}"):
        state = read_state(CONTENTS | {paths.LOCK: lock}, 5)
        assert state.tags["dvc_data"] == ""


def test_flatten_reads_what_json_and_yaml_hold() -> None:
    tree = json.loads('{"a": {"b": {"c:d": [1]}, "é": ""}, "f": {}}')
    assert dict(flatten(tree)) == {"a.b.c_d": [1], "a.é": ""}


def test_without_git_there_is_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert list(history()) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git("version") is None
    assert list(history()) == []
