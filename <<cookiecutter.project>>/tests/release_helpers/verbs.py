"""Runs `python -m release` within the test's own process."""

from __future__ import annotations

import sys

import pytest

from categoriser.command import run_command
from release.cli.verbs import verbs


def run_verb(*arguments: str) -> None:
    """Run a command line. What it raises, such as `UserError`, is raised here too."""
    verbs([*arguments], standalone_mode=False)


def end_of_verb(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command line to its end, as `python -m release` does; return what it ends with."""
    monkeypatch.setattr(sys, "argv", ["release", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_command(verbs)
    return str(ended.value)
