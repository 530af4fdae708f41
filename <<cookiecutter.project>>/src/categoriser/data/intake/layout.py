"""How a file's lines are parted into columns, and which line names them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from categoriser.data.intake import amounts, columns, dates, encoding
from categoriser.data.intake.header import HEADER_WITHIN
from categoriser.data.intake.records import OpenQuoteError, split_record, trim
from categoriser.errors import UserError

DELIMITERS = (",", ";", "\t", "|")
# A table is where at least this share of the first lines have equally many fields.
TABLE_SHARE = 0.3


@dataclass(frozen=True)
class Layout:
    """How the lines are parted, the line that names the columns (0: none does), and its names."""

    delimiter: str
    line: int
    names: list[str]
    recognised: int


def find_layout(source: Path, name: str, delimiters: Sequence[str] = DELIMITERS) -> Layout:
    """Find the delimiter and the header: the first line with the most columns that are known.

    Where no name is known, the rows begin where lines have equally many fields, three or more.
    """
    head = list(islice(enumerate(encoding.decoded_lines(source, name), start=1), HEADER_WITHIN * 2))
    best = Layout(",", 0, [], 0)
    for delimiter in delimiters:
        for number, line in head[:HEADER_WITHIN]:
            names = _split(line, delimiter)
            known = columns.count_recognised(names)
            if known > best.recognised and known > 1:
                best = Layout(delimiter, number, names, known)
    if best.recognised:
        return best
    return _by_width(source, head, delimiters)


def _by_width(source: Path, head: list[tuple[int, str]], delimiters: Sequence[str]) -> Layout:
    """Find the delimiter by which most lines have equally many fields."""
    best = Layout(",", 0, [], 0)
    most = 0
    for delimiter in delimiters:
        widths = Counter(len(_split(line, delimiter)) for _, line in head)
        least = max(2, TABLE_SHARE * widths.total())
        tables = {n: lines for n, lines in widths.items() if n > 2 and lines >= least}
        width = max(tables, key=lambda width: (tables[width], width), default=0)
        lines = tables.get(width, 0)
        if lines <= most:
            continue
        rows = ((number, _split(line, delimiter)) for number, line in head)
        number, fields = next(row for row in rows if len(row[1]) == width)
        is_header = not any(_is_value(value) for value in fields) and all(fields)
        best = Layout(delimiter, number if is_header else 0, fields, 0)
        most = lines
    if not most:
        raise UserError(
            f"{source}: no table is found: its lines have no columns parted by commas, semicolons, "
            "tabs or bars"
        )
    return best


def _split(line: str, delimiter: str) -> list[str]:
    try:
        fields = split_record(line, delimiter)
    except (OpenQuoteError, ValueError):
        return []
    return [field.strip() for field in trim(fields, 1)]


def _is_value(value: str) -> bool:
    return bool(dates.candidate_patterns(value)) or amounts.take_apart(value) is not None
