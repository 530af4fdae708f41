"""Zips whose bytes depend on their files alone."""

import io
import zipfile

# Lambda reads as another user than the files' owner.
READABLE_BY_ALL = 0o100644
# Where a zip's entry has the mode of its file: the upper half of 32 bits.
MODE_SHIFT = 2**16


def zip_of(files: dict[str, bytes]) -> bytes:
    """Return a zip of files by name: equal files give equal bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = READABLE_BY_ALL * MODE_SHIFT
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return stream.getvalue()
