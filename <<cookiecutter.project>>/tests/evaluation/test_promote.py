"""`make promote`: the model becomes the champion, or the champion is retired."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from measured import trained
from msgspec.structs import replace
from sound_evaluation import TRAINING, verdict_of
from verbs import run_verb

from categoriser.data.profile import Profile, read_profile
from categoriser.errors import UserError
from categoriser.evaluation import gate
from categoriser.evaluation.champion_model import load_champion
from categoriser.evaluation.decision import read_decision
from categoriser.evaluation.promote import promote, retire
from categoriser.evaluation.verdict import FigureVerdict, read_verdict
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.model.package import Categoriser

METRICS = {
    "time": {
        "accuracy": 0.8,
        "calibration_error": 0.02,
        "coverage": 0.9,
        "macro_f1": 0.7,
        "reference": {"accuracy": 0.8, "macro_f1": 0.6},
    }
}
PROFILE = Profile(rows=3, months={}, shares={}, deciles={}, repeated=0, bad_rows=0, set_aside={})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project's folder, under Git and DVC, whose model has passed its gates."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    _, model = trained()
    shutil.copytree(model, "model")
    write_json(Path("champion/champion.json"), None)
    write_json(Path("champion/profile.json"), None)
    write_json(Path("champion/decision.json"), None)
    write_json(Path("data/profile.json"), PROFILE)
    write_json(Path("reports/metrics.json"), METRICS)
    write_json(Path("reports/gate.json"), verdict_of(model=digest(model)))
    subprocess.run(["git", "init", "-q"], check=True)
    # All of `dvc init` that matters here, without its start-up.
    Path(".dvc").mkdir()
    Path(".dvc/config").touch()
    return tmp_path


def state(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_model_becomes_the_champion_that_evaluate_reads(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_verb("promote") == 0
    standing = digest(Path("model"))
    facts, champion = load_champion(Path("champion"))
    assert facts is not None
    assert facts.digest == standing
    assert facts.metrics == {
        "time": {"accuracy": 0.8, "calibration_error": 0.02, "coverage": 0.9, "macro_f1": 0.7}
    }
    assert list(facts.classes) == list(Categoriser.load(Path("model")).classes)
    assert champion is not None
    assert read_profile(Path("champion/profile.json")) == PROFILE
    # Git keeps the pointer, DVC the model.
    subprocess.run(["git", "add", "champion"], check=True)
    kept = subprocess.run(
        ["git", "ls-files", "champion"], capture_output=True, text=True, check=True
    )
    assert "champion/model.dvc" in kept.stdout
    assert "champion/model/" not in kept.stdout
    shown = capsys.readouterr().out
    assert standing[:12] in shown
    assert "git add champion" in shown


def test_a_second_champion_takes_the_place_of_the_first(project: Path) -> None:
    promote()
    metadata = Path("model/metadata.json")
    write_json(metadata, json.loads(metadata.read_text()) | {"train_rows": 1})
    write_json(Path("reports/gate.json"), verdict_of(model=digest(Path("model"))))
    assert promote() == digest(Path("champion/model")) == digest(Path("model"))


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        ({"passed": False, "outcome": "failed"}, "a gate failed"),
        (
            {"passed": False, "outcome": "insufficient", "doubts": ["majority (time): few"]},
            r"too little evidence: majority \(time\): few; .*ACCEPT=",
        ),
        ({"model": "0" * 64}, "judges the model 000000000000, but model holds"),
    ],
)
def test_no_other_model_than_one_that_passed_is_promoted(
    project: Path, verdict: dict[str, object], message: str
) -> None:
    before = state(project / "champion")
    path = Path("reports/gate.json")
    write_json(path, json.loads(path.read_text()) | verdict)
    with pytest.raises(UserError, match=message):
        promote()
    assert state(project / "champion") == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is damaged: it holds no object"),
        ('{"passed": true}', "is damaged: it lacks doubts, faults, model"),
    ],
)
def test_a_damaged_verdict_is_said_in_a_line(project: Path, content: str, message: str) -> None:
    Path("reports/gate.json").write_text(content)
    for use in (promote, gate.decide):
        with pytest.raises(UserError, match=rf"gate\.json {message}.*`dvc repro`"):
            use()


def test_what_is_missing_is_named(project: Path) -> None:
    shutil.rmtree("model")
    with pytest.raises(UserError, match="model is missing; `dvc repro` makes it"):
        promote()
    Path("reports/gate.json").unlink()
    with pytest.raises(UserError, match=r"gate\.json is missing; `dvc repro` makes it"):
        promote()


def test_a_failure_of_dvc_leaves_the_champion_as_it_was(project: Path) -> None:
    promote()
    before = state(project / "champion")
    write_json(Path("data/profile.json"), replace(PROFILE, rows=4))
    # DVC takes nothing that Git keeps.
    subprocess.run(["git", "add", "--force", "champion/model"], check=True)
    with pytest.raises(UserError, match="`dvc add --quiet champion/model` failed"):
        promote()
    assert state(project / "champion") == before
    assert not list(project.glob(".aside-*"))


def test_a_verdict_of_other_bounds_promotes_nothing(project: Path) -> None:
    Path("params.yaml").write_text("gate: {min_accuracy: 0.5}\n")
    stage = {"cmd": "true", "params": ["gate"], "outs": [{"reports/gate.json": {"cache": False}}]}
    Path("dvc.yaml").write_text(json.dumps({"stages": {"gate": stage}}))
    subprocess.run([sys.executable, "-m", "dvc", "commit", "--force", "--quiet"], check=True)
    Path("params.yaml").write_text("gate: {min_accuracy: 0.99}\n")
    with pytest.raises(UserError, match=r"earlier state .*gate"):
        promote()
    assert json.loads(Path("champion/champion.json").read_text()) is None


def test_what_is_meant_to_be_another_thing_can_be_forgotten(project: Path) -> None:
    promote()
    retire("data")
    assert json.loads(Path("champion/profile.json").read_text()) is None
    assert load_champion(Path("champion"))[1] is not None
    write_json(Path("champion/decision.json"), {"why": "of the champion"})
    retire("champion")
    assert json.loads(Path("champion/decision.json").read_text()) is None
    assert load_champion(Path("champion")) == (None, None)
    assert sorted(path.name for path in Path("champion").iterdir() if path.suffix != "") == [
        "champion.json",
        "decision.json",
        "profile.json",
    ]


DOUBT = FigureVerdict("majority", "merchant", "errors avoided", "insufficient", why="9 merchants")
# Stages as the project's, in a moment: `evaluate` heeds the decision, `gate` the verdict.
PIPELINE = {
    "evaluate": {
        "cmd": "python evaluate.py",
        "deps": ["champion/decision.json", "model"],
        "outs": [{"reports/gate.json": {"cache": False}}],
    },
    "gate": {"cmd": "grep -q '\"passed\": true' reports/gate.json", "deps": ["reports/gate.json"]},
}
EVALUATE = """
import json
from pathlib import Path

decision = json.loads(Path("champion/decision.json").read_text())
verdict = json.loads(Path("doubtful.json").read_text())
verdict |= {"passed": decision is not None, "decision": decision}
Path("reports/gate.json").write_text(json.dumps(verdict))
"""


@pytest.fixture
def doubtful(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project whose pipeline has stopped for want of evidence."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    for setting in (("user.name", "Ann Lee"), ("user.email", "ann@example.com")):
        subprocess.run(["git", "config", *setting], check=True)
    Path("dvc.yaml").write_text(json.dumps({"stages": PIPELINE}))
    Path("evaluate.py").write_text(EVALUATE)
    write_json(Path("doubtful.json"), verdict_of(DOUBT, model=digest(Path("model"))))
    stopped = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], capture_output=True, text=True, check=False
    )
    assert "failed to reproduce 'gate'" in stopped.stderr
    return project


@pytest.mark.usefixtures("doubtful")
def test_a_model_goes_on_with_too_little_evidence_by_a_decision_that_is_kept() -> None:
    with pytest.raises(UserError, match="too little evidence"):
        promote()
    assert run_verb("promote", "--accept", "  a new market, watched\nby hand ") == 0
    decision = read_decision(Path("champion"))
    assert decision
    assert decision.why == "a new market, watched by hand"
    assert decision.who == "Ann Lee"
    assert decision.model == digest(Path("champion/model"))
    assert decision.accepted == (DOUBT,)
    assert decision.training == TRAINING
    verdict = read_verdict(Path("reports/gate.json"))
    assert (verdict.passed, verdict.decision) == (True, decision)
    # The model is promoted again, as after a clone, without a word of it.
    promote()
    assert read_decision(Path("champion")) == decision


@pytest.mark.parametrize(
    ("changes", "why", "fault"),
    [
        ({"outcome": "failed", "faults": ["majority (time): bad"]}, "we need it", "no decision"),
        ({"outcome": "passed", "passed": True}, "we need it at once", "nothing to accept"),
        ({}, "1", "'1' is not a reason"),
    ],
)
def test_a_decision_that_cannot_be_made_changes_nothing(
    doubtful: Path, changes: dict[str, object], why: str, fault: str
) -> None:
    before = state(doubtful / "champion")
    path = Path("reports/gate.json")
    write_json(path, json.loads(path.read_text()) | changes)
    with pytest.raises(UserError, match=fault):
        promote(why)
    assert state(doubtful / "champion") == before


def test_a_decision_on_an_earlier_state_is_not_made(doubtful: Path) -> None:
    before = state(doubtful / "champion")
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text().replace("evaluate.py", "other.py"))
    with pytest.raises(UserError, match=r"earlier state .*evaluate"):
        promote("a new market, watched by hand")
    assert state(doubtful / "champion") == before


def test_a_decision_on_a_release_is_recorded_from_its_verdict(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "config", "user.name", "Ann Lee"], check=True)
    write_json(Path("gate.json"), verdict_of(DOUBT, model="e" * 64))
    assert run_verb("accept", "--why", "labels come in June", "gate.json") == 0
    decision = read_decision(Path("champion"))
    assert decision
    assert (decision.model, decision.who) == ("e" * 64, "Ann Lee")
    assert "git add champion/decision.json" in capsys.readouterr().out
