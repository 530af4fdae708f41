"""`make data FILE=my.csv`: one's own rows take the generated ones' place, if they are valid.

They are held to all that the stage `validate` holds them to, the last accepted data included.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from categoriser.data.validate import accepted_profile, validate
from categoriser.dvc import dvc
from categoriser.errors import UserError, run
from categoriser.files import replacing
from categoriser.inputs import read_lines
from categoriser.params import Validate, read_params, set_params
from categoriser.paths import OWN, PARAMS

TRACKED = OWN.with_name(f"{OWN.name}.dvc")
ASIDE = OWN.with_name("own_set_aside.csv")


def take(source: Path, settings: Validate, accepted: dict[str, Any] | None) -> dict[str, Any]:
    """Validate, copy to `data/own.csv` (unzipped), track it with DVC, set `data.path`: the profile.

    Bad rows are in `data/own_set_aside.csv`, which is not there where all are good. Raises
    `UserError` for a file that does not pass and where DVC fails; then nothing else has changed.
    """
    ASIDE.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="categoriser-") as name:
        folder = Path(name)
        found = validate(source, settings, accepted, folder / "validated.parquet", ASIDE)
        if not found["bad_rows"]:
            ASIDE.unlink()
        before = {path: folder / path.name for path in (OWN, TRACKED, PARAMS) if path.exists()}
        for path, kept in before.items():
            shutil.copyfile(path, kept)
        try:
            with replacing(OWN) as copy, copy.open("wb") as stream:
                stream.writelines(read_lines(source))
            dvc("add", "--quiet", OWN.as_posix())
            set_params(PARAMS, {"data.path": OWN.as_posix()})
        except BaseException:
            for path in (OWN, TRACKED, PARAMS):
                if path in before:
                    shutil.move(before[path], path)
                else:
                    path.unlink(missing_ok=True)
            raise
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="make data", description="take one's own rows")
    parser.add_argument("file", metavar="FILE", help="CSV, plain or gzipped")
    file = parser.parse_args().file
    if not file:
        raise UserError("which file? make data FILE=my.csv")
    found = take(Path(file), read_params().validate_, accepted_profile())
    bad = found["bad_rows"]
    aside = f", of which {bad:,} are bad and will be set aside (see {ASIDE})" if bad else ""
    sys.stdout.write(
        f"{found['rows'] + bad:,} rows are in {OWN}{aside}; {PARAMS} names it. Next: make run\n"
    )


if __name__ == "__main__":
    run(main)
