"""A model file that was cut off, in writing or later, is found out before fastText reads it."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fitted import fitted
from measured import KNOBS

from categoriser.errors import UserError
from categoriser.model.classifiers.fasttext_svm import MODEL_FILE, Classifier
from categoriser.model.fasttext_file import output_matrix

LINES = ["aldi sydney PAID", "bank fee PAID", "shell metro PAID", "aldi PAID"] * 25
LABELS = ["food", "a fee", "transport", "food"] * 25


@pytest.fixture(scope="module", params=[False, True], ids=["dense", "quantised"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    fitted(LINES, LABELS, KNOBS | {"quantise": request.param}).save(folder)
    return folder


def spoilt(folder: Path, target: Path, content: bytes) -> Path:
    target.mkdir(exist_ok=True)
    (target / MODEL_FILE).write_bytes(content)
    return target


def test_a_whole_file_has_the_models_output_matrix(folder: Path) -> None:
    values = np.frombuffer(output_matrix(folder / MODEL_FILE), dtype=np.float32)
    model = Classifier.load(folder)
    # Columns as fastText has them: by how often a label occurs.
    assert values.size == len(model.classes) ** 2
    assert np.isfinite(values).all()
    assert set(values.tolist()) == set(model._weights.ravel().tolist())


def test_a_file_that_is_cut_anywhere_is_refused(folder: Path, tmp_path: Path) -> None:
    content = (folder / MODEL_FILE).read_bytes()
    # In the settings, the words, the matrices, and by a byte or a few values at the end.
    cuts = [0, 1, 8, 50, 80, 100, 150, 300, len(content) // 3, len(content) // 2]
    for size in [*cuts, *(len(content) - last for last in (1, 4, 40, 41, 100))]:
        with pytest.raises(UserError, match=rf"{MODEL_FILE} is not a whole fastText model"):
            Classifier.load(spoilt(folder, tmp_path / "cut", content[:size]))


def test_a_file_with_more_at_its_end_is_refused(folder: Path, tmp_path: Path) -> None:
    content = (folder / MODEL_FILE).read_bytes() + b"x"
    with pytest.raises(UserError, match="1 bytes follow its end"):
        Classifier.load(spoilt(folder, tmp_path / "long", content))


@pytest.mark.parametrize(
    ("place", "layout", "value", "why"),
    [
        (0, "i", 7, "does not begin as fastText's"),
        (4, "i", 13, "does not begin as fastText's"),
        (8, "i", 7, "a matrix is of"),
        (64, "i", 2**31 - 1, "are not"),
        (64, "i", -1, "are not"),
        (68, "i", 0, "are not"),
        (84, "q", 2**62, "cut off"),
    ],
)
def test_sizes_that_do_not_agree_are_refused(
    folder: Path, tmp_path: Path, place: int, layout: str, value: int, why: str
) -> None:
    content = bytearray((folder / MODEL_FILE).read_bytes())
    struct.pack_into(f"<{layout}", content, place, value)
    with pytest.raises(UserError, match=why):
        Classifier.load(spoilt(folder, tmp_path / "spoilt", bytes(content)))


def test_a_word_longer_than_what_is_read_at_once_is_passed(tmp_path: Path) -> None:
    long = "x" * 5000
    fitted([f"{line} {long}" for line in LINES], LABELS).save(tmp_path)
    assert long in Classifier.load(tmp_path).tokens


def test_a_model_whose_writing_was_cut_off_is_not_saved_as_good(folder: Path) -> None:
    program = f"""
import pathlib, resource, sys
from categoriser.errors import UserError
from categoriser.features import VERSION
from categoriser.model.classifiers.fasttext_svm import Classifier
from categoriser.model.package import Categoriser

facts = {{"features_version": VERSION, "temperature": 1.0, "review_threshold": 0.5}}
model = Categoriser(Classifier.load(pathlib.Path({str(folder)!r})), facts)
for short in (40, 1000):
    size = pathlib.Path({str(folder / MODEL_FILE)!r}).stat().st_size - short
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        model.save(pathlib.Path("model"))
    except UserError as error:
        print(error)
print(pathlib.Path("model").exists())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    first, second, exists = done.stdout.splitlines()
    assert "is not a whole fastText model (it is cut off" in first
    assert "is not a whole fastText model (it is cut off" in second
    assert exists == "False"


def test_a_file_whose_end_is_another_models_is_not_saved_as_good(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Classifier.load(folder)
    save = model._model.save_model

    def wrongly(path: str) -> None:
        save(path)
        content = bytearray(Path(path).read_bytes())
        content[-4:] = struct.pack("<f", 123.0)
        Path(path).write_bytes(content)

    monkeypatch.setattr(model._model, "save_model", wrongly)
    with pytest.raises(UserError, match="was not written as it should be"):
        model.save(tmp_path)
