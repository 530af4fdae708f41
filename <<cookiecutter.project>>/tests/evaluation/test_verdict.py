"""The document of the gates: reports/gate.json."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.evaluation.verdict import (
    FigureVerdict,
    Training,
    Verdict,
    parse_verdict,
    read_verdict,
)
from categoriser.io.replacing import write_json

VERDICT = Verdict(
    model="d" * 64,
    training=Training("t" * 64, 1, "linear", {"dim": 16}),
    passed=False,
    outcome="failed",
    faults=("min_accuracy (time): accuracy is 0.8000, 0.1000 under the bound of 0.9000",),
    doubts=(),
    verdicts=(
        FigureVerdict("min_accuracy", "time", "accuracy", "failed", 0.9, 0.8, 0.8, 0.8, -0.1),
        FigureVerdict("slices", "country", "lead in accuracy", "not judged", why="no such column"),
    ),
)


def test_what_is_written_is_read_from_the_file_and_from_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "gate.json"
    write_json(file, VERDICT)
    assert read_verdict(file) == VERDICT
    assert parse_verdict(file.read_bytes(), "s3://bucket/gate.json") == VERDICT


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\xff", "is not JSON"),
        (
            b'{"model": "d"}',
            "is damaged: it lacks doubts, faults, outcome, passed, training, ",
        ),
        (
            b'{"model": "d", "passed": 1, "outcome": "passed", "faults": [], "doubts": [], '
            b'"verdicts": [], "training": {"train_digest": "", "features_version": 1, '
            b'"classifier": {}}}',
            r"is damaged: it holds a wrong value \(Expected `bool`, got `int` - at `\$\.passed`\)",
        ),
    ],
)
def test_a_damaged_document_names_its_source_and_what_is_wrong(content: bytes, fault: str) -> None:
    with pytest.raises(UserError, match=rf"^s3://bucket/gate\.json {fault}"):
        parse_verdict(content, "s3://bucket/gate.json")


def test_a_lambda_can_hold_it_since_it_loads_msgspec_and_nothing_larger() -> None:
    code = "import categoriser.evaluation.verdict, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    # msgspec looks for typing_extensions, and does without it.
    apart = sys.stdlib_module_names | {"__main__", "sitecustomize", "typing_extensions"}
    third_party = packages - apart
    assert {name for name in third_party if not name.startswith("_")} == {"categoriser", "msgspec"}
    own = {name for name in done.stdout.split() if name.startswith("categoriser.")}
    assert own == {
        "categoriser.errors",
        "categoriser.evaluation",
        "categoriser.evaluation.verdict",
        "categoriser.io",
        "categoriser.io.documents",
    }
