"""One MLflow database that all these tests share, and a repository for each."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from fitted import fitted
from measured import CANDIDATE
from mlflow import MlflowClient
from tracking_helpers.tracked_project import Project

from categoriser.contract import transactions
from categoriser.features import VERSION, features
from categoriser.model.metadata import Metadata
from categoriser.model.package import Categoriser


@pytest.fixture(scope="session")
def categoriser() -> Categoriser:
    texts = ["spotify sydney", "cafe perth", "aldi sydney"]
    labels = ["entertainment", "eating_out", "groceries"]
    return Categoriser(
        fitted(features(transactions(zip(texts, [1, 2, 3], strict=True))), labels),
        Metadata(
            candidate=CANDIDATE,
            classes=labels,
            features_version=VERSION,
            libraries={"numpy": "2.4.0"},
            review_threshold=0.6,
            temperature=1.0,
        ),
    )


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make the store that all tests share, since to make one takes seconds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    MlflowClient().search_experiments()
    return uri


@pytest.fixture
def project(
    tmp_path: Path,
    database: str,
    categoriser: Categoriser,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    mlflow.set_tracking_uri(database)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, request.node.name.replace("_", "-"), categoriser)
