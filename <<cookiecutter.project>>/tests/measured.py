"""A small data set with held-out parts, a model that trains on it in a moment, and its figures."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from categoriser.contract import transactions
from categoriser.evaluation.champion import Champion
from categoriser.evaluation.evaluation_file import Evaluation
from categoriser.evaluation.measure import measure_model
from categoriser.features import features
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.model.choice import unmeasured
from categoriser.model.train import train
from categoriser.params import Evaluate, Train, read_params

PARAMS = Path(__file__).parents[1] / "params.yaml"
# Few buckets keep the files small; few rows need many epochs.
FEW = {"dim": 8, "epoch": 20, "lr": 0.5, "bucket": 1000, "minn": 3, "maxn": 6}
# The candidate that the tests train.
CANDIDATE = "fasttext_svm"
KNOBS: dict[str, Any] = read_params(PARAMS).train.candidates[CANDIDATE] | FEW
SETTINGS = Evaluate(
    slices=["country", "price_band", "absent"],
    price_bands=[0, 10, 50],
    min_rows=30,
    behaviour=None,
    resamples=200,
    confidence=0.95,
)
TRAIN = Train(review_threshold=0.6, folds=2, candidates={CANDIDATE: KNOBS})
CHOSEN = unmeasured(CANDIDATE)
WORDS = {
    "groceries": ["aldi", "coles", "market", "butcher", "baker"],
    "fees & <interest>": ["bank", "fee", "overdrawn", "interest", "penalty"],
    "transport": ["shell", "metro", "parking", "tolls", "ferry"],
}
SIZES = {"train": 900, "validation": 200, "time": 300, "merchant": 300, "random": 300}


def rows(count: int, seed: int) -> pl.DataFrame:
    """Rows of some 75 merchants; a tenth of the labels are drawn at random, in NZ half of them."""
    random = np.random.default_rng(seed)
    names = list(WORDS)
    true = [names[number] for number in random.integers(3, size=count)]
    keys = [f"{random.choice(WORDS[name])} {'abcde'[random.integers(5)] * 2}" for name in true]
    texts = [f"{key} sydney" for key in keys]
    prices = (random.lognormal(3, 1, size=count) - 3).round(2).tolist()
    country = random.choice(["AU", "NZ", "US"], size=count, p=[0.6, 0.3, 0.1]).tolist()
    noise = [0.5 if place == "NZ" else 0.1 for place in country]
    labels = [
        names[random.integers(3)] if random.random() < share else name
        for name, share in zip(true, noise, strict=True)
    ]
    return pl.DataFrame(
        {
            "row": range(1, count + 1),
            "date": [date(2026, 1, 1) + timedelta(days=n % 90) for n in range(count)],
            "text": texts,
            "price": prices,
            "category": labels,
            "country": [None if place == "US" else place for place in country],
            "key": keys,
            "features": features(transactions(zip(texts, prices, strict=True))),
        }
    )


def write_parts(folder: Path, sizes: dict[str, int] = SIZES) -> Path:
    """Write prepared parts of so many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    for seed, (name, size) in enumerate(sizes.items()):
        part = rows(max(size, 1), seed).head(size)
        part.write_parquet(folder / f"{name}.parquet")
        parts[name] = {
            "rows": size,
            "groups": part["key"].n_unique(),
            "dates": ["2026-01-01", "2026-03-31"] if size else [],
            "key_in_training": 0.5 if size else None,
            "line_in_training": 0.25 if size else None,
            "unseen_classes": {},
        }
    write_json(folder / "split.json", {"key": "the key", "classes": sorted(WORDS), "parts": parts})
    return folder


def no_champion(folder: Path) -> Path:
    """Write a champion's folder as a new project has it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "champion.json", None)
    return folder


@cache
def trained() -> tuple[Path, Path]:
    """Return the prepared parts' folder and a model's, in a place that outlives the test."""
    folder = Path(tempfile.mkdtemp(prefix="measured-"))
    prepared = write_parts(folder / "prepared")
    train(prepared, folder / "model", TRAIN, CHOSEN)
    return prepared, folder / "model"


@cache
def result() -> tuple[Evaluation, dict[str, pl.DataFrame]]:
    """Return what `measure` returns for it, without a champion."""
    prepared, model = trained()
    return measure_model(prepared, model, no_champion(model.parent / "champion"), SETTINGS)


def crown(folder: Path, model: Path) -> Path:
    """Make a model the champion."""
    shutil.copytree(model, folder / "model")
    write_json(folder / "champion.json", Champion(digest(model), {}))
    return folder
