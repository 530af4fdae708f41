"""Git, asked as a user asks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from categoriser.io.git_commands import git, person


@pytest.fixture(autouse=True)
def _no_git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder without a repository, as somebody whom Git does not know."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(tmp_path / "none"))


def test_where_there_is_no_git_and_no_repository_there_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git("rev-parse", "HEAD") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git("version") is None


def test_who_works_here_is_gits_user_or_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "alee")
    assert person() == "alee"
    git("init", "--quiet")
    git("config", "user.name", "Ann Lee")
    assert person() == "Ann Lee"


def test_nobody_may_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER", raising=False)
    assert person() == ""
