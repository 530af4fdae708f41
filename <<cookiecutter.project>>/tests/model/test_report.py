from __future__ import annotations

import base64
import copy
import re
from dataclasses import asdict
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from measured import result

from categoriser.model import report
from categoriser.model.gate import judge
from categoriser.params import Gate

GATE = Gate(
    min_gain_over_majority=0.1,
    max_loss_to_reference=1,
    max_loss_to_champion=1,
    max_slice_gap=1,
    min_accuracy=None,
    min_macro_f1=None,
)
VOID = {"meta", "img", "br"}


def facts(evaluation: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    evaluation = evaluation or result()[0]
    return {
        "evaluation": evaluation,
        "data": {"rows": 2000, "set_aside": {}},
        "data_path": "data/own.csv",
        "generated": None,
        "verdicts": [asdict(verdict) for verdict in judge(evaluation, GATE)],
        "passed": True,
    } | changes


class Page(HTMLParser):
    """Collects text and addresses, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.names: set[str] = set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_is_one_page_that_asks_nothing_of_a_network() -> None:
    page = Page(report.html(facts()))
    assert {"script", "link", "iframe"}.isdisjoint(page.names)
    images = [address for address in page.addresses if not address.startswith("#")]
    # Overview; curves and confusion for three parts; two columns' slices.
    assert len(images) == 1 + 3 * 2 + 2
    for address in images:
        kind, content = address.split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(content))


def test_the_report_shows_the_figures() -> None:
    evaluation = result()[0]
    text = " ".join(Page(report.html(facts())).texts)
    for part in evaluation["parts"].values():
        assert f"{100 * part['models']['model']['accuracy']['value']:.1f} %" in text
    assert evaluation["model"]["digest"] in text
    assert "No gate failed." in text
    assert "data is generated" not in text
    assert "The data has no such column." in text


def test_what_a_failed_gate_lacks_is_on_top() -> None:
    verdict = {
        "gate": "min_accuracy",
        "part": "time",
        "figure": "accuracy",
        "outcome": "failed",
        "bound": 0.9,
        "value": 0.8,
        "low": 0.8,
        "high": 0.8,
        "margin": -0.1,
        "why": "",
    }
    text = " ".join(Page(report.html(facts(verdicts=[verdict], passed=False))).texts)
    assert "The model may not go on." in text
    assert re.search(r"accuracy \+80\.0 points, 10\.0 under the bound of \+90\.0", text)


def test_generated_data_shows_the_ceiling_and_the_distance_to_it() -> None:
    ceiling = {"ceiling": 0.912, "ceiling_by": {"country": {"NZ": 0.654}}}
    text = " ".join(Page(report.html(facts(generated=ceiling))).texts)
    accuracy = result()[0]["parts"]["time"]["models"]["model"]["accuracy"]["value"]
    assert "91.2 %" in text
    assert "65.4 %" in text
    assert f"{100 * (0.912 - accuracy):.1f} points" in text
    assert "ceiling of 91.2 %" in report.model_card(facts(generated=ceiling))


def test_text_from_the_data_is_escaped_everywhere() -> None:
    # The last is no formula for the plots to set either.
    evil = "<script>alert(1)</script>|`x`$\\frac$"
    evaluation = copy.deepcopy(result()[0])
    evaluation["slices"]["country"]["slices"][0]["name"] = evil
    evaluation["slices"]["country"]["worst"] = evil
    evaluation["slices"]["country"]["not_judged"] = {evil: 3}
    evaluation["slices"][evil] = None
    evaluation["labels"][0] = evil
    evaluation["model"]["metadata"]["classes"] = [evil]
    evaluation["split"]["key"] = evil
    evaluation["tokens"] = {evil: [(evil, 0.5)]}
    for part in evaluation["parts"].values():
        part["classes"][0]["class"] = evil
    shown = facts(evaluation, data={"rows": 1, "set_aside": {evil: 1}})
    page = Page(report.html(shown))
    assert "script" not in page.names
    assert evil in page.texts
    card = report.model_card(shown)
    assert "<script>" not in card
    widths = {
        tuple(len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines())
        for table in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE)
    }
    assert widths
    assert all(len(set(table)) == 1 for table in widths)


def test_empty_parts_and_slices_are_told() -> None:
    evaluation = copy.deepcopy(result()[0])
    evaluation["parts"] = {name: {"rows": 0, "groups": 0} for name in evaluation["parts"]}
    for compared in evaluation["slices"].values():
        if compared:
            compared["slices"] = []
    nothing = {"rows": 0, "groups": 0, "dates": [], "key_in_training": None}
    for name in ("time", "merchant", "random"):
        evaluation["split"]["parts"][name] |= nothing | {"line_in_training": None}
    text = " ".join(Page(report.html(facts(evaluation))).texts)
    assert text.count("This part is empty") == 3
    assert text.count("No slice has rows enough") == 2
    assert "| time | 0 |" in report.model_card(facts(evaluation))


def test_a_champion_that_could_not_be_read_is_told() -> None:
    evaluation = result()[0] | {"champion": {"digest": "d" * 64, "unreadable": "too old"}}
    page = report.html(facts(evaluation))
    assert "d" * 64 in page
    assert "not compared: too old" in page


def test_many_classes_leave_out_the_numbers_in_the_confusion_matrix() -> None:
    size = report.MOST_NUMBERS + 1
    labels = [f"c{n}" for n in range(size)]
    part = {"confusion": [[7777 if a == b else 0 for a in labels] for b in labels]}
    few = {"confusion": [[7777, 0], [0, 7777]]}
    plots = [report.confusion(part, labels), report.confusion(few, labels[:2])]
    shown = [base64.b64decode(plot.split(",")[1]).count(b"7,777") for plot in plots]
    assert shown[0] == 0
    assert shown[1] > 0


@pytest.mark.parametrize(
    ("share", "percent", "points"),
    [(None, "–", "–"), (0.1234, "12.3 %", "+12.3"), (-0.5, "-50.0 %", "−50.0")],
)
def test_numbers_read_well(share: float | None, percent: str, points: str) -> None:
    assert report.percent(share) == percent
    assert report.points(share) == points
