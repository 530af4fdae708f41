"""Training rows in folds by merchant, and what is asked of them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from measured import PARAMS

from categoriser.model.calibration import calibrate
from categoriser.model.folds import fold_answers, in_folds
from categoriser.params import read_params

SPLIT = read_params(PARAMS).prepare


def rows(*sizes: int) -> pl.DataFrame:
    """Return rows of merchants with so many rows each, one line each."""
    keys = [f"m{number}" for number, size in enumerate(sizes) for _ in range(size)]
    lines = [f"{key} {place}" for place, key in enumerate(keys)]
    labels = ["food" if int(key[1:]) % 2 else "fuel" for key in keys]
    return pl.DataFrame({"features": lines, "category": labels, "key": keys})


def test_a_merchant_is_whole_in_one_fold_and_each_fold_has_its_share() -> None:
    found = in_folds(rows(*[3] * 300), 3, SPLIT)
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
        in_folds(many, 3, SPLIT.model_copy(update={"salt": salt})) for salt in ("a", "a", "b")
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_no_merchant_has_more_than_its_share_of_what_is_asked() -> None:
    found = in_folds(rows(900, *[5] * 100), 3, SPLIT.model_copy(update={"largest_group": 0.1}))
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


def test_a_fold_is_answered_by_the_others_in_the_labels_columns() -> None:
    found = rows(2, 2, 4).with_columns(fold=pl.Series([0] * 2 + [1] * 2 + [2] * 4), asked=True)
    validation = pl.DataFrame({"features": ["x"], "category": ["unheard"], "key": ["m9"]})
    classifier: Any = Told
    # Fold 1 is all of m1, the only merchant of food.
    answers = fold_answers(classifier, {}, found, validation, 1, ["food", "fuel", "rent"])
    assert answers.tolist() == [[0, 1, 0]] * 2
    # Beside fold 0 are two rows of food and four of fuel. Without validation the temperature is 1.
    answers = fold_answers(classifier, {}, found, validation, 0, ["food", "fuel", "rent"])
    np.testing.assert_allclose(answers, [[1 / 3, 2 / 3, 0]] * 2)


def test_the_temperature_is_of_validation_rows_whose_merchants_are_not_in_the_fold() -> None:
    found = rows(2, 2, 4).with_columns(fold=pl.Series([0] * 2 + [1] * 2 + [2] * 4), asked=True)
    lines = ["x"] * 40
    own = pl.DataFrame({"features": lines, "category": ["food"] * 40, "key": ["m0"] * 40})
    others = own.with_columns(key=pl.lit("m2"))
    classifier: Any = Told
    shares = np.array([[1 / 3, 2 / 3]] * 2)
    unmoved = fold_answers(classifier, {}, found, own, 0, ["food", "fuel"])
    np.testing.assert_allclose(unmoved, shares)
    # All of them are food, which has a third: the answers are made as unsure as can be.
    moved = fold_answers(classifier, {}, found, others, 0, ["food", "fuel"])
    np.testing.assert_allclose(moved, calibrate(shares, 20.0))
    assert moved[0, 0] == pytest.approx(0.49, abs=0.01)
