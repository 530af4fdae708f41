"""Generated rows of months after the project's data, which drift from them.

The generator keeps one in ten merchants for drift (`KEPT_FOR_DRIFT` of
`categoriser.data.generation.world`): they have no row without it, and where there is drift they are
the same merchants in every month. So what is learned of them in one month holds in the next.
"""

import datetime

import polars as pl

from categoriser import paths
from categoriser.data.generate import generate
from categoriser.data.generated_facts import read_generated_facts
from categoriser.data.generation.world import Drift
from categoriser.errors import UserError
from categoriser.params import Generate, Params

MONTH_DRIFT = Drift(new_merchants=0.3, price_scale=1.5, mix={"travel": 2}, new_bank=0.15)
DRIFT_IN_WORDS = (
    "30 % from new merchants, prices half as high again, travel doubled, a new bank's wording"
)
ROWS_IN_MONTH = 5000
# Longer than any month.
DAYS_TO_NEXT_MONTH = 32


def refuse_own_data(params: Params, verb: str) -> None:
    """Raise `UserError` where the project's data are not the generated rows."""
    if params.data.path != paths.GENERATED:
        raise UserError(
            f"{verb} serves generated rows, and the model is of {params.data.path}: "
            "it would call everything drift"
        )


def drifted_month(
    settings: Generate, number: int, drift: Drift = MONTH_DRIFT, rows: int = ROWS_IN_MONTH
) -> pl.DataFrame:
    """Return rows of a month after the generated data: number 1 is the first of them.

    Each month has a seed of its own, so no two have the same rows. Raises `UserError` where
    data/generated.json is missing or damaged.
    """
    last = read_generated_facts(paths.GENERATED_FACTS).months[1]
    start = datetime.date.fromisoformat(f"{last}-01")
    for _ in range(number):
        start = (start + datetime.timedelta(days=DAYS_TO_NEXT_MONTH)).replace(day=1)
    later = {"rows": rows, "start": start, "months": 1, "seed": settings.seed + number}
    return generate(settings.model_copy(update=later), drift)[0]
