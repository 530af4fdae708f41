"""Filling the templates of the reports, and how they write numbers and text."""

import re
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from categoriser.intervals import Interval
from categoriser.model.tokens import token_in_words
from categoriser.plural import plural

# The held-out parts in the order of reading, and what their rows are.
PART_MEANINGS = {
    "time": "the last months: rows later than all that was trained on",
    "merchant": "merchants without a row in training",
    "random": "rows of the same months and merchants as the training's",
}
# The models in the order of reports.
MODEL_ORDER = ("model", "reference", "champion", "majority")


def render(template: str, package: str = "categoriser.evaluation", **values: Any) -> str:
    """Fill a template of a package's `templates`, in which those of this one can be included.

    A name that it asks for and does not get is an error.
    """
    environment = Environment(
        autoescape=select_autoescape(),
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("categoriser.evaluation")]),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "cell": cell,
        "counted": plural,
        "nats": nats,
        "percent": percent,
        "points": points,
        "said": token_in_words,
        "span": span,
    }
    return environment.get_template(template).render(
        values, meaning=PART_MEANINGS, order=MODEL_ORDER
    )


def cell(text: object) -> str:
    """Escape what Markdown would take for markup, in a table or outside."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~&]|<|>)", r"\\\1", " ".join(str(text).split()))


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def points(share: float | None) -> str:
    """Write a difference of shares in percentage points."""
    return "–" if share is None else f"{100 * share:+.1f}".replace("-", "−")


def nats(difference: float) -> str:
    """Write a difference of log losses."""
    return f"{difference:+.3f}".replace("-", "−")


def span(interval: Interval, signed: bool = False) -> str:
    """Write an interval's ends, as `percent` and `points` write its value."""
    if signed:
        return f"{points(interval.low)} to {points(interval.high)}"
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
