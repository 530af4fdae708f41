"""Which classes are taken for which, with the surest wrong answers as examples."""

from collections.abc import Sequence

import polars as pl

from categoriser.evaluation.evaluation_file import ConfusedPair, WrongAnswer
from categoriser.features import normalise

MOST_PAIRS = 12
EXAMPLES_OF_A_PAIR = 2


def confused(judged: pl.DataFrame, labels: Sequence[str]) -> list[ConfusedPair]:
    """Return the pairs of true class and answer with most rows, those with most rows first.

    `judged` has `text`, `price`, `truth` and `answer` (places in `labels`), and the answer's
    `probability`.
    """
    rows_of = dict(judged.group_by("truth").len().iter_rows())
    wrong = judged.filter(pl.col("truth") != pl.col("answer"))
    counted = wrong.group_by("truth", "answer").len("rows")
    pairs = counted.sort("rows", "truth", "answer", descending=[True, False, False])
    found = []
    for truth, answer, rows in pairs.head(MOST_PAIRS).iter_rows():
        own = wrong.filter(pl.col("truth") == truth, pl.col("answer") == answer)
        share = rows / rows_of[truth]
        found.append(ConfusedPair(labels[truth], labels[answer], rows, share, surest(own)))
    return found


def surest(rows: pl.DataFrame) -> list[WrongAnswer]:
    """Return the rows of highest probability, one of each text."""
    rows = rows.with_columns(words=pl.Series(normalise(rows["text"].to_list()), dtype=pl.String))
    ordered = rows.sort(-pl.col("probability"), "words", "price")
    shown = ordered.unique("words", keep="first", maintain_order=True).head(EXAMPLES_OF_A_PAIR)
    rows_shown = shown.select("words", "price", "probability").iter_rows()
    return [WrongAnswer(words, price, probability) for words, price, probability in rows_shown]
