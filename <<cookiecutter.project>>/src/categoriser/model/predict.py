"""`make predict TEXT=… PRICE=…`: one answer; with a CSV file and `--output`, an answer a row."""

import argparse
import codecs
import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from categoriser.errors import UserError, run
from categoriser.features import price, text
from categoriser.files import read_lines, replacing
from categoriser.model.package import Categoriser
from categoriser.paths import MODEL

CHUNK = 10_000  # rows in memory at once
RUNNERS_UP = 3


def predict_file(categoriser: Categoriser, source: Path, target: Path) -> int:
    """Write `text, price, category, probability, review` for each row of a CSV file; count them.

    It is plain or gzipped and has the columns `text` and `price`. Raises `UserError` that names
    file, row (the first after the header is 1) and field; then nothing is written.
    """
    rows = read_rows(source)
    count = 0
    with replacing(target) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("text", "price", "category", "probability", "review"))
        while chunk := list(islice(rows, CHUNK)):
            texts, prices = zip(*chunk, strict=True)
            answers = categoriser.predict(texts, prices)
            writer.writerows(
                (*row, answer.category, f"{answer.probability:.6f}", str(answer.review).lower())
                for row, answer in zip(chunk, answers, strict=True)
            )
            count += len(chunk)
    return count


def read_rows(source: Path) -> Iterator[tuple[str, float]]:
    """Yield text and price of each row of a CSV file. Raises as `predict_file`."""
    reader = csv.DictReader(codecs.iterdecode(read_lines(source), "utf-8-sig"), strict=True)
    place = "the header"
    try:
        for name in ("text", "price"):
            if name not in (reader.fieldnames or ()):
                raise UserError(f"{source}: the header has no column {name}")
        place = "row 1"
        for number, row in enumerate(reader, start=1):
            if None in row or None in row.values():
                raise UserError(f"{source}: row {number} has more or fewer fields than the header")
            field = "text"
            try:
                words = text(row[field])
                field = "price"
                amount = price(row[field])
            except ValueError as error:
                raise UserError(
                    f"{source}: row {number}: {field} {row[field][:80]!r} {error}"
                ) from None
            yield words, amount
            place = f"row {number + 1}"
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{source}: {place} is not CSV in UTF-8: {error}") from None


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m categoriser.model.predict", description=__doc__
    )
    parser.add_argument(
        "text", help="a transaction's text; with --output, a CSV file, plain or gzipped"
    )
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--price", type=price, help="negative for a refund")
    how.add_argument("--output", type=Path, help="the CSV file to write")
    arguments = parser.parse_args()
    if not arguments.output:
        try:
            text(arguments.text)
        except ValueError as error:
            raise UserError(f"the text {error}") from None
    categoriser = Categoriser.load(MODEL)
    console = Console()
    if arguments.output:
        count = predict_file(categoriser, Path(arguments.text), arguments.output)
        console.print(f"{count} rows in {arguments.output}", highlight=False)
        return
    [answer] = categoriser.predict([arguments.text], [arguments.price])
    advice = "review" if answer.review else "accept"
    table = Table("category", "probability", title=f"{answer.category}: {advice}")
    table.columns[1].justify = "right"
    ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])
    for name, probability in ranked[: 1 + RUNNERS_UP]:
        table.add_row(name, f"{probability:.4f}")
    console.print(table)


if __name__ == "__main__":
    run(main)
