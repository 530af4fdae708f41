"""Prepared rows: features for each row, and rows apart for training and for four measurements.

The parts are for one model, all disjoint: `time`, the last calendar months; of the rest `merchant`,
whole merchants by a hash of their key; of the rest `random` and `validation`, rows by a hash of
their content; `train` is what remains. The hashes have a salt, `prepare.salt`: another one draws
other merchants and rows. A row's part depends on nothing but the row and the month
of the last one: it stays there when rows of that month are appended, and when later months are, it
only ever leaves `time`. Rows alike in date, text and price share a part. Of a held-out merchant
that is too much of its part, some rows, by their hash, are in no part (`prepare.largest_group`).
How many depends on the other held-out merchants' rows, and none of them is ever in another part.

A merchant here is a group of merchants that share a name, as `data/merchant_group.py` tells it.
"""

from collections.abc import Mapping
from typing import cast

import polars as pl

from categoriser.command import run_command
from categoriser.contract import FIELDS, transactions
from categoriser.data.group_corrections import read_group_corrections
from categoriser.data.group_weight import describe_groups, rows_over
from categoriser.data.hashed_uniform import uniform
from categoriser.data.merchant_group import find_merchants
from categoriser.data.rows import read_rows
from categoriser.data.split import LEFT_OUT, PARTS, SPLIT_FILE, Split, SplitPart
from categoriser.errors import UserError
from categoriser.features import lines_of, normalise
from categoriser.io.replacing import replacing, write_json
from categoriser.params import Prepare, read_params
from categoriser.paths import MERCHANT_GROUPS, PREPARED, VALIDATED

NO_CORRECTIONS: Mapping[str, str] = {}


def prepare(
    rows: pl.DataFrame, settings: Prepare, corrections: Mapping[str, str] = NO_CORRECTIONS
) -> tuple[dict[str, pl.DataFrame], Split]:
    """Split validated rows into `PARTS`, with the columns `key` and `features`, and describe it.

    `key` is the merchant's group; `corrections` are those of `read_group_corrections`.
    Raises `UserError` where fewer than two classes are left to train on.
    """
    texts = rows["text"].to_list()
    # Each text is normalised once: real descriptors repeat.
    distinct = list(dict.fromkeys(texts))
    normalised = dict(zip(distinct, normalise(distinct), strict=True))
    normal = [normalised[text] for text in texts]
    lines = lines_of(normal, transactions(rows.select(FIELDS).iter_rows()))
    merchants = find_merchants(rows, normal, corrections)
    rows = rows.with_columns(key=merchants.group, features=pl.Series(lines, dtype=pl.String))
    part = part_of(rows, settings)
    parts = {name: rows.filter(part == name) for name in PARTS}
    held_out = describe_groups(
        parts["merchant"]["key"],
        merchants.key.filter(part == "merchant"),
        left_out=part.filter(part == LEFT_OUT).len(),
        share=settings.largest_group,
    )
    classes: list[str] = parts["train"]["category"].unique().sort().to_list()
    if len(classes) < 2:
        sizes = ", ".join(f"{name} {part.height}" for name, part in parts.items())
        why = "prepare.months took all rows; " if parts["time"].height == rows.height else ""
        raise UserError(
            f"{VALIDATED}: training needs rows of 2 classes or more and gets {classes} (rows: "
            f"{sizes}); {why}hold out less (prepare.* in params.yaml), or give more data"
        )
    return parts, Split(merchants.told_by, classes, _describe(parts, classes), held_out)


def part_of(rows: pl.DataFrame, settings: Prepare) -> pl.Series:
    """Return the part of each row, which has its `key`, by name; `LEFT_OUT` for a row of none."""
    month = (rows["date"].dt.year() * 12 + rows["date"].dt.month()).to_numpy()
    time = pl.Series(month > month.max() - settings.months)
    merchants = rows["key"].unique()
    merchant = merchants.filter(uniform("merchant", merchants, settings.salt) < settings.merchants)
    content = rows.select(pl.col("date").to_physical(), "price", "text").iter_rows()
    row = uniform("row", (f"{day} {price!r} {text}" for day, price, text in content), settings.salt)
    held_out = {
        "time": time,
        "merchant": rows["key"].is_in(merchant.to_list()),
        "random": row < settings.random,
        "validation": row < settings.random + settings.validation,
    }
    first = (pl.when(chosen).then(pl.lit(name)) for name, chosen in held_out.items())
    frame = pl.select(part=pl.coalesce(*first, pl.lit("train")), key=rows["key"], row=row)
    heavy = _over_weight(frame, settings.largest_group)
    return frame.select(part=pl.when(heavy).then(pl.lit(LEFT_OUT)).otherwise("part"))["part"]


def _over_weight(frame: pl.DataFrame, share: float) -> pl.Series:
    """Return for each row whether it is one too many of its group in the part `merchant`."""
    chosen = frame.with_row_index("place").filter(pl.col("part") == "merchant")
    over = chosen.filter(rows_over(share, chosen["key"], chosen["row"]))
    return pl.int_range(frame.height, eager=True).is_in(over["place"].implode())


def _describe(parts: dict[str, pl.DataFrame], classes: list[str]) -> dict[str, SplitPart]:
    """Describe each part: its size, its dates, its leakage, and the classes that training lacks."""
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
    corrections = read_group_corrections(MERCHANT_GROUPS)
    parts, split = prepare(rows, read_params().prepare, corrections)
    with replacing(PREPARED) as folder:
        folder.mkdir()
        for name, part in parts.items():
            part.write_parquet(folder / f"{name}.parquet")
        write_json(folder / SPLIT_FILE, split)


if __name__ == "__main__":
    run_command(main)
