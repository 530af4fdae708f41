"""The verbs `predict` and `predict-file`."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from model_helpers.transaction_files import HEADER, LINES, read, write
from verbs import run_verb

from categoriser.errors import UserError
from categoriser.model import predict as predict_command

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def command(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> object:
    monkeypatch.setattr(predict_command, "MODEL", model)
    monkeypatch.setenv("COLUMNS", "200")
    return capsys


@pytest.mark.usefixtures("command")
def test_the_command_answers_one_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("predict", "--price", "-12.5", "--", "aldi sydney") == 0
    one = capsys.readouterr().out
    assert "groceries: accept" in one
    assert "transport" in one
    with pytest.raises(UserError, match="the text is empty"):
        run_verb("predict", "--price", "1", " ")
    assert run_verb("predict", "--price", "inf", "x") == 2
    assert "Invalid value for '--price': 'inf' is not a number" in capsys.readouterr().err


@pytest.mark.usefixtures("command")
def test_the_command_answers_a_file_and_says_by_its_status_what_is_left(
    source: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_verb("predict-file", str(source), "--output", str(target)) == 0
    assert "3 rows in" in capsys.readouterr().out
    assert len(read(target)) == 3
    write(source, HEADER, *LINES, "T3,,metro,dear")
    assert run_verb("predict-file", str(source), "--output", str(target)) == 3
    said = capsys.readouterr().out
    assert "1 row not answered" in said
    assert "out_set_aside.csv" in said


def test_progress_is_shown_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with predict_command.progress() as advance:
        advance(1200)
    assert stream.getvalue() == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with predict_command.progress() as advance:
        advance(1200)
    assert "1,200 rows" in stream.getvalue()


def test_a_missing_model_names_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "categoriser", "predict", "--price", "1", "x"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == "error: model/metadata.json is missing; `dvc repro` makes it\n"
