"""The team's script, given prepared rows as if they had been captured."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from categoriser.contract import CSV, FIELDS, transactions
from categoriser.errors import UserError
from categoriser.model.package import Categoriser
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.watching.team_scripts import load_preprocessor
from categoriser.serving.capture import capture_line
from categoriser.serving.protocol import render_answers


def scripted_features(rows: pl.DataFrame, categoriser: Categoriser, script: Path) -> pl.DataFrame:
    """Return what the team's script gives for prepared rows, each captured as a call of its own.

    Raises `UserError` where the script fails, or gives another thing than one dict for each.
    """
    problems = Problems()
    with TemporaryDirectory(prefix="categoriser-") as name:
        file = Path(name) / "rows.jsonl"
        _write_captures(rows, categoriser, file)
        handler = load_preprocessor(script)
        batches = captured_rows([str(file)], categoriser.classes, problems, preprocess=handler)
        given = [batch.extra for batch in batches if batch.extra is not None]
    extra = pl.concat(given, how="diagonal") if given else pl.DataFrame()
    if problems.counts or extra.height != rows.height:
        raise UserError(
            f"{script} must give one dict for each of {rows.height} rows, and gave {extra.height} "
            f"({problems.counts})"
        )
    # A script's values come as text; what spells numbers throughout is calibrated as numbers.
    numbers = extra.cast(pl.Float64, strict=False)
    return extra.with_columns(
        [one for one in numbers if one.null_count() == extra[one.name].null_count()]
    )


def _write_captures(rows: pl.DataFrame, categoriser: Categoriser, file: Path) -> None:
    """Write rows as captured calls, one a call, at the start of each row's day."""
    asked = list(rows.select(FIELDS).iter_rows())
    answers = categoriser.predict(transactions(asked))
    with file.open("wb") as stream:
        for values, date, answer in zip(asked, rows["date"], answers, strict=True):
            request = io.StringIO(newline="")
            csv.writer(request).writerow(values)
            body = request.getvalue().encode()
            response = render_answers([answer], CSV, single=False)
            time = datetime.combine(date, datetime.min.time(), UTC)
            stream.write(capture_line(body, response, CSV, event_id="row", time=time))
