"""The SVM of fastText's inputs, and how much it and fastText count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest
from fitted import NO_ROWS
from measured import KNOBS

from categoriser.model.classifier import MODEL_FILE, Classifier
from categoriser.model.fasttext_inputs import Inputs
from categoriser.model.margin_weights import (
    inverse_document_frequency,
    least_loss,
    own_weights,
    svm_weights,
)
from categoriser.model.training_rows import TrainingRows

LINES = ["aldi market", "shell station", "bank fee", "coles market", "metro station"]
LABELS = ["food", "travel", "fees", "food", "travel"]
CLASSES = ["food", "travel", "fees"]


@pytest.fixture
def model(tmp_path: Path) -> Any:
    file = tmp_path / "lines.txt"
    marked = (f"__label__{label} {line}\n" for label, line in zip(LABELS, LINES, strict=True))
    file.write_text("".join(marked) * 20, encoding="utf-8")
    sizes = {"dim": 4, "bucket": 1000, "minn": 0, "maxn": 0, "wordNgrams": 1}
    return fasttext.train_supervised(str(file), thread=1, verbose=0, epoch=20, lr=0.5, **sizes)


@pytest.fixture
def inputs(model: Any) -> Inputs:
    return Inputs(model)


def best(inputs: Inputs, weights: Any, *lines: str) -> list[str]:
    return [CLASSES[place] for place in (inputs.shares(lines) @ weights).argmax(axis=1)]


def fit(inputs: Inputs, rows: TrainingRows, importance: list[float]) -> Any:
    return svm_weights(inputs, CLASSES, rows, np.array(importance), 1.0)


def test_the_svm_answers_by_the_words_of_a_class(inputs: Inputs) -> None:
    found = fit(inputs, TrainingRows(LINES, LABELS, LINES), [1.0] * 5)
    assert found.shape == (inputs.count, 3)
    assert best(inputs, found, *LINES) == LABELS
    assert best(inputs, found, "unheard market") == ["food"]


def test_a_row_that_repeats_counts_as_often(inputs: Inputs) -> None:
    twice = TrainingRows([*LINES, LINES[0]], [*LABELS, LABELS[0]], [*LINES, LINES[0]])
    once = TrainingRows(LINES, LABELS, LINES)
    weighted = fit(inputs, once, [2.0, 1.0, 1.0, 1.0, 1.0])
    # A total of six rows, and of five: C counts the mean row as one.
    np.testing.assert_allclose(
        fit(inputs, twice, [1.0] * 6),
        svm_weights(inputs, CLASSES, once, np.array([2.0, 1, 1, 1, 1]), 1.2),
        atol=1e-3,
    )
    assert weighted.shape == (inputs.count, 3)


def test_what_counts_more_decides(inputs: Inputs) -> None:
    rows = TrainingRows(["aldi", "aldi", "shell"], ["food", "travel", "fees"], ["a", "b", "c"])
    assert best(inputs, fit(inputs, rows, [9.0, 1.0, 1.0]), "aldi") == ["food"]
    assert best(inputs, fit(inputs, rows, [1.0, 9.0, 1.0]), "aldi") == ["travel"]


def test_fasttexts_own_weights_give_its_probabilities(model: Any, inputs: Inputs) -> None:
    scores = (inputs.shares(LINES) @ own_weights(model))[0]
    powers = np.exp(scores - scores.max())
    labels, theirs = model.predict(LINES[0], k=-1)
    names = [label.removeprefix("__label__") for label in model.get_labels()]
    ours = [(powers / powers.sum())[names.index(name[9:])] for name in labels]
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_rare_inputs_weigh_more(inputs: Inputs) -> None:
    weights = inverse_document_frequency(inputs.shares(["aldi market", "coles market"]))
    market, aldi, fee = (inputs.shares([word]).indices.min() for word in ("market", "aldi", "fee"))
    assert weights[market] == 1
    assert weights[aldi] == pytest.approx(np.log(3 / 2) + 1)
    assert weights[fee] == pytest.approx(np.log(3) + 1)


def test_the_scores_that_tell_the_truth_count(inputs: Inputs) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(3, size=500)
    noise = random.normal(size=(500, 3))
    # Right three times in four.
    seen = np.where(random.random(500) < 0.75, truth, random.integers(3, size=500))
    told = np.eye(3)[seen]
    svm, own = least_loss((told, noise), truth, np.ones(500))
    assert svm > 1
    assert own < 0.1
    own_first, svm_last = least_loss((noise, told), truth, np.ones(500))
    assert own_first == pytest.approx(own, abs=0.01)
    assert svm_last == pytest.approx(svm, abs=0.01)


def test_rows_that_count_little_say_little(inputs: Inputs) -> None:
    truth = np.array([0] * 50 + [1] * 50)
    first = np.tile([1.0, 0.0], (100, 1))
    second = np.tile([0.0, 1.0], (100, 1))
    of_first = np.array([1.0] * 50 + [0.01] * 50)
    svm, own = least_loss((first, second), truth, of_first)
    assert svm > own


def test_validation_rows_of_other_classes_are_left_out() -> None:
    rows = TrainingRows(LINES * 5, LABELS * 5, LINES * 5)
    other = TrainingRows(["new word"], ["unknown"], ["x"])
    assert np.array_equal(
        Classifier.fit(rows, other, KNOBS).predict_proba(LINES),
        Classifier.fit(rows, NO_ROWS, KNOBS).predict_proba(LINES),
    )


def test_validation_rows_decide(tmp_path: Path) -> None:
    rows = TrainingRows(LINES * 5, LABELS * 5, LINES * 5)
    wrong = TrainingRows(LINES, [*LABELS[1:], LABELS[0]], LINES)
    sure = Classifier.fit(rows, rows, KNOBS).predict_proba(LINES).max(axis=1)
    unsure = Classifier.fit(rows, wrong, KNOBS).predict_proba(LINES).max(axis=1)
    assert (unsure < sure).all()
    # fastText reads the matrices that were written for it.
    Classifier.fit(rows, rows, KNOBS).save(tmp_path)
    bare = fasttext.load_model(str(tmp_path / MODEL_FILE))
    assert bare.get_dimension() == 3
    assert [labels[0][9:] for labels in bare.predict(LINES)[0]] == LABELS
