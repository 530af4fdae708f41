"""The manifests of a labelling job: what it is given, and what is taken of its output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from review_helpers.reviewed_project import CAPTURES, journal_of, labels_read

from categoriser.errors import UserError
from categoriser.io.text_files import read_lines
from categoriser.review import labelling_manifest
from categoriser.review.label_store import LabelStore
from categoriser.review.labelling_manifest import export_manifest, import_manifest

OUTPUT = Path("export")
METADATA = {
    "class-name": "food",
    "confidence": 0.8,
    "type": "groundtruth/text-classification",
    "job-name": "labeling-job/review",
    "human-annotated": "yes",
    "creation-date": "2026-11-22T22:18:13.527256",
}


def exported(labels: Path) -> list[dict[str, Any]]:
    """Export, and return the lines of the input manifest."""
    export_manifest(CAPTURES, labels, OUTPUT)
    text = (OUTPUT / "input.manifest").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def answered(line: dict[str, Any], category: str = "food", **metadata: Any) -> dict[str, Any]:
    """Return a line as the job gives it back."""
    return line | {"review": 1, "review-metadata": METADATA | {"class-name": category} | metadata}


def write_output(*lines: Any) -> Path:
    file = Path("output.manifest")
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return file


def test_a_line_for_each_group_names_its_rows(
    labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(labels) == [
        {
            "source": "zorgo 1 (2 transactions, -2.00 to 5.00)",
            "review-rows": ["call-3#0", "call-3#1"],
        },
        {
            "source": "ALDI 99 Sydney AU (3 transactions, 10.50 to 40.00)",
            "review-rows": ["call-1#0", "call-2", "call-1#1"],
        },
        {"source": "shell gore nz (60.00)", "review-rows": ["order#3#0"]},
        {"source": "... (1.00)", "review-rows": ["call-4"]},
    ]
    said = capsys.readouterr().out
    assert "4 texts to label in export/input.manifest" in said
    assert "Next: make review-import FILE=output.manifest" in said


def test_the_job_gets_its_categories_and_its_template(labels: Path) -> None:
    exported(labels)
    assert json.loads((OUTPUT / "categories.json").read_text()) == {
        "document-version": "2018-11-28",
        "labels": [{"label": "bills"}, {"label": "food"}, {"label": "travel"}],
    }
    template = (OUTPUT / "instructions.html").read_text()
    for part in ("<crowd-form>", "{{ task.input.labels | to_json", "{{ task.input.taskObject }}"):
        assert part in template


def test_rows_that_have_a_label_are_not_exported(labels: Path) -> None:
    LabelStore(labels).add([("food", ["call-3#0", "call-3#1", "call-2"])])
    rows = [line["review-rows"] for line in exported(labels)]
    assert rows == [["call-1#0", "call-1#1"], ["order#3#0"], ["call-4"]]


def test_many_rows_are_several_lines(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling_manifest, "ROWS_OF_A_LINE", 2)
    lines = [line for line in exported(labels) if line["source"].startswith("ALDI")]
    assert [len(line["review-rows"]) for line in lines] == [2, 1]
    assert lines[0]["source"] == lines[1]["source"]


def test_the_longest_line_is_within_sagemakers_limit() -> None:
    names = [f"{'x' * 64}#9999"] * labelling_manifest.ROWS_OF_A_LINE
    assert len(json.dumps(names, separators=(",", ":"))) < 20_000


def test_a_jobs_labels_become_ground_truth(
    labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zorgo, aldi, shell, nothing = exported(labels)
    failed = {"review-metadata": {"failure-reason": "no worker", "type": METADATA["type"]}}
    file = write_output(answered(zorgo, "bills"), answered(aldi), shell | failed, nothing)
    capsys.readouterr()
    import_manifest(file, labels)
    assert labels_read(labels) == {
        ("call-3", 0): "bills",
        ("call-3", 1): "bills",
        ("call-1", 0): "food",
        ("call-1", 1): "food",
        ("call-2", 0): "food",
    }
    said = "5 rows labelled in {}; 0 rows had a label already; 2 texts without a label in {}\n"
    assert capsys.readouterr().out == said.format(labels, file)


def test_a_persons_label_stays_and_a_file_may_be_read_twice(
    labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = exported(labels)
    LabelStore(labels).add([("travel", ["call-2"])])
    file = write_output(*map(answered, lines))
    import_manifest(file, labels)
    before = labels_read(labels)
    assert before[("call-2", 0)] == "travel"
    assert len(before) == 7
    capsys.readouterr()
    import_manifest(file, labels)
    assert "0 rows labelled" in capsys.readouterr().out
    assert labels_read(labels) == before


def test_a_persons_label_stays_that_comes_while_the_file_is_read(
    labels: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read_while_a_person_labels(file: Path) -> Iterator[bytes]:
        yield from read_lines(file)
        LabelStore(labels).add([("travel", ["call-2"])])

    file = write_output(*map(answered, exported(labels)))
    monkeypatch.setattr(labelling_manifest, "read_lines", read_while_a_person_labels)
    capsys.readouterr()
    import_manifest(file, labels)
    found = labels_read(labels)
    assert found.pop(("call-2", 0)) == "travel"
    assert [*found.values()] == ["food"] * 6
    assert f"6 rows labelled in {labels}; 1 row had a label already" in capsys.readouterr().out


def test_a_row_that_is_named_several_times_is_labelled_once(
    labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = exported(labels)[0]
    twice = line | {"review-rows": line["review-rows"] * 2}
    capsys.readouterr()
    import_manifest(write_output(answered(twice), answered(line), answered(line, "bills")), labels)
    # The first line that names it counts.
    assert labels_read(labels) == {("call-3", 0): "food", ("call-3", 1): "food"}
    assert [entry["rows"] for entry in journal_of(labels)] == [["call-3#0", "call-3#1"]]
    assert f"2 rows labelled in {labels}; 0 rows had a label already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a,b,c", "line 2, is not of an output manifest"),
        ("[]", "line 2, is not of an output manifest"),
        ("", "line 2, is not of an output manifest"),
        ('{"source": "x"}', "line 2, is not of an output manifest.*review-rows"),
        ('{"source": "x", "review-rows": [1]}', "line 2, is not of an output manifest"),
        ('{"source": "x", "review-rows": [], "a-metadata": 3}', "line 2, is not of an output"),
    ],
)
def test_a_foreign_file_is_refused_and_nothing_is_kept(labels: Path, line: str, fault: str) -> None:
    file = write_output(answered(exported(labels)[0]))
    with file.open("a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(UserError, match=fault):
        import_manifest(file, labels)
    assert labels_read(labels) == {}


def test_a_category_of_another_model_is_refused(labels: Path) -> None:
    file = write_output(*(answered(line, "Food") for line in exported(labels)))
    with pytest.raises(UserError, match="line 1, has the category 'Food', which is not a class"):
        import_manifest(file, labels)


def test_labels_of_several_jobs_are_refused(labels: Path) -> None:
    line = answered(exported(labels)[0])
    file = write_output(line | {"second-metadata": METADATA})
    with pytest.raises(UserError, match="labels of several jobs: review, second"):
        import_manifest(file, labels)
    # What another task type has said does not matter.
    checked = {"second-metadata": METADATA | {"type": "groundtruth/label-verification"}}
    import_manifest(write_output(line | checked), labels)
    assert len(labels_read(labels)) == 2


def test_a_missing_file_is_told(labels: Path) -> None:
    with pytest.raises(UserError, match="is missing"):
        import_manifest(Path("nothing.manifest"), labels)
