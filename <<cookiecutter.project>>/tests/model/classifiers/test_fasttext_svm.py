"""The candidate that joins fastText with an SVM."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest
from fitted import fitted
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from measured import KNOBS

from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.model.classifiers import fasttext_svm as module
from categoriser.model.classifiers.fasttext_svm import MODEL_FILE, Classifier

ROOT = Path(__file__).parents[3]
EACH = ["aldi sydney PAID", "bank fee PAID", "shell metro PAID", "aldi PAID"]
LINES = EACH * 25 + ["aldi PAID"] * 10
# fastText numbers labels by how often they occur: not in their order.
LABELS = ["food", "a fee", "Ünïcode\t%,é", "food"] * 25 + ["food"] * 10


@pytest.fixture(scope="module")
def small() -> Classifier:
    return fitted(LINES, LABELS)


def saved(classifier: Classifier, folder: Path) -> bytes:
    folder.mkdir()
    classifier.save(folder)
    return (folder / MODEL_FILE).read_bytes()


def test_a_model_of_many_classes_has_fewer_buckets_and_stays_small(tmp_path: Path) -> None:
    labels = [f"type {number}" for number in range(200)]
    lines = [f"shop{number} ltd PAID" for number in range(200)]
    many = fitted(lines * 2, labels * 2, KNOBS | {"bucket": 500_000, "epoch": 1})
    content = saved(many, tmp_path / "model")
    assert 40_000_000 < len(content) < 50_000_000
    best = many.predict_proba(lines).argmax(axis=1)
    assert np.mean([many.classes[place] for place in best] == np.array(labels)) > 0.9


def test_classes_are_the_labels_sorted_whatever_they_hold(small: Classifier) -> None:
    assert small.classes == ("a fee", "food", "Ünïcode\t%,é")


def test_columns_belong_to_the_classes(small: Classifier) -> None:
    best = small.predict_proba(LINES).argmax(axis=1)
    assert [small.classes[number] for number in best] == LABELS


@pytest.mark.parametrize("quantise", [False, True])
def test_probabilities_are_fasttexts_own(tmp_path: Path, quantise: bool) -> None:
    classifier = fitted(LINES, LABELS, KNOBS | {"quantise": quantise})
    saved(classifier, tmp_path / "model")
    bare = fasttext.load_model(str(tmp_path / "model" / MODEL_FILE))
    assert bare.is_quantized() == quantise
    labels, scores = bare.predict(LINES[:4], k=-1)
    for row, names, values in zip(classifier.predict_proba(LINES[:4]), labels, scores, strict=True):
        # fastText adds 1e-5 to each and answers in the order of the scores.
        by_label = dict(zip(names, values - 1e-5, strict=True))
        codes = ("__label__a%20fee", "__label__food", "__label__%C3%9Cn%C3%AFcode%09%25%2C%C3%A9")
        np.testing.assert_allclose(row, [by_label[code] for code in codes], atol=2e-6)


def test_a_row_alone_and_in_a_batch_has_the_same_bits(
    small: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = small.predict_proba(LINES)
    alone = np.vstack([small.predict_proba([line]) for line in LINES])
    assert np.array_equal(whole, alone)
    monkeypatch.setattr(module, "LINES_AT_ONCE", 7)
    assert np.array_equal(whole, small.predict_proba(LINES))


@given(texts=st.lists(st.text(max_size=30), max_size=5))
@checks(deadline=None)
def test_any_text_has_a_distribution(small: Classifier, texts: list[str]) -> None:
    probabilities = small.predict_proba(normalise(texts))
    assert probabilities.shape == (len(texts), 3)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_line_of_no_known_word_has_a_distribution() -> None:
    words_only = fitted(LINES, LABELS, KNOBS | {"minn": 0, "maxn": 0, "word_ngrams": 1})
    np.testing.assert_allclose(words_only.predict_proba(["ω", ""]).sum(axis=1), 1)


def test_one_thread_gives_the_same_file_in_this_process_and_in_another(
    small: Classifier, tmp_path: Path
) -> None:
    first = saved(small, tmp_path / "first")
    assert saved(fitted(LINES, LABELS), tmp_path / "second") == first
    program = (
        "import sys, pathlib; from fitted import fitted;"
        f"fitted({LINES!r}, {LABELS!r}).save(pathlib.Path(sys.argv[1]))"
    )
    (tmp_path / "third").mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "third")], env=environment, check=True
    )
    assert (tmp_path / "third" / MODEL_FILE).read_bytes() == first


@pytest.mark.parametrize(
    "knob",
    [
        {"dim": 4},
        {"epoch": 19},
        {"lr": 0.4},
        {"word_ngrams": 1},
        {"minn": 2},
        {"maxn": 4},
        {"min_count": 30},
        {"bucket": 400},
        {"seed": 1},
        {"svm_c": 0.01},
        {"merchant_power": 0.0},
        {"fasttext_weight": 1.0},
    ],
)
def test_every_knob_turns(small: Classifier, tmp_path: Path, knob: dict[str, Any]) -> None:
    other = saved(fitted(LINES, LABELS, KNOBS | knob), tmp_path / "other")
    assert other != saved(small, tmp_path / "model")


@pytest.mark.parametrize("quantise", [False, True])
def test_what_is_loaded_answers_as_what_was_saved(tmp_path: Path, quantise: bool) -> None:
    classifier = fitted(LINES, LABELS, KNOBS | {"quantise": quantise})
    saved(classifier, tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    assert loaded.classes == classifier.classes
    assert np.array_equal(loaded.predict_proba(LINES), classifier.predict_proba(LINES))


def test_quantising_makes_the_file_smaller(small: Classifier, tmp_path: Path) -> None:
    quantised = fitted(LINES, LABELS, KNOBS | {"quantise": True})
    assert len(saved(quantised, tmp_path / "q")) < len(saved(small, tmp_path / "f"))


def test_a_single_class_is_certain() -> None:
    assert fitted(["a b"], ["only"]).predict_proba(["a", "c"]).tolist() == [[1], [1]]


@pytest.mark.parametrize(
    ("knobs", "key"),
    [
        ({"dims": 8}, "dims"),
        ({"dim": 0}, "dim"),
        ({"bucket": 0}, "bucket"),
        ({"epoch": 2**31}, "epoch"),
        ({"lr": "fast"}, "lr"),
        ({"minn": 4, "maxn": 3}, "minn"),
        ({"svm_c": 0}, "svm_c"),
        ({"merchant_power": 1.5}, "merchant_power"),
        ({"fasttext_weight": -1}, "fasttext_weight"),
    ],
)
def test_a_wrong_knob_is_named(knobs: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=rf"params.yaml: train.candidates.fasttext_svm.*{key}"):
        fitted(LINES, LABELS, KNOBS | knobs)


def test_a_missing_knob_is_named() -> None:
    knobs = {name: value for name, value in KNOBS.items() if name != "epoch"}
    with pytest.raises(
        UserError, match=r"params.yaml: train.candidates.fasttext_svm: .*missing.*`epoch`"
    ):
        fitted(LINES, LABELS, knobs)


@pytest.mark.parametrize(("count", "knobs"), [(0, {}), (100, {"lr": 1e30})])
def test_what_cannot_be_trained_is_refused(count: int, knobs: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"{count} rows .*train.candidates.fasttext_svm"):
        fitted(LINES[:count], LABELS[:count], KNOBS | knobs)


def test_a_file_that_is_missing_or_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=MODEL_FILE):
        Classifier.load(tmp_path)
    (tmp_path / MODEL_FILE).write_bytes(b"not a model" * 99)
    with pytest.raises(UserError, match=MODEL_FILE):
        Classifier.load(tmp_path)
