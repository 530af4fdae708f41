"""The file of a series while it grows, when it is damaged, and whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import json
from msgspec.structs import replace

from categoriser.diagnostics.series import (
    Series,
    SeriesHead,
    Step,
    TimedStep,
    Training,
    belongs,
    read_series,
)
from categoriser.errors import UserError

HEAD = SeriesHead("a1", "own", 10, 1000)
STEP = TimedStep(epochs=1, train_loss=0.5, milliseconds=2000)


def test_a_line_that_is_half_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "series.jsonl"
    assert read_series(path) is None
    path.write_bytes(json.encode(HEAD))
    assert read_series(path) is None
    whole = json.encode(HEAD) + b"\n" + json.encode(STEP) + b"\n"
    path.write_bytes(whole + json.encode(STEP)[:9])
    assert read_series(path) == Series(HEAD, [STEP])


def test_another_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "series.jsonl"
    path.write_text("epoch,loss\n1,2\n")
    with pytest.raises(UserError, match=r"series\.jsonl is damaged"):
        read_series(path)


def test_a_series_belongs_to_the_training_that_ended_so() -> None:
    last = Step(epochs=1, train_loss=0.5)
    training = Training("own", 10, Step(epochs=0), last)
    assert belongs(Series(HEAD, [STEP]), training)
    assert not belongs(Series(HEAD, []), training)
    told_later = TimedStep(epochs=2, learning_rate=0.1, milliseconds=3000)
    assert belongs(Series(HEAD, [STEP, told_later]), training)
    assert not belongs(Series(HEAD, [STEP, replace(told_later, broken=True)]), training)
    assert not belongs(Series(HEAD, [STEP]), replace(training, candidate="other"))
    assert not belongs(Series(HEAD, [STEP]), replace(training, last=replace(last, train_loss=0.4)))
    assert not belongs(Series(HEAD, [STEP]), replace(training, last=None))
