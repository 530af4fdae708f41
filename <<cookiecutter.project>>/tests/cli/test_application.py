"""The application of all verbs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from verbs import run_verb

ROOT = Path(__file__).parents[2]
VERBS = (
    "run",
    "data",
    "track",
    "compare",
    "promote",
    "accept",
    "rules",
    "tune",
    "predict",
    "predict-file",
    "explain",
    "vega",
    "ui",
    "serve",
    "monitor",
    "feedback",
    "review",
    "review-export",
    "review-import",
)


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("--help") == 0
    listed = re.findall(r"^  ([a-z][a-z-]*)  ", capsys.readouterr().out, re.MULTILINE)
    assert tuple(listed) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_says_what_it_takes(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(verb, "--help") == 0
    said = capsys.readouterr().out
    assert f"Usage: python -m categoriser {verb} " in said
    # A line of what it does, and each option with its type and what it is.
    assert re.search(r"\n\n  [A-Z][^.]*\.\n", said)
    for option in re.findall(r"^  --.*", said, re.MULTILINE):
        assert re.match(r"  --[a-z-]+( <[a-z|]+>)?( {2,}\S|$)", option)


def test_help_shows_types_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    run_verb("tune", "--help")
    said = capsys.readouterr().out
    assert re.search(r"--minutes <float> .*\[default: 5\]", said)
    run_verb("promote", "--help")
    assert "--forget <champion|data>" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["unknown"], "No such command 'unknown'."),
        (["promote", "--forget", "model"], "'model' is not one of 'champion', 'data'."),
        (["predict", "aldi"], "Missing option '--price'."),
        (["predict-file", "my.csv"], "Missing option '--output'."),
        (
            ["tune", "--minutes", "long"],
            "Invalid value for '--minutes': Input should be a valid number",
        ),
    ],
)
def test_wrong_arguments_are_named_and_leave_with_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_verb(*arguments) == 2
    assert said in capsys.readouterr().err


def test_the_makefile_calls_verbs_that_there_are() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"\$\(RUN\) categoriser ([a-z-]+)", makefile))
    assert called <= {*VERBS}
    assert {*VERBS} - called == {"predict-file"}
