"""A small prepared data set, and a categoriser trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from categoriser.features import features
from categoriser.model.package import Categoriser
from categoriser.model.train import train
from categoriser.params import Train

WORDS = {
    "groceries": ["aldi", "coles", "market", "butcher"],
    "fees & interest": ["bank", "fee", "overdrawn", "interest"],
    "transport": ["shell", "metro", "parking", "tolls"],
}
# Few buckets keep the files small; few rows need many epochs.
SETTINGS = Train(
    review_threshold=0.6, classifier={"dim": 8, "epoch": 20, "lr": 0.5, "bucket": 1000}
)


def rows(count: int, seed: int) -> pl.DataFrame:
    """Three classes, each with words of its own; one label in five is drawn at random."""
    random = np.random.default_rng(seed)
    names = list(WORDS)
    true = [names[number] for number in random.integers(len(names), size=count)]
    texts = [f"{random.choice(WORDS[name])} no {random.integers(90)} sydney" for name in true]
    prices = random.lognormal(3, 1, size=count).round(2).tolist()
    labels = [
        names[random.integers(len(names))] if random.random() < 0.2 else name for name in true
    ]
    return pl.DataFrame(
        {
            "text": texts,
            "price": prices,
            "category": labels,
            "features": features(texts, prices),
        }
    )


@pytest.fixture(scope="session")
def settings() -> Train:
    return SETTINGS


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with train.parquet (900 rows) and validation.parquet (300 rows)."""
    folder = tmp_path_factory.mktemp("prepared")
    rows(900, seed=1).write_parquet(folder / "train.parquet")
    rows(300, seed=2).write_parquet(folder / "validation.parquet")
    return folder


@pytest.fixture(scope="session")
def model(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder that `train` writes."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    train(prepared, folder, SETTINGS)
    return folder


@pytest.fixture(scope="session")
def categoriser(model: Path) -> Categoriser:
    return Categoriser.load(model)
