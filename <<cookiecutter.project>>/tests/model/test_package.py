"""The model's folder, and what `Categoriser` answers."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from categoriser.contract import transactions
from categoriser.errors import UserError
from categoriser.features import features, words_of
from categoriser.io.digests import digest
from categoriser.model.calibration import novelty_of
from categoriser.model.package import Categoriser

TEXTS = ["aldi no 7 sydney", "overdrawn fee", "something else"]
PRICES = [12.5, 3.0, -80.0]
ASKED = transactions(zip(TEXTS, PRICES, strict=True))


def spoil(folder: Path, **facts: Any) -> None:
    path = folder / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


@pytest.fixture
def copy(categoriser: Categoriser, tmp_path: Path) -> Path:
    categoriser.save(tmp_path / "model")
    return tmp_path / "model"


def test_saving_and_loading_changes_nothing(
    categoriser: Categoriser, model: Path, copy: Path
) -> None:
    assert digest(copy) == digest(model)
    loaded = Categoriser.load(copy)
    assert loaded.metadata == categoriser.metadata
    before, after = (one.predict_proba(ASKED) for one in (categoriser, loaded))
    assert np.array_equal(before, after)


def test_text_and_price_are_answered_as_their_features(categoriser: Categoriser) -> None:
    direct = categoriser.predict_proba(ASKED)
    assert np.array_equal(direct, categoriser.predict_features(features(ASKED)))
    raw = categoriser.classifier.predict_proba(features(ASKED))
    novelty = novelty_of(words_of(features(ASKED)), categoriser.classifier.tokens)
    assert np.array_equal(direct, categoriser.calibration.calibrate(raw, novelty).round(10))
    assert not np.array_equal(direct, raw)


def test_predict_says_what_the_probabilities_say(categoriser: Categoriser) -> None:
    rows = categoriser.predict_proba(ASKED)
    for row, answer in zip(rows, categoriser.predict(ASKED), strict=True):
        assert answer.probabilities == dict(zip(categoriser.classes, row, strict=True))
        assert answer.category == categoriser.classes[row.argmax()]
        assert answer.probability == row.max()


def test_review_is_under_the_threshold_and_not_at_it(categoriser: Categoriser) -> None:
    sure = categoriser.predict(ASKED[:1])[0].probability
    for threshold, expected in ((sure, False), (np.nextafter(sure, 1), True)):
        metadata = replace(categoriser.metadata, review_threshold=float(threshold))
        strict = Categoriser(categoriser.classifier, metadata)
        assert strict.predict(ASKED[:1])[0].review is expected


def test_no_rows_have_no_answers(categoriser: Categoriser) -> None:
    assert categoriser.predict_proba([]).shape == (0, len(categoriser.classes))
    assert categoriser.predict([]) == []


@pytest.mark.parametrize(
    "name",
    [
        "temperature",
        "novel_temperature",
        "label_noise",
        "review_threshold",
        "classes",
        "classifier_digest",
        "features_version",
    ],
)
def test_metadata_that_lack_something_are_refused(copy: Path, name: str) -> None:
    path = copy / "metadata.json"
    facts = json.loads(path.read_text())
    del facts[name]
    for spoilt, why in ((facts, f"{name} is missing"), ([], "is not an object")):
        path.write_text(json.dumps(spoilt))
        with pytest.raises(UserError, match=why):
            Categoriser.load(copy)


def test_a_missing_folder_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none/metadata.json is missing; `dvc repro`"):
        Categoriser.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        *(
            ({name: value}, f"{name} is .*, and must be a number from 0.05 to 20")
            for name in ("temperature", "novel_temperature")
            for value in (None, "1", True, -1, 0, 1e-300, 21, math.inf, math.nan)
        ),
        *(
            ({"label_noise": value}, "label_noise is .*, and must be a number from 0 to 0.5")
            for value in (None, "0.1", -0.1, 0.6, math.nan)
        ),
        *(
            (
                {"review_threshold": value},
                "review_threshold is .*, and must be a number from 0 to 1",
            )
            for value in (None, "0.6", -0.1, 1.1, math.nan, -math.inf)
        ),
        ({"classes": ["a", "b", "c"]}, "names other classes"),
        ({"classes": None}, "wrong value .*classes"),
        ({"features_version": -1}, "features of version -1"),
        ({"classifier_digest": "0"}, "digest"),
    ],
)
def test_spoilt_metadata_is_refused(copy: Path, facts: dict[str, Any], message: str) -> None:
    spoil(copy, **facts)
    with pytest.raises(UserError, match=message):
        Categoriser.load(copy)


def test_metadata_of_another_kind_is_refused(copy: Path) -> None:
    (copy / "metadata.json").write_text("[]")
    with pytest.raises(UserError, match="not a model's metadata"):
        Categoriser.load(copy)


def test_a_file_cut_off_is_an_error_and_no_crash(copy: Path) -> None:
    for file in (copy / "classifier").iterdir():
        file.write_bytes(file.read_bytes()[:60])
    # In a process of its own: fastText would divide by zero, or never return.
    program = (
        "import pathlib, sys; from categoriser.command import run_command;"
        "from categoriser.model.package import Categoriser;"
        "run_command(lambda: Categoriser.load(pathlib.Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(copy)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "classifier is incomplete or changed" in done.stderr


def test_a_missing_classifier_is_refused(copy: Path) -> None:
    (copy / "classifier").rename(copy / "elsewhere")
    with pytest.raises(UserError, match="classifier is incomplete"):
        Categoriser.load(copy)
