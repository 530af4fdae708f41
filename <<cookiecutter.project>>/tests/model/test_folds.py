"""Training rows in folds by merchant, and what is asked of them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from measured import PARAMS

from categoriser.model.answers import Answers
from categoriser.model.folds import FoldAnswers, answer_fold, calibrated, in_folds
from categoriser.params import read_params

SPLIT = read_params(PARAMS).prepare


def rows(*sizes: int) -> pl.DataFrame:
    """Return rows of merchants with so many rows each, one line each."""
    keys = [f"m{number}" for number, size in enumerate(sizes) for _ in range(size)]
    lines = [f"{key} {place}" for place, key in enumerate(keys)]
    labels = ["food" if int(key[1:]) % 2 else "fuel" for key in keys]
    return pl.DataFrame({"features": lines, "category": labels, "key": keys})


def test_a_merchant_is_whole_in_one_fold_and_each_fold_has_its_share() -> None:
    found = in_folds(rows(*[3] * 300), 3, SPLIT, "fold")
    assert found.height == 900
    assert found.group_by("key").agg(pl.col("fold").n_unique())["fold"].unique().to_list() == [1]
    sizes = found.group_by("fold").len().sort("fold")
    assert sizes["fold"].to_list() == [0, 1, 2]
    assert all(200 < size < 400 for size in sizes["len"])
    assert found["fold"].is_sorted()
    assert found["asked"].all()


def test_another_salt_draws_other_folds() -> None:
    many = rows(*[1] * 300)
    first, again, other = (
        in_folds(many, 3, SPLIT.model_copy(update={"salt": salt}), "fold")
        for salt in ("a", "a", "b")
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_another_draw_has_other_folds_of_the_same_rows() -> None:
    one, other = (in_folds(rows(*[1] * 300), 3, SPLIT, draw) for draw in ("one", "other"))
    assert not one.equals(other)
    assert one.sort("features")["key"].equals(other.sort("features")["key"])


def test_no_merchant_has_more_than_its_share_of_what_is_asked() -> None:
    found = in_folds(
        rows(900, *[5] * 100), 3, SPLIT.model_copy(update={"largest_group": 0.1}), "fold"
    )
    asked = found.filter("asked")
    assert asked.filter(key="m0").height <= 0.1 * asked.height
    assert asked.filter(pl.col("key") != "m0").height == 500


class Told:
    """A classifier that answers by the share of each class in what it was fitted on."""

    LIBRARIES = ()
    SEARCH: ClassVar[dict[str, Any]] = {}

    def __init__(self, given: Any) -> None:
        self.given = given
        self.classes = tuple(sorted(set(given.labels)))
        self.tokens: frozenset[str] = frozenset()

    @classmethod
    def fit(cls, given: Any, _: Any) -> Told:
        return cls(given)

    def predict_proba(self, lines: Any) -> Any:
        shares = [self.given.labels.count(name) / len(self.given.labels) for name in self.classes]
        return np.tile(shares, (len(lines), 1))


def three_folds() -> pl.DataFrame:
    """Return folds of two, two and four rows: fold 1 is all of m1, the only merchant of food."""
    return rows(2, 2, 4).with_columns(fold=pl.Series([0] * 2 + [1] * 2 + [2] * 4), asked=True)


def test_a_fold_is_answered_by_the_others_in_the_labels_columns() -> None:
    validation = pl.DataFrame({"features": ["x"], "category": ["unheard"], "key": ["m9"]})
    classifier: Any = Told
    labels = ["food", "fuel", "rent"]
    found = answer_fold(classifier, {}, three_folds(), validation, 1, labels)
    assert found.unseen.probabilities.tolist() == [[0, 1, 0]] * 2
    assert found.unseen.truth.tolist() == [0, 0]
    assert found.unseen.novelty.tolist() == [1, 1]
    assert len(found.seen.truth) == 0
    # Beside fold 0 are two rows of food and four of fuel.
    found = answer_fold(classifier, {}, three_folds(), validation, 0, labels)
    np.testing.assert_allclose(found.unseen.probabilities, [[1 / 3, 2 / 3, 0]] * 2)


def test_validation_rows_of_merchants_in_the_fold_do_not_calibrate_it() -> None:
    lines = ["x"] * 40
    merchants = ["m0"] * 15 + ["m2"] * 25
    validation = pl.DataFrame({"features": lines, "category": ["food"] * 40, "key": merchants})
    classifier: Any = Told
    found = answer_fold(classifier, {}, three_folds(), validation, 0, ["food", "fuel"])
    assert found.seen.truth.tolist() == [0] * 25


def test_a_fold_is_calibrated_by_the_others_and_not_by_itself() -> None:
    sure = np.array([[0.9, 0.1]] * 100)
    known = np.zeros(100)
    right = np.zeros(100, np.int64)
    half_right = np.arange(100) % 2
    nothing = Answers.none(2)
    as_said = FoldAnswers(Answers(sure, known, right), nothing)
    doubtful = FoldAnswers(Answers(sure, known, half_right), nothing)
    table = calibrated([as_said, doubtful])
    # The other fold's answers were right in half of its rows, and all right.
    assert table[:100, 0] == pytest.approx(0.5, abs=0.06)
    assert (table[100:, 0] > 0.99).all()
