"""Rows that are generated once for all tests of them."""

from __future__ import annotations

import datetime

import polars as pl
import pytest

from categoriser.data.generate import generate
from categoriser.data.generated_facts import GeneratedFacts
from categoriser.params import Generate


@pytest.fixture(scope="session")
def usual() -> Generate:
    start = datetime.date(2024, 10, 1)
    return Generate(rows=100_000, seed=11, start=start, months=24, label_noise=0.02)


@pytest.fixture(scope="session")
def drawn(usual: Generate) -> tuple[pl.DataFrame, GeneratedFacts]:
    return generate(usual)


@pytest.fixture(scope="session")
def generated(drawn: tuple[pl.DataFrame, GeneratedFacts]) -> pl.DataFrame:
    return drawn[0]
