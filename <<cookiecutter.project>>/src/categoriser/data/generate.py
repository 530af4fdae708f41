"""Transactions as banks write them, from bundled facts, with the ceiling that their noise sets.

A row is drawn in this order: date, country, kind of merchant (by season and weekday), merchant (a
long tail), price (lognormal by kind, on the kind's grid), label (the kind's category or, by
`label_noise`, one that it is mistaken for), and last the descriptor's form, which depends on the
country alone. One country's rows come in part through a processor that hides the merchant: any
model serves that country worse, and the fairness test must find it.

The facts are the tables of `facts/`; its README.md says what they hold and where they are from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import repeat
from operator import add
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtr

from categoriser.data.generated_facts import GeneratedFacts, Planted
from categoriser.errors import run
from categoriser.io.replacing import replacing, write_json
from categoriser.params import Generate, read_params
from categoriser.paths import GENERATED, GENERATED_FACTS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FACTS = Path(__file__).with_name("facts")

COUNTRIES = {"AU": 0.45, "GB": 0.2, "NZ": 0.1, "US": 0.25}
SUMMER = {"AU": (12, 1, 2), "GB": (6, 7, 8), "NZ": (12, 1, 2), "US": (6, 7, 8)}
HIDDEN_COUNTRY, HIDDEN_SHARE = "NZ", 0.18

# The merchant of rank r in its kind and country has a weight of (r + HEAD) ** -TAIL. Every tenth is
# kept for drift.
HEAD, TAIL, KEPT = 5, 0.8, 10
# Share of rows in which a word of the trade follows the merchant's name ("talbots clothing").
WORDED = 0.45

# A descriptor's pieces, with their shares. A processor's mark and a shop's number are within the
# merchant's field, which is cut at FIELD characters; the bank's words stand outside it.
BANKS = {"": 0.62, "VISA PURCHASE ": 0.12, "POS ": 0.09, "EFTPOS ": 0.09, "CARD PURCHASE ": 0.08}
NEW_BANK = "TAP AND GO/WALLET "
PROCESSORS = {"": 0.84, "SQ *": 0.07, "PAYPAL *": 0.06, "TST* ": 0.03}
SHOPS = {"": 0.6, " {digits:.4}": 0.25, " #{digits:.3}": 0.08, " {digits:.2}": 0.07}
REFERENCES = {"": 0.5, " p{hex:.9}": 0.25, " {digits}": 0.13, " CARD XX{digits:.4}": 0.12}
PLACES = {"": 0.3, " {city}": 0.15, " {city} {country}": 0.55}
CASES = {str.upper: 0.6, str.lower: 0.25, str: 0.15}
# What is left out of the merchant's name: nothing, spaces, or the vowels inside its words.
NAMES = {"": 0.65, " ": 0.15, r"\B[aeiou]": 0.2}
FIELD = 25
HIDDEN = "PAYLANE TRANSFER"


@dataclass(frozen=True)
class Drift:
    """How rows differ from those without drift, for the same settings."""

    new_merchants: float = 0  # share of rows from merchants that are never seen without drift
    price_scale: float = 1
    mix: Mapping[str, float] = field(default_factory=dict)  # factors to the shares of categories
    new_bank: float = 0  # share of rows that another bank words


class Draws(NamedTuple):
    """What was drawn for each row, as indices into the world's arrays; prices are in cents."""

    day: Ints
    country: Ints
    merchant: Ints
    word: Ints
    cents: Ints
    refunded: Bools
    hidden: Bools


class World:
    """The probabilities that rows are drawn from: arrays over days, countries, kinds, merchants."""

    def __init__(self, settings: Generate, drift: Drift) -> None:
        kinds = pl.read_csv(FACTS / "kinds.csv")
        categories = pl.read_csv(FACTS / "categories.csv")
        names = categories["category"].to_list()
        self.categories = np.array(names)
        self.kind_category = np.array([names.index(name) for name in kinds["category"]])
        others = [pair.split() for pair in categories["mistaken_for"]]
        self.mistaken = _to_one(np.array([[name in pair for name in names] for pair in others]))

        self.log_cents = np.log(kinds["median"].to_numpy() * 100 * drift.price_scale)
        self.sigma, self.refund, self.step, self.offset = (
            kinds[name].to_numpy() for name in ("sigma", "refund", "step", "offset")
        )

        # Words of the trade: `word` is the share of each among a kind's rows, that of none first.
        words = [pair.split() for pair in kinds["words"]]
        self.words = np.array(["", *sorted({word for pair in words for word in pair})])
        in_kind = np.array([np.isin(self.words, pair) for pair in words])
        self.word = np.where(self.words == "", 1 - WORDED, WORDED * _to_one(in_kind))

        first = np.datetime64(settings.start, "D")
        self.days = np.arange(first, first.astype("M8[M]") + settings.months, dtype="M8[D]")
        month = self.days.astype("M8[M]").astype(int) % 12 + 1
        weekend = np.is_busday(self.days, weekmask="Sat Sun")
        summer = np.array([np.isin(month, SUMMER[country]) for country in COUNTRIES]).T
        share = kinds["share"].to_numpy() * [drift.mix.get(name, 1.0) for name in kinds["category"]]
        share = share * np.where((month == 12)[:, None], kinds["december"].to_numpy(), 1)
        share = share * np.where(weekend[:, None], kinds["weekend"].to_numpy(), 1)
        weights = share[:, None] * np.where(summer[:, :, None], kinds["summer"].to_numpy(), 1)
        self.countries = np.array(list(COUNTRIES))
        self.country = np.array(list(COUNTRIES.values()))
        self.day = _to_one(weights.sum(axis=2) @ self.country)
        self.kind_on_day = _to_one(weights)  # days, countries, kinds
        self.kind = np.tensordot(self.day, self.kind_on_day, 1)  # countries, kinds

        # Merchants lie flat, group after group; a group is a kind in a country.
        group = ["kind_index", "country_index"]
        indices = {name: index for index, name in enumerate(kinds["kind"])}
        merchants = (
            pl.read_csv(FACTS / "merchants.csv")
            .with_columns(
                kind_index=pl.col("kind").replace_strict(indices),
                country_index=pl.col("country").replace_strict(list(COUNTRIES), range(4)),
            )
            .sort(group, maintain_order=True)
            .with_columns(rank=pl.int_range(pl.len()).over(group))
            .with_columns(weight=(pl.col("rank") + HEAD) ** -TAIL, kept=pl.col("rank") % KEPT == 9)
            .with_columns(
                new=drift.new_merchants * pl.col("kept").any().over(group).cast(pl.Float64),
                weight=pl.col("weight") / pl.col("weight").sum().over([*group, "kept"]),
            )
            .with_columns(part=pl.when("kept").then("new").otherwise(1 - pl.col("new")))
            .with_columns(share=pl.col("weight") * pl.col("part"))
        )
        self.merchant = merchants["share"].to_numpy()
        self.merchant_name = merchants["name"].to_numpy()
        # One merchant may be of several kinds: its identity is its name in its country.
        identity = merchants.select(pl.concat_str("name", "country").rank("dense")).to_series() - 1
        self.identity = identity.to_numpy()
        self.named = np.zeros((kinds.height, len(np.unique(self.identity))))
        self.named[merchants["kind_index"].to_numpy(), self.identity] = self.merchant

        places = pl.read_csv(FACTS / "places.csv").filter(kind="city").sort("country", "place")
        self.city_name = places["place"].to_numpy()
        self.city = places.select(1 / pl.len().over("country")).to_series().to_numpy()


def generate(settings: Generate, drift: Drift | None = None) -> tuple[pl.DataFrame, GeneratedFacts]:
    """Draw `settings.rows` rows by date, and state the facts of them, `ceiling` among those.

    The ceiling is the expected accuracy of the best classifier that sees the merchant (unless it is
    hidden), the price and the country, and knows every probability used here except the date's.
    Later months that drift: give a later `start`, another `seed` and a `drift`.
    """
    world = World(settings, drift or Drift())
    rng = np.random.default_rng(settings.seed)
    size = settings.rows

    day = np.sort(_draw(rng, world.day, np.zeros(size)))
    country = _draw(rng, world.country, np.zeros(size))
    kinds = world.kind.shape[1]
    kind = _draw(rng, world.kind_on_day, day * len(COUNTRIES) + country) % kinds
    merchant = _draw(rng, world.merchant, kind * len(COUNTRIES) + country)
    exact = np.exp(rng.normal(world.log_cents[kind], world.sigma[kind]))
    cents = (exact // world.step[kind] * world.step[kind] + world.offset[kind]).astype(np.int64)
    refunded = rng.random(size) < world.refund[kind]
    label = world.kind_category[kind]
    mistake = _draw(rng, world.mistaken, label) % len(world.categories)
    label = np.where(rng.random(size) < settings.label_noise, mistake, label)
    word = _draw(rng, world.word, kind) % len(world.words)
    hidden = (world.countries[country] == HIDDEN_COUNTRY) & (rng.random(size) < HIDDEN_SHARE)
    draws = Draws(day, country, merchant, word, cents, refunded, hidden)

    rows = pl.DataFrame(
        {
            "date": world.days[day],
            "text": _texts(rng, world, draws, drift or Drift()),
            "price": np.where(refunded, -cents, cents) / 100,
            "category": world.categories[label],
            "merchant": world.merchant_name[merchant],
            "country": world.countries[country],
        }
    )
    best = _best(world, settings.label_noise, draws)
    judged = rows.select("country", month=pl.col("date").dt.strftime("%Y-%m"), best=pl.Series(best))

    def ceilings(column: str) -> dict[str, float]:
        by = judged.group_by(column).agg(pl.mean("best").round(4))
        return dict(by.sort(column).iter_rows())

    return rows, GeneratedFacts(
        rows=size,
        seed=settings.seed,
        months=[str(day) for day in world.days[[0, -1]].astype("M8[M]")],
        label_noise=settings.label_noise,
        planted=Planted("country", HIDDEN_COUNTRY, HIDDEN_SHARE),
        ceiling=round(float(best.mean()), 4),
        ceiling_by={column: ceilings(column) for column in ("country", "month")},
    )


def _texts(rng: np.random.Generator, world: World, draws: Draws, drift: Drift) -> list[str]:
    """Write each row's descriptor."""
    size = len(draws.day)

    def pieces(shares: Mapping[Any, float]) -> list[Any]:
        choice = _draw(rng, np.array(list(shares.values())), np.zeros(size))
        found: list[Any] = np.array(list(shares), dtype=object)[choice].tolist()
        return found

    banks = np.array(pieces(BANKS), dtype=object)
    banks[rng.random(size) < drift.new_bank] = NEW_BANK
    digits = [f"{number:012}" for number in rng.integers(10**12, size=size).tolist()]
    hexes = [f"{number:09x}" for number in rng.integers(16**9, size=size).tolist()]
    words = [f" {word}" if word else "" for word in world.words[draws.word].tolist()]
    names = map(re.sub, pieces(NAMES), repeat(""), world.merchant_name[draws.merchant].tolist())
    marks, shops, hidden = pieces(PROCESSORS), pieces(SHOPS), draws.hidden.tolist()
    shown = zip(hidden, marks, names, words, shops, digits, strict=True)
    fields = [
        HIDDEN if hides else (mark + name + word + shop.format(digits=number))[:FIELD]
        for hides, mark, name, word, shop, number in shown
    ]
    cases, tails = pieces(CASES), map(add, pieces(REFERENCES), pieces(PLACES))
    cities = world.city_name[_draw(rng, world.city, draws.country)].tolist()
    lands = world.countries[draws.country].tolist()
    whole = zip(cases, banks.tolist(), fields, tails, digits, hexes, cities, lands, strict=True)
    return [
        case(bank + text + tail.format(digits=number[::-1], hex=code, city=city, country=land))
        for case, bank, text, tail, number, code, city, land in whole
    ]


def _best(world: World, noise: float, draws: Draws) -> Floats:
    """Return, for each row, how probable the label is that the best classifier would give.

    The classifier weighs kinds by Bayes' rule with their shares in the country over all days; the
    probability of what it answers is then taken given the row's own day. The mean over any rows is
    the classifier's expected accuracy on them.
    """
    day, country, merchant, word, cents, refunded, hidden = draws
    known, true = np.zeros((2, len(day), len(world.categories)))
    for kind, category in enumerate(world.kind_category):
        step, log_cents, sigma = world.step[kind], world.log_cents[kind], world.sigma[kind]
        count, rest = np.divmod(cents - world.offset[kind], step)
        with np.errstate(divide="ignore", invalid="ignore"):
            under = [(np.log(edge * step) - log_cents) / sigma for edge in (count, count + 1)]
        seen = np.where((rest == 0) & (count >= 0), ndtr(under[1]) - ndtr(under[0]), 0)
        seen *= np.where(refunded, world.refund[kind], 1 - world.refund[kind])
        named = world.named[kind, world.identity[merchant]] * world.word[kind, word]
        seen *= np.where(hidden, 1, named)
        known[:, category] += seen * world.kind[country, kind]
        true[:, category] += seen * world.kind_on_day[day, country, kind]

    def labels(categories: Floats) -> Floats:
        return (1 - noise) * categories + noise * categories @ world.mistaken

    answer = labels(known).argmax(axis=1)
    chances: Floats = labels(_to_one(true))[np.arange(len(day)), answer]
    return chances


def _draw(rng: np.random.Generator, shares: Floats, group: npt.NDArray[Any]) -> Ints:
    """Draw for each row an index into the flat `shares`, of which each group sums to one."""
    ends = np.cumsum(shares)
    at = np.searchsorted(ends, group + rng.random(len(group)), side="right")
    return np.minimum(at, len(ends) - 1)


def _to_one(weights: npt.NDArray[Any]) -> Floats:
    shares: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return shares


def main() -> None:
    rows, facts = generate(read_params().generate)
    with replacing(GENERATED) as path:
        rows.write_csv(path, float_precision=2)
    write_json(GENERATED_FACTS, facts)


if __name__ == "__main__":
    run(main)
