"""The first line of `make run`: which data it runs on, how many rows, and who made them."""

from pathlib import Path

from categoriser.errors import UserError
from categoriser.io.text_files import read_lines
from categoriser.params import Params
from categoriser.paths import GENERATED, OWN


def data_in_use(params: Params) -> str:
    """Return the line. Raises `UserError` where the data are missing, and nothing makes them."""
    path = params.data.path
    if path == GENERATED:
        made = f"made by the stage generate (seed {params.generate.seed})"
        return f"Data: {path}, {params.generate.rows:,} generated rows, {made}"
    if not path.exists():
        by = "`dvc pull` fetches it, `make data FILE=my.csv` makes it" if path == OWN else "mend it"
        raise UserError(f"params.yaml names the data {path}, and there is no such file: {by}")
    made = "made by `make data`" if path == OWN else "named in params.yaml"
    return f"Data: {path}, {count_rows(path):,} rows, {made}"


def count_rows(path: Path) -> int:
    """Count the rows of a file in the project's own form: one a line, below the header."""
    return max(0, sum(1 for line in read_lines(path) if line.strip()) - 1)
