"""The page of `make compare` in a real browser: `make test-browser` runs this."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from review_helpers.browser import Tab, find_chromium, open_tab
from tracking_helpers.recorded import marked_up

from categoriser.paths import VEGA
from categoriser.tracking.comparing.comparison import compare
from categoriser.tracking.comparing.page import html

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = find_chromium()
    assert program, "no Chromium is on the path: name one, as in make test-browser CHROMIUM=program"
    with open_tab(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_the_plots_are_drawn_without_a_network_and_no_text_becomes_markup(
    tab: Tab, tmp_path: Path
) -> None:
    page = tmp_path / "compare.html"
    vega = (ROOT / VEGA).read_text(encoding="utf-8")
    page.write_text(html("some-project", compare(marked_up(), "runs", None), vega, is_all=True))
    tab.go(page.as_uri())
    tab.wait_for("document.querySelectorAll('figure svg').length === 2")
    assert tab.evaluate("document.querySelectorAll('main b').length") == 0
    assert tab.evaluate("document.querySelectorAll('svg .mark-line path').length") >= 5
    labels = "[...document.querySelectorAll('[role=graphics-document]')].map((e) => e.ariaLabel)"
    assert [label.split(" ")[0] for label in tab.evaluate(labels)] == ["Each", "random.accuracy"]
    # Neither the page's policy nor a script has anything to complain of.
    assert tab.complaints == []
