"""`make promote`: the model that stands becomes the champion, if it has passed its gates.

It writes the folder `champion` and nothing else; what it prints is to be committed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from categoriser.errors import UserError, run
from categoriser.files import digest, read_json, write_json
from categoriser.paths import (
    CHAMPION,
    CHAMPION_FACTS,
    CHAMPION_MODEL,
    CHAMPION_PROFILE,
    METRICS,
    MODEL,
    PROFILE,
    VERDICT,
)


def promote() -> str:
    """Make the model the champion and return its digest.

    Raises `UserError` where the gates did not pass for exactly this model, and where DVC fails;
    then the champion stays as it was.
    """
    verdict = read_json(VERDICT, "dvc repro")
    if not MODEL.is_dir():
        raise UserError(f"{MODEL} is missing; `dvc repro` makes it")
    standing = digest(MODEL)
    if verdict["model"] != standing:
        raise UserError(
            f"{VERDICT} judges the model {verdict['model'][:12]}, but {MODEL} holds "
            f"{standing[:12]}; `dvc repro` judges it"
        )
    if not verdict["passed"]:
        raise UserError(f"{VERDICT} says that a gate failed; only a model that passed is promoted")
    profile, metrics = read_json(PROFILE, "dvc repro"), read_json(METRICS, "dvc repro")

    with restored_on_failure(CHAMPION):
        shutil.rmtree(CHAMPION_MODEL, ignore_errors=True)
        shutil.copytree(MODEL, CHAMPION_MODEL)
        added = subprocess.run(
            [sys.executable, "-m", "dvc", "add", "--quiet", str(CHAMPION_MODEL)],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if added.returncode:
            raise UserError(f"`dvc add {CHAMPION_MODEL}` failed: {added.stderr.strip()}")
        own = {
            part: {name: value for name, value in figures.items() if not isinstance(value, dict)}
            for part, figures in metrics.items()
        }
        write_json(CHAMPION_PROFILE, profile)
        write_json(CHAMPION_FACTS, {"digest": standing, "metrics": own})
    return standing


@contextmanager
def restored_on_failure(folder: Path) -> Iterator[None]:
    """Put a folder back as it was when the block raises."""
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as aside:
        before = Path(aside) / folder.name
        shutil.copytree(folder, before)
        try:
            yield
        except BaseException:
            folder.rename(Path(aside) / "failed")
            before.rename(folder)
            raise


def main() -> None:
    promoted = promote()
    Console(soft_wrap=True).print(
        f"The model {promoted[:12]} is the champion. Keep it:\n"
        f"  git add {CHAMPION} && git commit -m 'Promote the model {promoted[:12]}'\n"
        f"  dvc push {CHAMPION_MODEL}\n"
        "`dvc repro` then compares every new model, and new data, with it."
    )


if __name__ == "__main__":
    run(main)
