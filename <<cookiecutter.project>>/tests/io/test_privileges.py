"""Root in the image becomes the image's user, where it may."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.io.privileges import give_up_root


def test_a_user_who_is_no_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_AS", "root")
    with pytest.raises(UserError, match="RUN_AS is 'root'"):
        give_up_root()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_image_s_user_who_owns_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "model/old").mkdir(parents=True)
    (tmp_path / "model/link").symlink_to("/")
    (tmp_path / "secret").touch(mode=0o600)
    # The folders above are root's alone, so the names are relative.
    tmp_path.chmod(0o755)
    script = """
import os, pathlib
from categoriser.io.privileges import give_up_root
give_up_root(pathlib.Path("model"), pathlib.Path("output/data"))
print(*os.getresuid(), *os.getresgid(), os.getgroups(), os.access("secret", os.R_OK))
pathlib.Path("model/old/file").touch()
pathlib.Path("output/data/file").touch()
os.setuid(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"RUN_AS": "10001"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{'10001 ' * 6}[] False\n"
    assert done.stderr.endswith("PermissionError: [Errno 1] Operation not permitted\n")
    owners = {path: path.lstat().st_uid for path in tmp_path.rglob("*")}
    roots = {path.name for path, owner in owners.items() if owner == 0}
    assert roots == {"output", "secret"}
    assert Path("/").stat().st_uid == 0


@pytest.mark.parametrize(
    ("user", "started_by", "said"),
    [("10001", 0, True), ("10001", 1000, False), ("0", 0, False), (None, 0, False)],
)
def test_who_is_not_root_in_the_image_or_may_not_goes_on_as_before(
    user: str | None,
    started_by: int,
    said: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no capability")

    for name in ("chown", "setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(os, "geteuid", lambda: started_by)
    monkeypatch.setenv("RUN_AS", user) if user else monkeypatch.delenv("RUN_AS", raising=False)
    give_up_root(tmp_path)
    assert caplog.messages == ["this runs as root: no capability"] * said
