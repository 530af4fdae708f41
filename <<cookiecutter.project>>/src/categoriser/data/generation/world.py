"""The probabilities that rows are drawn from, by day, country, kind of merchant and merchant.

They come from the tables of `facts/`; its README.md says what they hold and where they are from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from categoriser.data.generation.drawing import FloatArray, IntArray, to_shares
from categoriser.params import Generate

FACTS = Path(__file__).parents[1] / "facts"

# The countries, with their shares of the rows, and the months of their summers.
COUNTRIES = {"AU": 0.45, "GB": 0.2, "NZ": 0.1, "US": 0.25}
SUMMER = {"AU": (12, 1, 2), "GB": (6, 7, 8), "NZ": (12, 1, 2), "US": (6, 7, 8)}
# In this country a processor hides the merchant of this share of rows.
HIDDEN_COUNTRY = "NZ"
HIDDEN_SHARE = 0.18

# A merchant's weight in its kind and country is (rank + RANK_OFFSET) ** -RANK_EXPONENT.
RANK_OFFSET = 5
RANK_EXPONENT = 0.8
# One in so many merchants is kept for drift: it has no rows without it.
KEPT_FOR_DRIFT = 10
# Share of rows in which a word of the trade follows the merchant's name ("talbots clothing").
WORDED_SHARE = 0.45


@dataclass(frozen=True)
class Drift:
    """How rows differ from those without drift, for the same settings."""

    new_merchants: float = 0  # share of rows from merchants that are never seen without drift
    price_scale: float = 1
    mix: Mapping[str, float] = field(default_factory=dict)  # factors to the shares of categories
    new_bank: float = 0  # share of rows that another bank words


@dataclass(frozen=True)
class Categories:
    """The classes, and for each the shares of those that it is mistaken for."""

    names: npt.NDArray[np.str_]
    mistaken_for: FloatArray  # categories, categories


@dataclass(frozen=True)
class Kinds:
    """Each kind's category, and its prices: lognormal, on a grid, in cents."""

    category: IntArray
    log_cents: FloatArray
    sigma: FloatArray
    refund: FloatArray
    step: IntArray
    offset: IntArray


@dataclass(frozen=True)
class TradeWords:
    """The words of all trades, the empty one first, and their shares among a kind's rows."""

    words: npt.NDArray[np.str_]
    share: FloatArray  # kinds, words


@dataclass(frozen=True)
class Calendar:
    """The days and countries, and how rows spread over them and over the kinds."""

    days: npt.NDArray[np.datetime64]
    countries: npt.NDArray[np.str_]
    country_share: FloatArray
    day_share: FloatArray
    kind_on_day: FloatArray  # days, countries, kinds
    kind_in_country: FloatArray  # countries, kinds


@dataclass(frozen=True)
class Merchants:
    """The merchants, flat, group after group: a group is a kind in a country, and sums to one.

    One merchant may be of several kinds: its identity is its name in its country.
    """

    share: FloatArray
    name: npt.NDArray[Any]
    identity: IntArray
    identity_in_kind: FloatArray  # kinds, identities


@dataclass(frozen=True)
class Cities:
    """The cities, country after country; the shares of a country's cities sum to one."""

    name: npt.NDArray[Any]
    share: FloatArray


@dataclass(frozen=True)
class World:
    """All probabilities that rows are drawn from, with what they are of."""

    categories: Categories
    kinds: Kinds
    trade_words: TradeWords
    calendar: Calendar
    merchants: Merchants
    cities: Cities
    hidden_share: float  # share of HIDDEN_COUNTRY's rows that hide their merchant


def make_world(settings: Generate, drift: Drift) -> World:
    """Compute the probabilities from the facts, the settings and the drift."""
    kinds = pl.read_csv(FACTS / "kinds.csv")
    categories = pl.read_csv(FACTS / "categories.csv")
    return World(
        categories=_categories(categories),
        kinds=_kinds(kinds, categories["category"].to_list(), drift.price_scale),
        trade_words=_trade_words(kinds),
        calendar=_calendar(kinds, _days(settings), drift.mix),
        merchants=_merchants(kinds, drift.new_merchants),
        cities=_cities(),
        hidden_share=HIDDEN_SHARE,
    )


def _categories(categories: pl.DataFrame) -> Categories:
    names = categories["category"].to_list()
    others = [text.split() for text in categories["mistaken_for"]]
    is_other = np.array([[name in found for name in names] for found in others])
    return Categories(np.array(names), to_shares(is_other))


def _kinds(kinds: pl.DataFrame, categories: list[str], price_scale: float) -> Kinds:
    return Kinds(
        category=np.array([categories.index(name) for name in kinds["category"]]),
        log_cents=np.log(kinds["median"].to_numpy() * 100 * price_scale),
        sigma=kinds["sigma"].to_numpy(),
        refund=kinds["refund"].to_numpy(),
        step=kinds["step"].to_numpy(),
        offset=kinds["offset"].to_numpy(),
    )


def _trade_words(kinds: pl.DataFrame) -> TradeWords:
    by_kind = [text.split() for text in kinds["words"]]
    words = np.array(["", *sorted({word for found in by_kind for word in found})])
    in_kind = np.array([np.isin(words, found) for found in by_kind])
    share = np.where(words == "", 1 - WORDED_SHARE, WORDED_SHARE * to_shares(in_kind))
    return TradeWords(words, share)


def _days(settings: Generate) -> npt.NDArray[np.datetime64]:
    """Return the days from the start to the end of the last month."""
    first = np.datetime64(settings.start, "D")
    end = first.astype("M8[M]") + settings.months
    return np.arange(first, end, dtype="M8[D]")


def _calendar(
    kinds: pl.DataFrame, days: npt.NDArray[np.datetime64], mix: Mapping[str, float]
) -> Calendar:
    """Spread the kinds' shares over days and countries by season and weekday."""
    month = days.astype("M8[M]").astype(int) % 12 + 1
    is_december = (month == 12)[:, None]
    is_weekend = np.is_busday(days, weekmask="Sat Sun")[:, None]
    is_summer = np.array([np.isin(month, SUMMER[country]) for country in COUNTRIES]).T[:, :, None]

    share = kinds["share"].to_numpy() * [mix.get(name, 1.0) for name in kinds["category"]]
    share = share * np.where(is_december, kinds["december"].to_numpy(), 1)
    share = share * np.where(is_weekend, kinds["weekend"].to_numpy(), 1)
    weights = share[:, None] * np.where(is_summer, kinds["summer"].to_numpy(), 1)

    country_share = np.array(list(COUNTRIES.values()))
    day_share = to_shares(weights.sum(axis=2) @ country_share)
    kind_on_day = to_shares(weights)
    return Calendar(
        days=days,
        countries=np.array(list(COUNTRIES)),
        country_share=country_share,
        day_share=day_share,
        kind_on_day=kind_on_day,
        kind_in_country=np.tensordot(day_share, kind_on_day, 1),
    )


def _merchants(kinds: pl.DataFrame, new_merchants: float) -> Merchants:
    """Give each merchant its share of its group; some have one only where merchants drift."""
    merchants = _ranked_merchants(kinds, new_merchants)
    share = merchants["share"].to_numpy()
    identity = merchants.select(pl.concat_str("name", "country").rank("dense")).to_series() - 1
    identity_in_kind = np.zeros((kinds.height, identity.n_unique()))
    identity_in_kind[merchants["kind_index"].to_numpy(), identity.to_numpy()] = share
    return Merchants(share, merchants["name"].to_numpy(), identity.to_numpy(), identity_in_kind)


def _ranked_merchants(kinds: pl.DataFrame, new_merchants: float) -> pl.DataFrame:
    """Read the merchants in the order of their groups, with each one's share of its group."""
    group = ["kind_index", "country_index"]
    kind_indices = {name: index for index, name in enumerate(kinds["kind"])}
    country_indices = {name: index for index, name in enumerate(COUNTRIES)}
    is_kept = pl.col("rank") % KEPT_FOR_DRIFT == KEPT_FOR_DRIFT - 1
    return (
        pl.read_csv(FACTS / "merchants.csv")
        .with_columns(
            kind_index=pl.col("kind").replace_strict(kind_indices),
            country_index=pl.col("country").replace_strict(country_indices),
        )
        .sort(group, maintain_order=True)
        .with_columns(rank=pl.int_range(pl.len()).over(group))
        .with_columns(weight=(pl.col("rank") + RANK_OFFSET) ** -RANK_EXPONENT, kept=is_kept)
        .with_columns(
            new=new_merchants * pl.col("kept").any().over(group).cast(pl.Float64),
            weight=pl.col("weight") / pl.col("weight").sum().over([*group, "kept"]),
        )
        .with_columns(part=pl.when("kept").then("new").otherwise(1 - pl.col("new")))
        .with_columns(share=pl.col("weight") * pl.col("part"))
    )


def _cities() -> Cities:
    cities = pl.read_csv(FACTS / "places.csv").filter(kind="city").sort("country", "place")
    share = cities.select(1 / pl.len().over("country")).to_series()
    return Cities(cities["place"].to_numpy(), share.to_numpy())
