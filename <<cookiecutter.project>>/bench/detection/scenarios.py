"""What may happen to the rows of a week: drifts of the world, and faults on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from categoriser.data.generation.world import Drift
from categoriser.model.calibration import Calibration

ShareChange = Callable[[pl.DataFrame, float, np.random.Generator], pl.DataFrame]

SHARES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
CLASS_FACTORS = (1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.25, 2.5, 3.0, 4.0, 5.0)


class Scenario(NamedTuple):
    """What happens, how strongly: `usual` in the table, and the strengths that are tried, rising.

    Rows are drawn with a drift, or those without are changed before the model answers, or the
    answers are.
    """

    name: str
    words: str  # with the strength in it
    usual: float
    strengths: tuple[float, ...]
    drift: Callable[[float], Drift] | None = None
    change: ShareChange | None = None
    answers: Callable[[pl.DataFrame, float], pl.DataFrame] | None = None


def drawn(rows: pl.DataFrame, share: float, random: np.random.Generator) -> pl.Series:
    """Draw so large a share of the rows."""
    return pl.Series(random.random(rows.height) < share)


def altered(expression: pl.Expr) -> ShareChange:
    """Give `expression` to so large a share of the rows."""

    def change(rows: pl.DataFrame, share: float, random: np.random.Generator) -> pl.DataFrame:
        name = expression.meta.output_name()
        chosen = pl.when(drawn(rows, share, random))
        return rows.with_columns(chosen.then(expression).otherwise(pl.col(name)).alias(name))

    return change


def without_prices(answers: pl.DataFrame, share: float) -> pl.DataFrame:
    """Take the price from so large a share of the answered rows."""
    missing = drawn(answers, share, np.random.default_rng(0))
    return answers.with_columns(price=pl.when(~missing).then("price"))


def tempered(answers: pl.DataFrame, temperature: float) -> pl.DataFrame:
    """Calibrate the answers' probabilities once more, by another temperature."""
    known_words = np.zeros(answers.height)
    calibration = Calibration(temperature=temperature)
    table = calibration.calibrate(answers["probabilities"].to_numpy(), known_words)
    return answers.with_columns(
        probabilities=pl.Series(table, dtype=answers.schema["probabilities"])
    )


NEW_MERCHANTS = Scenario(
    "New merchants",
    "{:.0%} of rows",
    usual=0.2,
    strengths=SHARES,
    drift=lambda share: Drift(new_merchants=share),
)
PRICES = Scenario(
    "Prices × 1.5",
    "× {:g}",
    usual=1.5,
    strengths=(1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.5),
    drift=lambda factor: Drift(price_scale=factor),
)
CUT_TEXT = Scenario(
    "Text cut at 15 characters",
    "{:.0%} of rows",
    usual=1,
    strengths=SHARES,
    change=altered(pl.col("text").str.slice(0, 15)),
)
LOST_CASING = Scenario(
    "Casing lost",
    "{:.0%} of rows",
    usual=1,
    strengths=SHARES,
    change=altered(pl.col("text").str.to_lowercase()),
)
NEW_PREFIX = Scenario(
    "A new prefix",
    "{:.0%} of rows",
    usual=0.15,
    strengths=SHARES,
    drift=lambda share: Drift(new_bank=share),
)
ANOTHER_COUNTRY = Scenario(
    "Another country",
    "{:.0%} of rows; half say so",
    usual=0.2,
    strengths=SHARES,
    change=altered(pl.col("text").str.replace(r"(?i) (au|gb|nz|us)$", " FR")),
)
MISSING_PRICES = Scenario(
    "Nulls in price",
    "{:.1%} of rows",
    usual=0.02,
    strengths=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    answers=without_prices,
)
COLLAPSED_CONFIDENCE = Scenario(
    "Confidence collapsed",
    "temperature {:g}",
    usual=2,
    strengths=(1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 3.0),
    answers=tempered,
)


def doubled_class(name: str, share: float) -> Scenario:
    return Scenario(
        f"A class of {share:.0%} doubled",
        f"{name} × {{:g}}",
        usual=2,
        strengths=CLASS_FACTORS,
        drift=lambda factor: Drift(mix={name: factor}),
    )


def removed_class(name: str, share: float) -> Scenario:
    return Scenario(
        f"A class of {share:.0%} removed",
        f"{{:.0%}} of {name}",
        usual=1,
        strengths=SHARES,
        drift=lambda removed: Drift(mix={name: 1 - removed}),
    )


def scenarios(shares: Mapping[str, float]) -> list[Scenario]:
    """Return the scenarios for classes of these shares of the training rows, in the table's order.

    A class of some 5, 10 and 20 % each is doubled, and one of 5 % removed.
    """

    def near(share: float) -> str:
        return min(shares, key=lambda name: abs(shares[name] - share))

    small, middling, large = (near(share) for share in (0.05, 0.1, 0.2))
    return [
        NEW_MERCHANTS,
        PRICES,
        *(doubled_class(name, shares[name]) for name in (small, middling, large)),
        removed_class(small, shares[small]),
        CUT_TEXT,
        LOST_CASING,
        NEW_PREFIX,
        ANOTHER_COUNTRY,
        MISSING_PRICES,
        COLLAPSED_CONFIDENCE,
    ]
