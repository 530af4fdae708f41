"""Each rule finds what it is for, and nothing in sound facts; and each has its setting."""

from __future__ import annotations

import json

import pytest
from diagnostics_helpers.made_facts import FIRST, LAST, SOUND, facts, training
from msgspec import to_builtins
from msgspec.structs import replace

from categoriser.diagnostics.findings import in_words, parse_diagnostics
from categoriser.diagnostics.rules import RULES, ClassRows, Facts, PartShares, judge
from categoriser.params import Diagnostics, Params

CLASSES = SOUND.classes
PARTS = SOUND.parts
TRIPPING = {
    "loss_not_decreasing": (training(last=replace(LAST, valid_loss=2.05)), "validation"),
    "exploding_loss": (training(exploded=replace(LAST, train_loss=9.0)), ""),
    "over_fitting": (facts(train_accuracy=0.99, valid_accuracy=0.8), ""),
    "class_imbalance": (facts(classes=CLASSES | {"food": ClassRows(30_000, 70, 71)}), "travel"),
    "dead_classes": (facts(classes=CLASSES | {"travel": ClassRows(300, 30, 0)}), "travel"),
    "too_little_data": (facts(classes=CLASSES | {"travel": ClassRows(20, 30, 1)}), "travel"),
    "duplicates": (facts(parts=PARTS | {"time": PartShares(0.4, 0.02)}), "time"),
    "unknown_words": (facts(parts=PARTS | {"time": PartShares(0.02, 0.2)}), "time"),
}


def test_every_rule_has_a_setting_and_a_case() -> None:
    assert [*RULES] == [*Diagnostics.model_fields] == [*TRIPPING]


def test_sound_facts_have_no_finding(params: Params) -> None:
    found = judge(SOUND, params.diagnostics)
    assert found.findings == ()
    assert set(found.counts.values()) == {0}
    assert all(reading.value is not None for reading in found.rules)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_what_it_is_for_and_nothing_else(rule: str, params: Params) -> None:
    broken, where = TRIPPING[rule]
    found = judge(broken, params.diagnostics)
    [finding] = found.findings
    assert (finding.rule, finding.where) == (rule, where)
    assert found.counts == dict.fromkeys(RULES, 0) | {rule: 1}
    assert where in finding.sentence
    assert finding.sentence in in_words(found.findings)


@pytest.mark.parametrize("rule", RULES)
def test_what_equals_the_threshold_is_allowed(rule: str) -> None:
    side = -1 if RULES[rule].trips_under else 1
    assert not RULES[rule].trips(5, 5)
    assert RULES[rule].trips(5 + side * 1e-6, 5)
    assert not RULES[rule].trips(5 - side * 1e-6, 5)


@pytest.mark.parametrize("rule", RULES)
def test_the_threshold_decides(rule: str, params: Params) -> None:
    broken, _ = TRIPPING[rule]
    setting = getattr(params.diagnostics, rule)
    loose = 0.0 if RULES[rule].trips_under else 1e6
    settings = params.diagnostics.model_copy(
        update={rule: setting.model_copy(update={"threshold": loose})}
    )
    assert judge(broken, settings).findings == ()


def test_a_loss_that_is_no_number_trips_and_can_be_written(params: Params) -> None:
    found = judge(training(exploded=replace(LAST, broken=True)), params.diagnostics)
    [finding] = found.findings
    assert (finding.value, finding.action) == (None, "stop")
    assert "is not a number" in finding.sentence
    assert found.stops == (finding,)
    content = json.dumps(to_builtins(found), allow_nan=False).encode()
    assert parse_diagnostics(content, "s3://bucket/diagnostics.json") == found


@pytest.mark.parametrize("told", [training(first=None, last=None), training(last=FIRST)])
def test_a_classifier_that_tells_nothing_is_judged_by_its_data_alone(
    told: Facts, params: Params
) -> None:
    found = {reading.rule: reading for reading in judge(told, params.diagnostics).rules}
    assert found["over_fitting"].findings == 0
    silent = told.training.first is None
    assert (found["loss_not_decreasing"].value is None) == silent
    assert (found["loss_not_decreasing"].findings == 0) == silent


def test_a_loss_that_was_not_told_is_no_explosion(params: Params) -> None:
    found = judge(training(last=replace(LAST, train_loss=None)), params.diagnostics)
    assert found.counts["exploding_loss"] == 0


@pytest.mark.parametrize(("accuracy", "findings"), [(0.75, 1), (0.77, 0), (None, 1)])
def test_a_model_that_avoids_errors_has_learned_whatever_its_loss_tells(
    accuracy: float | None, findings: int, params: Params
) -> None:
    """Of the first errors, 0.3 of the rows, a fifth must go."""
    first = replace(FIRST, train_accuracy=0.5, valid_accuracy=0.7)
    told = training(first=first, last=replace(LAST, valid_loss=2.05))
    found = judge(replace(told, valid_accuracy=accuracy), params.diagnostics)
    assert found.counts["loss_not_decreasing"] == findings


def test_a_first_accuracy_without_errors_leaves_the_loss_to_judge(params: Params) -> None:
    told = training(first=replace(FIRST, valid_accuracy=1.0))
    assert judge(told, params.diagnostics).counts["loss_not_decreasing"] == 0


@pytest.mark.parametrize(("rows", "judged"), [(99, False), (100, True)])
def test_over_fitting_is_not_judged_on_few_validation_rows(
    rows: int, judged: bool, params: Params
) -> None:
    few = facts(classes={"food": ClassRows(700, rows, 71)}, valid_accuracy=0.5)
    read = {reading.rule: reading for reading in judge(few, params.diagnostics).rules}
    assert (read["over_fitting"].value is not None) == judged
    assert read["over_fitting"].findings == judged


def test_a_class_without_a_training_row_is_found(params: Params) -> None:
    found = judge(facts(classes=CLASSES | {"gone": ClassRows(0, 30, 0)}), params.diagnostics)
    named = {(finding.rule, finding.where) for finding in found.findings}
    assert named == {("dead_classes", "gone"), ("too_little_data", "gone")}


def test_a_message_names_the_first_findings_only(params: Params) -> None:
    small = {f"class {number}": ClassRows(10, 1, 1) for number in range(5)}
    found = judge(facts(classes=small), params.diagnostics)
    assert found.counts["too_little_data"] == 5
    said = in_words(found.findings)
    assert said.startswith("5 findings: class 0 has 10 training rows")
    assert said.endswith("; …")
    assert "class 3" not in said
    assert in_words(()) == "no findings"
