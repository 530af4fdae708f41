"""The project's own settings, a scratch root, a small prepared data set, and its categoriser."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from isolation import signed_out
from measured import CHOSEN, TRAIN

from categoriser.contract import transactions
from categoriser.features import features
from categoriser.model.package import Categoriser
from categoriser.model.train import train
from categoriser.params import Params, Train, read_params

pytest_plugins = ["prove.pytest_actors", "release_helpers.fixtures"]

# A test's name is in the environment of every process that it starts, which has a limit.
LONGEST_ID = 100
WORDS = {
    "groceries": ["aldi", "coles", "market", "butcher"],
    "fees & interest": ["bank", "fee", "overdrawn", "interest"],
    "transport": ["shell", "metro", "parking", "tolls"],
}
ROOT = Path(__file__).parents[1]


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
            "key": texts,
            "features": features(transactions(zip(texts, prices, strict=True))),
        }
    )


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its length; leave the others to pytest."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_ID:
        return f"{argname} of {len(val)}"
    return None


@pytest.fixture(scope="session", autouse=True)
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no test, and no process that it starts, sign in to AWS, whoever runs them and where."""
    with pytest.MonkeyPatch.context() as patch:
        signed_out(patch, tmp_path_factory.mktemp("nobody"))
        yield


@pytest.fixture(scope="session", autouse=True)
def own_log() -> tuple[int, dict[logging.Handler, logging.Formatter | None]]:
    """Give the log's level and forms before any test."""
    return logging.root.level, {each: each.formatter for each in logging.root.handlers}


@pytest.fixture(autouse=True)
def log_put_back(
    own_log: tuple[int, dict[logging.Handler, logging.Formatter | None]],
) -> Iterator[None]:
    """Put the log back as it was: crhelper, in the functions, makes all its handlers JSON's."""
    yield
    level, formats = own_log
    logging.root.setLevel(level)
    for handler, formatter in formats.items():
        handler.setFormatter(formatter)


@pytest.fixture(scope="session")
def settings() -> Train:
    return TRAIN


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
    train(prepared, folder, TRAIN, CHOSEN)
    return folder


@pytest.fixture(scope="session")
def categoriser(model: Path) -> Categoriser:
    return Categoriser.load(model)


@pytest.fixture(scope="session")
def params() -> Params:
    return read_params(ROOT / "params.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with params.yaml and no corrections of merchants the working directory."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "champion").mkdir()
    (tmp_path / "champion/profile.json").write_text("null\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/merchant_groups.csv").write_text("key,group\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path
