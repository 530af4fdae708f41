"""The data: drawn or anyone's, checked, compared with the last accepted, and parted."""

from __future__ import annotations

import csv
import datetime
import gzip
import hashlib
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.contract import FIELDS, transactions
from categoriser.data import generate as generate_stage
from categoriser.data import own
from categoriser.data import prepare as prepare_stage
from categoriser.data import validate as validate_stage
from categoriser.data.generate import FACTS, HIDDEN, HIDDEN_COUNTRY, NEW_BANK, Drift, generate
from categoriser.data.prepare import PARTS, prepare, text_key
from categoriser.data.validate import MAX_VALUES, distances, profile, validate
from categoriser.errors import UserError
from categoriser.features import features, normalise
from categoriser.io.documents import read_json
from categoriser.io.replacing import write_json
from categoriser.params import Generate, Prepare, Validate, read_params, set_params
from categoriser.paths import (
    CHAMPION_PROFILE,
    GENERATED,
    GENERATED_FACTS,
    INTAKE,
    OWN,
    PARAMS,
    PREPARED,
    PROFILE,
    SET_ASIDE,
    VALIDATED,
)

# categoriser.data.generate


KINDS = pl.read_csv(FACTS / "kinds.csv")
MERCHANTS = pl.read_csv(FACTS / "merchants.csv")


@pytest.fixture(scope="module")
def usual() -> Generate:
    start = datetime.date(2024, 10, 1)
    return Generate(rows=100_000, seed=11, start=start, months=24, label_noise=0.02)


@pytest.fixture(scope="module")
def drawn(usual: Generate) -> tuple[pl.DataFrame, dict[str, Any]]:
    return generate(usual)


@pytest.fixture(scope="module")
def generated(drawn: tuple[pl.DataFrame, dict[str, Any]]) -> pl.DataFrame:
    return drawn[0]


def change(settings: Generate, **values: object) -> Generate:
    return settings.model_copy(update=values)


def share(rows: pl.DataFrame, condition: pl.Expr) -> float:
    return float(rows.select(condition.mean()).item())


def test_facts_fit_together() -> None:
    categories = pl.read_csv(FACTS / "categories.csv")
    names = set(categories["category"])
    assert set(KINDS["category"]) == names
    assert len(names) == 11
    for name, others in categories.rows():
        assert set(others.split()) <= names - {name}
    assert not MERCHANTS.is_duplicated().any()
    groups = MERCHANTS.group_by("kind", "country").len()
    assert groups.height == KINDS.height * 4
    assert all(name.isascii() and "{" not in name for name in MERCHANTS["name"])
    assert (FACTS / "merchants.csv").stat().st_size < 400_000


def test_rows_are_as_asked_for(generated: pl.DataFrame, usual: Generate) -> None:
    assert generated.columns == ["date", "text", "price", "category", "merchant", "country"]
    assert generated.height == usual.rows
    assert generated["date"].is_sorted()
    assert generated["date"].min() == usual.start
    assert generated["date"].dt.strftime("%Y-%m").n_unique() == usual.months
    assert set(generated["category"]) == set(KINDS["category"])
    assert generated["merchant"].n_unique() > 4000
    assert generated.null_count().sum_horizontal().item() == 0


def test_the_same_seed_gives_the_same_rows(usual: Generate) -> None:
    first, same, other = (generate(change(usual, rows=5000, seed=n))[0] for n in (1, 1, 2))
    assert first.equals(same)
    assert not first.equals(other)


def test_descriptors_are_as_banks_write_them(generated: pl.DataFrame) -> None:
    spotify = generated.filter(pl.col("price").is_between(8.99, 15.99), merchant="Spotify")
    assert share(spotify, pl.col("category") == "entertainment") > 0.9
    assert 11.99 in spotify["price"]
    assert share(spotify, pl.col("text").str.contains("(?i)^spotify .*p[0-9a-f]{9} ")) > 0.05
    whole = pl.col("text").str.contains(r"^[a-z ]+ p[0-9a-f]{9} [a-z ]+ (au|gb|nz|us)$")
    assert share(generated, whole) > 0.003
    for form in (r"^SQ \*", "VISA PURCHASE ", r"PAYPAL \*", " CARD XX[0-9]{4}", " #[0-9]{3}"):
        assert share(generated, pl.col("text").str.contains(form)) > 0.01
    assert share(generated, pl.col("text").str.to_uppercase() == pl.col("text")) > 0.5
    long = generated.filter(pl.col("merchant").str.len_chars() > 25)
    text, name = pl.col("text").str.to_lowercase(), pl.col("merchant").str.to_lowercase()
    assert share(long, text.str.contains(name, literal=True)) == 0
    assert share(long, text.str.contains(name.str.head(25), literal=True)) > 0.3


def test_prices_go_by_kind_and_some_are_refunds(generated: pl.DataFrame) -> None:
    paid = generated.filter(pl.col("price") > 0).group_by("category").agg(pl.median("price"))
    median = dict(paid.rows())
    assert median["eating_out"] < median["groceries"] < median["travel"]
    assert 0.005 < share(generated, pl.col("price") < 0) < 0.05
    price = pl.col("price")
    assert share(generated, (price.abs() < 100_000) & (price == price.round(2))) == 1


def test_months_have_seasons_and_weekdays(generated: pl.DataFrame) -> None:
    december = pl.col("date").dt.month() == 12
    shopping, travel = pl.col("category") == "shopping", pl.col("category") == "travel"
    assert share(generated.filter(december), shopping) > 1.15 * share(
        generated.filter(~december), shopping
    )
    summer = pl.col("date").dt.month().is_in([6, 7, 8])
    for country, sign in (("US", 1), ("AU", -1)):
        there = generated.filter(country=country)
        gain = share(there.filter(summer), travel) - share(there.filter(~summer), travel)
        assert sign * gain > 0
    fees, weekend = pl.col("category") == "fees_and_interest", pl.col("date").dt.weekday() > 5
    assert share(generated.filter(weekend), fees) < 0.5 * share(generated.filter(~weekend), fees)


def test_one_country_hides_merchants(generated: pl.DataFrame) -> None:
    hidden = pl.col("text").str.to_uppercase().str.contains(HIDDEN)
    assert share(generated.filter(country=HIDDEN_COUNTRY), hidden) == pytest.approx(
        generate_stage.HIDDEN_SHARE, abs=0.02
    )
    assert share(generated.filter(pl.col("country") != HIDDEN_COUNTRY), hidden) == 0


def test_the_facts_say_what_was_drawn(
    drawn: tuple[pl.DataFrame, dict[str, Any]], usual: Generate
) -> None:
    facts = drawn[1]
    assert facts["generated"] is True
    assert facts["rows"] == usual.rows
    assert facts["months"] == ["2024-10", "2026-09"]
    assert facts["planted"]["value"] == HIDDEN_COUNTRY
    by = facts["ceiling_by"]
    assert len(by["month"]) == usual.months
    others = [value for country, value in by["country"].items() if country != HIDDEN_COUNTRY]
    assert by["country"][HIDDEN_COUNTRY] < min(others) - 0.05
    assert min(others) < facts["ceiling"] + 0.05 < 1.05 - usual.label_noise


def best_known(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """For each group its most frequent label."""
    counted = rows.group_by(*by, "category").len().sort("len", "category", descending=True)
    return counted.group_by(by, maintain_order=True).agg(answer=pl.first("category"))


def seen(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as the best classifier sees them: the merchant where shown, country, price in bands."""
    hidden = pl.col("text").str.to_uppercase().str.contains(HIDDEN)
    cents = (pl.col("price") * 100).round().cast(pl.Int64)
    return rows.with_columns(
        who=pl.when(hidden).then(pl.lit("")).otherwise("merchant"),
        band=(pl.col("price").abs() + 0.01).log(2).floor(),
        ending=pl.when(cents % 100 == 0).then(0).when(cents % 100 == 99).then(1).otherwise(2),
    )


def test_a_table_of_labels_comes_near_the_ceiling_and_not_over_it(usual: Generate) -> None:
    known = seen(generate(change(usual, rows=300_000, seed=1))[0])
    fresh, facts = generate(change(usual, rows=100_000, seed=2))
    exact, coarse = ["who", "country", "band", "ending"], ["who", "country"]
    right = pl.coalesce("answer", "answer_right") == pl.col("category")
    judged = (
        seen(fresh)
        .join(best_known(known, exact), on=exact, how="left")
        .join(best_known(known, coarse), on=coarse, how="left")
        .select("country", right=right.fill_null(value=False))
    )
    assert facts["ceiling"] - 0.03 < share(judged, pl.col("right")) < facts["ceiling"] + 0.002
    for country, ceiling in facts["ceiling_by"]["country"].items():
        accuracy = share(judged.filter(country=country), pl.col("right"))
        assert ceiling - 0.06 < accuracy < ceiling + 0.009, country


def test_the_ceiling_is_what_noise_leaves_where_nothing_else_is_unsure(
    usual: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = MERCHANTS.join(KINDS.select("kind", "category"), on="kind").group_by(
        "name", "country"
    )
    sure = several.agg(pl.n_unique("category")).filter(category=1).select("name", "country")
    for file in FACTS.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    MERCHANTS.join(sure, on=["name", "country"], how="semi").write_csv(tmp_path / "merchants.csv")
    monkeypatch.setattr(generate_stage, "FACTS", tmp_path)
    monkeypatch.setattr(generate_stage, "HIDDEN_SHARE", 0)
    for noise in (0, 0.1):
        _, facts = generate(change(usual, rows=5000, label_noise=noise))
        assert facts["ceiling"] == pytest.approx(1 - noise)


def test_later_months_drift(generated: pl.DataFrame, usual: Generate) -> None:
    drift = Drift(new_merchants=0.3, price_scale=1.5, mix={"travel": 3}, new_bank=0.4)
    start = datetime.date(2026, 10, 1)
    later, facts = generate(change(usual, rows=20_000, seed=3, start=start, months=2), drift)
    assert facts["months"] == ["2026-10", "2026-11"]
    known = generated.select("merchant", "country").unique()
    unknown = later.join(known, on=["merchant", "country"], how="anti")
    assert 0.2 < unknown.height / later.height < 0.35
    travel = pl.col("category") == "travel"
    assert share(later, travel) > 2 * share(generated, travel)
    middle = pl.col("price").filter(category="groceries").median()
    ratio = later.select(middle).item() / generated.select(middle).item()
    assert ratio == pytest.approx(1.5, rel=0.1)
    new_bank = pl.col("text").str.to_uppercase().str.starts_with(NEW_BANK)
    assert share(later, new_bank) == pytest.approx(0.4, abs=0.02)
    assert share(generated, new_bank) == 0


def test_no_drift_is_the_default(usual: Generate) -> None:
    plain, _ = generate(change(usual, rows=5000))
    same, _ = generate(change(usual, rows=5000), Drift())
    assert plain.equals(same)


def test_a_start_within_a_month_begins_there(usual: Generate) -> None:
    start = datetime.date(2025, 1, 31)
    rows, _ = generate(change(usual, rows=2000, start=start, months=2))
    assert rows["date"].min() == start
    assert rows["date"].max() == datetime.date(2025, 2, 28)


@pytest.mark.usefixtures("project")
def test_generation_writes_the_same_bytes_again() -> None:
    set_params(PARAMS, {"generate.rows": 2000})
    generate_stage.main()
    first = GENERATED.read_bytes()
    generate_stage.main()
    assert GENERATED.read_bytes() == first
    assert read_json(GENERATED_FACTS, "")["rows"] == 2000
    header, row = first.decode().splitlines()[:2]
    assert header == "date,text,price,category,merchant,country"
    assert len(row.split(",")[2].split(".")[-1]) == 2


# categoriser.data.prepare


SPLIT = Prepare(months=2, merchants=0.1, random=0.1, validation=0.1)
NONE = Prepare(months=0, merchants=0, random=0, validation=0)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    start = datetime.date(2024, 10, 1)
    drawn, _ = generate(Generate(rows=20_000, seed=11, start=start, months=6, label_noise=0.02))
    numbers = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row")
    return drawn.select(numbers, pl.all()).with_columns(account=pl.lit("a"))


@pytest.fixture(scope="module")
def prepared(rows: pl.DataFrame) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    return prepare(rows, SPLIT)


def table(*rows: tuple[str, str, float, str], **columns: list[str]) -> pl.DataFrame:
    """Make validated rows of date, text, price and category."""
    names = ["date", "text", "price", "category"]
    frame = pl.DataFrame(rows, names, orient="row").with_columns(pl.col("date").str.to_date())
    numbers = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row")
    return frame.select(numbers, pl.all()).with_columns(pl.Series(n, v) for n, v in columns.items())


def part_of(parts: dict[str, pl.DataFrame]) -> dict[int, str]:
    return {row: name for name, part in parts.items() for row in part["row"]}


def test_each_row_is_in_one_part(
    rows: pl.DataFrame, prepared: tuple[dict[str, pl.DataFrame], dict[str, Any]]
) -> None:
    parts, split = prepared
    assert tuple(parts) == PARTS
    together = pl.concat(parts.values())
    assert together["row"].sort().to_list() == rows["row"].to_list()
    assert together.columns == [*rows.columns, "key", "features"]
    assert together.sort("row").select(rows.columns).equals(rows)
    lines = together.select("text", "price", "features").sample(500, seed=0)
    assert features(transactions(lines.select(FIELDS).iter_rows())) == lines["features"].to_list()
    assert {name: facts["rows"] for name, facts in split["parts"].items()} == {
        name: part.height for name, part in parts.items()
    }


def test_time_is_the_last_months(
    rows: pl.DataFrame, prepared: tuple[dict[str, pl.DataFrame], dict[str, Any]]
) -> None:
    parts, _ = prepared
    late = rows.filter(pl.col("date") >= datetime.date(2025, 2, 1))
    assert parts["time"]["row"].to_list() == late["row"].to_list()


def test_held_out_merchants_are_in_no_other_part_but_time(
    prepared: tuple[dict[str, pl.DataFrame], dict[str, Any]],
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
    assert split["parts"]["merchant"]["key_in_training"] == 0
    assert split["parts"]["random"]["key_in_training"] > 0.85
    assert split["parts"]["train"]["line_in_training"] == 1


def test_a_row_stays_in_its_part_when_rows_are_appended(
    rows: pl.DataFrame, prepared: tuple[dict[str, pl.DataFrame], dict[str, Any]]
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


def test_rows_alike_share_a_part() -> None:
    alike = [("2026-01-05", "bus fare", 2.5, label) for label in ("a", "b")] * 20
    parts, _ = prepare(table(*alike), NONE.model_copy(update={"random": 0.5}))
    assert sorted(part.height for part in parts.values()) == [0, 0, 0, 0, 40]


def test_the_hash_is_no_librarys_own() -> None:
    expected = (
        int.from_bytes(hashlib.blake2b(b"spotify", digest_size=8, person=b"row").digest(), "little")
        / 2**64
    )
    assert prepare_stage.uniform("row", ["spotify"]).to_list() == [expected]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SPOTIFY P0D3D89B19 Sydney AU", "spotify"),
        ("TESCO STORES 5504 NEWCASTLE UPON TYNE GB", "tesco stores"),
        ("STUDIO54 motel6 bar NEW YORK", "bar"),
        ("London", "london"),
        ("London Pub", "london pub"),
        ("Sydney Sydney AU", "sydney"),
        ("7 11", "7 11"),
        ("p0d3d89b19", ""),
    ],
)
def test_without_a_merchant_the_text_gives_the_key(text: str, key: str) -> None:
    assert text_key(normalise([text])[0]) == key


@settings(deadline=None)
@given(st.text(st.sampled_from("ab 1"), max_size=20).map(lambda text: normalise([text])[0]))
def test_a_key_is_empty_only_where_the_text_is(text: str) -> None:
    assert bool(text_key(text)) == bool(text)


def test_the_column_merchant_is_the_key_where_it_says_something() -> None:
    texts = [("2026-01-05", "shop 12 perth au", 1.0, label) for label in "abab"]
    merchant = ["  Big\tShop ", "BIG  shop", "", "M00123"]
    parts, split = prepare(table(*texts, merchant=merchant), NONE)
    assert parts["train"]["key"].to_list() == ["big shop", "big shop", "shop", "m00123"]
    assert split["key"].startswith("the column merchant; in 1 rows, where it is empty, the text")
    assert "merchant" not in prepare(table(*texts), NONE)[1]["key"]


def test_leakage_is_counted_in_rows() -> None:
    train = [("2026-01-05", text, 5.0, label) for text, label in (("kiosk", "a"), ("bakery", "b"))]
    time = [("2026-02-05", text, 5.0, "a") for text in ("kiosk", "KIOSK 1234", "kiosk 7", "museum")]
    _, split = prepare(table(*train, *time), NONE.model_copy(update={"months": 1}))
    facts = split["parts"]["time"]
    assert (facts["rows"], facts["groups"]) == (4, 2)
    assert (facts["key_in_training"], facts["line_in_training"]) == (0.75, 0.5)
    assert facts["dates"] == ["2026-02-05", "2026-02-05"]
    assert split["parts"]["random"] == {
        "rows": 0,
        "groups": 0,
        "dates": [],
        "key_in_training": None,
        "line_in_training": None,
        "unseen_classes": {},
    }


def test_classes_that_training_lacks_are_named() -> None:
    train = [("2026-01-05", "kiosk", 5.0, label) for label in "ab"]
    late = [("2026-02-05", "gallery", 5.0, label) for label in "cca"]
    _, split = prepare(table(*train, *late), NONE.model_copy(update={"months": 1}))
    assert split["classes"] == ["a", "b"]
    assert split["parts"]["time"]["unseen_classes"] == {"c": 2}


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


# categoriser.data.validate


HEADER = "date,text,price,category,country"
GOOD = "2026-01-05,spotify p0d3d89b19 sydney au,11.99,entertainment,AU"


SETTINGS = {
    "tolerance": 0.01,
    "max_shift": 0.2,
    "max_price": 1_000_000,
    "first_date": "2000-01-01",
}


@pytest.fixture
def strict() -> Validate:
    return Validate.model_validate(SETTINGS)


@pytest.fixture
def lenient(strict: Validate) -> Validate:
    return strict.model_copy(update={"tolerance": 1.0})


class Folder:
    """A data file, and where its validation writes."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "my.csv"
        self.validated = folder / "out/validated.parquet"
        self.aside = folder / "out/set_aside.csv"

    def write(self, *lines: str, header: str = HEADER) -> Folder:
        self.source.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8", newline="")
        return self

    def validate(
        self, settings: Validate, accepted: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return validate(self.source, settings, accepted, self.validated, self.aside)

    @property
    def rows(self) -> pl.DataFrame:
        return pl.read_parquet(self.validated)

    @property
    def set_aside(self) -> list[dict[str, str]]:
        with self.aside.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_good_rows_are_typed_and_numbered(folder: Folder, strict: Validate) -> None:
    found = folder.write(GOOD, "", "2026-01-06,  Bus ,-2,transport,").validate(strict)
    assert folder.rows.schema == {
        "row": pl.Int64,
        "date": pl.Date,
        "text": pl.String,
        "price": pl.Float64,
        "category": pl.String,
        "country": pl.String,
    }
    assert folder.rows.rows() == [
        (
            1,
            datetime.date(2026, 1, 5),
            "spotify p0d3d89b19 sydney au",
            11.99,
            "entertainment",
            "AU",
        ),
        (3, datetime.date(2026, 1, 6), "  Bus ", -2.0, "transport", ""),
    ]
    assert found["rows"] == 2
    assert found["set_aside"] == {}
    assert folder.set_aside == []


@pytest.mark.parametrize("gzipped", [False, True])
def test_other_forms_of_the_same_file_are_read(
    folder: Folder, strict: Validate, gzipped: bool
) -> None:
    header, row = 'category,"note, free",price,text,date', 'fees & co,"a ""b""",1e2,x,2026-01-05'
    text = f"\ufeff{header}\r\n{row}\r\n"
    folder.source.write_bytes(gzip.compress(text.encode()) if gzipped else text.encode())
    folder.validate(strict)
    assert folder.rows.columns == ["row", "date", "text", "price", "category", "note, free"]
    assert folder.rows.row(0)[2:] == ("x", 100.0, "fees & co", 'a "b"')


BAD = {
    "5/1/2026,a,1,x,AU": "date is not a date written YYYY-MM-DD",
    "2026-1-5,a,1,x,AU": "date is not a date written YYYY-MM-DD",
    "2026-02-30,a,1,x,AU": "date is not a date written YYYY-MM-DD",
    ",a,1,x,AU": "date is not a date written YYYY-MM-DD",
    "1999-12-31,a,1,x,AU": "date is before 2000-01-01",
    '2026-01-05," ",1,x,AU': "text is empty",
    f"2026-01-05,{'a' * 257},1,x,AU": "text is longer than 256 characters",
    '2026-01-05,a,"1,50",x,AU': "price is not a number such as -12.50",
    "2026-01-05,a,,x,AU": "price is not a number such as -12.50",
    "2026-01-05,a,nan,x,AU": "price is not a number such as -12.50",
    "2026-01-05,a,-inf,x,AU": "price is beyond 1e+06",
    "2026-01-05,a,1000000.01,x,AU": "price is beyond 1e+06",
    "2026-01-05,a,1, ,AU": "category is missing",
    "2026-01-05,a,1,x\x07y,AU": "category has control characters",
    "2026-01-05,a,1,x": "has another number of fields than the header",
    "2026-01-05,a,1,x,AU,": "has another number of fields than the header",
    '2026-01-05,"a,1,x,AU': "has wrong quotes, or a line break inside them",
    '2026-01-05,"a"b,1,x,AU': "has wrong quotes, or a line break inside them",
    "2026-01-05,a\0b,1,x,AU": "holds a NUL character",
}


@pytest.mark.parametrize(("line", "reason"), BAD.items())
def test_a_bad_row_is_set_aside(folder: Folder, lenient: Validate, line: str, reason: str) -> None:
    found = folder.write(GOOD, line, GOOD).validate(lenient)
    assert [(row["row"], row["reason"]) for row in folder.set_aside] == [("2", reason)]
    assert folder.set_aside[0]["line"] == line
    assert folder.rows["row"].to_list() == [1, 3]
    assert found["set_aside"] == {reason: 1}


def test_text_that_is_not_utf_8_is_set_aside(folder: Folder, lenient: Validate) -> None:
    folder.write(GOOD)
    with folder.source.open("ab") as stream:
        stream.write("2026-01-05,café,1,x,AU".encode("latin-1"))
    folder.validate(lenient)
    assert folder.set_aside == [
        {"row": "2", "reason": "is not UTF-8", "line": "2026-01-05,caf\ufffd,1,x,AU"}
    ]


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("2026-01-05,café,1,x,AU", r"'2026-01-05,caf\\xe9,1,x,AU'"),
        (f"2026-01-05,{'a' * 30}é{'b' * 30},1,x,AU", rf"'{'a' * 20}\\xe9{'b' * 20}'"),
    ],
)
def test_a_byte_that_is_not_utf_8_is_shown_with_what_is_around_it(
    folder: Folder, strict: Validate, line: str, near: str
) -> None:
    folder.source.write_bytes(f"{HEADER}\n{line}\n".encode("latin-1"))
    with pytest.raises(UserError) as caught:
        folder.validate(strict)
    assert f"    row 1: is not UTF-8: {near}\n" in str(caught.value)


def test_all_faults_of_a_row_are_named_and_rows_are_in_order(
    folder: Folder, lenient: Validate
) -> None:
    found = folder.write("x,,y,,AU", GOOD, "short", "2026-01-05,,1,x,AU").validate(lenient)
    assert [row["row"] for row in folder.set_aside] == ["1", "3", "4"]
    assert folder.set_aside[0]["reason"] == (
        "category is missing; date is not a date written YYYY-MM-DD; "
        "price is not a number such as -12.50; text is empty"
    )
    assert found["set_aside"]["text is empty"] == 2


def test_a_file_is_the_same_in_batches(
    folder: Folder, lenient: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(*[*BAD, GOOD] * 3)
    found, rows, aside = folder.validate(lenient), folder.rows, folder.set_aside
    monkeypatch.setattr(validate_stage, "BATCH", 7)
    assert folder.validate(lenient) == found
    assert folder.rows.equals(rows)
    assert folder.set_aside == aside


def test_too_many_bad_rows_fail_and_leave_what_stood(folder: Folder, strict: Validate) -> None:
    folder.write(*[GOOD] * 99, "x,a,1,y,AU").validate(strict)
    stood = folder.validated.read_bytes()
    folder.write(*[GOOD] * 97, *["x,a,1,y,AU", "2026-01-05,a,b,y,AU"])
    with pytest.raises(UserError) as caught:
        folder.validate(strict)
    for words in (
        "my.csv: 2 of 99 rows are bad",
        "validate.tolerance in params.yaml allows 1.00%",
        "date is not a date written YYYY-MM-DD (1)",
        "row 98: date is not a date written YYYY-MM-DD: 'x'",
        "row 99: price is not a number such as -12.50: 'b'",
        str(folder.aside),
    ):
        assert words in str(caught.value)
    assert folder.validated.read_bytes() == stood
    assert len(folder.set_aside) == 2
    assert sorted(path.name for path in folder.aside.parent.iterdir()) == [
        "set_aside.csv",
        "validated.parquet",
    ]


def test_no_good_row_fails_at_any_tolerance(folder: Folder, lenient: Validate) -> None:
    with pytest.raises(UserError, match="1 of 1 rows"):
        folder.write("short").validate(lenient)


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("date,text,price", "column category is missing"),
        ("Date,text,price,category", "column date is missing"),
        ("date;text;price;category", "column text is missing"),
        ("date,text,price,category,text", "column text is there twice"),
        ("date,text,price,category,", "column 5 has no name"),
        ("date,text,price,category,key", "column key must have another name"),
        ('date,text,price,"category', "header has wrong quotes"),
    ],
)
def test_a_wrong_header_is_named(folder: Folder, strict: Validate, header: str, fault: str) -> None:
    with pytest.raises(UserError, match=rf"my\.csv, line 1: .*{fault}"):
        folder.write(GOOD, header=header).validate(strict)
    assert not folder.aside.exists()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (HEADER.encode(), "has a header and no rows"),
        (gzip.compress(f"{HEADER}\n{GOOD}".encode() * 99)[:-20], "cannot be read"),
        (b"\x1f\x8bnothing", "cannot be read"),
        (f"{HEADER}\n{'a' * 2**20}".encode(), "has a line of over"),
        (f"{HEADER}\n{GOOD}".encode("utf-16"), "header is not UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_named(
    folder: Folder, strict: Validate, content: bytes, fault: str
) -> None:
    folder.source.write_bytes(content)
    with pytest.raises(UserError, match=rf"my\.csv.*{fault}"):
        folder.validate(strict)


def test_a_missing_file_and_a_folder_are_named(folder: Folder, strict: Validate) -> None:
    with pytest.raises(UserError, match=r"my\.csv is missing"):
        folder.validate(strict)
    folder.source.mkdir()
    with pytest.raises(UserError, match=r"my\.csv cannot be read"):
        folder.validate(strict)


def test_a_category_that_accepted_data_lack_is_a_fault(folder: Folder, strict: Validate) -> None:
    accepted = folder.write(*[GOOD] * 200).validate(strict)
    typo = GOOD.replace("entertainment", "entertainmnet")
    found = folder.write(*[GOOD] * 200, typo).validate(strict, accepted)
    assert found["set_aside"] == {"category is no category of the last accepted data": 1}
    with pytest.raises(
        UserError, match=r"(?s)is no category of the last accepted data.*promote FORGET=data$"
    ):
        folder.write(*[GOOD] * 200, *[typo] * 20).validate(strict, accepted)
    with pytest.raises(UserError, match=r"raise the tolerance$"):
        folder.write(*[GOOD] * 200, *["short"] * 20).validate(strict, accepted)


def test_data_unlike_the_accepted_fail(folder: Folder, strict: Validate) -> None:
    def lines(count: int, price: float) -> list[str]:
        return [f"2026-01-05,shop {n},{price + n},x,AU" for n in range(count)]

    accepted = folder.write(*lines(1000, 10)).validate(strict)
    assert folder.validate(strict, accepted) == accepted
    stood = folder.validated.read_bytes()
    with pytest.raises(
        UserError, match=r"unlike .*: price by 0\.\d+; validate\.max_shift"
    ) as caught:
        folder.write(*lines(1000, 500)).validate(strict, accepted)
    assert "if the data are meant to differ: make promote FORGET=data" in str(caught.value)
    assert folder.validated.read_bytes() == stood
    with pytest.raises(UserError, match=r"accepted data: repeated rows by 0\.500;"):
        folder.write(*lines(1000, 10) * 2).validate(strict, accepted)
    with pytest.raises(UserError, match=r"accepted data: country by 1\.000;"):
        folder.write(*[line[:-3] for line in lines(1000, 10)], header=HEADER[:-8]).validate(
            strict, accepted
        )


def test_equal_rows_are_kept_and_counted(folder: Folder, strict: Validate) -> None:
    found = folder.write(GOOD, GOOD, GOOD.replace("AU", "NZ"), GOOD).validate(strict)
    assert found["rows"] == 4
    assert found["repeated"] == 0.5


MEMORY = """
import resource, sys
from pathlib import Path
from categoriser.data import validate as module
from categoriser.params import Validate
folder = Path(sys.argv[1])
module.BATCH = 500
settings = Validate.model_validate_json(sys.argv[2])
module.validate(folder / "my.csv", settings, None, folder / "v", folder / "s")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


# In a process of its own, that a small one starts: a peak counts what the starter held.
def test_memory_does_not_grow_with_the_file(folder: Folder, strict: Validate) -> None:
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", MEMORY]
    command += [str(folder.source.parent), strict.model_dump_json()]
    sizes, peaks = [], []
    for count in (8_000, 30_000):
        with folder.source.open("w", encoding="utf-8") as stream:
            stream.write(f"{HEADER},note\n")
            note = "_" * 2750
            rows = (f"2026-01-05,{n:_>250},{n % 900},x,AU,{note}\n" for n in range(count))
            stream.writelines(rows)
        sizes.append(folder.source.stat().st_size / 2**20)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / (1024 if sys.platform != "darwin" else 1024**2))
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 2, (sizes, peaks)


def test_the_stage_writes_the_same_bytes_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {f"validate.{name}": value for name, value in SETTINGS.items()}
    set_params(PARAMS, {"data.path": GENERATED.as_posix()} | values)
    (project / "data").mkdir()
    GENERATED.write_text("\n".join([HEADER, *[GOOD] * 200, "short"]))
    validate_stage.main()
    said = capsys.readouterr().out
    assert "200 rows are good, 99.5% of them repeat another in full; 1 bad rows are in" in said
    outputs = (VALIDATED, SET_ASIDE, PROFILE)
    first = [path.read_bytes() for path in outputs]
    write_json(CHAMPION_PROFILE, read_json(PROFILE, ""))
    validate_stage.main()
    assert [path.read_bytes() for path in outputs] == first


# categoriser.data.validate: the profile, and the distance from it


def sample(count: int = 1000, **columns: pl.Expr) -> pl.LazyFrame:
    frame = pl.DataFrame({"number": range(count)}).select(
        date=pl.date(2026, 1, 1) + pl.duration(days=pl.col("number") % 59),
        text=pl.format("shop {}", pl.col("number") % 100),
        price=(pl.col("number") % 100).cast(pl.Float64),
        category=pl.when(pl.col("number") % 4 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
        merchant=pl.format("m{}", pl.col("number") % (MAX_VALUES + 1)),
        country=pl.when(pl.col("number") % 2 == 0).then(pl.lit("AU")).otherwise(pl.lit("")),
    )
    return frame.with_columns(**columns).lazy()


def chance(n: int, m: int) -> float:
    return 1.8 * math.sqrt((n + m) / (n * m))


def test_a_profile_describes_rows() -> None:
    found = profile(sample())
    assert found["rows"] == 1000
    assert found["months"] == {"2026-01": 527, "2026-02": 473}
    assert found["shares"] == {"category": {"a": 0.25, "b": 0.75}, "country": {"": 0.5, "AU": 0.5}}
    price = found["deciles"]["price"]
    assert len(price["values"]) == 11
    assert (price["values"][0], price["values"][-1]) == (0, 99)
    assert price["at_or_below"][5] == pytest.approx(0.5, abs=0.02)
    assert found["deciles"]["text_length"]["values"][-1] == len("shop 99")


def test_rows_lie_at_no_distance_from_their_own_profile() -> None:
    assert set(distances(sample(), profile(sample())).values()) == {0}


def test_distances_are_those_of_shares() -> None:
    accepted = profile(sample())
    found = distances(sample(2000, category=pl.lit("a"), price=pl.col("price") + 30), accepted)
    assert found["category"] == pytest.approx(0.75 - chance(1000, 2000))
    assert found["price"] == pytest.approx(0.3 - chance(1000, 2000), abs=0.02)
    assert found["country"] == found["text_length"] == 0


def test_a_new_value_and_a_missing_one_count() -> None:
    accepted = profile(sample())
    found = distances(sample(country=pl.lit("NZ")), accepted)
    assert found["country"] == pytest.approx(1 - chance(1000, 1000))


def test_a_column_that_is_gone_is_as_far_as_can_be() -> None:
    assert distances(sample().drop("country"), profile(sample()))["country"] == 1


def test_few_rows_are_given_the_benefit_of_the_doubt() -> None:
    few = sample(8, category=pl.lit("a"))
    assert distances(few, profile(sample()))["category"] < 0.2


def test_the_first_day_is_in_its_month() -> None:
    found = profile(sample(5, date=pl.lit(datetime.date(2026, 3, 1))))
    assert found["months"] == {"2026-03": 5}


# categoriser.data.own, with a real Git repository and DVC: it is mostly what they do


LINES = ["date,text,price,category,account"]
LINES += [f"2026-01-05,shop {n},{n},{'ab'[n % 2]},x" for n in range(200)]
TEXT = "\n".join(LINES) + "\n"


@pytest.fixture
def project(project: Path) -> Path:
    """Fix the settings that the tests below speak of."""
    values = {
        "tolerance": 0.01,
        "max_shift": 0.2,
        "max_price": 1_000_000,
        "first_date": "2000-01-01",
    }
    values = {f"validate.{name}": value for name, value in values.items()}
    # The rows below are of one month.
    values |= {"prepare.months": 0, "data.path": "data/generated.csv"}
    set_params(PARAMS, values)
    return project


def contents(project: Path) -> dict[str, bytes]:
    found = (path for path in project.rglob("*") if path.is_file())
    kept = (path for path in found if not {".git", ".dvc"} & set(path.parts))
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in kept}


@pytest.fixture
def repository(project: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], check=True)
    return project


def test_ones_own_rows_take_the_place_of_the_generated(
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (repository / "params.yaml").read_text()
    source = tmp_path_factory.mktemp("mine") / "my.csv.gz"
    source.write_bytes(gzip.compress(TEXT.encode()))
    own.take_files(str(source))
    assert OWN.read_text() == TEXT
    assert "md5" in own.TRACKED.read_text()
    assert read_params().data.path == OWN
    after = (repository / "params.yaml").read_text()
    assert after == before.replace("path: data/generated.csv", "path: data/own.csv")
    assert "200 rows are in data/own.csv; params.yaml names it" in capsys.readouterr().out

    # Anew, and with a file that fails: the one that stands is kept.
    source.write_text(TEXT + "2026-01-06,new,1,a,x\n,,,,\n")
    own.take_files(str(source))
    said = capsys.readouterr().out
    assert "202 rows are in data/own.csv, of which 1 are bad and will be set aside" in said
    stands = contents(repository)
    assert stands["data/own.csv"].endswith(b"new,1,a,x\n,,,,\n")
    assert stands.pop("data/own_set_aside.csv").endswith(b',",,,,"\n')
    source.write_text(TEXT + "bad\n" * 9)
    with pytest.raises(UserError, match=r"9 of 209 rows are bad") as caught:
        own.take_files(str(source))
    assert "All of them are in data/own_set_aside.csv;" in str(caught.value)
    now = contents(repository)
    assert now.pop("data/own_set_aside.csv").count(b",bad\n") == 9
    assert now == stands

    # And where DVC fails.
    source.write_text(TEXT)
    (repository / ".dvc/config").write_text("no configuration")
    with pytest.raises(UserError, match=r"dvc add --quiet data/own\.csv` failed"):
        own.take_files(str(source))
    assert contents(repository) == stands


def test_rows_are_held_to_the_last_accepted_data(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "my.csv").write_text(TEXT)
    accepted = tmp_path_factory.mktemp("accepted")
    settings = read_params().validate_
    paths = accepted / "validated.parquet", accepted / "set_aside.csv"
    write_json(CHAMPION_PROFILE, validate(Path("my.csv"), settings, None, *paths))
    (project / "my.csv").write_text(TEXT.replace(",x\n", ",y\n"))
    before = contents(project)
    with pytest.raises(UserError, match=r"account by .*make promote FORGET=data") as caught:
        own.take_files("my.csv")
    now = contents(project)
    assert now.pop("data/own_set_aside.csv") == b"row,reason,line\n"
    assert now == before
    with pytest.raises(UserError) as stage:
        validate(Path("my.csv"), settings, read_json(CHAMPION_PROFILE, ""), *paths)
    stays = "\n  The data stay as they were: `make run` goes on with data/generated.csv"
    assert str(caught.value) == str(stage.value) + stays


def test_without_dvc_nothing_is_left(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "my.csv").write_text(TEXT)
    before = contents(project)
    with pytest.raises(UserError, match="dvc add"):
        own.take_files("my.csv")
    assert contents(project) == before


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("", "which file"),
        ("none.csv", "is missing"),
        (".", "cannot be read"),
        ("params.yaml", "no table is found"),
    ],
)
def test_no_file_and_no_table_are_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, file: str, fault: str
) -> None:
    before = contents(project)
    with pytest.raises(UserError, match=fault):
        own.take_files(file)
    assert contents(project) == before


def test_several_files_become_one(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "my.csv").write_text(TEXT)
    zipped = 'country,price,date,category,text\nNZ,2.5,2026-01-06,b,"shop ""x"", gore"\n\nbad,\n'
    (repository / "more.csv.gz").write_bytes(gzip.compress(zipped.encode()))
    set_params(PARAMS, {"validate.tolerance": 0.5})
    own.take_files("my.csv more.csv.gz")
    assert OWN.read_text() == "".join(
        f"{line}\n"
        for line in (
            f"{LINES[0]},country",
            *(f"{line}," for line in LINES[1:]),
            '2026-01-06,"shop ""x"", gore",2.5,b,,NZ',
            ',"bad,",,,,',
        )
    )
    assert "202 rows are in data/own.csv, of which 1 are bad" in capsys.readouterr().out
    [_, aside] = own.ASIDE.read_text().splitlines()
    assert aside.startswith("202,")
    assert "bad," in aside


def test_of_several_files_the_one_at_fault_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "my.csv").write_text(TEXT)
    (project / "more.csv").write_text(
        "date,text,price,category\n2026-01-05,x,1,a\n2026-01-05,x,n,a\n"
    )
    before = contents(project)
    with pytest.raises(
        UserError, match=r"(?s)more\.csv: 1 of 2 rows.* row 2: price is not.*mend more"
    ):
        own.take_files("my.csv more.csv")
    (project / "more.csv").write_text("date,text\n")
    with pytest.raises(UserError, match=r"columns\.price: no column is known to be the price"):
        own.take_files("my.csv more.csv")
    INTAKE.unlink()
    with pytest.raises(UserError, match=r"none\.csv is missing"):
        own.take_files("my.csv none.csv")

    # One file alone may lie far from the accepted data, if all together do not.
    rows = [f"2026-01-06,shop {n},{n},a,x" for n in range(40)]
    (project / "more.csv").write_text("\n".join([LINES[0], *rows]) + "\n")
    settings = read_params().validate_
    scratch = tmp_path_factory.mktemp("accepted")
    validated, aside = scratch / "v.parquet", scratch / "aside.csv"
    accepted = validate(Path("my.csv"), settings, None, validated, aside)
    write_json(CHAMPION_PROFILE, accepted)
    with pytest.raises(UserError, match="dvc add"):  # there is no repository: it went that far
        own.take_files("my.csv more.csv")
    (project / "more.csv").write_text("\n".join([LINES[0], *rows * 20]) + "\n")
    with pytest.raises(UserError, match=r"^my\.csv and more\.csv is unlike the last accepted data"):
        own.take_files("my.csv more.csv")
    (project / "more.csv").write_text("\n".join([LINES[0], "2026-01-06,shop,1,new,x"]) + "\n")
    with pytest.raises(UserError, match=r"more\.csv is another kind of data: in 1 of 1 rows"):
        own.take_files("my.csv more.csv")
    left = contents(project)
    assert left.keys() - before.keys() <= {"data/own_set_aside.csv"}


def test_rows_that_are_kept_apart_are_not_taken(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "feedback").mkdir()
    for name in ("my.csv", "feedback/holdout.csv"):
        (project / name).write_text(TEXT)
    before = contents(project)
    for files in ("my.csv feedback/holdout.csv", "./feedback/../feedback/holdout.csv"):
        with pytest.raises(UserError, match=r"feedback/holdout\.csv is kept apart"):
            own.take_files(files)
    assert contents(project) == before
