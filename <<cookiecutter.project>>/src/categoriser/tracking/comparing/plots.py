"""The plots of a comparison, as specifications of Vega-Lite 5.

Names and values come from MLflow: they are data and titles here, and never fields or expressions.
"""

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from categoriser.intervals import Interval
from categoriser.tracking.comparing.comparison import (
    ComparedRun,
    Comparison,
    Parameter,
    less_is_better,
    number,
)
from categoriser.tracking.comparing.wording import NOTHING, ends_text, value_text

Row = dict[str, Any]
Drawn = tuple[ComparedRun, Interval]
# Numbers over 0 of which the last is so many times the first are drawn by their logarithms.
WIDE_SPAN = 50
# Values are written at an axis where they lie this share of it apart.
TICKS_APART = 0.07
# More groups than these have no legend.
MOST_GROUPS = 10
# Characters of a line above an axis.
HEAD_WIDTH = 18
HEAD_HEIGHT = 14  # pixels
AXIS_WIDTH = 140
LEAST_WIDTH = 560
PARALLEL_HEIGHT = 320
PANEL_WIDTH = 240
PANEL_HEIGHT = 170
PANELS_BESIDE = 3
LONGEST_LABEL = 120  # pixels
LEAST_LABEL = 24
INK = "#3c4858"
CONFIG: Row = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {"gridColor": "#e7ecf1", "labelColor": INK, "titleColor": INK},
    "legend": {"labelLimit": 4 * LONGEST_LABEL, "titleLimit": 4 * LONGEST_LABEL},
}
HEAD: Row = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": CONFIG}


class Axis:
    """An axis of the parallel coordinates: where a value lies on it, from 0 to 1.

    Numbers lie by their size, texts in their order, each as far from the next.
    """

    def __init__(self, name: str, texts: Sequence[str], numbers: bool) -> None:
        self.name = name
        known = set(texts) - {NOTHING}
        self.numbers = sorted(map(float, known)) if numbers else []
        self.texts = [] if numbers else sorted(known)

    def position(self, text: str) -> float | None:
        """Return where a value lies; None for none."""
        if text == NOTHING:
            return None
        if not self.numbers:
            return self.texts.index(text) / max(len(self.texts) - 1, 1)
        low, high = self.numbers[0], self.numbers[-1]
        if low == high:
            return 0.5
        if is_wide(self.numbers):
            return math.log(float(text) / low) / math.log(high / low)
        return (float(text) - low) / (high - low)

    def ticks(self) -> list[Row]:
        """Return the values that are written at the axis: the ends, and of others what has room."""
        known = [repr(value) for value in self.numbers] or self.texts
        lying = [(self.position(text) or 0.0, shown(text)) for text in known]
        kept = lying[:1]
        for position, text in lying[1:-1]:
            if kept[-1][0] + TICKS_APART <= position <= lying[-1][0] - TICKS_APART:
                kept.append((position, text))
        kept += lying[1:][-1:]
        return [{"position": position, "text": text} for position, text in kept]


def is_wide(numbers: Sequence[float]) -> bool:
    """Return whether numbers, sorted, are read better by their logarithms."""
    return numbers[0] > 0 and numbers[-1] > WIDE_SPAN * numbers[0]


def drawn(compared: Comparison) -> list[Drawn]:
    """Return the runs that have the metric, each with its figure; the best is last, so on top."""
    figures = [(one, one.figure(compared.metric)) for one in reversed(compared.runs)]
    return [(one, figure) for one, figure in figures if figure]


def parallel_plot(compared: Comparison) -> Row:
    """Draw each run as a line over the parameters that differ and the metric, which colours it."""
    runs = drawn(compared)
    axes = [axis_of(parameter, runs) for parameter in compared.parameters]
    axes.append(Axis(compared.metric, [repr(figure.value) for _, figure in runs], True))
    points = [point for one in runs for point in line_points(*one, compared, axes)]
    ticks = [tick | {"axis": place} for place, axis in enumerate(axes) for tick in axis.ticks()]
    heads: list[Row] = [
        {"axis": place, "position": 1.03, "name": wrap(axis.name, HEAD_WIDTH)}
        for place, axis in enumerate(axes)
    ]
    across: Row = {"field": "axis", "type": "quantitative", "axis": None}
    across["scale"] = {"domain": [-0.1, len(axes) - 0.4], "nice": False, "zero": False}
    up: Row = {"field": "position", "type": "quantitative", "axis": None}
    up["scale"] = {"domain": [-0.03, 1.03], "nice": False}
    place: Row = {"x": across, "y": up}
    said = {"data": {"values": ticks}, "encoding": place | {"text": {"field": "text"}}}
    top = HEAD_HEIGHT * max(len(head["name"]) for head in heads)
    bold = {"fontWeight": "bold", "lineHeight": HEAD_HEIGHT, "limit": AXIS_WIDTH}
    return HEAD | {
        "description": f"Each of {len(runs)} runs as a line over {len(axes) - 1} parameters and "
        f"{compared.metric}",
        "width": max(LEAST_WIDTH, AXIS_WIDTH * len(axes)),
        "height": PARALLEL_HEIGHT,
        "padding": {"top": top + HEAD_HEIGHT, "left": 5, "right": 5, "bottom": 5},
        "layer": [
            {
                "data": {"values": heads},
                "mark": {"type": "rule", "color": "#9aa7b4"},
                "encoding": {"x": across},
            },
            run_lines(points, compared, place),
            # White under the text, so that it is read over lines.
            said | {"mark": text_mark(dx=6, stroke="white", strokeWidth=4, opacity=0.85)},
            said | {"mark": text_mark(dx=6, color=INK)},
            {
                "data": {"values": heads},
                "mark": text_mark(dy=-top) | bold,
                "encoding": place | {"text": {"field": "name"}},
            },
        ],
    }


def run_lines(points: list[Row], compared: Comparison, place: Row) -> Row:
    """Draw the lines, the better the darker; that which is pointed at stands out, and is named."""
    metric = compared.metric
    pointed = {"param": "pointed", "empty": False}
    return {
        "data": {"values": points},
        "params": [
            {
                "name": "pointed",
                "select": {"type": "point", "fields": ["run"], "on": "pointerover"},
            }
        ],
        "mark": {"type": "line", "point": {"size": 24}, "invalid": "break-paths-filter-domains"},
        "encoding": place
        | {
            "detail": {"field": "run"},
            "color": {
                "field": "metric",
                "type": "quantitative",
                "scale": {"scheme": "viridis", "reverse": not less_is_better(metric)},
                "legend": {"title": metric, "format": ".4~f"},
            },
            "opacity": {"condition": pointed | {"value": 1}, "value": 0.55},
            "strokeWidth": {"condition": pointed | {"value": 4}, "value": 1.5},
            "tooltip": [
                {"field": "name", "title": "run"},
                {"field": "parameter"},
                {"field": "value"},
                {"field": "metric", "title": metric, "format": ".4f"},
            ],
        },
    }


def text_mark(**more: Any) -> Row:
    return {"type": "text", "align": "left", "limit": LONGEST_LABEL} | more


def axis_of(parameter: Parameter, runs: Sequence[Drawn]) -> Axis:
    """Return a parameter's axis."""
    texts = [one.run.params.get(parameter.name, NOTHING) for one, _ in runs]
    return Axis(parameter.short, texts, parameter.numbers)


def line_points(
    one: ComparedRun, figure: Interval, compared: Comparison, axes: Sequence[Axis]
) -> list[Row]:
    """Return the points of a run's line, one on each axis."""
    texts = [one.run.params.get(each.name, NOTHING) for each in compared.parameters]
    texts.append(repr(figure.value))
    return [
        {
            "run": one.run.id,
            "name": one.run.name,
            "axis": place,
            "parameter": axis.name,
            "position": axis.position(text),
            "value": shown(text),
            "metric": figure.value,
        }
        for place, (axis, text) in enumerate(zip(axes, texts, strict=True))
    ]


def shown(text: str) -> str:
    """Write a number in few digits; leave another text."""
    value = number(text)
    return text if value is None else f"{value:.5g}"


def panels_plot(compared: Comparison) -> Row:
    """Draw the metric by each parameter, in panels of one height; whiskers are intervals."""
    runs = drawn(compared)
    rows = [panel_row(*one, compared) for one in runs]
    figures = [value for row in rows for value in (row["metric"], row["low"], row["high"])]
    margin = (max(figures) - min(figures)) / 20 or 0.01
    domain = [min(figures) - margin, max(figures) + margin]
    return HEAD | {
        "description": f"{compared.metric} of {len(runs)} runs by each of "
        f"{len(compared.parameters)} parameters",
        "data": {"values": rows},
        "columns": PANELS_BESIDE,
        "concat": [
            panel(place, parameter, compared, domain)
            for place, parameter in enumerate(compared.parameters)
        ],
    }


def panel_row(one: ComparedRun, figure: Interval, compared: Comparison) -> Row:
    """Return what the panels show of a run; `p0` is its value of the first parameter."""
    row: Row = {
        "run": one.run.name,
        "group": str(one.group),
        "best": "best" if one.best else "others",
        "metric": figure.value,
        "low": figure.low,
        "high": figure.high,
        "interval": ends_text(figure) or NOTHING,
        "figure": value_text(figure.value),
    }
    for place, parameter in enumerate(compared.parameters):
        text = one.run.params.get(parameter.name, NOTHING)
        row[f"p{place}"] = number(text) if parameter.numbers else text
    return row


def panel(place: int, parameter: Parameter, compared: Comparison, domain: list[float]) -> Row:
    """Draw the metric by one parameter."""
    field = f"p{place}"
    across: Row = {"field": field, "title": parameter.short}
    values = [one.run.params.get(parameter.name, NOTHING) for one, _ in drawn(compared)]
    across |= numbers_scale(values) if parameter.numbers else texts_scale(values)
    y: Row = {"field": "metric", "type": "quantitative", "title": None}
    y["scale"] = {"domain": domain, "nice": False, "zero": False}
    colours: Row = {"field": "group", "type": "nominal"}
    few = len(compared.groups) <= MOST_GROUPS
    colours["legend"] = {"title": "group", "symbolOpacity": 1} if few else None
    tooltip = [
        {"field": "run"},
        {"field": "group"},
        {"field": field, "title": parameter.short},
        {"field": "figure", "title": compared.metric},
        {"field": "interval"},
    ]
    return {
        "width": PANEL_WIDTH,
        "height": PANEL_HEIGHT,
        "encoding": {"x": across, "color": colours, "tooltip": tooltip},
        "layer": [
            {
                "mark": {"type": "rule", "opacity": 0.4},
                "encoding": {"y": y | {"field": "low"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "opacity": 0.85},
                "encoding": {
                    "y": y,
                    "shape": {
                        "field": "best",
                        "type": "nominal",
                        "scale": {"domain": ["best", "others"], "range": ["diamond", "circle"]},
                        "legend": {"title": None},
                    },
                    "size": {
                        "condition": {"test": {"field": "best", "equal": "best"}, "value": 160},
                        "value": 45,
                    },
                },
            },
        ],
    }


def numbers_scale(values: Sequence[str]) -> Row:
    """Return how numbers lie on a panel's horizontal axis."""
    numbers = sorted(float(text) for text in values if text != NOTHING)
    if numbers and is_wide(numbers):
        return {"type": "quantitative", "scale": {"type": "log"}}
    return {"type": "quantitative", "scale": {"zero": False}}


def texts_scale(values: Sequence[str]) -> Row:
    """Return how texts lie there, each as far from the next, its label cut to its room."""
    room = max(PANEL_WIDTH // len(set(values)), LEAST_LABEL)
    return {"type": "nominal", "axis": {"labelLimit": room, "labelAngle": 0, "labelOverlap": True}}
