"""The models that the model is held against."""

from __future__ import annotations

import numpy as np
import polars as pl
from measured import trained

from categoriser.evaluation.reference import fit_majority, fit_reference


def test_the_reference_learns_and_the_majority_answers_the_commonest_class() -> None:
    prepared, _ = trained()
    train, held_out = (
        pl.read_parquet(prepared / f"{part}.parquet") for part in ("train", "random")
    )
    lines = train["features"].to_list()
    labels = train["category"].to_list()
    truth = held_out["category"].to_numpy()

    def accuracy(estimator: object) -> float:
        table = estimator.predict_proba(held_out["features"].to_list())  # type: ignore[attr-defined]
        np.testing.assert_allclose(table.sum(axis=1), 1)
        answers = estimator.classes_[table.argmax(axis=1)]  # type: ignore[attr-defined]
        return float(np.mean(answers == truth))

    commonest = max(set(labels), key=labels.count)
    assert accuracy(fit_majority(lines, labels)) == np.mean(truth == commonest)
    assert accuracy(fit_reference(lines, labels)) > 0.7


def test_two_fits_are_the_same() -> None:
    lines = ["aldi PAID", "shell PAID", "aldi x PAID", "metro PAID"] * 5
    labels = ["g", "t"] * 10
    first, second = (fit_reference(lines, labels).predict_proba(lines) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_single_class_is_answered_always() -> None:
    reference = fit_reference(["aldi", "coles"], ["g", "g"])
    assert reference.predict_proba(["shell"]).tolist() == [[1.0]]
