"""The copy of a project that a rehearsal works in."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.io.dvc_commands import dvc_status
from categoriser.params import set_params
from loop.project_copy import project_copy

pytestmark = pytest.mark.xdist_group("loop")


def test_the_copy_is_a_project_of_its_own(inside: Path) -> None:
    settings = paths.PARAMS.read_bytes()
    model = digest(paths.MODEL)
    with project_copy():
        assert Path.cwd() != inside
        assert digest(paths.MODEL) == model
        assert dvc_status() == {}
        set_params(paths.PARAMS, {"prepare.months": 0})
        assert [*dvc_status()] == ["prepare"]
        folder = Path.cwd()
    assert Path.cwd() == inside
    assert paths.PARAMS.read_bytes() == settings
    assert not folder.exists()


def test_it_goes_away_when_something_fails_in_it(inside: Path) -> None:
    copies = []
    with suppress(UserError), project_copy():
        copies.append(Path.cwd())
        raise UserError("it failed")
    assert Path.cwd() == inside
    [copy] = copies
    assert not copy.exists()


def test_a_project_that_has_not_run_is_told_what_to_do(inside: Path) -> None:
    with project_copy():
        paths.VERDICT.unlink()
        copy = project_copy()
        with pytest.raises(UserError, match=r"gate\.json is missing; `make run` makes it"):
            copy.__enter__()
