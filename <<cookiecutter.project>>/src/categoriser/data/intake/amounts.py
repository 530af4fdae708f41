"""Amounts as banks write them, and the evidence for which sign parts the decimals.

Groups of digits may be separated by any of the other signs: `1,107.00`, `1.107,00`, `1 107,00` with
any kind of space, `1'107.00`. A currency's sign or code may be before or behind. A minus before
or behind and parentheses make it negative; CR (credit, H) and DR (debit, S) say which way the money
went: what is paid is positive here, and what comes back negative.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from categoriser.contract import NUMBER

# From this share of negative prices on, what is negative must be spending.
SPENDING_SHARE = 0.99

DECIMAL_SIGNS = (".", ",")
SPACE_SIGNS = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
MINUS_SIGNS = dict.fromkeys(map(ord, "\u2212\u2010\u2011\u2013"), "-")
PLAIN_SIGNS = SPACE_SIGNS | MINUS_SIGNS | dict.fromkeys(map(ord, "\u2019\u2018`´"), "'")
CREDIT_WORDS = frozenset({"cr", "c", "h", "haben", "credit", "crdt", "bij", "+"})
DEBIT_WORDS = frozenset({"dr", "d", "db", "s", "soll", "debit", "dbit", "af", "-"})
# Signs of currencies in letters, other than the three-letter codes.
CURRENCY_LETTERS = frozenset(
    {"kr", "kr.", "zł", "kč", "ft", "fr", "fr.", "sfr", "sfr.", "rs", "rs.", "r"}
)
WORD_OR_SIGN = r"[A-Za-z]{1,3}\$|[^\W\d_]++\.?|[$€£¥₹₽₩₺₪₴฿¢₫₦₱]|[+-]"
WHOLE_AMOUNT = re.compile(
    rf"(?P<open>\()? *+(?P<before>(?:(?:{WORD_OR_SIGN}) *+)*+)"
    r"(?P<core>[0-9.,][0-9.,' ]*+)"
    rf"(?P<after>(?:(?:{WORD_OR_SIGN}) *+)*+)(?P<close>\))?"
)
WORD_OR_SIGN_PATTERN = re.compile(WORD_OR_SIGN)
# A longer value is not looked at.
LONGEST_AMOUNT = 60
GROUPED_DIGITS = re.compile(r"[0-9]{1,3}(?P<sign>[,.' ])(?:[0-9]{2,3}(?P=sign))*[0-9]{3}")
CURRENCY_CODE = re.compile("[A-Z]{3}")


@dataclass(frozen=True)
class AmountParts:
    """An amount taken apart: its digits as they are parted, its signs, and its currency."""

    core: str
    negative: bool
    way: str  # "credit", "debit" or nothing
    currency: str


@lru_cache(maxsize=65_536)
def take_apart(value: str) -> AmountParts | None:
    """Return an amount's parts, or None for another text."""
    found = (
        WHOLE_AMOUNT.fullmatch(value.translate(PLAIN_SIGNS).strip())
        if len(value) <= LONGEST_AMOUNT
        else None
    )
    if not found or bool(found["open"]) != bool(found["close"]):
        return None
    negative = 1 if found["open"] else 0
    way = ""
    currency = ""
    for piece in WORD_OR_SIGN_PATTERN.findall(found["before"]) + WORD_OR_SIGN_PATTERN.findall(
        found["after"]
    ):
        word = piece.lower()
        if piece in "+-":
            negative += piece == "-"
        elif word in CREDIT_WORDS or word in DEBIT_WORDS:
            if way:
                return None
            way = "credit" if word in CREDIT_WORDS else "debit"
        elif CURRENCY_CODE.fullmatch(piece) or word in CURRENCY_LETTERS or not piece[-1].isalpha():
            currency = currency or piece
        else:
            return None
    if negative > 1 or (negative and way):
        return None
    return AmountParts(found["core"].strip(), bool(negative), way, currency)


def amount_reader(decimal: str) -> Callable[[str], str | None]:
    """Return a function that reads an amount as a plain number such as -1107.00, or None."""

    @lru_cache(maxsize=65_536)
    def read(value: str) -> str | None:
        if decimal == "." and NUMBER.fullmatch(value):
            return value.strip()
        parts = take_apart(value)
        digits = parts and _plain_digits(parts.core, decimal)
        if not parts or not digits:
            return None
        return f"-{digits}" if parts.negative or parts.way == "credit" else digits

    return read


def plain_number(value: str) -> str | None:
    """Read a plain number, as the project's own form has it; None for anything else."""
    return value.strip() if NUMBER.fullmatch(value) else None


def negated(number: str) -> str:
    """Return a plain number with the other sign; zero has no sign."""
    if not number.strip("+-0."):
        return number.lstrip("+-")
    return number.removeprefix("-") if number.startswith("-") else f"-{number.removeprefix('+')}"


def _plain_digits(core: str, decimal: str) -> str | None:
    whole, _, rest = core.partition(decimal)
    if rest and not rest.isdigit():
        return None
    if whole and not whole.isdigit():
        if not GROUPED_DIGITS.fullmatch(whole):
            return None
        whole = re.sub("[,.' ]", "", whole)
    if not whole and not rest:
        return None
    return f"{whole or '0'}.{rest}" if rest else whole


def decimal_of(core: str) -> str:
    """Return the sign that parts an amount's decimals, `?` where it may be both, or nothing."""
    signs = [sign for sign in core if sign in DECIMAL_SIGNS]
    if not signs:
        return ""
    last = signs[-1]
    other = "," if last == "." else "."
    if other in signs:
        return last
    if len(signs) > 1:
        return other
    head, _, tail = core.partition(last)
    grouped_otherwise = "'" in head or " " in head
    if len(tail) != 3 or head in ("", "0") or len(head) > 3 or grouped_otherwise:
        return last
    return "?"


@dataclass
class AmountEvidence:
    """What the amounts of a file say: counts and first cases of each decimal sign, currencies."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, tuple[int, str]] = field(default_factory=dict)
    currencies: dict[str, int] = field(default_factory=dict)
    grouped: tuple[int, str] | None = None
    ways: tuple[int, str] | None = None

    def add(self, line: int, value: str) -> None:
        parts = take_apart(value)
        if parts is None:
            return
        sign = decimal_of(parts.core)
        self.counts[sign] = self.counts.get(sign, 0) + 1
        self.first.setdefault(sign, (line, value.strip()))
        if parts.currency:
            self.currencies[parts.currency] = self.currencies.get(parts.currency, 0) + 1
        if self.grouped is None and sum(mark in parts.core for mark in ".,' ") > 1:
            self.grouped = (line, value.strip())
        if self.ways is None and parts.way:
            self.ways = (line, value.strip())

    def decimal(self) -> tuple[str, str]:
        """Return the decimal sign, or `?` where it must be asked for, and why."""
        sure = {sign: self.counts[sign] for sign in DECIMAL_SIGNS if sign in self.counts}
        if not sure:
            if "?" in self.counts:
                line, value = self.first["?"]
                return "?", f"line {line} has {value}, which may be thousands or three decimals"
            return ".", "no amount has decimals"
        best = max(sure, key=lambda sign: sure[sign])
        line, value = self.first[best]
        rest = sum(sure.values()) - sure[best]
        if rest > 0.05 * sum(sure.values()):
            other = next(sign for sign in sure if sign != best)
            where, found = self.first[other]
            return "?", f"both kinds: line {line} has {value}, line {where} has {found}"
        return best, f"line {line} has {value}"
