"""Lines become records: line breaks in quotes are read, and one wrong quote costs its own row."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from categoriser.data.intake.records import LONGEST_RECORD, Record, records

WIDTH = 4


def is_row(fields: list[str]) -> bool:
    return fields[0].startswith("2026-") and fields[2].isdigit()


def read(text: str) -> list[Record]:
    lines = enumerate(io.StringIO(text, newline=None).read().split("\n"), start=1)
    return list(records(lines, ",", WIDTH, is_row))


TEXTS = st.text(st.sampled_from('ab ",\n;'), min_size=1, max_size=12).filter(str.strip)


@given(st.lists(TEXTS, max_size=8))
def test_what_a_csv_writer_wrote_is_read_as_it_was(texts: list[str]) -> None:
    stream = io.StringIO()
    rows = [["2026-01-05", text, str(n), "x"] for n, text in enumerate(texts)]
    csv.writer(stream, lineterminator="\n").writerows(rows)
    assert [record.fields for record in read(stream.getvalue())] == rows


PLAIN = st.text(st.sampled_from("ab ;"), max_size=6)


@given(st.lists(PLAIN, min_size=1, max_size=30), st.integers(0, 29))
def test_a_wrong_quote_costs_its_own_row_and_no_other(texts: list[str], where: int) -> None:
    where %= len(texts)
    lines = [f"2026-01-05,{text},{n},x" for n, text in enumerate(texts)]
    lines[where] = f'2026-01-05,"{texts[where]},{where},x'
    found = read("\n".join(lines))
    assert [record.line for record in found] == list(range(1, len(lines) + 1))
    assert [record.line for record in found if record.fault] == [where + 1]
    assert found[where].fault == ("has a quote that is not closed", lines[where])


def test_a_record_goes_on_over_so_many_lines_and_no_more() -> None:
    for breaks, faults in ((LONGEST_RECORD, 0), (LONGEST_RECORD + 1, LONGEST_RECORD + 2)):
        text = '2026-01-05,"a' + "\nb" * breaks + '",1,x'
        found = read(f"{text}\n2026-01-06,c,2,x")
        assert sum(record.fault is not None for record in found) == faults
        assert found[-1].fields == ["2026-01-06", "c", "2", "x"]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("2026-01-05,a,1,x,,", ["2026-01-05", "a", "1", "x"]),
        ('2026-01-05,joe 5" pipe,1,x', ["2026-01-05", 'joe 5" pipe', "1", "x"]),
        ("2026-01-05,,1,", ["2026-01-05", "", "1", ""]),
    ],
)
def test_a_line_is_read_alone(line: str, fields: list[str]) -> None:
    assert [record.fields for record in read(line)] == [fields]
