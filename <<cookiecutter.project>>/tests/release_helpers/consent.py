"""A person at a terminal, who answers every question the same."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from release.console import console


def answered(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[str]:
    """Answer every question; return the questions."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr(console, "input", ask)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    return asked
