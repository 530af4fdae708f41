"""A text that says nothing is for a person to look at, however sure the price alone is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from fitted import fitted

from categoriser.contract import transactions
from categoriser.features import features, is_word, normalise
from categoriser.model.batch import predict_file
from categoriser.model.metadata import METADATA_FILE
from categoriser.model.package import Categoriser

PRICES = [0.5, 4.2, 11.99, 80.0, 3000.0, -15.0]
# Nothing, numbers, signs, masks, other scripts, words that nobody has ever said, single letters.
NOTHING = [
    "...",
    "12345678",
    "\U0001f600",
    "xxxx1234",
    "超市购物",
    "магазин",
    "zzqx wvvk",
    "q",
    "7 9",
]


@pytest.fixture(scope="module")
def sure(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Categoriser:
    """Load a model that is sure enough of everything."""
    folder = tmp_path_factory.mktemp("sure") / "model"
    Categoriser.load(model).save(folder)
    facts = json.loads((folder / METADATA_FILE).read_text()) | {"review_threshold": 0}
    (folder / METADATA_FILE).write_text(json.dumps(facts))
    return Categoriser.load(folder)


@pytest.mark.parametrize("text", NOTHING)
def test_a_text_without_a_word_of_training_is_reviewed_at_every_price(
    sure: Categoriser, text: str
) -> None:
    answers = sure.predict(transactions((text, price) for price in PRICES))
    assert [answer.review for answer in answers] == [True] * len(PRICES)


@pytest.mark.parametrize("text", ["aldi", "ALDI 4412", "zzqx aldi", "Méthode überweisung Sydney"])
def test_a_text_with_a_word_of_training_is_not(sure: Categoriser, text: str) -> None:
    answers = sure.predict(transactions((text, price) for price in PRICES))
    assert [answer.review for answer in answers] == [False] * len(PRICES)


def test_the_threshold_holds_beside_it(categoriser: Categoriser) -> None:
    for answer in categoriser.predict(transactions([("aldi", 3.0), ("aldi overdrawn", 3.0)])):
        assert answer.review == (answer.probability < categoriser.review_threshold)


def test_a_row_alone_and_in_a_batch_is_reviewed_alike(sure: Categoriser) -> None:
    asked = transactions((text, 5.0) for text in (*NOTHING, "aldi"))
    whole = [answer.review for answer in sure.predict(asked)]
    assert whole == [sure.predict([row])[0].review for row in asked]
    assert whole == [True] * len(NOTHING) + [False]


def test_a_file_is_reviewed_as_its_rows_are(sure: Categoriser, tmp_path: Path) -> None:
    source = tmp_path / "x.csv"
    source.write_text("text,price\n...,3000\naldi,5\n", encoding="utf-8")
    predict_file(sure, source, tmp_path / "y.csv")
    rows = list(csv.DictReader((tmp_path / "y.csv").open(encoding="utf-8")))
    assert [row["review"] for row in rows] == ["true", "false"]


@pytest.mark.parametrize(
    ("token", "word"),
    [
        *((word, True) for word in ("aldi", "o2", "bp", "超市")),
        *((other, False) for other in ("7", "77", "a", "店", "", "١٢", "EE", "REFUND")),
    ],
)
def test_what_counts_as_a_word(token: str, word: bool) -> None:
    assert is_word(token) is word


def test_tokens_of_prices_are_no_words(sure: Categoriser) -> None:
    lines = features(transactions(("...", price) for price in PRICES))
    tokens = {token for line in lines for token in line.split()}
    assert tokens
    assert not any(map(is_word, tokens))
    assert {*normalise(["aldi sydney"])[0].split()} <= sure.words


def test_the_classifier_tells_the_tokens_it_knows() -> None:
    knobs = {"dim": 4, "epoch": 1, "lr": 0.1, "word_ngrams": 1, "minn": 0, "maxn": 0}
    knobs |= {"min_count": 2, "bucket": 10, "thread": 1, "seed": 0, "quantise": False}
    knobs |= {"svm_c": 1.0, "merchant_power": 0.5, "fasttext_weight": 0.1}
    lines = ["aldi EE", "aldi EE", "seldom EE"]
    known = fitted(lines, ["a", "b", "a"], knobs).tokens
    assert {"aldi", "EE"} <= known
    assert "seldom" not in known
