"""A small model, one server of it that most tests ask, and a log that is written in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fitted import fitted
from measured import CANDIDATE
from serving_helpers.running_server import Server

from categoriser.contract import transactions
from categoriser.features import VERSION, features
from categoriser.model.metadata import Metadata
from categoriser.model.package import Categoriser
from categoriser.serving.log import lines


@pytest.fixture(autouse=True)
def log_is_written() -> Iterator[None]:
    """Leave no line of a test's to the next one's stderr."""
    yield
    lines.flush(60)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model's folder, a class of which must be quoted in CSV."""
    folder = tmp_path_factory.mktemp("serving") / "model"
    texts = ["spotify sydney", "cafe perth", "aldi sydney", "netflix au", "pizza perth", "coles au"]
    labels = ["entertainment", "eating, out", "groceries"] * 2
    lines = features(transactions(zip(texts, [11.99, 4.5, 80, 15, 25, 60], strict=True))) * 20
    classifier = fitted(lines, labels * 20)
    metadata = Metadata(
        candidate=CANDIDATE,
        classes=list(classifier.classes),
        features_version=VERSION,
        review_threshold=0.6,
        temperature=1.3,
    )
    Categoriser(classifier, metadata).save(folder)
    return folder


@pytest.fixture(scope="session")
def categoriser(model: Path) -> Categoriser:
    return Categoriser.load(model)


@pytest.fixture(scope="session")
def running(model: Path) -> Iterator[Server]:
    running = Server(model)
    yield running
    running.stop()
