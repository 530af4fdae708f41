"""A file's rows are answered, and those that cannot be are set aside."""

from __future__ import annotations

import csv
import datetime
import gzip
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from model_helpers.transaction_files import HEADER, LINES, read, write

from categoriser.contract import CSV, transactions
from categoriser.errors import UserError
from categoriser.model import batch
from categoriser.model.answer_writers import ANSWER_COLUMNS
from categoriser.model.batch import AnsweredFile, aside_of, predict_file
from categoriser.model.package import Categoriser
from categoriser.paths import INTAKE
from categoriser.serving.problem import RequestError
from categoriser.serving.protocol import parse_rows

pytestmark = pytest.mark.usefixtures("project")


def test_all_columns_stand_as_they_were_and_the_answers_come_after(
    categoriser: Categoriser, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "GIVEN_ROWS_AT_ONCE", 2)
    assert predict_file(categoriser, source, target) == AnsweredFile(3, 0)
    given = read(source)
    rows = read(target)
    assert list(rows[0]) == [
        *("id", "date", "text", "price"),
        *("category", "probability", "review", "source"),
    ]
    answers = categoriser.predict(
        transactions([("aldi, sydney", 12.5), ("shell", -3.0), ("metro", 6.2)])
    )
    for before, after, answer in zip(given, rows, answers, strict=True):
        assert {name: after[name] for name in before} == before
        assert after["category"] == answer.category
        assert after["probability"] == f"{answer.probability:.6f}"
        assert after["review"] == str(answer.review).lower()
        assert after["source"] == answer.source
    assert not aside_of(target).exists()


def test_a_line_break_in_quotes_and_a_mark_at_the_start_are_read(
    categoriser: Categoriser, tmp_path: Path, target: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes('\ufefftext,price\n"aldi\nsydney",1e2\nshell,3\n'.encode())
    assert predict_file(categoriser, source, target) == AnsweredFile(2, 0)
    assert [row["text"] for row in read(target)] == ["aldi\nsydney", "shell"]
    assert [row["price"] for row in read(target)] == ["1e2", "3"]


BAD = {
    "T9,,metro,dear": "price is not a number",
    "T9,,metro,nan": "price is not a number",
    "T9,,metro,": "price is not a number",
    "T9,,metro,1_0": "price is not a number",
    "T9,,metro,١": "price is not a number",
    "T9,,metro,1e999": "price must be a finite number",
    "T9,, ,1": "text is empty",
    f"T9,,{'a' * 257},1": "text is longer than 256 characters",
    "T9,,metro": "has another number of fields than the header",
    "T9,,metro,1,2": "has another number of fields than the header",
    'T9,,"a"b,1': "has wrong quotes",
    'T9,,"metro,1': "has a quote that is not closed",
    "T9,,a\0,1": "holds a NUL character",
}


@pytest.mark.parametrize(("line", "reason"), BAD.items())
def test_a_bad_row_is_set_aside_and_the_rest_is_answered(
    categoriser: Categoriser, tmp_path: Path, target: Path, line: str, reason: str
) -> None:
    source = write(tmp_path / "in.csv", HEADER, LINES[0], line, *LINES[1:])
    assert predict_file(categoriser, source, target) == AnsweredFile(3, 1)
    assert [row["id"] for row in read(target)] == ["T0", "T1", "T2"]
    [aside] = read(aside_of(target))
    assert aside == {"line": "3", "reason": reason, "text": line}


def test_a_byte_that_is_not_utf_8_is_set_aside(
    categoriser: Categoriser, tmp_path: Path, target: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes("text,price\ncafé,1\ncafé,2\n".encode() + "café,3\n".encode("latin-1"))
    assert predict_file(categoriser, source, target) == AnsweredFile(2, 1)
    [aside] = read(aside_of(target))
    assert (aside["line"], aside["reason"]) == ("4", "is not of the file's encoding")


def test_what_was_set_aside_before_goes(
    categoriser: Categoriser, source: Path, target: Path
) -> None:
    aside_of(target).write_text("stale")
    predict_file(categoriser, source, target)
    assert not aside_of(target).exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty"),
        (b"text,price\n", r"not one row can be answered \(0 rows\)"),
        (b"text,price\na,dear\n", r"not one row can be answered \(1 rows\)\n.*price is not a num"),
        (b"alpha,beta\na,1\n", r"no table is found"),
    ],
)
def test_a_file_without_one_good_row_is_refused_and_nothing_is_written(
    categoriser: Categoriser, tmp_path: Path, target: Path, content: bytes, message: str
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(content)
    with pytest.raises(UserError, match=rf"(?s)in\.csv.*{message}"):
        predict_file(categoriser, source, target)
    assert not target.exists()
    assert not aside_of(target).exists()


def test_columns_that_the_answers_have_are_refused_or_given_another_name(
    categoriser: Categoriser, tmp_path: Path, target: Path
) -> None:
    source = write(tmp_path / "in.csv", "text,price,category", "shell,1,mine")
    with pytest.raises(UserError, match=r"in\.csv has a column category, as the answers do"):
        predict_file(categoriser, source, target)
    assert not target.exists()
    predict_file(categoriser, source, target, prefix="predicted_")
    [row] = read(target)
    assert row["category"] == "mine"
    assert row["predicted_category"] in categoriser.classes


@pytest.mark.parametrize("how", ["same", "relative", "link", "hard link", "set aside"])
def test_the_source_is_never_written_over(
    categoriser: Categoriser, tmp_path: Path, source: Path, how: str
) -> None:
    before = source.read_bytes()
    target = source
    if how == "relative":
        (tmp_path / "folder").mkdir()
        target = tmp_path / "folder/../in.csv"
    elif how == "link":
        target = tmp_path / "out.csv"
        target.symlink_to(source)
    elif how == "hard link":
        target = tmp_path / "out.csv"
        target.hardlink_to(source)
    elif how == "set aside":
        source = source.rename(tmp_path / "out_set_aside.csv")
        target = tmp_path / "out.csv"
    with pytest.raises(UserError, match="would be overwritten"):
        predict_file(categoriser, source, target)
    assert source.read_bytes() == before


def test_a_gzipped_file_is_answered_alike(
    categoriser: Categoriser, source: Path, tmp_path: Path
) -> None:
    zipped, plain, same = (tmp_path / name for name in ("in.csv.gz", "plain.csv", "same.csv"))
    zipped.write_bytes(gzip.compress(source.read_bytes()))
    assert predict_file(categoriser, source, plain) == predict_file(categoriser, zipped, same)
    assert plain.read_bytes() == same.read_bytes()


def test_a_bank_s_export_is_answered_as_its_form_says(
    categoriser: Categoriser, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["01.02.2026;Café;1.107,00;x", "13.02.2026;shell;-3,50;y"]
    source = tmp_path / "bank.csv"
    text = "\n".join(["Buchungstag;Verwendungszweck;Betrag;Info", *rows, ""])
    source.write_bytes(text.encode("windows-1252"))
    with pytest.raises(UserError, match="ACCEPT=1"):
        predict_file(categoriser, source, target)
    assert not target.exists()
    INTAKE.unlink()
    monkeypatch.setenv("ACCEPT", "1")
    assert predict_file(categoriser, source, target) == AnsweredFile(2, 0)
    with target.open(encoding="utf-8", newline="") as stream:
        header, *found = csv.reader(stream)
    assert header[:4] == ["Buchungstag", "Verwendungszweck", "Betrag", "Info"]
    assert [row[:4] for row in found] == [row.split(";") for row in rows]
    answers = categoriser.predict(transactions([("Café", 1107.0), ("shell", -3.5)]))
    assert [row[4:6] for row in found] == [
        [answer.category, f"{answer.probability:.6f}"] for answer in answers
    ]


TABLE = pa.table(
    {
        "when": pa.array([datetime.date(2026, 1, day) for day in (1, 2, 3)]),
        "text": ["aldi", None, "shell"],
        "price": pa.array([Decimal("12.50"), Decimal("1.00"), Decimal("-3.00")]),
        "tags": [["a"], [], None],
    }
)


def test_parquet_keeps_its_types(
    categoriser: Categoriser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "GIVEN_ROWS_AT_ONCE", 2)
    source = tmp_path / "in.parquet"
    target = tmp_path / "out.parquet"
    pq.write_table(TABLE, source)
    assert predict_file(categoriser, source, target) == AnsweredFile(2, 1)
    found = pq.read_table(target)
    assert found.schema.names == [*TABLE.schema.names, *ANSWER_COLUMNS]
    assert found.select(TABLE.schema.names).equals(TABLE.take([0, 2]))
    answers = categoriser.predict(transactions([("aldi", 12.5), ("shell", -3.0)]))
    assert found["category"].to_pylist() == [answer.category for answer in answers]
    assert found["probability"].to_pylist() == [answer.probability for answer in answers]
    assert found["review"].to_pylist() == [answer.review for answer in answers]
    assert found["source"].to_pylist() == [answer.source for answer in answers]
    [aside] = read(aside_of(target))
    assert (aside["row"], aside["reason"]) == ("2", "text is missing or no text")


def test_parquet_and_csv_are_written_from_each_other(
    categoriser: Categoriser, tmp_path: Path, source: Path, target: Path
) -> None:
    parquet = tmp_path / "out.parquet"
    predict_file(categoriser, source, parquet)
    predict_file(categoriser, source, target)
    table = pq.read_table(parquet)
    assert table["price"].to_pylist() == ["12.50", "-3.00", "6.20"]
    assert table["category"].to_pylist() == [row["category"] for row in read(target)]
    again = tmp_path / "again.csv"
    predict_file(categoriser, parquet, again, prefix="second_")
    assert [row["second_category"] for row in read(again)] == table["category"].to_pylist()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (pa.table({"text": ["a"]}), "no column, or more than one, named price"),
        (b"PAR1broken", "cannot be read"),
    ],
)
def test_parquet_that_cannot_be_answered_is_refused(
    categoriser: Categoriser, tmp_path: Path, target: Path, content: pa.Table | bytes, fault: str
) -> None:
    source = tmp_path / "in.parquet"
    if isinstance(content, bytes):
        source.write_bytes(content)
    else:
        pq.write_table(content, source)
    with pytest.raises(UserError, match=fault):
        predict_file(categoriser, source, target)
    assert not target.exists()


# What the server refuses or takes, a file's row does too.
@pytest.mark.parametrize("text", ["a", " ", "é", "\u2028", "\x1c"])
@pytest.mark.parametrize("price", ["1", " -.5e1 ", "1_0", "", "nan", "1e999", "٣", "0x1", "+2."])
def test_a_file_is_judged_as_the_server_judges_it(
    categoriser: Categoriser, tmp_path: Path, target: Path, text: str, price: str
) -> None:
    body = f"text,price\n{text},{price}\n".encode()
    source = tmp_path / "in.csv"
    source.write_bytes(body)
    try:
        parsed = parse_rows(body, CSV)
    except RequestError:
        with pytest.raises(UserError, match=r"line 2: (text|price)"):
            predict_file(categoriser, source, target)
    else:
        predict_file(categoriser, source, target)
        [answer] = categoriser.predict(parsed.rows)
        assert read(target)[0]["probability"] == f"{answer.probability:.6f}"


def test_what_cannot_be_read_is_named(
    categoriser: Categoriser, tmp_path: Path, target: Path
) -> None:
    with pytest.raises(UserError, match=r"cannot be read: .*directory"):
        predict_file(categoriser, tmp_path, target)
    with pytest.raises(UserError, match=r"none\.csv is missing"):
        predict_file(categoriser, tmp_path / "none.csv", target)
    assert not target.exists()
