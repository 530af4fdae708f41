"""`make graph`: the order of a release, told and drawn."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from categoriser.errors import UserError
from prove import project_files
from release import graph
from release.order_picture import GAP, LEGEND, TITLE, WIDTH
from release.release_order import TEMPLATE


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give prod.yaml in an otherwise empty folder, which is the working directory."""
    template = tmp_path / TEMPLATE
    template.parent.mkdir()
    template.write_text(project_files.text(str(TEMPLATE)))
    monkeypatch.chdir(tmp_path)
    return template


def test_graph_draws_it(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph.draw_release_order()
    text = graph.PICTURE.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    words = [item.text for item in root.iter(f"{space}text")]
    assert {TITLE, *LEGEND, "- Endpoint", "10 % for 5 minutes, then all"} <= {*words}
    columns = [str(word) for word in words if re.match(r"\d+\. ", str(word))]
    assert [int(title.split(".")[0]) for title in columns] == [*range(1, len(columns) + 1)]
    assert columns[-1].endswith("clean-up")
    # A bar begins in the column of its first step, and both end with the last.
    places = {item.text: float(item.get("x", 0)) for item in root.iter(f"{space}text")}
    assert places["old endpoint"] == places[columns[0]]
    assert places["new endpoint"] == places["+ Endpoint"]
    widths = {
        float(item.get("x", 0)) + 6: float(item.get("x", 0)) + float(item.get("width", 0))
        for item in root.iter(f"{space}rect")
        if item.get("y") in ("72", "98")
    }
    assert {*widths.values()} == {places[columns[-1]] - 6 + WIDTH - GAP}
    printed = capsys.readouterr().out.splitlines()
    assert all(sign in printed[0] for sign in LEGEND)
    assert printed[1].startswith("1. before the shift")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("Resources: [", "cannot be read"),
        ("Resources: {}\nResources: {}", "cannot be read"),
        ("", "not a template"),
        ("- a", "not a template"),
        ("Parameters: {}", "not a template"),
        (project_files.text("cloudformation/dev.yaml"), "0 aliases"),
    ],
    ids=["missing", "broken", "twice", "empty", "list", "without", "another"],
)
def test_graph_says_what_is_wrong_with_the_template(
    text: str | None, words: str, drawn: Path
) -> None:
    drawn.unlink() if text is None else drawn.write_text(text)
    with pytest.raises(UserError, match=f"prod.yaml .*{words}") as error:
        graph.draw_release_order()
    assert "\n" not in str(error.value)
    assert not graph.PICTURE.exists()
