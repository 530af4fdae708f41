"""How often fastText has gone through its file, as Linux tells it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fasttext
import pytest

from categoriser.model import fasttext_probe
from categoriser.model.fasttext_probe import FileProgress

SIZE = 1_000_000
# To ask how much a thread has read is a read too, of some hundred bytes.
NOISE = 0.01


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "lines.txt").write_bytes(b"x" * SIZE)
    return tmp_path / "lines.txt"


def test_each_time_that_the_file_is_read_through_counts_but_the_first(path: Path) -> None:
    progress = FileProgress(path)
    with path.open("rb", buffering=0) as stream:
        for lap in range(3):
            for quarter in range(1, 5):
                stream.read(SIZE // 4)
                assert progress.epochs() == pytest.approx(lap - 1 + quarter / 4, abs=NOISE)
            stream.seek(0)
    assert progress.epochs() == pytest.approx(2, abs=NOISE)


def test_training_has_begun_once_a_block_is_read_after_the_words(path: Path) -> None:
    progress = FileProgress(path)
    with path.open("rb", buffering=0) as stream:
        stream.read(SIZE)
        for _ in range(5):
            assert progress.epochs() <= 0
        stream.seek(0)
        stream.read(8191)
        assert progress.epochs() > 0


def test_other_threads_of_python_do_not_count(path: Path) -> None:
    progress = FileProgress(path)
    reader = threading.Thread(target=lambda: [path.read_bytes() for _ in range(5)])
    reader.start()
    progress.epochs()
    reader.join()
    assert progress.epochs() == pytest.approx(-1, abs=NOISE)


def test_a_system_that_does_not_tell_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fasttext_probe, "TASKS", path / "none")
    progress = FileProgress(path)
    path.read_bytes()
    assert progress.epochs() == -1


@contextmanager
def looking(progress: FileProgress) -> Iterator[None]:
    """Look all the time, since a thread that has ended tells nothing any more."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.001):
            progress.epochs()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(("rows", "threads"), [(200, 1), (4000, 1), (4000, 2)])
def test_the_epochs_are_those_that_fasttext_trains(tmp_path: Path, rows: int, threads: int) -> None:
    path = tmp_path / "lines.txt"
    lines = [f"__label__{n % 2} shop{n % 97} street{n % 89}\n" for n in range(rows)]
    path.write_text("".join(lines))
    progress = FileProgress(path)
    with looking(progress):
        fasttext.train_supervised(str(path), epoch=50, thread=threads, dim=8, verbose=0)
    # A block is read ahead, which may be the whole file. Two threads have no common end.
    assert progress.epochs() == pytest.approx(50, abs=1.1 if threads == 1 else 4)
