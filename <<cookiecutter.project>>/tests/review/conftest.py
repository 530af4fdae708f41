"""A project to review, its labels' folder, and its worklist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from review_helpers.reviewed_project import CAPTURES, make_project
from review_helpers.running_page import served

from categoriser.review.opening import open_worklist
from categoriser.review.worklist import Worklist


@pytest.fixture
def reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with captures the working directory, and Ann the one who works there."""
    for name, value in (("COUNT", "1"), ("KEY_0", "user.name"), ("VALUE_0", "Ann")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.chdir(make_project(tmp_path))
    return tmp_path


@pytest.fixture
def labels(reviewed: Path) -> Path:
    return reviewed / "labels"


@pytest.fixture
def worklist(labels: Path) -> Worklist:
    return open_worklist(CAPTURES, labels)


@pytest.fixture
def address(worklist: Worklist) -> Iterator[str]:
    with served(worklist) as told:
        yield told


@pytest.fixture
def browser(address: str) -> Iterator[httpx.Client]:
    """Open the page as a browser does, which keeps its cookies."""
    with httpx.Client(base_url=address.partition("?")[0]) as client:
        assert client.get(address, follow_redirects=True).status_code == 200
        yield client
