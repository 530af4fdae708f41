"""A file's bytes as lines of text, and which encoding they are in."""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from categoriser.errors import UserError
from categoriser.io.text_files import LONGEST_LINE, opened, too_long

# The encodings by their byte order marks; the longer marks are first.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# How a file that is not text begins, and what to do with it.
NOT_TEXT = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook: save the sheet as CSV",
    b"%PDF": "is a PDF: ask the bank for CSV",
    b"PAR1": "is a Parquet file: write it as CSV",
    b"SQLite format 3": "is a database: write the rows as CSV",
}
# So many bytes at the head show a mark, or the NULs of UTF-16.
SNIFFED_BYTES = 4096
# Windows-1252 leaves these bytes without a character.
UNDEFINED_BYTES = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# Its quotes, dashes, dots and the euro: signs between 0x80 and 0x9F, other than letters.
SIGN_BYTES = re.compile(rb"[\x80\x82\x84\x85\x8b\x91-\x97\x99\x9b]")
HIGH_CONTROL_BYTES = re.compile(rb"[\x80-\x9f]")
# What takes the place of bytes that could not be decoded.
UNDECODED = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Encoding:
    """An encoding's name in Python, or `?` where it must be asked for; and why it is that."""

    name: str
    why: str
    marked: bool = False


def sniff(source: Path) -> Encoding:
    """Find out a file's encoding: by its mark, by NULs, by UTF-8's form, or by its letters.

    Raises `UserError` for a file that cannot be read, that is empty, or that is not text.
    """
    with opened(source) as stream:
        head = stream.read(SNIFFED_BYTES)
    if not head.strip():
        raise UserError(f"{source} is empty")
    for start, what in NOT_TEXT.items():
        if head.startswith(start):
            raise UserError(f"{source} {what}")
    for mark, name in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return Encoding(name, "the file begins with its mark", marked=True)
    even = head[::2].count(0)
    odd = head[1::2].count(0)
    if max(even, odd) > len(head) // 5 and min(even, odd) < len(head) // 50:
        name = "utf-16-be" if even > odd else "utf-16-le"
        return Encoding(name, "every other byte is NUL")
    return _of_bytes(source)


def _of_bytes(source: Path) -> Encoding:
    """Tell UTF-8 from an encoding of one byte a character, by the whole file."""
    valid = 0
    broken = 0
    first: tuple[int, bytes] = (0, b"")
    signs = 0
    others = 0
    undefined = False
    for number, line in enumerate(_blocks(source), start=1):
        if line.isascii():
            continue
        try:
            line.decode()
            valid += 1
        except UnicodeDecodeError:
            broken += 1
            first = first if broken > 1 else (number, line)
        signs += len(SIGN_BYTES.findall(line))
        others += len(HIGH_CONTROL_BYTES.findall(line))
        undefined = undefined or bool(UNDEFINED_BYTES.search(line))
    if broken <= valid:
        return Encoding(
            "utf-8", "the whole file is" if not broken else f"all but {broken} lines are"
        )
    shown = shorten(first[1].decode("windows-1252", errors="replace"))
    if undefined or others - signs > broken:
        why = "it is not UTF-8, and as windows-1252 it has signs where letters are wanted"
        return Encoding("?", f"{why} (line {first[0]}: {shown})")
    return Encoding("windows-1252", f"it is not UTF-8; line {first[0]} is then {shown}")


def _blocks(source: Path) -> Iterator[bytes]:
    """Yield the file's lines; where only CRs end them, in blocks that may cut one."""
    with opened(source) as stream:
        while block := stream.readline(LONGEST_LINE):
            yield from block.splitlines()


def decoded_lines(source: Path, encoding: str) -> Iterator[str]:
    """Yield the file's lines without their ends: CR, LF, or both.

    A byte that is not of the encoding becomes half a surrogate pair (`UNDECODED`). Raises
    `UserError` for a file that cannot be read, and for a line without end.
    """
    known = {"utf-8": "utf-8-sig"}.get(encoding, encoding)
    wide = known.startswith(("utf-16", "utf-32"))
    errors = "replace" if wide else "surrogateescape"
    with opened(source) as stream:
        text = io.TextIOWrapper(stream, known, errors, newline=None)
        try:
            while line := text.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise too_long(source)
                yield line.removesuffix("\n")
        except UnicodeError as error:
            raise UserError(f"{source} is not {encoding}: {error}") from None


def shorten(text: str, most: int = 60) -> str:
    """Return a text in quotes, on one line and not too long."""
    return repr(text if len(text) <= most else f"{text[: most - 3]}...")
