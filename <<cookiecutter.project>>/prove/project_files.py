"""The project's files as the proofs read them, once each; a mutant may be put in a file's place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
_known_texts: dict[str, str] = {}


def text(path: str) -> str:
    """Give the text of a file of the project."""
    if path not in _known_texts:
        _known_texts[path] = (ROOT / path).read_text(encoding="utf-8")
    return _known_texts[path]


@contextmanager
def text_replaced(path: str, other: str) -> Iterator[None]:
    """Let a file have another text for the block, for all that reads it by `text`."""
    original = text(path)
    _known_texts[path] = other
    try:
        yield
    finally:
        _known_texts[path] = original
