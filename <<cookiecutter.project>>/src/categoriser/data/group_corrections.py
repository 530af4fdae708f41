"""`rules/merchant_groups.csv`: a team's corrections of which merchants are held out together.

It is CSV in UTF-8 with the columns `key` and `group`. A line holds for the merchants whose key is
these words, or begins with them; where several lines do, the longest counts.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from categoriser.errors import UserError
from categoriser.features import normalise

CORRECTION_COLUMNS = ("key", "group")
# The first line is the header.
FIRST_CORRECTION_LINE = 2


def read_group_corrections(path: Path) -> dict[str, str]:
    """Return the group of each key that the file names, in lower case with single spaces.

    A key is also there as it is once its text is normalised, since the keys of texts are.
    Raises `UserError` that names file, line and column, what is wrong, and what to do.
    """
    header = ",".join(CORRECTION_COLUMNS)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} is missing; without corrections it is: {header}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8; save the file as UTF-8") from None
    reader = csv.reader(io.StringIO(text.rstrip("\r\n"), newline=""), strict=True)
    corrections: dict[str, str] = {}
    try:
        if tuple(next(reader, ())) != CORRECTION_COLUMNS:
            raise UserError(f"{path}, line 1: the header must be {header}")
        for line, fields in enumerate(reader, FIRST_CORRECTION_LINE):
            _add(corrections, fields, f"{path}, line {line}")
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.line_num}: is not CSV ({error}); mend its quotes"
        ) from None
    return corrections


def corrected_group(key: str, corrections: Mapping[str, str]) -> str | None:
    """Return the group that the corrections give to a key; None where they say nothing of it."""
    words = key.split()
    for count in range(len(words), 0, -1):
        group = corrections.get(" ".join(words[:count]))
        if group is not None:
            return group
    return None


def _add(corrections: dict[str, str], fields: list[str], where: str) -> None:
    """Add a line's correction. Raises `UserError` where it is not one."""
    if len(fields) != len(CORRECTION_COLUMNS):
        raise UserError(
            f"{where}: has {len(fields)} fields, and needs {len(CORRECTION_COLUMNS)}; a field with "
            "a comma goes in double quotes"
        )
    for name, field in zip(CORRECTION_COLUMNS, fields, strict=True):
        if not field.strip():
            raise UserError(f"{where}, {name}: is empty; give it a value, or take the line out")
    key, group = (" ".join(field.lower().split()) for field in fields)
    for form in {key, normalise([key])[0]} - {""}:
        if corrections.setdefault(form, group) != group:
            raise UserError(
                f"{where}, key: {key!r} is in the group {corrections[form]!r} by a line before; "
                "take one of the two out"
            )
