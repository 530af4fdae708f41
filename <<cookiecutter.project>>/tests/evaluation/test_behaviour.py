"""How a model behaves on cases: which hold, and what is said of those that do not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from measured import trained

from categoriser.evaluation.behaviour import behaviour_on, measure_behaviour
from categoriser.evaluation.behaviour_cases import fillers, read_cases
from categoriser.evaluation.evaluation_file import Behaviour
from categoriser.model.package import Categoriser
from categoriser.rules.rule import Rule
from categoriser.rules.rule_book import RuleBook

HEADER = "kind,text,price,category\n"


def behaviour(folder: Path, *rows: str) -> Behaviour:
    file = folder / "own.csv"
    file.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return behaviour_on(read_cases(file), Categoriser.load(trained()[1]), str(file))


def test_cases_that_hold_are_counted_by_kind(tmp_path: Path) -> None:
    found = behaviour(
        tmp_path,
        "minimum,aldi aa sydney,20,groceries",
        "minimum,shell aa sydney,20,transport",
        "refund,aldi bb sydney,20,",
        "invariance,aldi aa sydney,20,",
    )
    counts = {kind: (one.cases, one.held, one.failed) for kind, one in found.kinds.items()}
    assert counts == {"minimum": (2, 2, []), "refund": (1, 1, []), "invariance": (1, 1, [])}
    assert found.unasked == {}


def test_rules_answer_the_cases_as_they_answer_requests(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(f"{HEADER}minimum,aldi aa sydney,20,groceries\n")
    model = Categoriser.load(trained()[1])
    day = date(2026, 11, 2)
    rule = Rule("aldi", None, None, "transport", "Ada", day, "it is a garage here")
    ruled = Categoriser(model.classifier, model.metadata, RuleBook([rule]))
    found = behaviour_on(read_cases(tmp_path / "own.csv"), ruled, "own.csv")
    [failed] = found.kinds["minimum"].failed
    assert (failed.answer, failed.probability) == ("transport", 1)


def test_a_case_that_fails_says_what_was_answered(tmp_path: Path) -> None:
    found = behaviour(
        tmp_path,
        "minimum,aldi aa sydney,20,groceries",
        "minimum,aldi aa sydney,20,transport",
    )
    [failed] = found.kinds["minimum"].failed
    assert (failed.line, failed.text, failed.expected) == (3, "aldi aa sydney", "transport")
    assert failed.answer == "groceries"
    assert 0.5 < failed.probability <= 1
    assert (failed.wrong, failed.rows) == (1, 1)
    assert found.kinds["minimum"].held == 1


def test_an_answer_that_changes_with_what_is_swapped_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = tmp_path / "places.csv"
    places.write_text("place,country,kind\nSydney,AU,city\nshell shell metro,AU,city\n")
    monkeypatch.setattr("categoriser.evaluation.behaviour_cases.PLACES_FILE", places)
    fillers.cache_clear()
    try:
        found = behaviour(tmp_path, "invariance,coles {city},20,")
    finally:
        fillers.cache_clear()
    [failed] = found.kinds["invariance"].failed
    assert failed.text == "coles shell shell metro"
    assert (failed.expected, failed.answer) == ("groceries", "transport")
    assert failed.wrong == 1


def test_a_category_that_the_model_does_not_have_is_not_asked(tmp_path: Path) -> None:
    found = behaviour(tmp_path, "minimum,hotel,20,travel", "minimum,hilton,20,travel")
    assert found.kinds == {}
    assert found.unasked == {"travel": 2}


def test_without_a_file_nothing_is_asked(tmp_path: Path) -> None:
    model = Categoriser.load(trained()[1])
    assert measure_behaviour(None, model) is None
    assert measure_behaviour(tmp_path / "none.csv", model) is None
