"""Transactions in JSON: read at once where all is well, or else up to the first fault, to name it.

A transaction is an object of texts and numbers, with nothing nested. So neither way reads a value
that cannot be one, however deep and large it is: what is refused costs no more than what is
answered.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from categoriser.contract import COLUMNS, FIELDS, TEXT_CHECKS, Transaction, Value, check_texts, read
from categoriser.serving.problem import RequestError

COLUMN_TYPES: dict[str, type[str] | type[float]] = {
    column.name: str if column.is_text else float for column in COLUMNS
}
MUST_BE = {str: "a string", float: "a finite number"}
BLANKS = " \t\r\n"
SOME_BLANKS = re.compile(rf"[{BLANKS}]*+")
NESTED = ("[", "{")
SCALARS = json.JSONDecoder(parse_int=float)

ONE_TRANSACTION = msgspec.json.Decoder(Transaction)
TRANSACTIONS = msgspec.json.Decoder(list[Transaction])


def read_json_body(content: str, most: int) -> tuple[Iterable[Transaction], bool]:
    """Return the rows, and whether the body is one object and not a list.

    What is returned may hold more than `most` rows, and raises while it is read: `RequestError`,
    400 by row and field, and `ColumnError` for a value that is wrong for its column.
    """
    content = content.lstrip(BLANKS)
    single = not content.startswith("[")
    if content.count("{") > most:
        # More rows than may be, unless texts have braces.
        return FaultFinder(content).rows(), single
    try:
        rows = [ONE_TRANSACTION.decode(content)] if single else TRANSACTIONS.decode(content)
    except msgspec.DecodeError:
        return FaultFinder(content).rows(), single
    if _may_have_a_member_twice(rows, content):
        return FaultFinder(content).rows(), single
    return map(check_texts, rows), single


def read_json_lines(content: str, most: int) -> Iterator[Transaction]:
    """Yield the row of each line, up to one more than `most`. Raises as `read_json_body`."""
    # Not splitlines(): a JSON string may hold other line breaks of Unicode's.
    lines = content.split("\n", most + 1) if content else []
    for row, line in enumerate(lines[: most + 1], 1):
        try:
            found = ONE_TRANSACTION.decode(line)
        except msgspec.DecodeError:
            yield from FaultFinder(line, row).rows()
            continue
        if _may_have_a_member_twice([found], line):
            yield from FaultFinder(line, row).rows()
        else:
            yield check_texts(found)


def _may_have_a_member_twice(rows: list[Transaction], content: str) -> bool:
    """Say whether one of the rows may have a member twice: msgspec takes the last.

    Each member has one colon outside of the texts. All other colons are in the texts, where one may
    be written as an escape.
    """
    colons = len(FIELDS) * len(rows)
    for _, text_of in TEXT_CHECKS:
        colons += sum([text_of(row).count(":") for row in rows])
    return content.count(":") != colons or "\\u003" in content


class FaultFinder:
    """Reads transactions one by one, and names what is wrong with the first that is not one.

    `line` is the row's number where the content is a line.
    """

    def __init__(self, content: str, line: int | None = None) -> None:
        self.content = content
        self.line = line
        self.row = line or 1
        self.place = 0

    def rows(self) -> Iterator[Transaction]:
        """Yield the row of each object of a list, or of one object. Raises as `read_json_body`."""
        if self.line or not self._take("["):
            yield self._transaction()
        elif not self._take("]"):
            yield self._transaction()
            while not self._take("]"):
                self._need(",")
                self.row += 1
                yield self._transaction()
        self._skip()
        if self.place < len(self.content):
            raise self._broken()

    def _transaction(self) -> Transaction:
        if not self._take("{"):
            if not self.content.startswith("[", self.place):
                self._scalar()
            raise self._fault(None, f"must be an object with {' and '.join(FIELDS)}")
        found: dict[str, Value] = {}
        if not self._take("}"):
            self._member(found)
            while not self._take("}"):
                self._need(",")
                self._member(found)
        for name in FIELDS:
            if name not in found:
                raise self._fault(name, f"{name} is missing")
        return read([found[name] for name in FIELDS])

    def _member(self, found: dict[str, Value]) -> None:
        """Read a member into the others of its object."""
        self._skip()
        if not self.content.startswith('"', self.place):
            raise self._broken()
        name = self._scalar()
        self._need(":")
        self._skip()
        if name not in FIELDS:
            raise self._fault(name[:40], f"unknown field {name[:40]!r}")
        if name in found:
            raise self._fault(name, f"{name} is given twice")
        is_nested = self.content.startswith(NESTED, self.place)
        value: Any = None if is_nested else self._scalar()
        if not isinstance(value, COLUMN_TYPES[name]):
            raise self._fault(name, f"{name} must be {MUST_BE[COLUMN_TYPES[name]]}")
        found[name] = value

    def _scalar(self) -> Any:
        """Read a value that is neither a list nor an object; every number becomes a float."""
        try:
            value, self.place = SCALARS.raw_decode(self.content, self.place)
        except json.JSONDecodeError as error:
            self.place = error.pos
            raise self._broken() from None
        return value

    def _skip(self) -> None:
        """Go on behind blanks."""
        blanks = SOME_BLANKS.match(self.content, self.place)
        assert blanks  # noqa: S101  # for mypy: there may be none of them
        self.place = blanks.end()

    def _take(self, sign: str) -> bool:
        """Go on behind blanks and, where it is there, a sign; return whether it was."""
        self._skip()
        found = self.content.startswith(sign, self.place)
        if found:
            self.place += len(sign)
        return found

    def _need(self, sign: str) -> None:
        """Go on behind a sign. Raises `RequestError` where another is there."""
        if not self._take(sign):
            raise self._broken()

    def _broken(self) -> RequestError:
        where = f"row {self.line}" if self.line else "the body"
        return RequestError(400, f"{where} is not JSON at character {self.place + 1}", self.line)

    def _fault(self, field: str | None, detail: str) -> RequestError:
        between = ": " if field else " "
        return RequestError(400, f"row {self.row}{between}{detail}", self.row, field)
