"""What one reading of a whole file counts: how its dates, amounts and signs look."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from categoriser.data.intake import amounts, dates, encoding
from categoriser.data.intake.form import AMOUNT_ROLES, ColumnRole, Form
from categoriser.data.intake.layout import Layout
from categoriser.data.intake.records import Record, records


@dataclass
class ValueCounts:
    """What one reading of the file counts."""

    on_dates: dates.DateEvidence = field(default_factory=dates.DateEvidence)
    on_amounts: amounts.AmountEvidence = field(default_factory=amounts.AmountEvidence)
    ways: Counter[str] = field(default_factory=Counter)
    signs: dict[str, Counter[str]] = field(default_factory=dict)
    over_lines: list[int] = field(default_factory=list)


def count_values(
    source: Path, form: Form, layout: Layout, needed: Sequence[ColumnRole]
) -> ValueCounts:
    """Read the whole file once, and count what its dates and amounts look like."""
    counts = ValueCounts()
    places = {
        role: place - 1 if isinstance(place, int) else layout.names.index(place)
        for role, place in form.columns.items()
    }
    date = places.get("date")
    money = [(role, places[role]) for role in AMOUNT_ROLES if role in places]
    way = places.get("way")
    for role, _ in money:
        counts.signs[role] = Counter()

    def is_row(fields: list[str]) -> bool:
        dated = date is None or "date" not in needed or dates.candidate_patterns(fields[date])
        return bool(dated) and any(amounts.take_apart(fields[place]) for _, place in money)

    for record in _records_of(source, form, layout, is_row):
        if record.fault:
            continue
        if "\n" in record.text:
            counts.over_lines.append(record.line)
        if date is not None:
            counts.on_dates.add(record.line, record.fields[date])
        for role, place in money:
            value = record.fields[place]
            counts.on_amounts.add(record.line, value)
            parts = amounts.take_apart(value)
            if parts and parts.core.strip("0.,"):
                counts.signs[role]["negative" if parts.negative else "positive"] += 1
        if way is not None:
            counts.ways[record.fields[way].strip().lower()] += 1
    return counts


def _records_of(
    source: Path, form: Form, layout: Layout, is_row: Callable[[list[str]], bool]
) -> Iterator[Record]:
    lines = enumerate(encoding.decoded_lines(source, form.encoding), start=1)
    below = islice(lines, layout.line, None)
    return records(below, form.delimiter, len(layout.names), is_row)
