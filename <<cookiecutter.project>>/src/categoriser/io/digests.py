"""Digests of files and folders."""

import hashlib
from pathlib import Path


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's relative names and contents, as hexadecimal digits."""
    if path.is_dir():
        names = (file for file in sorted(path.rglob("*")) if file.is_file())
        lines = (f"{file.relative_to(path).as_posix()}\0{digest(file)}\n" for file in names)
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
