"""The page holds all that it needs, escapes what comes from the store, and its plots are drawn."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import vl_convert
from tracking_helpers.recorded import MARKUP, marked_up, recorded

from categoriser.evaluation.vega import VEGA_LITE_VERSION
from categoriser.tracking.comparing.comparison import Comparison, compare
from categoriser.tracking.comparing.page import html, script_hash
from categoriser.tracking.comparing.plots import Axis, panels_plot, parallel_plot
from categoriser.tracking.comparing.recorded_runs import RecordedRun

VEGA = "window.vegaEmbed = () => {};"


class Seen(HTMLParser):
    """The elements of a page, and its text outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not self.elements or self.elements[-1][0] not in ("script", "style"):
            self.text += data


def page_of(runs: list[RecordedRun]) -> str:
    return html("some-project", compare(runs, "runs", None), VEGA, is_all=True)


def plots_in(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="plots">(.*?)</script>', page)
    assert found
    plots: dict[str, Any] = json.loads(found[1])
    return plots


def svg(plot: dict[str, Any]) -> str:
    drawn: str = vl_convert.vegalite_to_svg(plot, vl_version=VEGA_LITE_VERSION)
    return drawn


def compared() -> Comparison:
    [one] = compare(marked_up(), "runs", None)
    return one


def test_what_comes_from_the_store_is_text_and_nothing_else() -> None:
    page = page_of(marked_up())
    seen = Seen(page)
    tags = [tag for tag, _ in seen.elements]
    assert "b" not in tags
    assert tags.count("script") == 3
    assert MARKUP in seen.text
    titles = {attributes.get("title") for tag, attributes in seen.elements if tag == "th"}
    assert MARKUP in titles
    assert set(plots_in(page)) == {"parallel-1", "panels-1"}


def test_only_the_pages_own_scripts_may_run_and_nothing_is_fetched() -> None:
    page = page_of(marked_up())
    [policy] = [
        attributes["content"] or ""
        for _, attributes in Seen(page).elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert scripts[0] == VEGA
    assert {f"'sha256-{script_hash(script)}'" for script in scripts} <= {*policy.split()}
    assert "unsafe-eval" not in policy
    assert re.findall(r"(?:src|href)=\"(?!#)", page) == []


def test_the_best_is_said_in_words_and_missing_figures_are_dashes() -> None:
    page = page_of([recorded(1, 0.7, tag_gate="failed"), recorded(2)])
    rows = re.findall(r"<tr[^>]*><th scope=\"row\" class=\"long\">.*?</tr>", page, re.DOTALL)
    assert ["best" in row for row in rows] == [True, False]
    assert "0.7000" in rows[0]
    assert "failed" in rows[0]
    assert "<td>–</td>" in rows[1]


def test_one_run_has_a_table_and_no_plots() -> None:
    page = page_of([recorded(1, 0.7, dim=8)])
    assert plots_in(page) == {}
    assert "0.7000" in page
    assert "<figure" not in page


def test_data_sets_are_sections_of_their_own() -> None:
    page = page_of([recorded(1, 0.7), recorded(2, 0.9, tag_dvc_data="d2")])
    assert page.count("<section") == 2
    assert "Figures on different data are not comparable" in page
    assert page.count('class="mark passed">best') == 2


def test_each_run_with_a_figure_is_a_line_over_all_axes() -> None:
    plot = parallel_plot(compared())
    points = plot["layer"][1]["data"]["values"]
    assert len({point["run"] for point in points}) == 5
    assert {point["axis"] for point in points} == {0, 1, 2, 3}
    drawn = svg(plot)
    assert drawn.count('aria-roledescription="line mark"') == 5
    # The best is drawn last, over the others.
    assert points[-1]["name"] == "run 5"


def test_each_parameter_has_a_panel_of_all_runs() -> None:
    drawn = svg(panels_plot(compared()))
    points = re.findall(r'aria-roledescription="point"', drawn)
    # A run that lacks the third parameter has no place there.
    assert len(points) == 5 + 5 + 3


@pytest.mark.parametrize(
    ("texts", "numbers", "positions"),
    [
        (["1", "2", "5"], True, [0, 0.25, 1]),
        (["0.01", "0.1", "1"], True, [0, 0.5, 1]),
        (["-1", "0", "100"], True, [0, 1 / 101, 1]),
        (["b", "a", "c"], False, [0.5, 0, 1]),
        (["7", "–", "7"], True, [0.5, None, 0.5]),
        (["only"], False, [0]),
    ],
)
def test_values_lie_on_an_axis_by_size_or_in_order(
    texts: list[str], numbers: bool, positions: list[float | None]
) -> None:
    axis = Axis("a", texts, numbers)
    assert [axis.position(text) for text in texts] == pytest.approx(positions, nan_ok=True)


def test_values_without_room_are_not_written_at_an_axis() -> None:
    ticks = Axis("a", [str(number) for number in range(1000)], numbers=True).ticks()
    assert len(ticks) < 16
    assert (ticks[0]["text"], ticks[-1]["text"]) == ("0", "999")
