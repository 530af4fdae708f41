"""`make data FILE=my.csv`: one's own rows take the generated ones' place, if they are valid.

They are held to all that the stage `validate` holds them to, the last accepted data included. Of
several files (FILE='my.csv feedback/train.csv') each must be valid; how the data are distributed is
compared with the accepted ones for all of them together.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from categoriser.data.validate import accepted_profile, read_header, split_line, validate
from categoriser.errors import UserError, run
from categoriser.files import Json, dvc, read_lines, replacing, restored_on_failure
from categoriser.params import Validate, read_params, set_params
from categoriser.paths import HOLDOUT, OWN, PARAMS

TRACKED = OWN.with_name(f"{OWN.name}.dvc")
ASIDE = OWN.with_name("own_set_aside.csv")


def take(sources: Sequence[Path], settings: Validate, accepted: Json | None) -> Json:
    """Validate, copy to `data/own.csv` (unzipped), track it with DVC, set `data.path`: the profile.

    Bad rows are in `data/own_set_aside.csv`, which is not there where all are good. Raises
    `UserError` for a file that does not pass and where DVC fails; then nothing else has changed.
    """
    ASIDE.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="categoriser-") as name:
        folder = Path(name)
        validated, source = folder / "validated.parquet", sources[0]
        if len(sources) > 1:
            for part in sources:
                alone = settings.model_copy(update={"max_shift": 1.0})
                validate(part, alone, accepted, validated, ASIDE)
            source = folder / "joined.csv"
            join(sources, source)
        try:
            found = validate(source, settings, accepted, validated, ASIDE)
        except UserError as error:
            named = " and ".join(map(str, sources))
            raise UserError(str(error).replace(str(source), named)) from None
        if not found["bad_rows"]:
            ASIDE.unlink()
        with restored_on_failure(OWN, TRACKED, PARAMS):
            with replacing(OWN) as copy, copy.open("wb") as stream:
                stream.writelines(read_lines(source))
            dvc("add", "--quiet", OWN.as_posix())
            set_params(PARAMS, {"data.path": OWN.as_posix()})
    return found


def join(sources: Sequence[Path], target: Path) -> None:
    """Write the rows of CSV files to one: columns by name, empty in the rows of a file without it.

    A line that is not of its file's columns becomes a row with a text only, which is as bad.
    """
    headers = [read_header(source, next(read_lines(source), b"")) for source in sources]
    names = dict.fromkeys(name for header in headers for name in header)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(names), restval="", lineterminator="\n")
        writer.writeheader()
        for source, header in zip(sources, headers, strict=True):
            for line in filter(bytes.strip, islice(read_lines(source), 1, None)):
                try:
                    row = dict(zip(header, split_line(line, len(header)), strict=True))
                except ValueError:
                    row = {"text": line.decode(errors="replace").rstrip("\r\n")}
                writer.writerow(row)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make data", description="take one's own rows")
    parser.add_argument("file", metavar="FILE", help="CSV, plain or gzipped; or several, by spaces")
    file = parser.parse_args().file
    if not file:
        raise UserError("which file? make data FILE=my.csv")
    files = [Path(name) for name in ([file] if Path(file).exists() else file.split())]
    if any(path.resolve() == HOLDOUT.resolve() for path in files):
        raise UserError(f"{HOLDOUT} is kept apart: its rows are never trained on")
    found = take(files, read_params().validate_, accepted_profile())
    bad = found["bad_rows"]
    aside = f", of which {bad:,} are bad and will be set aside (see {ASIDE})" if bad else ""
    sys.stdout.write(
        f"{found['rows'] + bad:,} rows are in {OWN}{aside}; {PARAMS} names it. Next: make run\n"
    )


if __name__ == "__main__":
    run(main)
