"""A team corrects in a file which merchants are one group."""

from __future__ import annotations

from pathlib import Path

import pytest

from categoriser.data.group_corrections import corrected_group, read_group_corrections
from categoriser.errors import UserError
from categoriser.paths import MERCHANT_GROUPS

ROOT = Path(__file__).parents[2]


def write(folder: Path, *lines: str) -> Path:
    path = folder / "groups.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_a_line_holds_for_keys_that_begin_with_its_words(tmp_path: Path) -> None:
    path = write(tmp_path, "key,group", "Kindle,AMZN", "amazon  fresh,fresh", "amazon,amzn")
    corrections = read_group_corrections(path)
    keys = ("kindle", "kindle svcs", "kindles", "my kindle", "amazon fresh store", "amazon eu", "")
    groups = ["amzn", "amzn", None, None, "fresh", "amzn", None]
    assert [corrected_group(key, corrections) for key in keys] == groups


def test_a_key_may_be_written_as_the_merchant_does(tmp_path: Path) -> None:
    corrections = read_group_corrections(write(tmp_path, "key,group", "Sainsbury's,sains"))
    assert corrections == {"sainsbury's": "sains", "sainsburys": "sains"}


def test_the_projects_own_file_can_be_read() -> None:
    read_group_corrections(ROOT / MERCHANT_GROUPS)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([], "line 1: the header must be key,group"),
        (["key;group"], "line 1: the header must be key,group"),
        (["key,group", "a,b,c"], "line 2: has 3 fields, and needs 2"),
        (["key,group", "", "a,b"], "line 2: has 0 fields"),
        (["key,group", "a,b", ",b"], "line 3, key: is empty"),
        (["key,group", "a, "], "line 2, group: is empty"),
        (["key,group", "a,b", "A,c"], "line 3, key: 'a' is in the group 'b' by a line before"),
        (["key,group", "it's,b", "its,c"], "line 3, key: 'its' is in the group 'b'"),
        (["key,group", '"a,b'], "is not CSV"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, lines: list[str], fault: str) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(UserError, match=rf"groups\.csv.*{fault}"):
        read_group_corrections(path)


def test_a_missing_file_is_said_with_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is missing; without corrections .*: key,group"):
        read_group_corrections(tmp_path / "groups.csv")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_bytes(b"key,group\ncaf\xe9,b\n")
    with pytest.raises(UserError, match="is not UTF-8"):
        read_group_corrections(tmp_path / "groups.csv")
