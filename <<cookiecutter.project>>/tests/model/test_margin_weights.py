"""The SVM of fastText's inputs, and what joins it with fastText."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest
from fitted import fitted

from categoriser.model.classifiers.fasttext_svm import MODEL_FILE
from categoriser.model.fasttext_inputs import Inputs
from categoriser.model.margin_weights import (
    inverse_document_frequency,
    joint_weights,
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


def test_rare_inputs_weigh_more(model: Any, inputs: Inputs) -> None:
    weights = inverse_document_frequency(inputs.shares(["aldi market", "coles market"]))
    market, aldi, fee = (model.get_word_id(word) for word in ("market", "aldi", "fee"))
    assert weights[market] == 1
    assert weights[aldi] == pytest.approx(np.log(3 / 2) + 1)
    assert weights[fee] == pytest.approx(np.log(3) + 1)


def test_the_joint_weights_are_those_of_both(model: Any, inputs: Inputs) -> None:
    rows = TrainingRows(LINES, LABELS, ["one", "one", "one", "two", "three"])
    labels = [name.removeprefix("__label__") for name in model.get_labels()]

    def joint(weight: float, power: float) -> Any:
        return joint_weights(
            model, labels, inputs, rows, svm_c=1.0, merchant_power=power, fasttext_weight=weight
        )

    alone = svm_weights(inputs, labels, rows, np.ones(5), 1.0)
    np.testing.assert_allclose(joint(0, 0), alone)
    np.testing.assert_allclose(joint(0.5, 0), alone + 0.5 * own_weights(model))
    # A row of a merchant of three rows counts a third.
    lighter = svm_weights(inputs, labels, rows, np.array([1 / 3, 1 / 3, 1 / 3, 1, 1]), 1.0)
    np.testing.assert_allclose(joint(0, 1), lighter, atol=1e-6)


def test_fasttext_reads_the_matrices_that_were_written_for_it(tmp_path: Path) -> None:
    fitted(LINES * 5, LABELS * 5).save(tmp_path)
    bare = fasttext.load_model(str(tmp_path / MODEL_FILE))
    assert bare.get_dimension() == 3
    assert [labels[0][9:] for labels in bare.predict(LINES)[0]] == LABELS
