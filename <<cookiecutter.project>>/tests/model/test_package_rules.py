"""The model with rules before it: what it answers, and its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from rules_helpers.made_rules import made_rule

from categoriser.contract import Prediction, transactions
from categoriser.errors import UserError
from categoriser.features import features
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.model.metadata import METADATA_FILE
from categoriser.model.package import RULES_FILE, Categoriser
from categoriser.rules.rule_book import RuleBook
from categoriser.rules.rules_file import write_rules

ROWS = [("Aldi 4412 Sydney", 12.0), ("shell", 3.0), ("ZZQX wvvk", 9.0), ("aldi", -2.0)]
ASKED = transactions(ROWS)


@pytest.fixture(scope="module")
def ruled(categoriser: Categoriser) -> Categoriser:
    rules = [
        made_rule("aldi", "transport", price_from=0),
        made_rule("zzqx", "groceries"),
        made_rule("never met", "groceries"),
    ]
    return Categoriser(categoriser.classifier, categoriser.metadata, RuleBook(rules))


@pytest.fixture
def folder(ruled: Categoriser, tmp_path: Path) -> Path:
    ruled.save(tmp_path / "model")
    return tmp_path / "model"


def test_a_rules_answer_is_sure_and_says_its_source(ruled: Categoriser) -> None:
    nothing = dict.fromkeys(ruled.classes, 0.0)
    first, _, third, _ = ruled.predict(ASKED)
    assert first == Prediction("transport", 1.0, nothing | {"transport": 1.0}, False, "rule")
    # A text without a word of training is for review, but where a rule answers.
    assert third == Prediction("groceries", 1.0, nothing | {"groceries": 1.0}, False, "rule")
    assert list(first.probabilities) == list(ruled.classes)


def test_all_other_answers_are_the_models(ruled: Categoriser, categoriser: Categoriser) -> None:
    with_rules = ruled.predict(ASKED)
    alone = categoriser.predict(ASKED)
    assert [answer.source for answer in with_rules] == ["rule", "model", "rule", "model"]
    assert [answer.source for answer in alone] == ["model"] * 4
    assert (with_rules[1], with_rules[3]) == (alone[1], alone[3])
    assert ruled.predict([]) == []
    assert ruled.predict(ASKED[:1]) == with_rules[:1]


def test_lines_of_features_are_answered_as_rows_are(ruled: Categoriser) -> None:
    table = ruled.answer_features(features(ASKED), [price for _, price in ROWS])
    expected = [list(answer.probabilities.values()) for answer in ruled.predict(ASKED)]
    assert table.tolist() == expected


def test_the_model_alone_is_asked_without_rules(
    ruled: Categoriser, categoriser: Categoriser
) -> None:
    lines = features(ASKED)
    assert np.array_equal(ruled.predict_features(lines), categoriser.predict_features(lines))
    assert np.array_equal(ruled.predict_proba(ASKED), categoriser.predict_proba(ASKED))


def test_the_folder_brings_the_rules_and_their_digest(folder: Path, ruled: Categoriser) -> None:
    loaded = Categoriser.load(folder)
    assert loaded.rules.rules == ruled.rules.rules
    assert loaded.metadata.rules_digest == digest(folder / RULES_FILE)
    assert loaded.predict(ASKED) == ruled.predict(ASKED)


@pytest.mark.parametrize("fault", ["edited", "gone", "added"])
def test_rules_that_are_not_the_metadatas_are_refused(
    folder: Path, categoriser: Categoriser, tmp_path: Path, fault: str
) -> None:
    if fault == "edited":
        write_rules(folder / RULES_FILE, [made_rule("aldi", "groceries")])
    elif fault == "gone":
        (folder / RULES_FILE).unlink()
    else:
        folder = tmp_path / "other"
        categoriser.save(folder)
        write_rules(folder / RULES_FILE, [made_rule("aldi", "groceries")])
    with pytest.raises(UserError, match=r"rules\.csv is missing or changed.*rules/merchants\.csv"):
        Categoriser.load(folder)


def test_rules_of_other_classes_are_refused(folder: Path, ruled: Categoriser) -> None:
    write_rules(folder / RULES_FILE, [made_rule("aldi", "food")])
    # The digest fits: the rules alone are wrong.
    facts = replace(
        ruled.metadata,
        classifier_digest=digest(folder / "classifier"),
        classes=list(ruled.classes),
        rules_digest=digest(folder / RULES_FILE),
    )
    write_json(folder / METADATA_FILE, facts)
    with pytest.raises(UserError, match=r"line 2, category: 'food' is not a class of the model"):
        Categoriser.load(folder)


def test_a_model_from_before_there_were_rules_has_none(
    categoriser: Categoriser, tmp_path: Path
) -> None:
    categoriser.save(tmp_path / "model")
    assert not (tmp_path / "model" / RULES_FILE).exists()
    assert not Categoriser.load(tmp_path / "model").rules
