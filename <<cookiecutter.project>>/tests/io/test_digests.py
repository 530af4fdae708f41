"""What a digest depends on."""

from __future__ import annotations

from pathlib import Path

from categoriser.io.digests import digest


def test_digest_sees_names_and_contents(tmp_path: Path) -> None:
    def folder(name: str, **files: str) -> Path:
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text(content)
        return tmp_path / name

    one = folder("one", a="1", b="2")
    assert digest(one) == digest(folder("same", b="2", a="1"))
    assert digest(one) != digest(folder("content", a="1", b="3"))
    assert digest(one) != digest(folder("name", a="1", c="2"))
    # The SHA-256 of one byte, "1".
    assert digest(one / "a").startswith("6b86b273ff34")
