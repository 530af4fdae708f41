"""A class's name: one rule at intake, which fastText, the API and the reports can live with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fitted import fitted
from hypothesis import given
from hypothesis import strategies as st

from categoriser.contract import LABEL_PREFIX
from categoriser.data.classes import FASTTEXT_MARK, class_name_fault
from categoriser.data.validate import validate
from categoriser.params import read_params

GOOD = ["groceries", "fees & interest", "Essen, außer Haus", 'a "b"', "50% off", "a" * 100, "食品"]
BAD = {
    "": "is empty",
    "__label__x": "begins with __label__",
    "a\tb": "has control characters",
    "a\x85b": "has control characters",
    "a\u2028b": "has control characters",
    " a": "has spaces around it",
    "a\u00a0": "has spaces around it",
    "a" * 101: "is longer than 100 characters",
    "#a": "begins with # = ",
    "=1+1": "begins with # = ",
    "-a": "begins with # = ",
}


def test_the_prefix_is_fasttexts() -> None:
    assert FASTTEXT_MARK == LABEL_PREFIX


@pytest.mark.parametrize("name", GOOD)
def test_a_good_name_has_no_fault(name: str) -> None:
    assert class_name_fault(name) is None


@pytest.mark.parametrize(("name", "words"), BAD.items())
def test_a_bad_name_says_why(name: str, words: str) -> None:
    assert words in (class_name_fault(name) or "")


def api_pattern() -> str:
    """Return the pattern in the Lambda's own source, which needs AWS's settings to be imported."""
    source = (Path(__file__).parents[2] / "lambdas/prediction_api.py").read_text(encoding="utf-8")
    found = re.search(r'category: .*pattern=r"([^"]+)"', source)
    assert found
    return found[1]


@given(st.text(max_size=120))
def test_what_the_rule_takes_the_api_takes_as_feedback(name: str) -> None:
    if class_name_fault(name) is None:
        assert re.fullmatch(api_pattern(), name)


@pytest.mark.parametrize("name", [*GOOD, *(name for name in BAD if name.strip() == name and name)])
def test_intake_holds_each_row_to_the_rule(project: Path, name: str) -> None:
    quoted = name.replace('"', '""')
    rows = ["date,text,price,category", "2026-01-05,shop,1,x", f'2026-01-05,shop,2,"{quoted}"']
    source = project / "my.csv"
    source.write_text("\n".join([*rows, ""]), encoding="utf-8", newline="")
    settings = read_params().validate_.model_copy(update={"tolerance": 1.0})
    found = validate(source, settings, None, project / "v.parquet", project / "aside.csv")
    words = class_name_fault(name)
    assert found.set_aside == ({f"category {words}": 1} if words else {})
    if not words:
        assert found.shares["category"] == {"x": 0.5, name: 0.5}


def test_the_labels_of_good_names_come_back() -> None:
    classifier = fitted(["a b"] * len(GOOD), GOOD)
    assert list(classifier.classes) == sorted(GOOD)
