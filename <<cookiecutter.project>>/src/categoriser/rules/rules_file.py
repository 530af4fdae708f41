"""The file of rules: rules/merchants.csv of the project, and its copy in a model's folder.

It is CSV in UTF-8 with the columns of `RULE_COLUMNS`, a rule a line. The reader refuses what the
writer would not write, so that a rule's line is its place in the file.
"""

import csv
import datetime
import fcntl
import io
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from categoriser.contract import TEXT_CHARACTERS, checked_text, read_number
from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.io.asides import opened
from categoriser.io.replacing import write_text
from categoriser.rules.rule import RULE_COLUMNS, Rule

# The first line is the header.
FIRST_RULE_LINE = 2
MOST_RULES = 10_000
MOST_BYTES = 4 * 2**20
# The longest texts, in characters.
LONGEST = {"pattern": TEXT_CHARACTERS, "category": 100, "who": 100, "why": 500}
# A message names so many classes, and counts the rest.
MOST_CLASS_NAMES = 10


class RuleError(ValueError):
    """What is wrong with a rule: the column, and a sentence with what to do."""

    def __init__(self, column: str, fault: str) -> None:
        super().__init__(column, fault)
        self.column = column
        self.fault = fault


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Read the rules of a file, in its order.

    Raises `UserError` that names file, line and column, what is wrong, and what to do.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing; without rules it has the header alone: {','.join(RULE_COLUMNS)}"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    check_size(len(content), path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}: is not UTF-8; save the file as UTF-8") from None
    return parse_rules(text, path)


def check_size(size: int, path: Path) -> None:
    """Raise `UserError` where a file of so many bytes would be too large."""
    if size > MOST_BYTES:
        raise UserError(f"{path} is larger than {MOST_BYTES} bytes: take rules out")


def parse_rules(text: str, path: Path) -> tuple[Rule, ...]:
    """Read the rules of a file's text. Raises `UserError` as `read_rules`."""
    # A line break in quotes is a part of its field, and refused with it.
    reader = csv.reader(io.StringIO(text.rstrip("\r\n"), newline=""), strict=True)
    rules: list[Rule] = []
    lines_of: dict[tuple[str, float | None, float | None], int] = {}
    line = 1
    try:
        if tuple(next(reader, ())) != RULE_COLUMNS:
            raise UserError(f"{path}, line 1: the header must be {','.join(RULE_COLUMNS)}")
        for line, fields in enumerate(reader, FIRST_RULE_LINE):
            rule = rule_of_fields(fields)
            answered = (rule.pattern, rule.price_from, rule.price_below)
            before = lines_of.setdefault(answered, line)
            if before != line:
                raise RuleError(
                    "pattern",
                    f"{rule.pattern!r} is the pattern of line {before} too, with the same prices; "
                    "take one of the two out",
                )
            rules.append(rule)
            if len(rules) > MOST_RULES:
                raise UserError(f"{path} has more than {MOST_RULES} rules: take rules out")
    except RuleError as error:
        raise UserError(f"{path}, line {line}, {error.column}: {error.fault}") from None
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.line_num}: is not CSV ({error}); mend its quotes"
        ) from None
    return tuple(rules)


def rule_of_fields(fields: Sequence[str]) -> Rule:
    """Return the rule of a line's fields. Raises `RuleError` for the first that is wrong."""
    if not fields:
        raise RuleError("all columns", "the line is blank; take it out")
    if len(fields) != len(RULE_COLUMNS):
        raise RuleError(
            "all columns",
            f"the line has {len(fields)} fields, and needs {len(RULE_COLUMNS)}; a field with a "
            "comma goes in double quotes",
        )
    given = dict(zip(RULE_COLUMNS, fields, strict=True))
    for column, longest in LONGEST.items():
        _check_text(column, given[column], longest)
    _check_normalised(given["pattern"])
    rule = Rule(
        pattern=given["pattern"],
        price_from=_price("price_from", given["price_from"]),
        price_below=_price("price_below", given["price_below"]),
        category=given["category"],
        who=given["who"],
        when=_date(given["when"]),
        why=given["why"],
    )
    if not rule.shares_prices_with(rule):
        raise RuleError(
            "price_below",
            f"{given['price_below']} is not over price_from, {given['price_from']}, so that no "
            "price is between them; raise it, or leave one of them empty",
        )
    return rule


def _check_text(column: str, value: str, longest: int) -> None:
    try:
        checked_text(longest, value)
    except ValueError as error:
        raise RuleError(column, f"{error}; write 1 to {longest} characters") from None
    if not value.isprintable():
        raise RuleError(
            column, "holds a line break, or a character that is not printed; take it out"
        )


def _check_normalised(pattern: str) -> None:
    [normal] = normalise([pattern])
    if not normal:
        raise RuleError(
            "pattern",
            f"nothing is left of {pattern!r} once it is normalised: codes, dates and long numbers "
            "are dropped; use words of the merchant's name",
        )
    if normal != pattern:
        raise RuleError("pattern", f"{pattern!r} is not normalised; write {normal}")


def _price(column: str, value: str) -> float | None:
    if not value:
        return None
    try:
        return read_number(value)
    except ValueError as error:
        raise RuleError(
            column, f"{value!r} {error}; write one such as 9.99, or leave it empty"
        ) from None


def _date(value: str) -> datetime.date:
    try:
        found = datetime.date.fromisoformat(value)
    except ValueError:
        found = None
    # `fromisoformat` knows other forms too.
    if found is None or found.isoformat() != value:
        raise RuleError("when", f"{value!r} is not a date; write it as YYYY-MM-DD")
    return found


def check_categories(rules: Sequence[Rule], classes: Collection[str], path: Path) -> None:
    """Raise `UserError` for the first rule whose category is not a class of the model."""
    for line, rule in enumerate(rules, FIRST_RULE_LINE):
        if rule.category not in classes:
            shown = ", ".join(sorted(classes)[:MOST_CLASS_NAMES])
            more = len(classes) - MOST_CLASS_NAMES
            names = f"{shown} and {more} more" if more > 0 else shown
            raise UserError(
                f"{path}, line {line}, category: {rule.category!r} is not a class of the model; "
                f"use one of {names}"
            )


def append_rule(path: Path, rule: Rule) -> None:
    """Add a rule at the end of a file, which is written whole or not at all.

    Who appends at the same time waits, so that no rule is lost. Raises `UserError`, and leaves the
    file as it is, where the file or the rule is not as `read_rules` wants it. Whether the category
    is a class is for `check_categories` to say.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened(path.parent) as folder:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        write_rules(path, [*read_rules(path), rule])


def write_rules(path: Path, rules: Sequence[Rule]) -> None:
    """Write a file of rules: equal rules give equal bytes. Raises as `read_rules`."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(RULE_COLUMNS)
    for rule in rules:
        writer.writerow(
            (
                rule.pattern,
                price_text(rule.price_from),
                price_text(rule.price_below),
                rule.category,
                rule.who,
                rule.when.isoformat(),
                rule.why,
            )
        )
    text = stream.getvalue()
    check_size(len(text.encode("utf-8")), path)
    parse_rules(text, path)
    write_text(path, text)


def price_text(price: float | None) -> str:
    """Write a price as it is read: 10 and 9.99, and nothing for None."""
    return "" if price is None else str(price).removesuffix(".0")
