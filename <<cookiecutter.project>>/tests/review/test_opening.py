"""What is read and said before the page opens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from review_helpers.reviewed_project import CAPTURES

from categoriser.errors import UserError
from categoriser.params import set_params
from categoriser.review.opening import open_worklist


def test_what_there_is_to_review_is_said(
    reviewed: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_worklist(CAPTURES, labels)
    assert capsys.readouterr().out == (
        f"8 captured rows, 7 rows to review in 4 groups of alike ones; 0 labelled in {labels}\n"
    )


def test_rows_that_are_labelled_from_elsewhere_are_left_out(
    labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {
        "groundTruthData": {"data": "food", "encoding": "CSV"},
        "eventMetadata": {"eventId": "call-1#1"},
    }
    folder = labels / "2026/11/22/09/AROAEXAMPLE"
    folder.mkdir(parents=True)
    (folder / "call-1-1.jsonl").write_text(json.dumps(line))
    worklist = open_worklist(CAPTURES, labels)
    assert "call-1#1" not in worklist.names
    assert len(worklist.names) == 6
    assert "1 row left out, labelled from elsewhere in " in capsys.readouterr().out


def test_captures_that_cannot_be_read_are_noted(
    reviewed: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [file] = (reviewed / CAPTURES).rglob("*.jsonl")
    with file.open("ab") as stream:
        stream.write(b"cut{\n")
    open_worklist(CAPTURES, labels)
    assert "note: 1 of 6 captures could not be read\n" in capsys.readouterr().out


def test_the_teams_script_leaves_out_what_it_drops(reviewed: Path, labels: Path) -> None:
    (reviewed / "script.py").write_text(
        "def preprocess_handler(record):\n"
        "    return [] if 'zorgo' in record.endpoint_input.data else {'kept': 1}\n"
    )
    settings = reviewed / "monitoring/monitoring.yaml"
    set_params(settings, {"features.preprocessor": "script.py"})
    assert not any(name.startswith("call-3") for name in open_worklist(CAPTURES, labels).names)


def test_without_captures_it_is_said_how_to_get_them(reviewed: Path, labels: Path) -> None:
    for file in (reviewed / CAPTURES).rglob("*.jsonl"):
        file.unlink()
    with pytest.raises(UserError, match="holds no captured row; `make serve CAPTURE=captures`"):
        open_worklist(CAPTURES, labels)
    with pytest.raises(UserError, match="files in nowhere cannot be listed"):
        open_worklist("nowhere", labels)


def test_without_a_baseline_it_is_said_what_makes_one(reviewed: Path, labels: Path) -> None:
    (reviewed / "baseline/facts.json").unlink()
    with pytest.raises(UserError, match="dvc repro baseline"):
        open_worklist(CAPTURES, labels)


def test_a_damaged_file_among_the_labels_stops_it(labels: Path) -> None:
    labels.mkdir()
    (labels / "labels.jsonl").write_text("{cut\n")
    with pytest.raises(UserError, match=r"labels\.jsonl:1.*not JSON.*move it elsewhere"):
        open_worklist(CAPTURES, labels)
