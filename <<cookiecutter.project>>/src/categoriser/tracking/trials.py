"""What `make tune` tried, as it wrote it down, as runs of MLflow."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.documents import Json
from categoriser.io.dvc_lock import read_lock
from categoriser.tracking.states import State, author, data_hash

FORM = {"data", "milliseconds", "seed", "kept", "trials"}


@dataclass(frozen=True)
class Search:
    """A search, and its trials in the order in which they were tried."""

    whole: State
    trials: list[State]


def read_search(path: Path = paths.TUNING) -> Search | None:
    """Return the last search; None where there was none. Raises `UserError` for another file."""
    if not path.exists():
        return None
    content = path.read_bytes()
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() >= FORM:
        raise UserError(
            f"{path} is damaged; `make tune` makes it anew, and without it (rm) it is none"
        )
    tags = {
        "tuning": hashlib.sha256(content).hexdigest(),
        "dvc_data": data_hash(read_lock(), found["data"]),
        "author": author(),
        "tuning_outcome": "kept" if found["kept"] is not None else "nothing better",
    }
    return Search(
        whole(found, tags), [trial(found, number, tags) for number in range(len(found["trials"]))]
    )


def whole(found: Json, tags: dict[str, str]) -> State:
    trials = found["trials"]
    name = f"make tune: {len(trials)} trials, seed {found['seed']}"
    params = {"data.path": found["data"], "seed": found["seed"], "trials": len(trials)}
    best = trials[found["kept"] or 0]["measured"]
    return State(params, numbers(best), tags, found["milliseconds"], name)


def trial(found: Json, number: int, tags: dict[str, str]) -> State:
    one = found["trials"][number]
    params: dict[str, Any] = {f"train.classifier.{name}": v for name, v in one["knobs"].items()}
    name = "the settings as they were" if number == 0 else f"trial {number}"
    at = found["milliseconds"] + one["milliseconds"]
    params |= {"data.path": found["data"]}
    return State(params, numbers(one["measured"]), tags | {"trial": str(number)}, at, name)


def numbers(measured: Json) -> dict[str, float]:
    """Return the figures; a training that failed has none."""
    return {name: float(value) for name, value in measured.items() if value is not None}
