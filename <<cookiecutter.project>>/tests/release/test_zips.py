"""Zips whose bytes depend on their files alone."""

from __future__ import annotations

import zipfile
from io import BytesIO

from release.zips import zip_of


def test_equal_files_give_equal_zips() -> None:
    one = zip_of({"a": b"1", "b": b"2"})
    other = zip_of({"b": b"2", "a": b"1"})

    assert one == other
    (first, _) = zipfile.ZipFile(BytesIO(one)).infolist()
    # Lambda reads as another user.
    assert first.external_attr // 2**16 & 0o004
