"""The linear candidate, which is the reference too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline, make_union

from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.model.classifiers.linear import VOCABULARY_FILE, WEIGHTS_FILE, Classifier
from categoriser.model.training_rows import TrainingRows

ROOT = Path(__file__).parents[3]
LINES = ["aldi sydney PAID", "bank fee PAID", "shell metro PAID", "aldi PAID"] * 25
LABELS = ["food", "a fee", "Ünïcode\t%,é", "food"] * 25
ROWS = TrainingRows(LINES, LABELS, LINES)


@pytest.fixture(scope="module")
def small() -> Classifier:
    return Classifier.fit(ROWS, {})


def saved(classifier: Classifier, folder: Path) -> Path:
    folder.mkdir()
    classifier.save(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_classes_are_the_labels_sorted_and_columns_are_theirs(small: Classifier) -> None:
    assert small.classes == ("a fee", "food", "Ünïcode\t%,é")
    best = small.predict_proba(LINES).argmax(axis=1)
    assert [small.classes[number] for number in best] == LABELS


@pytest.mark.parametrize("classes", [2, 3])
def test_its_answers_are_those_of_scikit_learn(classes: int) -> None:
    rows = [
        (line, label)
        for line, label in zip(LINES, LABELS, strict=True)
        if classes == 3 or label != "a fee"
    ]
    lines = [line for line, _ in rows]
    labels = [label for _, label in rows]
    words = TfidfVectorizer(
        token_pattern=r"\S+",
        ngram_range=(1, 2),
        lowercase=False,
        sublinear_tf=True,
    )
    pieces = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(4, 4), min_df=2, lowercase=False, sublinear_tf=True
    )
    linear = SGDClassifier(
        loss="log_loss", alpha=3e-6, random_state=0, max_iter=10, tol=None, average=True
    )
    theirs = make_pipeline(make_union(words, pieces), linear).fit(lines, labels)
    ours = Classifier.fit(TrainingRows(lines, labels, lines), {})
    asked = ["aldi sydney PAID", "metro fee", "unheard of", ""]
    np.testing.assert_allclose(ours.predict_proba(asked), theirs.predict_proba(asked), atol=1e-12)


def test_tokens_are_the_words_that_it_was_fitted_on(small: Classifier) -> None:
    assert small.tokens == {"aldi", "sydney", "bank", "fee", "shell", "metro", "PAID"}


def test_a_row_alone_and_in_a_batch_has_the_same_bits(small: Classifier) -> None:
    alone = np.vstack([small.predict_proba([line]) for line in LINES])
    assert np.array_equal(small.predict_proba(LINES), alone)


@given(texts=st.lists(st.text(max_size=30), max_size=5))
@checks(deadline=None)
def test_any_text_has_a_distribution(small: Classifier, texts: list[str]) -> None:
    probabilities = small.predict_proba(normalise(texts))
    assert probabilities.shape == (len(texts), 3)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_what_is_loaded_answers_as_what_was_saved(small: Classifier, tmp_path: Path) -> None:
    loaded = Classifier.load(saved(small, tmp_path / "model"))
    assert (loaded.classes, loaded.tokens) == (small.classes, small.tokens)
    assert np.array_equal(loaded.predict_proba(LINES), small.predict_proba(LINES))


def test_the_same_rows_give_the_same_files_in_another_process(
    small: Classifier, tmp_path: Path
) -> None:
    program = (
        "import sys, pathlib; from categoriser.model.classifiers.linear import Classifier;"
        "from categoriser.model.training_rows import TrainingRows;"
        f"Classifier.fit(TrainingRows({LINES!r}, {LABELS!r}, {LINES!r}), {{}})"
        ".save(pathlib.Path(sys.argv[1]))"
    )
    (tmp_path / "other").mkdir()
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "other")],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "7"},
        check=True,
    )
    assert contents(tmp_path / "other") == contents(saved(small, tmp_path / "model"))


@pytest.mark.parametrize("knob", [{"alpha": 0.01}, {"passes": 3}, {"piece": 2}])
def test_every_knob_turns(small: Classifier, tmp_path: Path, knob: dict[str, Any]) -> None:
    other = saved(Classifier.fit(ROWS, knob), tmp_path / "other")
    assert contents(other) != contents(saved(small, tmp_path / "model"))


@pytest.mark.parametrize(
    ("knobs", "key"), [({"alfa": 1}, "alfa"), ({"alpha": 0}, "alpha"), ({"passes": 0}, "passes")]
)
def test_a_wrong_knob_is_named(knobs: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=rf"params.yaml: train.candidates.linear.*{key}"):
        Classifier.fit(ROWS, knobs)


def test_rows_without_a_piece_that_repeats_are_refused() -> None:
    with pytest.raises(UserError, match=r"these 1 rows .*train.candidates.linear"):
        Classifier.fit(TrainingRows(["ab"], ["food"], ["ab"]), {})


def test_a_single_class_is_certain() -> None:
    only = Classifier.fit(TrainingRows(["aldi market"] * 2, ["only"] * 2, ["aldi"] * 2), {})
    assert only.predict_proba(["aldi", "c"]).tolist() == [[1], [1]]


@pytest.mark.parametrize("name", [VOCABULARY_FILE, WEIGHTS_FILE])
@pytest.mark.parametrize("damage", ["missing", "cut", "garbage", "of another model"])
def test_files_that_are_not_whole_are_named(
    small: Classifier, tmp_path: Path, name: str, damage: str
) -> None:
    folder = saved(small, tmp_path / "model")
    content = (folder / name).read_bytes()
    if damage == "missing":
        (folder / name).unlink()
    elif damage == "cut":
        (folder / name).write_bytes(content[: len(content) // 2])
    elif damage == "garbage":
        (folder / name).write_bytes(b"\x80\x04garbage" * 9)
    else:
        rows = TrainingRows(["other words here"] * 4, ["x", "y"] * 2, ["m"] * 4)
        other = saved(Classifier.fit(rows, {}), tmp_path / "other")
        (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(UserError, match="not hold a whole linear model"):
        Classifier.load(folder)
