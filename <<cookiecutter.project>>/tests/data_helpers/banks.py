"""Files as banks export them: the same invented rows, each in a bank's own form."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

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
            month = (number - 1) // 28 + 1
            day = (number - 1) % 28 + 1
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
