"""What `make run` says at its end, and with which status it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from categoriser import paths, reproduce
from categoriser.diagnostics import series
from categoriser.diagnostics.findings import Diagnostics, Finding, RuleReading
from categoriser.errors import UserError
from categoriser.evaluation.verdict import Decision, Outcome, Training, Verdict
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json

TRAINING = Training("t", 1, "linear", {})
OTHERS = {"macro_f1": 0.8, "calibration_error": 0.02, "coverage": 0.9}
FIGURES = {"random": {"accuracy": 0.9331} | OTHERS, "time": {"accuracy": 0.9} | OTHERS}


@pytest.fixture
def reports(project: Path) -> Path:
    """Make a model, a verdict on it and its figures."""
    paths.MODEL.mkdir()
    (paths.MODEL / "metadata.json").write_text("{}")
    paths.VERDICT.parent.mkdir()
    write_verdict(digest(paths.MODEL), "passed")
    paths.METRICS.write_text(json.dumps(FIGURES))
    return project


def write_verdict(model: str, outcome: Outcome, decision: Decision | None = None) -> None:
    passed = outcome == "passed" or decision is not None
    verdict = Verdict(model, TRAINING, passed, outcome, (), (), (), decision)
    paths.VERDICT.write_bytes(msgspec.json.encode(verdict))


@pytest.mark.usefixtures("reports")
def test_the_last_line_has_accuracy_by_part_outcome_and_report() -> None:
    assert reproduce.summary() == (
        "Accuracy: random 93.3 %, time 90.0 %. No gate failed. Report: reports/report.html"
    )
    write_verdict(digest(paths.MODEL), "failed")
    assert ". A gate failed. " in reproduce.summary()
    write_verdict(digest(paths.MODEL), "insufficient")
    assert ". No gate failed, but there is too little evidence. " in reproduce.summary()
    decision = Decision("watched by hand", "Ann Lee", "", "", TRAINING, ())
    write_verdict(digest(paths.MODEL), "insufficient", decision)
    assert "too little evidence, accepted by Ann Lee. " in reproduce.summary()


@pytest.mark.usefixtures("reports")
def test_a_verdict_on_another_model_gives_no_figures() -> None:
    write_verdict("0" * 64, "passed")
    said = reproduce.summary()
    assert said == "No report on this model: reports/report.html is about another"
    paths.VERDICT.unlink()
    assert reproduce.summary().startswith("No report: reports/gate.json is missing")


@pytest.mark.usefixtures("reports")
def test_both_commands_run_and_the_first_failure_is_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[str] = []
    statuses = {"dvc repro": 0, "categoriser track": 0}

    def call(module: str, *arguments: str) -> int:
        called.append(" ".join([module, *arguments]))
        return statuses[called[-1]]

    monkeypatch.setattr(reproduce, "call", call)
    assert reproduce.reproduce() == 0
    # What failed is mirrored too: a refused model is worth a look.
    statuses |= {"dvc repro": 255, "categoriser track": 1}
    assert reproduce.reproduce() == 255
    statuses["dvc repro"] = 0
    assert reproduce.reproduce() == 1
    assert called == ["dvc repro", "categoriser track"] * 3
    assert capsys.readouterr().out.count("Accuracy: ") == 3


@pytest.mark.usefixtures("reports")
def test_the_page_is_that_of_the_document_that_dvc_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC and Git may bring another document, and leave the page as it was."""
    reading = RuleReading("duplicates", 0.4, 0.2, "report", 0)
    tracked: list[str] = []

    def call(module: str, *arguments: str) -> int:
        if module == "dvc":
            write_json(paths.DIAGNOSTICS, Diagnostics("brought", 10, (reading,), ()))
            write_json(paths.TRAINING, series.Training("brought", 10))
        else:
            tracked.append(paths.DIAGNOSTICS_PAGE.read_text(encoding="utf-8"))
        return 0

    monkeypatch.setattr(reproduce, "call", call)
    paths.TRAINING.parent.mkdir(exist_ok=True)
    paths.DIAGNOSTICS_PAGE.write_text("of another training")
    reproduce.reproduce()
    [page] = tracked
    assert "<code>brought</code>" in page


@pytest.mark.usefixtures("reports")
def test_findings_of_the_training_are_said_briefly() -> None:
    assert reproduce.diagnosis().startswith("No diagnostics: reports/diagnostics.json is missing")
    found = Finding("duplicates", "time", 0.4, 0.2, "report", "of the time rows 40 % are old")
    reading = RuleReading("duplicates", 0.4, 0.2, "report", 1)
    for findings, said in (((), "no findings"), ((found,), f"1 finding: {found.sentence}")):
        write_json(paths.DIAGNOSTICS, Diagnostics("linear", 10, (reading,), findings))
        assert reproduce.diagnosis() == f"Training: {said}. Curves: reports/diagnostics.html"


def test_a_lock_that_dvc_could_not_read_stops_it_at_once(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "dvc.lock").touch()
    monkeypatch.setattr(reproduce, "call", lambda *_: pytest.fail("DVC was called"))
    with pytest.raises(UserError, match=r"dvc\.lock is empty"):
        reproduce.reproduce()
