"""Dates as banks write them: a pattern such as `DD.MM.YYYY`, and the evidence for which one it is.

A pattern's parts are YYYY or YY (this century's), MM or Mon, and DD; days and months may lack their
leading zero, and a time of day may follow, which is left out.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

ISO_PATTERN = "YYYY-MM-DD"
PART_EXPRESSIONS = {
    "YYYY": "(?P<year>[0-9]{4})",
    "YY": "(?P<year>[0-9]{2})",
    "Mon": r"(?P<name>[^\W\d_]{3,})\.?",
    "MM": "(?P<month>[0-9]{1,2})",
    "DD": "(?P<day>[0-9]{1,2})",
}
PATTERN_PART = re.compile("YYYY|YY|Mon|MM|DD")
CLOCK = r"[0-9]{1,2}[:.][0-9]{2}([:.][0-9]{2}([.,][0-9]+)?)?"
TIME_OF_DAY = (
    rf"(?:[Tt]|,? +|:){CLOCK} *([AaPp]\.?[Mm]\.?)? *(Z|UTC|GMT|[+-][0-9]{{2}}:?[0-9]{{2}})?"
)
DATE_AND_TIME = re.compile(rf"^(?P<date>.*?[0-9]){TIME_OF_DAY}$")
# English, German, French, Spanish, Italian, Dutch and Portuguese, by their first three letters;
# French "juin" and "juillet" by four.
MONTH_PREFIXES = {
    1: "jan ene gen",
    2: "feb fév fev",
    3: "mar mär mrz maa mrt",
    4: "apr avr abr",
    5: "may mai mag mei",
    6: "jun juin giu",
    7: "jul juil lug",
    8: "aug aoû aou ago",
    9: "sep set",
    10: "oct okt ott out",
    11: "nov",
    12: "dec dez déc dic",
}
MONTH_BY_PREFIX = {name: month for month, names in MONTH_PREFIXES.items() for name in names.split()}

NUMERIC_DATE = re.compile("([0-9]{1,4})([-/. ])([0-9]{1,2})([-/. ])([0-9]{1,4})")
DATE_WITH_NAMED_MONTH = re.compile(
    r"([0-9]{1,2})([-/. ]+)[^\W\d_]{3,}(\.?)([-/., ]+)([0-9]{4}|[0-9]{2})"
)
AMERICAN_DATE = re.compile(r"[^\W\d_]{3,}\.? +[0-9]{1,2}, *[0-9]{4}")
COMPACT_DATE = re.compile("[0-9]{8}")
# A reading of a two-digit year, or of eight digits in a row, is wrong outside these bounds.
EARLIEST_YEAR = 1980
DAYS_AHEAD = 366


def pattern_fault(pattern: str) -> str | None:
    """Return what is wrong with a pattern, or nothing."""
    parts = sorted(part[0] for part in PATTERN_PART.findall(pattern))
    if parts != ["D", "M", "Y"] or re.search(r"\w", PATTERN_PART.sub("", pattern)):
        return "must hold DD, MM or Mon, and YYYY or YY once each, such as DD.MM.YYYY"
    return None


def date_reader(pattern: str) -> Callable[[str], datetime.date | None]:
    """Return a function that reads a date, with or without a time after it, or returns None."""
    expression = "".join(_expressions(pattern))
    whole = re.compile(rf"{expression}(?:{TIME_OF_DAY})?")

    @lru_cache(maxsize=65_536)
    def read(value: str) -> datetime.date | None:
        found = whole.fullmatch(value.strip())
        return _date_of_parts(found.groupdict()) if found else None

    return read


def _expressions(pattern: str) -> list[str]:
    """Return the expression of each part and of what is between them."""
    separated = PATTERN_PART.sub("", pattern) != ""
    found = []
    position = 0
    for part in PATTERN_PART.finditer(pattern):
        found.append(re.escape(pattern[position : part.start()]))
        expression = PART_EXPRESSIONS[part[0]]
        found.append(expression if separated else expression.replace("{1,2}", "{2}"))
        position = part.end()
    return [*found, re.escape(pattern[position:])]


def _date_of_parts(parts: dict[str, str]) -> datetime.date | None:
    month = _month(parts["name"]) if "name" in parts else int(parts["month"])
    year = int(parts["year"]) if len(parts["year"]) > 2 else 2000 + int(parts["year"])
    try:
        return datetime.date(year, month, int(parts["day"]))
    except ValueError:
        return None


def _month(name: str) -> int:
    folded = name.lower()
    return MONTH_BY_PREFIX.get(folded[:4], MONTH_BY_PREFIX.get(folded[:3], 0))


@lru_cache(maxsize=65_536)
def candidate_patterns(value: str) -> tuple[str, ...]:
    """Return the patterns that a value's look allows; none where it is not a date."""
    timed = DATE_AND_TIME.match(value.strip())
    date = timed["date"] if timed else value.strip()
    if found := NUMERIC_DATE.fullmatch(date):
        first, one, _, two, last = found.groups()
        if len(first) == 4:
            orders = ["YYYY{}MM{}DD"]
        elif len(last) == 4:
            orders = ["DD{}MM{}YYYY", "MM{}DD{}YYYY"]
        else:
            orders = ["DD{}MM{}YY", "MM{}DD{}YY", "YY{}MM{}DD"]
        return tuple(order.format(one, two) for order in orders)
    if found := DATE_WITH_NAMED_MONTH.fullmatch(date):
        _, one, _, two, year = found.groups()
        return (f"DD{one}Mon{two}{'Y' * len(year)}",)
    if AMERICAN_DATE.fullmatch(date):
        return ("Mon DD, YYYY",)
    if COMPACT_DATE.fullmatch(date):
        return ("YYYYMMDD", "DDMMYYYY", "MMDDYYYY")
    return ()


@dataclass
class DateEvidence:
    """What the values of a column say of its pattern: reads and first failures, by pattern."""

    seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, line: int, value: str) -> None:
        """Count a value that looks like a date, without its time of day."""
        timed = DATE_AND_TIME.match(value.strip())
        date = timed["date"] if timed else value.strip()
        if candidate_patterns(date) and (date in self.counts or len(self.counts) < 65_536):
            self.counts[date] = self.counts.get(date, 0) + 1
            self.seen.setdefault(date, (line, value.strip()))

    def judge(self, today: datetime.date) -> "DateJudgement":
        """Return the pattern that reads the most values, and those that might be it as well."""
        read = {
            pattern: {date for date in self.counts if _plausible(pattern, date, today)}
            for pattern in dict.fromkeys(
                name for date in self.counts for name in candidate_patterns(date)
            )
        }
        sizes = {
            pattern: sum(self.counts[date] for date in dates) for pattern, dates in read.items()
        }
        if not read:
            return DateJudgement("?", (), "no column of dates was found")
        best = max(sizes, key=lambda pattern: (sizes[pattern], pattern == ISO_PATTERN))
        if not sizes[best]:
            return DateJudgement("?", (), "no value of the column can be read as a date")
        rivals = [name for name in sizes if name != best and sizes[name] == sizes[best]]
        if rivals:
            line, value = self.seen[min(read[best], key=lambda date: self.seen[date][0])]
            why = f"every date reads either way (line {line}: {value})"
            return DateJudgement("?", (best, *rivals), why)
        return self._decided(best, read)

    def _decided(self, best: str, read: dict[str, set[str]]) -> "DateJudgement":
        others = [name for name in read if name != best and read[name]]
        against = {name: read[name] - read[best] for name in others if read[name] - read[best]}
        if against:
            other = max(against, key=lambda name: len(against[name]))
            line, value = self._first(against[other])
            share = sum(self.counts[date] for date in against[other]) / sum(self.counts.values())
            if share > 0.05:
                why = f"dates of both kinds: line {line} has {value}, which is {other}"
                return DateJudgement("?", (best, other), why)
        rival = max(others, key=lambda name: len(read[name]), default=None)
        line, value = self._first(read[best] - read.get(rival or "", set()))
        if rival is None:
            return DateJudgement(best, (), f"line {line} has {value}")
        return DateJudgement(best, (), f"line {line} has {value}, which {rival} cannot read")

    def _first(self, dates: set[str]) -> tuple[int, str]:
        return min(self.seen[date] for date in dates)


@dataclass(frozen=True)
class DateJudgement:
    """A pattern, or `?` with those between which one must be chosen; and why."""

    pattern: str
    choices: tuple[str, ...]
    why: str


def _plausible(pattern: str, date: str, today: datetime.date) -> bool:
    read = _cached_date_reader(pattern)(date)
    if read is None:
        return False
    if "YYYY" in pattern and PATTERN_PART.sub("", pattern):
        return True
    return read.year >= EARLIEST_YEAR and read <= today + datetime.timedelta(days=DAYS_AHEAD)


_cached_date_reader = lru_cache(maxsize=64)(date_reader)
