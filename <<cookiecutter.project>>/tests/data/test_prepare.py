"""Rows are parted, for training and for measurements."""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from categoriser.contract import FIELDS, transactions
from categoriser.data import prepare as prepare_stage
from categoriser.data.generate import generate
from categoriser.data.prepare import prepare
from categoriser.data.split import PARTS, Split, SplitPart
from categoriser.errors import UserError
from categoriser.features import features
from categoriser.params import Generate, Prepare, set_params
from categoriser.paths import (
    PARAMS,
    PREPARED,
    VALIDATED,
)

SPLIT = Prepare(salt="test", months=2, merchants=0.1, largest_group=1, random=0.1, validation=0.1)
NONE = Prepare(salt="", months=0, merchants=0, largest_group=1, random=0, validation=0)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    start = datetime.date(2024, 10, 1)
    drawn, _ = generate(Generate(rows=20_000, seed=11, start=start, months=6, label_noise=0.02))
    numbers = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row")
    return drawn.select(numbers, pl.all()).with_columns(account=pl.lit("a"))


@pytest.fixture(scope="module")
def prepared(rows: pl.DataFrame) -> tuple[dict[str, pl.DataFrame], Split]:
    return prepare(rows, SPLIT)


def table(*rows: tuple[str, str, float, str], **columns: list[str]) -> pl.DataFrame:
    """Make validated rows of date, text, price and category."""
    names = ["date", "text", "price", "category"]
    frame = pl.DataFrame(rows, names, orient="row").with_columns(pl.col("date").str.to_date())
    numbers = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row")
    return frame.select(numbers, pl.all()).with_columns(pl.Series(n, v) for n, v in columns.items())


def largest_group(part: pl.DataFrame) -> int:
    """Count the rows of a part's largest group."""
    return max(Counter(part["key"].to_list()).values())


def part_of(parts: dict[str, pl.DataFrame]) -> dict[int, str]:
    return {row: name for name, part in parts.items() for row in part["row"]}


def test_each_row_is_in_one_part(
    rows: pl.DataFrame, prepared: tuple[dict[str, pl.DataFrame], Split]
) -> None:
    parts, split = prepared
    assert tuple(parts) == PARTS
    together = pl.concat(parts.values())
    assert together["row"].sort().to_list() == rows["row"].to_list()
    assert together.columns == [*rows.columns, "key", "features"]
    assert together.sort("row").select(rows.columns).equals(rows)
    lines = together.select("text", "price", "features").sample(500, seed=0)
    assert features(transactions(lines.select(FIELDS).iter_rows())) == lines["features"].to_list()
    assert {name: facts.rows for name, facts in split.parts.items()} == {
        name: part.height for name, part in parts.items()
    }


def test_time_is_the_last_months(
    rows: pl.DataFrame, prepared: tuple[dict[str, pl.DataFrame], Split]
) -> None:
    parts, _ = prepared
    late = rows.filter(pl.col("date") >= datetime.date(2025, 2, 1))
    assert parts["time"]["row"].to_list() == late["row"].to_list()


def test_held_out_merchants_are_in_no_other_part_but_time(
    prepared: tuple[dict[str, pl.DataFrame], Split],
) -> None:
    parts, split = prepared
    held_out = parts["merchant"]["key"].unique()
    for name in ("train", "validation", "random"):
        assert not parts[name]["key"].is_in(held_out.to_list()).any()
    early = pl.concat([part for name, part in parts.items() if name != "time"])
    share = len(held_out) / early["key"].n_unique()
    assert share == pytest.approx(SPLIT.merchants, abs=0.02)
    rest = early.filter(~pl.col("key").is_in(held_out.to_list()))
    for name, wanted in (("random", 0.1), ("validation", 0.1)):
        assert parts[name].height / rest.height == pytest.approx(wanted, abs=0.02)
    assert split.parts["merchant"].key_in_training == 0
    known = split.parts["random"].key_in_training
    assert known is not None
    assert known > 0.85
    assert split.parts["train"].line_in_training == 1


def test_another_salt_holds_out_other_merchants_and_rows(
    rows: pl.DataFrame, prepared: tuple[dict[str, pl.DataFrame], Split]
) -> None:
    parts, _ = prepared
    other, _ = prepare(rows, SPLIT.model_copy(update={"salt": "other"}))
    assert other["time"].equals(parts["time"])
    for name, column in (("merchant", "key"), ("random", "row"), ("validation", "row")):
        drawn = parts[name][column].unique()
        again = other[name][column].unique()
        # Two independent draws of a tenth share a tenth of their values.
        assert again.is_in(drawn.implode()).mean() == pytest.approx(0.1, abs=0.05)


def test_a_row_stays_in_its_part_when_rows_are_appended(
    rows: pl.DataFrame, prepared: tuple[dict[str, pl.DataFrame], Split]
) -> None:
    last = rows.tail(1)
    fewer = pl.concat([rows.head(-1).gather_every(3), last])
    parts, _ = prepare(fewer, SPLIT)
    everywhere = part_of(prepared[0])
    assert all(everywhere[row] == name for row, name in part_of(parts).items())
    # Rows of later months: only those that were in `time` may move.
    parts, _ = prepare(rows.filter(pl.col("date") < datetime.date(2025, 3, 1)), SPLIT)
    moved = {name for row, name in part_of(parts).items() if everywhere[row] != name}
    assert moved == {"time"}


def test_no_group_is_more_of_the_held_out_merchants_than_its_bound(
    rows: pl.DataFrame, prepared: tuple[dict[str, pl.DataFrame], Split]
) -> None:
    whole = prepared[0]["merchant"]
    bound = 0.02
    assert largest_group(whole) > bound * whole.height
    parts, split = prepare(rows, SPLIT.model_copy(update={"largest_group": bound}))
    for name in PARTS:
        if name != "merchant":
            assert parts[name].equals(prepared[0][name])
    kept = parts["merchant"]
    assert largest_group(kept) <= bound * kept.height
    assert kept["key"].n_unique() == whole["key"].n_unique()
    assert kept["row"].is_in(whole["row"].implode()).all()
    assert split.held_out.left_out == whole.height - kept.height
    assert split.held_out.reached
    first = split.held_out.largest[0]
    assert first.rows == largest_group(kept)
    assert first.share == first.rows / kept.height


def test_rows_left_out_are_the_same_in_another_order(rows: pl.DataFrame) -> None:
    settings = SPLIT.model_copy(update={"largest_group": 0.02})
    parts, _ = prepare(rows, settings)
    shuffled, _ = prepare(rows.sample(fraction=1, shuffle=True, seed=1), settings)
    content = ["date", "text", "price"]
    kept = parts["merchant"].select(content).sort(content)
    assert shuffled["merchant"].select(content).sort(content).equals(kept)


def test_rows_alike_share_a_part() -> None:
    alike = [("2026-01-05", "bus fare", 2.5, label) for label in ("a", "b")] * 20
    parts, _ = prepare(table(*alike), NONE.model_copy(update={"random": 0.5}))
    assert sorted(part.height for part in parts.values()) == [0, 0, 0, 0, 40]


def test_the_column_merchant_is_the_key_where_it_says_something() -> None:
    texts = ["shop 12 perth au", "shop 12 perth au", "kiosk 7 perth au", "shop 12 perth au"]
    given = [("2026-01-05", text, 1.0, label) for text, label in zip(texts, "abab", strict=True)]
    merchant = ["  Big\tShop ", "BIG  shop", "", "M00123"]
    parts, split = prepare(table(*given, merchant=merchant), NONE)
    assert parts["train"]["key"].to_list() == ["big shop", "big shop", "ksk", "m00123"]
    assert split.key.startswith("the column merchant; in 1 rows, where it is empty, the merchant")
    assert "the column merchant" not in prepare(table(*given), NONE)[1].key


def test_leakage_is_counted_in_rows() -> None:
    train = [("2026-01-05", text, 5.0, label) for text, label in (("kiosk", "a"), ("bakery", "b"))]
    time = [("2026-02-05", text, 5.0, "a") for text in ("kiosk", "KIOSK 1234", "kiosk 7", "museum")]
    _, split = prepare(table(*train, *time), NONE.model_copy(update={"months": 1}))
    facts = split.parts["time"]
    assert (facts.rows, facts.groups) == (4, 2)
    assert (facts.key_in_training, facts.line_in_training) == (0.75, 0.5)
    assert facts.dates == ["2026-02-05", "2026-02-05"]
    assert split.parts["random"] == SplitPart(
        rows=0,
        groups=0,
        dates=[],
        key_in_training=None,
        line_in_training=None,
        unseen_classes={},
    )


def test_classes_that_training_lacks_are_named() -> None:
    train = [("2026-01-05", "kiosk", 5.0, label) for label in "ab"]
    late = [("2026-02-05", "gallery", 5.0, label) for label in "cca"]
    _, split = prepare(table(*train, *late), NONE.model_copy(update={"months": 1}))
    assert split.classes == ["a", "b"]
    assert split.parts["time"].unseen_classes == {"c": 2}


@pytest.mark.parametrize(
    "change", [{"months": 1}, {"merchants": 1}, {"random": 1}, {"random": 0.5, "validation": 0.5}]
)
def test_nothing_left_to_train_on_is_an_error(change: dict[str, float]) -> None:
    one_month = table(*[("2026-01-05", f"shop {label}", 5.0, label) for label in "abc"])
    with pytest.raises(UserError, match=r"2 classes or more and gets \[\].*train 0.*prepare\.\*"):
        prepare(one_month, NONE.model_copy(update=change))


def test_months_that_take_all_rows_are_named() -> None:
    late = table(*[(f"2026-0{n}-05", f"shop {n}", 5.0, "ab"[n % 2]) for n in (1, 2, 3)])
    with pytest.raises(UserError, match=r"time 3.*prepare\.months took all rows; hold out less"):
        prepare(late, NONE.model_copy(update={"months": 3}))
    with pytest.raises(UserError) as caught:
        prepare(late, NONE.model_copy(update={"months": 2}))
    assert "took all rows" not in str(caught.value)


def test_one_class_is_an_error() -> None:
    with pytest.raises(UserError, match=r"gets \['a'\]"):
        prepare(table(("2026-01-05", "shop", 5.0, "a")), NONE)


@pytest.mark.usefixtures("project")
def test_preparation_writes_the_same_bytes_again(rows: pl.DataFrame) -> None:
    set_params(PARAMS, {f"prepare.{name}": value for name, value in SPLIT.model_dump().items()})
    VALIDATED.parent.mkdir()
    rows.write_parquet(VALIDATED)
    prepare_stage.main()
    first = {path.name: path.read_bytes() for path in PREPARED.iterdir()}
    prepare_stage.main()
    assert {path.name: path.read_bytes() for path in PREPARED.iterdir()} == first
    assert set(first) == {*(f"{name}.parquet" for name in PARTS), "split.json"}
    assert [path.name for path in Path("data").iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("project")
def test_without_validated_rows_the_mend_is_named() -> None:
    with pytest.raises(UserError, match="dvc repro validate"):
        prepare_stage.main()
