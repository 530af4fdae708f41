"""A document that cannot be read is named with what makes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.io.documents import read_json


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is missing; `dvc repro`"), (b"{", "JSON"), (b"\xff", "JSON")]
)
def test_an_unreadable_file_is_named_with_its_maker(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_json(path, "dvc repro")
    assert str(path) in str(caught.value)
