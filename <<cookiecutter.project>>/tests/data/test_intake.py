"""Banks' exports through `make data`: what is proposed, what is asked, and what is then read."""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from categoriser.data import own
from categoriser.data.intake.form import Form
from categoriser.data.intake.reading import read_table
from categoriser.data.intake.recognise import recognise
from categoriser.errors import UserError
from categoriser.params import read_params, set_params
from categoriser.paths import INTAKE, OWN, PARAMS

DAYS = range(1, 41)
TEXTS = ("Bäckerei Süß", "metro no 7", 'joe "s" bar', "rent, flat")


class Bank:
    """Forty invented rows, and how one bank writes them."""

    def __init__(self, **how: Any) -> None:
        self.delimiter = how.get("delimiter", ",")
        self.header = how.get("header", ["date", "text", "price", "category"])
        self.date = how.get("date", "{y}-{m:02}-{d:02}")
        self.price = how.get("price", "{0:.2f}")
        self.fields = how.get("fields", ["date", "text", "price", "category"])
        self.encoding = how.get("encoding", "utf-8")
        self.end = how.get("end", "\n")
        self.above = how.get("above", [])
        self.below = how.get("below", [])
        self.after_header = how.get("after_header", "")
        self.after_row = how.get("after_row", "")
        self.texts = how.get("texts", TEXTS)
        self.sign = how.get("sign", 1)

    def rows(self) -> list[dict[str, str]]:
        """Return the rows as the project should read them."""
        found = []
        for number in DAYS:
            month, day = (number - 1) // 28 + 1, (number - 1) % 28 + 1
            amount = number * 37.25 if number % 10 else -number * 1.5
            found.append(
                {
                    "date": f"2026-{month:02}-{day:02}",
                    "text": " ".join(self.texts[number % len(self.texts)].split()),
                    "price": f"{amount:.2f}",
                    "category": "ab"[number % 2],
                }
            )
        return found

    def value(self, name: str, row: dict[str, str], number: int) -> str:
        amount = float(row["price"]) * self.sign
        if name == "date":
            year, month, day = (int(part) for part in row["date"].split("-"))
            month_name = ("Jan", "Feb")[month - 1]
            return str(self.date.format(y=year, yy=year % 100, m=month, d=day, b=month_name))
        if name == "text":
            return str(self.texts[number % len(self.texts)])
        if name == "price":
            return self.price(amount) if callable(self.price) else str(self.price.format(amount))
        if name == "debit":
            return f"{amount:.2f}" if amount > 0 else ""
        if name == "credit":
            return f"{-amount:.2f}" if amount < 0 else ""
        if name == "size":
            return f"{abs(amount):.2f}"
        if name == "way":
            return "Debit" if amount > 0 else "Credit"
        return row.get(name, name)

    def write(self, path: Path) -> Path:
        lines = [*self.above]
        if self.header:
            lines.append(self.delimiter.join(self.header) + self.after_header)
        for number, row in enumerate(self.rows(), start=1):
            fields = [self.value(name, row, number) for name in self.fields]
            lines.append(self.line(fields) + self.after_row)
        lines += self.below
        body = "".join(f"{line}{self.end}" for line in lines).encode(self.encoding)
        path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
        return path

    def line(self, fields: list[str]) -> str:
        quoted = []
        for field in fields:
            needs = any(sign in field for sign in (self.delimiter, '"', "\n"))
            quoted.append('"' + field.replace('"', '""') + '"' if needs else field)
        return str(self.delimiter.join(quoted))


def german(amount: float) -> str:
    return f"{amount:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")


def spaced(amount: float) -> str:
    return f"{amount:,.2f}".replace(",", "\u00a0").replace(".", ",")


def swiss(amount: float) -> str:
    return f"CHF {amount:,.2f}".replace(",", "'")


def in_brackets(amount: float) -> str:
    return f"£{amount:,.2f}" if amount >= 0 else f"(£{-amount:,.2f})"


def minus_behind(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 0 else f"{-amount:.2f}-"


def marked(amount: float) -> str:
    return f"{amount:.2f} DR" if amount >= 0 else f"{-amount:.2f} CR"


ENGLISH = ["Transaction Date", "Narrative", "Amount (GBP)", "Category"]
GERMAN = ["Buchungstag", "Verwendungszweck", "Betrag (€)", "Kategorie"]
BANKS: dict[str, tuple[Bank, dict[str, Any]]] = {
    "semicolons and decimal commas": (
        Bank(delimiter=";", price=german),
        {"delimiter": ";", "decimal": ","},
    ),
    "windows-1252": (Bank(encoding="windows-1252"), {"encoding": "windows-1252"}),
    "utf-16 little-endian with tabs": (
        Bank(encoding="utf-16", delimiter="\t", end="\r\n"),
        {"encoding": "utf-16", "delimiter": "\t"},
    ),
    "utf-16 big-endian without a mark": (
        Bank(encoding="utf-16-be", delimiter="\t"),
        {"encoding": "utf-16-be", "delimiter": "\t"},
    ),
    "a mark, and another spelling": (
        Bank(encoding="utf-8-sig", header=ENGLISH),
        {"columns": dict(zip(["date", "text", "price", "category"], ENGLISH, strict=True))},
    ),
    "line breaks in quotes": (Bank(texts=("Bäckerei\nSüß", "metro", "a\nb\nc")), {}),
    "line breaks in the first column": (
        Bank(
            texts=("Bäckerei\r\nSüß", "metro"),
            header=["text", "date", "price", "category"],
            fields=["text", "date", "price", "category"],
        ),
        {},
    ),
    "dd/mm/yyyy": (Bank(date="{d:02}/{m:02}/{y}"), {"date": "DD/MM/YYYY"}),
    "dd.mm.yyyy": (
        Bank(date="{d:02}.{m:02}.{y}", delimiter=";", header=GERMAN, price=german),
        {"date": "DD.MM.YYYY"},
    ),
    "mm/dd/yyyy": (Bank(date="{m}/{d}/{y}"), {"date": "MM/DD/YYYY"}),
    "yyyy/mm/dd": (Bank(date="{y}/{m:02}/{d:02}"), {"date": "YYYY/MM/DD"}),
    "dd-Mon-yyyy": (Bank(date="{d:02}-{b}-{y}"), {"date": "DD-Mon-YYYY"}),
    "Mon d, yyyy": (Bank(date="{b} {d}, {y}"), {"date": "Mon DD, YYYY"}),
    "two digits of the year": (Bank(date="{d:02}/{m:02}/{yy}"), {"date": "DD/MM/YY"}),
    "yyyymmdd": (Bank(date="{y}{m:02}{d:02}"), {"date": "YYYYMMDD"}),
    "a time behind": (Bank(date="{y}-{m:02}-{d:02}T23:59:01.5+02:00"), {"date": "YYYY-MM-DD"}),
    "a clock behind": (Bank(date="{d:02}/{m:02}/{y} 09:05 PM"), {"date": "DD/MM/YYYY"}),
    "thousands with commas": (Bank(price="{0:,.2f}"), {"decimal": "."}),
    "thousands with hard spaces": (Bank(price=spaced, delimiter=";"), {"decimal": ","}),
    "thousands with apostrophes": (Bank(price=swiss), {"decimal": "."}),
    "brackets and a currency": (Bank(price=in_brackets), {}),
    "a minus behind": (Bank(price=minus_behind), {}),
    "CR and DR": (Bank(price=marked), {}),
    "debit and credit": (
        Bank(
            header=["date", "text", "Paid Out", "Paid In", "category", "Balance"],
            fields=["date", "text", "debit", "credit", "category", "1.00"],
        ),
        {"sign": "by column"},
    ),
    "a column that says the way": (
        Bank(
            header=["date", "text", "amount", "Dr/Cr", "category"],
            fields=["date", "text", "size", "way", "category"],
        ),
        {"sign": "by column"},
    ),
    "lines above": (Bank(above=['"Account";"DE00"', "", "From 2026-01-01, to:,1.00"]), {}),
    "lines below": (Bank(below=["", "Total,,1.00,", '"End, of statement"']), {}),
    "delimiters behind the header": (Bank(after_header=","), {}),
    "delimiters behind the rows": (Bank(after_row=",,"), {}),
    "delimiters behind both": (Bank(after_header=",", after_row=","), {}),
    "carriage returns alone": (Bank(end="\r"), {}),
    "bars": (Bank(delimiter="|", header=ENGLISH), {"delimiter": "|"}),
}

ZIPPED = ("windows-1252", "carriage returns alone", "utf-16 little-endian with tabs")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(project: Path) -> Path:
    """Fix the settings: the rows below are of two months."""
    set_params(PARAMS, {"prepare.months": 0, "data.path": "data/generated.csv"})
    subprocess.run(["git", "init", "--quiet"], check=True)
    (project / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    return project


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave DVC out: how it is called is tested elsewhere."""
    monkeypatch.setattr(own, "dvc", lambda *_: "")


def make_data(monkeypatch: pytest.MonkeyPatch, *files: object, accept: str = "") -> None:
    monkeypatch.setenv("ACCEPT", accept)
    own.take_files(" ".join(map(str, files)))


def taken() -> list[dict[str, str]]:
    with OWN.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def known(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: row[name] for name in ("date", "text", "price", "category")} for row in rows]


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize(
    ("name", "suffix"), [*((name, "csv") for name in BANKS), *((name, "csv.gz") for name in ZIPPED)]
)
def test_an_export_is_proposed_and_read_once_it_is_accepted(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    suffix: str,
) -> None:
    bank, expected = BANKS[name]
    source = bank.write(project / f"bank.{suffix}")
    with pytest.raises(UserError, match=r"nothing is taken yet.*ACCEPT=1"):
        make_data(monkeypatch, source)
    said = capsys.readouterr().out
    assert not OWN.exists()
    assert read_params().data.path != OWN
    proposed = yaml.safe_load(INTAKE.read_text(encoding="utf-8"))
    assert {field: proposed[field] for field in expected} == expected
    first = bank.rows()[0]
    assert f"date {first['date']}, text {first['text']}, price {first['price']}" in said
    assert said.count("\n  line ") == 2
    ignored = subprocess.run(["git", "check-ignore", str(INTAKE)], capture_output=True)
    assert ignored.returncode == 1

    make_data(monkeypatch, source, accept="1")
    assert known(taken()) == bank.rows()
    assert not own.ASIDE.exists()
    # The file stands by now, and fits.
    OWN.unlink()
    make_data(monkeypatch, source)
    assert known(taken()) == bank.rows()
    assert f"{source} is read as data/intake.yaml says" in capsys.readouterr().out


@pytest.mark.usefixtures("tracked")
def test_a_file_in_the_own_form_is_taken_as_it_stands_and_nothing_is_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Bank().write(project / "my.csv")
    make_data(monkeypatch, source)
    assert OWN.read_bytes() == source.read_bytes()
    assert not INTAKE.exists()


@pytest.mark.usefixtures("tracked")
def test_what_only_a_late_row_shows_is_proposed_too(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Bank().write(project / "my.csv")
    late = '2026-02-13,rent,"1,107.00",a\n'
    source.write_text("\n".join([source.read_text().splitlines()[0]]) + "\n")
    with source.open("a") as stream:
        stream.writelines(f"2026-01-05,shop {n},{n}.50,{'ab'[n % 2]}\n" for n in range(1500))
        stream.write(late)
    with pytest.raises(UserError, match="ACCEPT=1"):
        make_data(monkeypatch, source)
    make_data(monkeypatch, source, accept="1")
    assert taken()[-1]["price"] == "1107.00"
    assert len(taken()) == 1501


ASKED = {
    "the day or the month": (
        "date,text,price,category\n01/02/2026,a,1.50,x\n03/04/2026,b,2.50,y\n",
        "date",
        r"date: every date reads either way \(line 2: 01/02/2026\)",
        "DD/MM/YYYY",
        ["2026-02-01", "2026-04-03"],
    ),
    "thousands or decimals": (
        'date,text,price,category\n2026-01-02,a,"1,234",x\n2026-01-03,b,7,y\n',
        "decimal",
        r"decimal: line 2 has 1,234, which may be thousands or three decimals",
        ".",
        ["1234", "7"],
    ),
}


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize("name", ASKED)
def test_what_the_file_does_not_show_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    content, field, question, answer, values = ASKED[name]
    source = project / "bank.csv"
    source.write_text(content)
    set_params(PARAMS, {"prepare.validation": 0.5, "prepare.merchants": 0, "prepare.random": 0})
    for _ in range(2):  # ACCEPT=1 does not answer it
        with pytest.raises(UserError, match=question):
            make_data(monkeypatch, source, accept="1")
    written = INTAKE.read_text(encoding="utf-8")
    assert f'{field}: "?"' in written
    INTAKE.write_text(written.replace(f'{field}: "?"', f'{field}: "{answer}"'), encoding="utf-8")
    form = Form.model_validate(yaml.safe_load(INTAKE.read_text(encoding="utf-8")))
    names, rows, _ = read_table(source, form)
    column = names.index("date" if field == "date" else "price")
    assert [row.fields[column] for row in rows] == values


@pytest.mark.usefixtures("tracked")
def test_without_a_header_the_columns_are_asked_for_by_number(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(header=[], date="{d:02}.{m:02}.{y}", delimiter=";", price=german)
    source = bank.write(project / "bank.csv")
    with pytest.raises(UserError, match=r"no line names the columns: .*1 '01\.01\.2026'; 2 'metro"):
        make_data(monkeypatch, source, accept="1")
    text = INTAKE.read_text(encoding="utf-8")
    for number, column in enumerate(("date", "text", "price", "category"), start=1):
        text = text.replace(f'  {column}: "?"', f"  {column}: {number}")
    INTAKE.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="nothing is taken yet"):
        make_data(monkeypatch, source)
    make_data(monkeypatch, source)
    assert taken() == bank.rows()


@pytest.mark.usefixtures("tracked")
def test_a_column_of_an_unknown_name_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(header=["date", "Wofür", "price", "category"], date="{d:02}.{m:02}.{y}")
    source = bank.write(project / "bank.csv")
    with pytest.raises(UserError, match=r"columns\.text: no column is known to be the text"):
        make_data(monkeypatch, source)
    text = INTAKE.read_text(encoding="utf-8")
    INTAKE.write_text(text.replace('text: "?"', "text: Wieso"), encoding="utf-8")
    with pytest.raises(UserError, match=r"columns\.text is 'Wieso', and the file has no such"):
        make_data(monkeypatch, source)
    INTAKE.write_text(text.replace('text: "?"', "text: Wofür"), encoding="utf-8")
    make_data(monkeypatch, source, accept="1")
    assert known(taken()) == bank.rows()


@pytest.mark.usefixtures("tracked")
def test_a_form_that_stands_and_does_not_fit_is_a_refusal(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = BANKS["dd.mm.yyyy"][0].write(project / "first.csv")
    other = BANKS["mm/dd/yyyy"][0].write(project / "other.csv")
    make_data(monkeypatch, first, accept="1")
    stands, rows = INTAKE.read_bytes(), OWN.read_bytes()
    for accept in ("", "1"):
        with pytest.raises(UserError, match=r"intake\.yaml does not fit .*other\.csv: none of its"):
            make_data(monkeypatch, other, accept=accept)
    assert (INTAKE.read_bytes(), OWN.read_bytes()) == (stands, rows)
    # A file in the own form needs none.
    own_form = Bank().write(project / "my.csv")
    make_data(monkeypatch, own_form)
    assert OWN.read_bytes() == own_form.read_bytes()
    # Nor do the project's own files, beside a bank's.
    INTAKE.unlink()
    Path("feedback").mkdir()
    fed_back = Bank().write(Path("feedback/train.csv"))
    make_data(monkeypatch, first, fed_back, accept="1")
    assert taken() == Bank().rows() * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("date: DD/DD/YYYY", "intake.yaml: date: .*must hold DD"),
        ("encoding: klingon", "intake.yaml: encoding: .*Python knows no encoding 'klingon'"),
        ("columns: {wer: a}", "intake.yaml: columns: .*wer is none of date"),
        ("header: false\ncolumns: {date: a}", "without a header the columns are given by number"),
        ("speed: 1", "intake.yaml: speed: Extra inputs"),
    ],
)
def test_a_form_that_is_wrong_names_the_key(
    project: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    source = Bank().write(project / "my.csv")
    INTAKE.parent.mkdir()
    INTAKE.write_text(line)
    with pytest.raises(UserError, match=message):
        make_data(monkeypatch, source)


@pytest.mark.usefixtures("tracked")
def test_where_all_is_negative_spending_is_turned(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{n % 28 + 1:02}.01.2026;shop;{-n - 1},50;{'ab'[n % 2]}" for n in range(200)]
    source = project / "bank.csv"
    source.write_text("\n".join(["date;text;price;category", *rows, ""]))
    with pytest.raises(UserError, match="ACCEPT=1"):
        make_data(monkeypatch, source)
    said = capsys.readouterr().out
    assert "200 of 200 prices are negative, so spending is negative there" in said
    assert "price 1.50" in said
    assert yaml.safe_load(INTAKE.read_text())["sign"] == "turned"
    make_data(monkeypatch, source, accept="1")
    assert [row["price"] for row in taken()[:2]] == ["1.50", "2.50"]
    # A file of the bank in which spending is positive is not turned over in silence.
    source.write_text(source.read_text().replace(";-", ";"))
    with pytest.raises(UserError, match="with its sign turned, 200 of 200 prices are negative"):
        make_data(monkeypatch, source)


@pytest.mark.usefixtures("tracked")
def test_the_own_form_is_turned_by_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"2026-01-05,shop,{-n - 1},{'ab'[n % 2]}" for n in range(100)]
    source = project / "my.csv"
    source.write_text("\n".join(["date,text,price,category", *rows, ""]))
    make_data(monkeypatch, source)
    said = capsys.readouterr().out
    assert "100 of 100 prices are negative" in said
    assert "`sign: turned` into data/intake.yaml" in said
    assert OWN.read_bytes() == source.read_bytes()
    INTAKE.write_text("sign: turned\n")
    make_data(monkeypatch, source)
    assert [row["price"] for row in taken()[:2]] == ["1", "2"]
    assert "prices are negative" not in capsys.readouterr().out


@pytest.mark.usefixtures("tracked")
def test_a_row_that_cannot_be_read_is_set_aside_with_its_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(above=["Account,DE00"], date="{d:02}.{m:02}.{y}")
    source = bank.write(project / "bank.csv")
    lines = source.read_text().splitlines()
    lines[4] = '"wrong,31.02.2026,1,a'
    lines[6] = "31.02.2026,shop,1,a"
    lines[8] = "01.02.2026,shop,dear,a"
    source.write_text("\n".join([*lines, ""]))
    set_params(PARAMS, {"validate.tolerance": 0.1})
    make_data(monkeypatch, source, accept="1")
    with own.ASIDE.open(encoding="utf-8", newline="") as stream:
        aside = [(row["line"], row["reason"]) for row in csv.DictReader(stream)]
    assert aside == [
        ("5", "has a quote that is not closed"),
        ("7", "date is not a date written DD.MM.YYYY"),
        ("9", "price is not an amount such as 12.50"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "is a zip archive or an Excel workbook"),
        (b"%PDF-1.7", "is a PDF"),
        (b"PAR1rest", "is a Parquet file"),
        (b"one\ntwo\nthree\n", "no table is found"),
        (b"\n \n", "is empty"),
    ],
)
def test_what_is_no_table_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    (project / "bank.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        make_data(monkeypatch, "bank.csv")
    assert not INTAKE.exists()


def test_an_encoding_that_is_not_shown_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(encoding="cp850", texts=("für Äpfel", "übrig", "être"))
    with pytest.raises(UserError, match="encoding: it is not UTF-8, and as windows-1252"):
        make_data(monkeypatch, bank.write(project / "bank.csv"))


MEMORY = """
import resource, sys
from pathlib import Path
from categoriser.data.intake.form import Form
from categoriser.data.intake.reading import read_table
from categoriser.data.intake.recognise import recognise
source = Path(sys.argv[1])
form = recognise(source).form
print(sum(1 for _ in read_table(source, form).rows))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


# In a process of its own, that a small one starts: a peak counts what the starter held.
def test_memory_does_not_grow_with_an_export(tmp_path: Path) -> None:
    source = tmp_path / "bank.csv"
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", MEMORY, str(source)]
    sizes, peaks = [], []
    for count in (2_000, 15_000):
        with source.open("w", encoding="utf-8") as stream:
            stream.write("date;text;price;category\n")
            stream.writelines(f"05.01.2026;{n:_>3000};{n % 900},50;x\n" for n in range(count))
            stream.write("13.01.2026;last;1,50;x\n")
        sizes.append(source.stat().st_size / 2**20)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows, peak = done.stdout.split()
        assert int(rows) == count + 1
        peaks.append(int(peak) / (1024 if sys.platform != "darwin" else 1024**2))
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 2, (sizes, peaks)


def test_what_is_recognised_is_the_same_again(tmp_path: Path) -> None:
    source = BANKS["dd.mm.yyyy"][0].write(tmp_path / "bank.csv")
    first, again = recognise(source), recognise(source)
    assert first == again
    assert first.form.columns == dict(
        zip(["date", "text", "price", "category"], GERMAN, strict=True)
    )
    assert "line 14 has 13.01.2026, which MM.DD.YYYY cannot read" in first.why["date"]
