"""How the reports write numbers, and what their pages have in common."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import TemplateRuntimeError

from categoriser.evaluation import rendering

POLICY = "Content-Security-Policy"


@pytest.mark.parametrize(
    ("share", "percent", "points"),
    [(None, "–", "–"), (0.1234, "12.3 %", "+12.3"), (-0.5, "-50.0 %", "−50.0")],
)
def test_numbers_read_well(share: float | None, percent: str, points: str) -> None:
    assert rendering.percent(share) == percent
    assert rendering.points(share) == points


def test_what_a_browser_may_load_is_said_in_one_template() -> None:
    package = Path(str(files("categoriser")))
    found = [path for path in package.rglob("templates/*.html") if POLICY in path.read_text()]

    assert [path.relative_to(package).as_posix() for path in found] == [
        "evaluation/templates/page.html"
    ]


def test_a_page_needs_a_title_and_something_on_it() -> None:
    with pytest.raises(TemplateRuntimeError, match="Required block"):
        rendering.render("page.html")
