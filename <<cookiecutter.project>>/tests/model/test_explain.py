"""What leaving a token out changes, of one text and by class."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from rules_helpers.made_rules import made_rule
from verbs import run_verb

from categoriser.contract import transactions
from categoriser.errors import UserError
from categoriser.features import features
from categoriser.model import explain as explain_command
from categoriser.model import predict as predict_command
from categoriser.model.explain import class_tokens, explain
from categoriser.model.package import Categoriser
from categoriser.rules.rule_book import RuleBook


def test_each_change_is_the_answer_without_the_token(categoriser: Categoriser) -> None:
    explanation = explain(categoriser, "ALDI no. 7 sydney", {"price": 12.5})
    [line] = features(transactions([("ALDI no. 7 sydney", 12.5)]))
    price = line.removeprefix("aldi no 7 sydney ")
    shorter = [
        f"no 7 sydney {price}",
        f"aldi 7 sydney {price}",
        f"aldi no sydney {price}",
        f"aldi no 7 {price}",
        "aldi no 7 sydney",
    ]
    column = categoriser.classes.index("groceries")
    assert explanation.category == "groceries"
    assert explanation.probability == categoriser.predict_features([line])[0, column]
    assert [token for token, _ in explanation.changes] == ["aldi", "no", "7", "sydney", price]
    expected = categoriser.predict_features(shorter)[:, column] - explanation.probability
    assert [change for _, change in explanation.changes] == pytest.approx(expected.tolist())
    assert min(explanation.changes, key=lambda item: item[1])[0] == "aldi"


def test_without_a_price_there_is_no_price_token(categoriser: Categoriser) -> None:
    assert [token for token, _ in explain(categoriser, "Aldi", {}).changes] == ["aldi"]


def test_a_text_of_nothing_needs_a_price(categoriser: Categoriser) -> None:
    assert len(explain(categoriser, "***", {"price": 3.0}).changes) == 1
    with pytest.raises(UserError, match="no word is left"):
        explain(categoriser, "***", {})


def test_the_words_of_a_class_weigh_most(categoriser: Categoriser, prepared: Path) -> None:
    lines = pl.read_parquet(prepared / "train.parquet")["features"].to_list()
    heaviest = class_tokens(categoriser, lines, top=4)
    assert {name: {token for token, _ in tokens} for name, tokens in heaviest.items()} == {
        "fees & interest": {"bank", "fee", "overdrawn", "interest"},
        "groceries": {"aldi", "coles", "market", "butcher"},
        "transport": {"shell", "metro", "parking", "tolls"},
    }
    for tokens in heaviest.values():
        weights = [weight for _, weight in tokens]
        assert weights == sorted(weights, reverse=True)
        assert weights[-1] > 0
    assert class_tokens(categoriser, lines, top=4) == heaviest


def test_a_weight_is_the_mean_loss_over_the_classs_lines(categoriser: Categoriser) -> None:
    lines = features(transactions([("aldi", 5.0), ("aldi coles", 5.0), ("shell", 5.0)]))
    changes = [
        change
        for text in ("aldi", "aldi coles")
        for token, change in explain_line(categoriser, text)
        if token == "aldi"
    ]
    weights = dict(class_tokens(categoriser, lines)["groceries"])
    assert weights["aldi"] == pytest.approx(-sum(changes) / 2)


def explain_line(categoriser: Categoriser, text: str) -> list[tuple[str, float]]:
    return explain(categoriser, text, {"price": 5.0}).changes


def test_only_evenly_spaced_lines_of_a_large_class_are_looked_at(
    categoriser: Categoriser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_command, "LINES_OF_A_CLASS", 2)
    lines = features(transactions((text, 5.0) for text in ("aldi", "coles", "market", "butcher")))
    tokens = {token for token, _ in class_tokens(categoriser, lines)["groceries"]}
    assert tokens & {"aldi", "coles", "market", "butcher"} == {"aldi", "market"}


def test_a_class_that_is_never_predicted_has_no_tokens(categoriser: Categoriser) -> None:
    tokens = class_tokens(categoriser, features(transactions([("aldi", 5.0)])))
    assert tokens["transport"] == []
    assert class_tokens(categoriser, []) == {name: [] for name in categoriser.classes}


def test_the_command_says_which_rule_answers_and_who_decided_it(
    categoriser: Categoriser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = [made_rule("aldi", "transport", price_from=0), made_rule("aldi sydney", "groceries")]
    folder = tmp_path / "model"
    Categoriser(categoriser.classifier, categoriser.metadata, RuleBook(rules)).save(folder)
    monkeypatch.setattr(explain_command, "MODEL", folder)
    monkeypatch.setattr(predict_command, "MODEL", folder)
    assert run_verb("explain", "--price", "3", "--", "Aldi 4412 Perth") == 0
    printed = capsys.readouterr().out
    assert "transport, by the rule 'aldi': we say so (Ada, 2026-11-02)" in printed
    assert "The model alone: groceries" in printed
    run_verb("explain", "--", "aldi sydney")
    assert "groceries, by the rule 'aldi sydney'" in capsys.readouterr().out
    # Which of its prices the rule is for cannot be told without one.
    run_verb("explain", "--", "aldi perth")
    assert "rule" not in capsys.readouterr().out
    run_verb("predict", "--price", "3", "--", "aldi perth")
    assert "transport: accept, by a rule" in capsys.readouterr().out


def test_the_command_prints_each_token(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(explain_command, "MODEL", model)
    assert run_verb("explain", "--price", "-3", "--", "aldi sydney") == 0
    printed = capsys.readouterr().out
    for part in ("groceries", "aldi", "sydney", "the price (-3)"):
        assert part in printed
