"""Decisions to go on with too little evidence: what they hold for."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from sound_evaluation import TRAINING, verdict_of

from categoriser.errors import UserError
from categoriser.evaluation import decision
from categoriser.evaluation.decision import decide, heeded, read_decision, record
from categoriser.evaluation.verdict import FigureVerdict

ACCURACY = FigureVerdict("majority", "merchant", "errors avoided", "insufficient", why="wide")
MACRO_F1 = replace(ACCURACY, figure="gain in macro_f1")
SOUND = replace(ACCURACY, part="time", outcome="passed", why="")


@pytest.fixture(autouse=True)
def _somebody_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "person", lambda: "Ann Lee")


def test_a_decision_holds_for_its_training_and_for_what_it_names() -> None:
    made = decide(verdict_of(ACCURACY, SOUND), "watched by hand")
    assert made.accepted == (ACCURACY,)
    again = replace(ACCURACY, value=0.3, why="wide again")
    assert heeded(made, TRAINING, [again, SOUND]) == made
    assert heeded(made, TRAINING, [ACCURACY, MACRO_F1]) is None
    assert heeded(None, TRAINING, [ACCURACY]) is None
    for other in (
        replace(TRAINING, train_digest="other rows"),
        replace(TRAINING, features_version=2),
        replace(TRAINING, classifier={"dim": 32}),
        replace(TRAINING, rules="other rules"),
    ):
        assert heeded(made, other, [ACCURACY]) is None


def test_where_nothing_is_doubtful_there_is_nothing_to_heed() -> None:
    made = decide(verdict_of(ACCURACY), "watched by hand")
    assert heeded(made, TRAINING, [SOUND]) is None


def test_somebody_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "person", lambda: "")
    with pytest.raises(UserError, match=r"`git config user\.name"):
        decide(verdict_of(ACCURACY), "watched by hand")


def test_what_is_recorded_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = decide(verdict_of(ACCURACY), "watched by hand")
    record(made)
    assert read_decision(Path("champion")) == made
    record(None)
    assert read_decision(Path("champion")) is None
    Path("champion/decision.json").write_text("[]")
    with pytest.raises(UserError, match=r"decision\.json is damaged.*git restore"):
        read_decision(Path("champion"))
