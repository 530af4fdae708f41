"""The captured rows whose answers ask for a review."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from categoriser.data.merchant_key import text_key
from categoriser.features import is_word, normalise
from categoriser.monitor.formats.ground_truth import row_name
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.watching.watched_captures import Watching, view_baseline

# What identifies a row, and what two captures of it must have in common.
CALL = ("id", "row")
CONTENT = ("text", "price", "label")
UNCERTAIN_COLUMNS = pl.Schema(
    {
        "id": pl.String(),
        "row": pl.Int64(),
        "rows": pl.Int64(),
        "time": pl.Datetime("us", "UTC"),
        "text": pl.String(),
        "price": pl.Float64(),
        "label": pl.String(),
        "probability": pl.Float64(),
    }
)
CONTENT_COLUMNS = pl.Schema({"id": pl.String(), "row": pl.Int64(), "content": pl.UInt64()})


class UncertainRows(NamedTuple):
    """What captures hold for a review.

    `frame` has a row for each captured row whose answer asks for a review: id and row of the call,
    name (see `ground_truth.row_name`), time (UTC), text, price, answer, probability (of the
    answer), key (rows of one key are alike), and is_new (whether the key has a word that no
    training row has). `captured` counts the rows that were read, `classes` are the model's, and
    `problems` say what could not be read.
    """

    frame: pl.DataFrame
    captured: int
    classes: list[str]
    review_threshold: float
    problems: Problems


def read_uncertain_rows(
    files: Sequence[str], problems: Problems, baseline: Path, preprocessor: Path | None
) -> UncertainRows:
    """Read the captures of these files; `preprocessor` is the team's script for the monitor.

    A row is taken as the monitor's feature `review` says. A row that was captured twice is one row;
    where the two differ, nobody can say which of them a label is for, and both are left out, as the
    join of labels does. Raises `UserError` where there is no baseline.
    """
    view = view_baseline(baseline)
    watching = Watching(baseline, preprocessor=preprocessor)
    captured = [pl.DataFrame(schema=CONTENT_COLUMNS)]
    uncertain = [pl.DataFrame(schema=UNCERTAIN_COLUMNS)]
    for frame, watched in watching.batches(files, problems):
        rows = frame.with_columns(
            probability=frame["probabilities"].arr.max(), review=watched["review"]
        )
        captured.append(rows.select("id", "row", content=pl.struct(CONTENT).hash()))
        asked = pl.col("text").is_not_null() & (pl.col("review").cast(pl.Float64) == 1)
        uncertain.append(rows.filter(asked).select(UNCERTAIN_COLUMNS.names()))
    all_rows = pl.concat(captured)
    frame = _with_keys(_once(pl.concat(uncertain), all_rows), view.seen.tokens)
    facts = view.facts
    return UncertainRows(frame, all_rows.height, facts.classes, facts.review_threshold, problems)


def _once(rows: pl.DataFrame, captured: pl.DataFrame) -> pl.DataFrame:
    """Return each row of a call once, and none that was captured with other content too."""
    contents = captured.join(rows, on=CALL, how="semi").group_by(CALL).agg(pl.n_unique("content"))
    different = contents.filter(pl.col("content") > 1)
    once = rows.unique(CALL, keep="first", maintain_order=True)
    return once.join(different, on=CALL, how="anti", maintain_order="left")


def _with_keys(rows: pl.DataFrame, known: frozenset[str]) -> pl.DataFrame:
    """Add how labels name a row, its key, and whether that has a word which is not `known`.

    A text of which normalisation leaves nothing is its own key.
    """
    texts = rows["text"].to_list()
    merchants = [text_key(normal) for normal in normalise(texts)]
    keys = [
        merchant or " ".join(text.split()) for merchant, text in zip(merchants, texts, strict=True)
    ]
    is_new = [
        any(is_word(word) and word not in known for word in merchant.split())
        for merchant in merchants
    ]
    names = [row_name(*call) for call in rows.select("id", "row", "rows").iter_rows()]
    return rows.select(
        pl.all().exclude("rows", "label"),
        answer="label",
        name=pl.Series(names, dtype=pl.String),
        key=pl.Series(keys, dtype=pl.String),
        is_new=pl.Series(is_new, dtype=pl.Boolean),
    )
