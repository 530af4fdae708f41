"""Which classes are taken for which, with the surest wrong answers as examples."""

from collections.abc import Sequence

import polars as pl

from categoriser.features import normalise
from categoriser.io.documents import Json

# Pairs of classes in a part, and examples of each.
PAIRS, EXAMPLES = 12, 2


def confused(judged: pl.DataFrame, labels: Sequence[str]) -> list[Json]:
    """Return the pairs of true class and answer with most rows, those with most rows first.

    `judged` has `text`, `price`, `truth` and `answer` (places in `labels`), and the answer's
    `probability`. A pair has `truth`, `answer`, `rows`, `share` (of the true class's rows) and
    `examples`: the text's words, without codes and long numbers, with price and probability.
    """
    rows_of = dict(judged.group_by("truth").len().iter_rows())
    wrong = judged.filter(pl.col("truth") != pl.col("answer"))
    counted = wrong.group_by("truth", "answer").len("rows")
    pairs = counted.sort("rows", "truth", "answer", descending=[True, False, False])
    found = []
    for truth, answer, rows in pairs.head(PAIRS).iter_rows():
        own = wrong.filter(pl.col("truth") == truth, pl.col("answer") == answer)
        pair = {"truth": labels[truth], "answer": labels[answer], "rows": rows}
        found.append(pair | {"share": rows / rows_of[truth], "examples": surest(own)})
    return found


def surest(rows: pl.DataFrame) -> list[Json]:
    """Return the rows of highest probability, of each text one."""
    rows = rows.with_columns(words=pl.Series(normalise(rows["text"].to_list()), dtype=pl.String))
    ordered = rows.sort(-pl.col("probability"), "words", "price")
    shown = ordered.unique("words", keep="first", maintain_order=True).head(EXAMPLES)
    return shown.select("words", "price", "probability").to_dicts()
