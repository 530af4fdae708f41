"""Transactions as banks write them, from bundled facts, with the ceiling that their noise sets.

A row is drawn in this order: date, country, kind of merchant (by season and weekday), merchant (a
long tail), price (lognormal by kind, on the kind's grid), label (the kind's category or, by
`label_noise`, one that it is mistaken for), and last the descriptor's form, which depends on the
country alone. One country's rows come in part through a processor that hides the merchant: any
model serves that country worse, and the fairness test must find it.

Where things are: the probabilities in `generation/world.py`, the descriptors' forms in
`generation/descriptors.py`, the best classifier in `generation/ceiling.py`.
"""

import numpy as np
import polars as pl

from categoriser.command import run_command
from categoriser.data.generated_facts import GeneratedFacts, Planted
from categoriser.data.generation.ceiling import best_chances
from categoriser.data.generation.descriptors import write_descriptors
from categoriser.data.generation.drawing import Draws, FloatArray, IntArray, draw_choices
from categoriser.data.generation.world import HIDDEN_COUNTRY, Drift, World, make_world
from categoriser.io.replacing import replacing, write_json
from categoriser.params import Generate, read_params
from categoriser.paths import GENERATED, GENERATED_FACTS


def generate(settings: Generate, drift: Drift | None = None) -> tuple[pl.DataFrame, GeneratedFacts]:
    """Draw `settings.rows` rows by date, and state the facts of them, `ceiling` among those.

    The ceiling is the expected accuracy of the best classifier that sees the merchant (unless it is
    hidden), the price and the country, and knows every probability used here except the date's.
    Later months that drift: give a later `start`, another `seed` and a `drift`.
    """
    drift = drift or Drift()
    world = make_world(settings, drift)
    rng = np.random.default_rng(settings.seed)
    draws = _draw_rows(rng, world, settings)
    texts = write_descriptors(rng, world, draws, drift.new_bank)
    rows = pl.DataFrame(
        {
            "date": world.calendar.days[draws.day],
            "text": texts,
            "price": np.where(draws.refunded, -draws.cents, draws.cents) / 100,
            "category": world.categories.names[draws.label],
            "merchant": world.merchants.name[draws.merchant],
            "country": world.calendar.countries[draws.country],
        }
    )
    return rows, _facts(world, settings, rows, best_chances(world, settings.label_noise, draws))


def _draw_rows(rng: np.random.Generator, world: World, settings: Generate) -> Draws:
    """Draw all of the rows but their texts. The order of the draws is part of the data."""
    size = settings.rows
    calendar = world.calendar
    countries = len(calendar.countries)
    day = np.sort(draw_choices(rng, calendar.day_share, np.zeros(size)))
    country = draw_choices(rng, calendar.country_share, np.zeros(size))
    kinds = len(world.kinds.category)
    kind = draw_choices(rng, calendar.kind_on_day, day * countries + country) % kinds
    merchant = draw_choices(rng, world.merchants.share, kind * countries + country)
    cents = _draw_cents(rng, world, kind)
    refunded = rng.random(size) < world.kinds.refund[kind]
    label = _draw_labels(rng, world, kind, settings.label_noise)
    word = draw_choices(rng, world.trade_words.share, kind) % len(world.trade_words.words)
    may_hide = calendar.countries[country] == HIDDEN_COUNTRY
    hidden = may_hide & (rng.random(size) < world.hidden_share)
    return Draws(
        day=day,
        country=country,
        merchant=merchant,
        word=word,
        label=label,
        cents=cents,
        refunded=refunded,
        hidden=hidden,
    )


def _draw_cents(rng: np.random.Generator, world: World, kind: IntArray) -> IntArray:
    """Draw each row's price from its kind's lognormal, and move it to the kind's grid."""
    kinds = world.kinds
    step = kinds.step[kind]
    exact = np.exp(rng.normal(kinds.log_cents[kind], kinds.sigma[kind]))
    return (exact // step * step + kinds.offset[kind]).astype(np.int64)


def _draw_labels(
    rng: np.random.Generator, world: World, kind: IntArray, label_noise: float
) -> IntArray:
    """Take each kind's category or, by the noise, one that it is mistaken for."""
    categories = world.categories
    true = world.kinds.category[kind]
    mistaken = draw_choices(rng, categories.mistaken_for, true) % len(categories.names)
    return np.where(rng.random(len(kind)) < label_noise, mistaken, true)


def _facts(
    world: World, settings: Generate, rows: pl.DataFrame, best: FloatArray
) -> GeneratedFacts:
    month = pl.col("date").dt.strftime("%Y-%m")
    judged = rows.select("country", month=month, best=pl.Series(best))
    first_and_last = world.calendar.days[[0, -1]].astype("M8[M]")
    return GeneratedFacts(
        rows=settings.rows,
        seed=settings.seed,
        months=[str(month) for month in first_and_last],
        label_noise=settings.label_noise,
        planted=Planted("country", HIDDEN_COUNTRY, world.hidden_share),
        ceiling=round(float(best.mean()), 4),
        ceiling_by={column: _mean_by(judged, column) for column in ("country", "month")},
    )


def _mean_by(judged: pl.DataFrame, column: str) -> dict[str, float]:
    means = judged.group_by(column).agg(pl.mean("best").round(4))
    return dict(means.sort(column).iter_rows())


def main() -> None:
    rows, facts = generate(read_params().generate)
    with replacing(GENERATED) as path:
        rows.write_csv(path, float_precision=2)
    write_json(GENERATED_FACTS, facts)


if __name__ == "__main__":
    run_command(main)
