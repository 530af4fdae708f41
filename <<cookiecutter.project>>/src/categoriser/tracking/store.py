"""MLflow's store: which one, and whether it can be used."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from categoriser.errors import UserError

OWN_STORE = "sqlite:///mlflow.db"
SQLITE = "sqlite:///"
SECONDS_TO_WAIT = 5


def store_address() -> str:
    """Return the store's address: the environment's, or the project's own where that is empty."""
    return os.environ.get("MLFLOW_TRACKING_URI") or OWN_STORE


def check_store(uri: str) -> None:
    """Raise `UserError` for a file that is not a database, is damaged, or is locked by another.

    Stores that are not SQLite files are not looked at, nor one that is yet to be made.
    """
    path = Path(unquote(uri.removeprefix(SQLITE)))
    if not uri.startswith(SQLITE) or not path.exists():
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder; it must be MLflow's database")
    try:
        with closing(sqlite3.connect(path, timeout=SECONDS_TO_WAIT)) as database:
            [[found]] = database.execute("PRAGMA quick_check(1)").fetchall()
            if found != "ok":
                raise sqlite3.DatabaseError(found.splitlines()[-1])
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
    except sqlite3.Error as error:
        raise UserError(fault_in_words(path, str(error))) from None


def fault_in_words(path: Path, fault: str) -> str:
    """Say what is wrong with the store and what to do."""
    if "locked" in fault:
        return f"{path} is locked by another process ({fault}); end that one, then try again"
    if "readonly" in fault or "unable to open" in fault:
        return f"{path} cannot be written ({fault}); see whose it and its folder are"
    return (
        f"{path} is not a sound database ({fault}); move it away, `make track` makes it anew "
        "from Git"
    )
