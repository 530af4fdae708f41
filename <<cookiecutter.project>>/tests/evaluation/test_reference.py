"""The models that the model is held against."""

from __future__ import annotations

import numpy as np
import polars as pl
from measured import trained

from categoriser.evaluation.reference import REFERENCE, fit_majority
from categoriser.model.classifier import classifier_of
from categoriser.model.prepared_rows import training_rows


def test_the_reference_learns_and_the_majority_answers_the_commonest_class() -> None:
    prepared, _ = trained()
    train, held_out = (
        pl.read_parquet(prepared / f"{part}.parquet") for part in ("train", "random")
    )
    lines = held_out["features"].to_list()
    truth = held_out["category"].to_numpy()
    labels = train["category"].to_list()
    majority = fit_majority(train["features"].to_list(), labels)
    commonest = max(set(labels), key=labels.count)
    answers = majority.classes_[majority.predict_proba(lines).argmax(axis=1)]
    assert np.mean(answers == truth) == np.mean(truth == commonest)
    reference = classifier_of(REFERENCE).fit(training_rows(train), {})
    best = np.array(reference.classes)[reference.predict_proba(lines).argmax(axis=1)]
    assert np.mean(best == truth) > 0.7
