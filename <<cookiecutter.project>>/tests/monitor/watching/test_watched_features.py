"""Each watched feature says what its name says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.contract import transactions
from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.model.package import Categoriser
from categoriser.monitor.watching.watched_features import SeenInTraining, watch

TWO_CLASSES = ("food", "rent")


@cache
def learnt() -> SeenInTraining:
    """Learn 450 training rows: two prefixes, one merchant that many texts start with."""
    names = [f"{first}{second}ing place" for first in "bdfg" for second in "aeiou"] * 20
    start = ["VISA ", "SQ *", "", ""] * 100
    end = [" AU", " nz", "", " FR"] * 100
    return SeenInTraining.learn(
        pl.DataFrame(
            {
                "text": [
                    f"{a}{name} p0d3d89b19{b}" for a, name, b in zip(start, names, end, strict=True)
                ]
                + ["Tesco store AU"] * 50,
                "key": [*names, *["tesco"] * 50],
                "country": [*["AU", "NZ", "US", None] * 100, *["AU"] * 50],
            }
        )
    )


def captured(
    texts: list[str | None],
    prices: list[float | None] | None = None,
    probabilities: list[list[float] | None] | None = None,
) -> pl.DataFrame:
    size = len(texts)
    return pl.DataFrame(
        {
            "text": pl.Series(texts, dtype=pl.String),
            "price": pl.Series(prices or [9.5] * size, dtype=pl.Float64),
            "label": pl.Series(["food"] * size, dtype=pl.String),
            "probabilities": pl.Series(
                probabilities or [[0.75, 0.25]] * size, dtype=pl.Array(pl.Float64, 2)
            ),
        }
    )


def watched(frame: pl.DataFrame) -> pl.DataFrame:
    return watch(frame, learnt(), TWO_CLASSES, 0.6)


def test_each_feature_says_what_its_name_says() -> None:
    [row] = watched(captured(["VISA Baing place Q7 AU"], [-3.0])).to_dicts()
    assert row == {
        "text_length": 22,
        "token_count": 5,
        "upper_share": pytest.approx(8 / 17),
        "unseen_tokens": pytest.approx(1 / 5),
        "unseen_ngrams": row["unseen_ngrams"],
        "prefix": "visa",
        "country": "AU",
        "price": -3.0,
        "refund": 1,
        "class_predictions": "food",
        "class_probability": 0.75,
        "entropy": pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)),
        "class_probabilities__label_food": 0.75,
        "class_probabilities__label_rent": 0.25,
        "review": 0,
    }
    # Of " visa baing place q7 au " five of the 21 grams have the q or the 7 in them.
    assert row["unseen_ngrams"] == pytest.approx(5 / 21)


def test_training_rows_hold_nothing_unseen_and_reference_codes_do_not_count() -> None:
    rows = watched(captured(["SQ *Being place p77d9b1c2a nz", "Tesco store 1234567 AU"]))
    assert rows["unseen_tokens"].to_list() == [0, 0]
    assert rows["unseen_ngrams"].to_list() == [0, 0]


def test_a_new_merchant_and_another_script_are_unseen() -> None:
    rows = watched(captured(["Zyxw vuts", "カフェ東京"]))
    assert rows["unseen_tokens"].to_list() == [1, 1]
    assert rows["unseen_ngrams"].min() > 0.9  # type: ignore[operator]


def test_prefixes_are_of_many_merchants_and_countries_are_what_texts_end_in() -> None:
    assert learnt().prefixes[:2] == ["sq *", "visa"]
    assert "tesco" not in learnt().prefixes
    # US never ends a text, and the column does not have FR.
    assert learnt().countries == ["AU", "NZ"]


@pytest.mark.parametrize(
    ("text", "prefix", "country"),
    [
        ("sq *zoo", "sq *", "unknown"),
        ("  Visa zoo Nz ", "visa", "NZ"),
        ("visage au pair", "other", "unknown"),
        ("", "other", "unknown"),
    ],
)
def test_prefix_and_country_are_read_in_any_case(text: str, prefix: str, country: str) -> None:
    [row] = watched(captured([text])).to_dicts()
    assert (row["prefix"], row["country"]) == (prefix, country)


def test_without_a_column_country_no_country_is_known() -> None:
    seen = SeenInTraining.learn(pl.DataFrame({"text": ["a AU"], "key": ["a"]}))
    assert seen.domains(TWO_CLASSES)["country"] == ["unknown"]


def test_nulls_stay_nulls_in_what_depends_on_them() -> None:
    frame = captured([None, "Visa a"], [1.0, None], [None, [0.5, 0.5]])
    first, second = watched(frame).to_dicts()
    assert {name for name, value in first.items() if value is None} == {
        *("text_length", "token_count", "upper_share", "unseen_tokens", "unseen_ngrams"),
        *("prefix", "country", "class_probability", "entropy", "review"),
        *("class_probabilities__label_food", "class_probabilities__label_rent"),
    }
    assert {name for name, value in second.items() if value is None} == {"price", "refund"}
    assert second["review"] == 1


def test_a_review_is_asked_for_where_the_model_asks_for_one() -> None:
    sure = [0.75, 0.25]
    unsure = [0.55, 0.45]
    texts = ["Visa place", "Zyxw vuts", "Visa vuts", "", None, "Visa place"]
    rows = watched(captured(texts, None, [sure, sure, sure, sure, sure, unsure]))
    assert rows["review"].to_list() == [0, 1, 0, 1, 0, 1]


def test_the_share_of_reviews_is_that_of_the_answers(
    prepared: Path, categoriser: Categoriser
) -> None:
    train = pl.read_parquet(prepared / "train.parquet")
    # A number of training's texts, alone or beside a new word, is not a word.
    texts = [*train["text"][:50], "", "zyxw", "1234567", "aldi zyxw", "7", "7 zyxw", "a"]
    prices = [9.5] * len(texts)
    answers = categoriser.predict(transactions(zip(texts, prices, strict=True)))
    frame = pl.DataFrame(
        {
            "text": texts,
            "price": prices,
            "label": [answer.category for answer in answers],
            "probabilities": pl.Series(
                [[*answer.probabilities.values()] for answer in answers],
                dtype=pl.Array(pl.Float64, len(categoriser.classes)),
            ),
        }
    )
    rows = watch(
        frame, SeenInTraining.learn(train), categoriser.classes, categoriser.review_threshold
    )
    assert rows["review"].cast(pl.Boolean).to_list() == [answer.review for answer in answers]
    assert {"7", "aldi"} <= SeenInTraining.learn(train).tokens


def test_no_rows_give_no_rows_of_the_same_columns() -> None:
    none = watched(captured([]))
    assert none.height == 0
    assert none.schema == watched(captured(["a"])).schema


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_a_row_is_watched_alone_as_among_others(texts: list[str]) -> None:
    together = watched(captured(list(texts)))
    alone = pl.concat(watched(captured([text])) for text in texts)
    assert together.equals(alone)
    for name in ("upper_share", "unseen_tokens", "unseen_ngrams"):
        assert together[name].is_between(0, 1).all()
    assert together["token_count"].to_list() == [len(text.split()) for text in normalise(texts)]


def test_what_was_seen_is_the_same_once_loaded(tmp_path: Path) -> None:
    learnt().save(tmp_path)
    loaded = SeenInTraining.load(tmp_path)
    frame = captured(["VISA Baing place Q7 AU", "Zyxw", None])
    assert watch(frame, loaded, TWO_CLASSES, 0.6).equals(watched(frame))
    (tmp_path / "grams.bin").unlink()
    with pytest.raises(UserError, match=r"grams\.bin"):
        SeenInTraining.load(tmp_path)


def test_a_rules_answer_is_never_for_review() -> None:
    frame = captured(["zzqx wvvk", "zzqx wvvk"], probabilities=[[1.0, 0.0], [0.9, 0.1]])
    watched = watch(frame, learnt(), TWO_CLASSES, 0.6)
    assert watched["review"].to_list() == [0, 1]
    assert watched["entropy"].to_list()[0] == 0
