"""A store that cannot be used is said in a sentence, before MLflow meets it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.tracking import store


def database(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE runs (id TEXT)")
        made.executemany("INSERT INTO runs VALUES (?)", [(f"{n}" * 50,) for n in range(500)])
        made.commit()
    return path


def check(path: Path) -> None:
    store.check_store(f"sqlite:///{path}")


def test_a_sound_store_and_one_that_is_yet_to_be_made_pass(tmp_path: Path) -> None:
    check(database(tmp_path / "mlflow.db"))
    check(tmp_path / "none.db")
    store.check_store("http://127.0.0.1:1")
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"these are not pages of a database" * 99)
    with pytest.raises(
        UserError, match=r"mlflow\.db is not a sound database \(file is not a database"
    ):
        check(path)


def test_a_damaged_database_is_said(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db")
    with path.open("r+b") as stream:
        stream.seek(4096 * 2)
        stream.write(b"\xff" * 4096)
    with pytest.raises(UserError, match=r"mlflow\.db is not a sound database .*makes it anew"):
        check(path)


def test_a_locked_database_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SECONDS_TO_WAIT", 0.1)
    path = database(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"mlflow\.db is locked by another process"):
            check(path)
    check(path)


def test_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        check(tmp_path)


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_empty_counts_as_none(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    assert store.store_address() == store.OWN_STORE
