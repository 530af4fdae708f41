"""DVC's record of what ran: read, or said to be none."""

from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.io.dvc_lock import read_lock


def test_a_record_is_read_as_it_stands(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text("schema: '2.0'\nstages: {train: {cmd: x}}\n")
    assert read_lock(lock) == {"schema": "2.0", "stages": {"train": {"cmd": "x"}}}


def test_where_nothing_ran_the_record_is_empty(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "dvc.lock") == {}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"stages: {}\n", "is not a record of DVC's"),
        (b"schema: '2.0'\n=======\nschema: '2.1'\n", "is not a record of DVC's"),
        (b"a: [", "is not a record of DVC's"),
        (b"\xff\xfe", "is not a record of DVC's"),
    ],
)
def test_what_dvc_could_not_read_is_said_with_the_way_out(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_lock(lock)
    message = str(caught.value)
    assert message.startswith(f"{lock} {fault}")
    assert f"`git checkout {lock}`" in message
