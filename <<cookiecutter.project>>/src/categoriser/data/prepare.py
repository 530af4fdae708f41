"""Prepared rows: features for each row, and rows apart for training and for four measurements.

The parts are for one model, all disjoint: `time`, the last calendar months; of the rest `merchant`,
whole merchants by a hash of their key; of the rest `random` and `validation`, rows by a hash of
their content; `train` is what remains. A row's part depends on nothing but the row and the month
of the last one: it stays there when rows of that month are appended, and when later months are, it
only ever leaves `time`. Rows alike in date, text and price share a part.

A merchant's key is the column `merchant`; where that is missing or empty, the text as
`features.normalise` leaves it, without words that hold digits, and without the countries and the
well-known cities of `facts/places.csv` at its end. It looks at no other row, so it is stable too;
smaller places stay in the key, and one merchant may then have several.
"""

import csv
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from categoriser.contract import FIELDS, transactions
from categoriser.data.rows import read_rows
from categoriser.data.split import PARTS, SPLIT_FILE, Split, SplitPart
from categoriser.errors import UserError, run
from categoriser.features import lines_of, normalise
from categoriser.io.replacing import replacing, write_json
from categoriser.params import Prepare, read_params
from categoriser.paths import PREPARED, VALIDATED

PLACES = Path(__file__).with_name("facts") / "places.csv"


def prepare(rows: pl.DataFrame, settings: Prepare) -> tuple[dict[str, pl.DataFrame], Split]:
    """Split validated rows into `PARTS`, with the columns `key` and `features`, and describe it.

    Raises `UserError` where fewer than two classes are left to train on.
    """
    texts = rows["text"].to_list()
    distinct = list(dict.fromkeys(texts))  # real descriptors repeat
    form = dict(zip(distinct, normalise(distinct), strict=True))
    normal = [form[text] for text in texts]
    lines = lines_of(normal, transactions(rows.select(FIELDS).iter_rows()))
    key, key_is = keys(rows, normal)
    rows = rows.with_columns(key=key, features=pl.Series(lines, dtype=pl.String))
    part = part_of(rows, settings)
    parts = {name: rows.filter(part == name) for name in PARTS}
    classes: list[str] = parts["train"]["category"].unique().sort().to_list()
    if len(classes) < 2:
        sizes = ", ".join(f"{name} {part.height}" for name, part in parts.items())
        why = "prepare.months took all rows; " if parts["time"].height == rows.height else ""
        raise UserError(
            f"{VALIDATED}: training needs rows of 2 classes or more and gets {classes} (rows: "
            f"{sizes}); {why}hold out less (prepare.* in params.yaml), or give more data"
        )
    return parts, Split(key_is, classes, _describe(parts, classes))


def keys(rows: pl.DataFrame, normal: list[str]) -> tuple[pl.Series, str]:
    """Return each row's merchant, and in words what that is; `normal` are its normalised texts."""
    key_is = "the text without codes, words with digits, and the country and city at its end"
    merchant = pl.Series([""]).new_from_index(0, rows.height)
    if "merchant" in rows.columns:
        merchant = rows["merchant"].fill_null("").str.to_lowercase()
        merchant = merchant.str.strip_chars().str.replace_all(r"\s+", " ")
        empty = (merchant == "").sum()
        key_is = f"the column merchant; in {empty} rows, where it is empty, {key_is}"
    of_text = cache(text_key)
    found = [name or of_text(text) for name, text in zip(merchant.to_list(), normal, strict=True)]
    return pl.Series(found, dtype=pl.String), key_is


def text_key(normal: str) -> str:
    """Return what a normalised text says of the merchant: never empty unless the text is."""
    words = [word for word in normal.split() if word.isalpha()]
    while place := next((n for n in (3, 2, 1) if _ends_in_place(words, n)), 0):
        del words[-place:]
    return " ".join(words) or normal


def _ends_in_place(words: list[str], count: int) -> bool:
    return len(words) > count and " ".join(words[-count:]) in places()


@cache
def places() -> frozenset[str]:
    """Return the bundled names of cities and countries, normalised."""
    with PLACES.open(encoding="utf-8", newline="") as stream:
        return frozenset(normalise([row["place"] for row in csv.DictReader(stream)]))


def part_of(rows: pl.DataFrame, settings: Prepare) -> pl.Series:
    """Return the part of each row, which has its `key`, by name."""
    month = (rows["date"].dt.year() * 12 + rows["date"].dt.month()).to_numpy()
    time = pl.Series(month > month.max() - settings.months)
    merchants = rows["key"].unique()
    merchant = merchants.filter(uniform("merchant", merchants) < settings.merchants)
    content = rows.select(pl.col("date").to_physical(), "price", "text").iter_rows()
    row = uniform("row", (f"{day} {price!r} {text}" for day, price, text in content))
    held_out = {
        "time": time,
        "merchant": rows["key"].is_in(merchant.to_list()),
        "random": row < settings.random,
        "validation": row < settings.random + settings.validation,
    }
    first = (pl.when(chosen).then(pl.lit(name)) for name, chosen in held_out.items())
    return pl.select(part=pl.coalesce(*first, pl.lit("train")))["part"]


def uniform(purpose: str, texts: Iterable[str]) -> pl.Series:
    """Return a number in [0, 1) for each text, the same on every machine, in every version."""
    person = purpose.encode()
    digests = (blake2b(text.encode(), digest_size=8, person=person).digest() for text in texts)
    return pl.Series(np.frombuffer(b"".join(digests), dtype="<u8").astype(np.float64) / 2**64)


def _describe(parts: dict[str, pl.DataFrame], classes: list[str]) -> dict[str, SplitPart]:
    """Each part's size, dates, leakage (shares of rows) and classes that training lacks (rows)."""
    train = parts["train"]
    return {
        name: SplitPart(
            rows=part.height,
            groups=part["key"].n_unique(),
            dates=[str(date) for date in (part["date"].min(), part["date"].max()) if date],
            key_in_training=_share_of(part["key"], train["key"]),
            line_in_training=_share_of(part["features"], train["features"]),
            unseen_classes=dict(
                part.filter(~pl.col("category").is_in(classes))["category"].value_counts().rows()
            ),
        )
        for name, part in parts.items()
    }


def _share_of(values: pl.Series, known: pl.Series) -> float | None:
    """Return the share of rows whose value is among the known ones; None without rows."""
    return cast("float | None", values.is_in(known.unique().implode()).mean())


def main() -> None:
    rows = read_rows(VALIDATED, made_by="dvc repro validate")
    parts, split = prepare(rows, read_params().prepare)
    with replacing(PREPARED) as folder:
        folder.mkdir()
        for name, part in parts.items():
            part.write_parquet(folder / f"{name}.parquet")
        write_json(folder / SPLIT_FILE, split)


if __name__ == "__main__":
    run(main)
