"""`make data FILE=my.csv`: one's own rows take the generated ones' place, if they are valid.

They are held to all that `validate` asks of rows, but to no earlier data's distribution.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from categoriser.data.validate import read_lines, validate
from categoriser.errors import UserError, run
from categoriser.files import replacing
from categoriser.params import Validate, read_params, set_params
from categoriser.paths import OWN, PARAMS

TRACKED = OWN.with_name(f"{OWN.name}.dvc")


def take(source: Path, settings: Validate) -> dict[str, Any]:
    """Validate, copy to `data/own.csv` (unzipped), track it with DVC, set `data.path`: the profile.

    Raises `UserError` for a file that does not pass and where DVC fails; then nothing has changed.
    """
    folder = Path(tempfile.mkdtemp(prefix="categoriser-"))
    aside = folder / "set_aside.csv"
    try:
        found = validate(source, settings, None, folder / "validated.parquet", aside)
    except UserError:
        # The message names the rows set aside, if there are any: they stay there.
        if not aside.exists():
            folder.rmdir()
        raise
    before = {path: folder / path.name for path in (OWN, TRACKED, PARAMS) if path.exists()}
    for path, kept in before.items():
        shutil.copyfile(path, kept)
    try:
        with replacing(OWN) as copy, copy.open("wb") as stream:
            stream.writelines(read_lines(source))
        _dvc_add(OWN)
        set_params(PARAMS, {"data.path": OWN.as_posix()})
    except BaseException:
        for path in (OWN, TRACKED, PARAMS):
            if path in before:
                shutil.move(before[path], path)
            else:
                path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(folder)
    return found


def _dvc_add(path: Path) -> None:
    command = [sys.executable, "-m", "dvc", "add", "--quiet", path.as_posix()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"`dvc add {path.as_posix()}` failed: {done.stderr.strip()}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make data", description="take one's own rows")
    parser.add_argument("file", metavar="FILE", help="CSV, plain or gzipped")
    file = parser.parse_args().file
    if not file:
        raise UserError("which file? make data FILE=my.csv")
    found = take(Path(file), read_params().validate_)
    aside = sum(found["set_aside"].values())
    sys.stdout.write(
        f"{found['rows']} rows are in {OWN}, and {PARAMS} names it; {aside} faults were found, and "
        "`dvc repro validate` sets those rows aside again. Next: make run\n"
    )


if __name__ == "__main__":
    run(main)
