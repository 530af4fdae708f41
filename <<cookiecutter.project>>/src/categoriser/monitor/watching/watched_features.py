"""What the monitor watches of each row: named features of its input and of the model's answer.

Raw text says little, so this module says what it looks like beside the training rows. It is the
team's own: a feature is a column that `watch` gives, and nothing else lists them. What a feature
must know of the training rows, `SeenInTraining` learns, and the baseline keeps. After a change run
`dvc repro`: a baseline and the rows compared with it must be watched by the same code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from msgspec import Struct
from numpy.typing import NDArray
from scipy.special import entr

from categoriser.contract import FURTHER
from categoriser.errors import UserError
from categoriser.features import is_word, normalise
from categoriser.io.documents import read_document
from categoriser.io.replacing import write_json, write_text
from categoriser.monitor.formats.baseline_facts import BASELINE_MADE_BY
from categoriser.monitor.formats.sketch import Ints

TOKENS_FILE = "tokens.txt"
GRAMS_FILE = "grams.bin"
VALUES_FILE = "values.json"

# A gram is four bytes of UTF-8, and is kept as one bit at its hash. Grams whose hashes meet hide
# each other: of a million in training, one new gram in five; of fifty thousand, one in a hundred.
GRAM = 4
GRAM_HASH_BITS = 22

# A prefix starts at least so large a share of the training rows, ...
FREQUENT = 0.005
# ... and is not a merchant's own name: no merchant has more than this share of its rows.
ONE_MERCHANT = 0.5
# Kinds of prefix and countries at most, the frequent ones first.
MOST_VALUES = 30

OTHER = "other"
UNKNOWN_COUNTRY = "unknown"
# Further columns of the record are watched under their names after this: `country` is taken.
INPUT = "input_"

# The first word, or what comes before a processor's star: "visa", "sq *", "tst*".
ENDS = {
    "first": pl.col("text").str.extract(r"^\s*([^\s*]+\s?\*|\S+)").str.to_lowercase(),
    "last": pl.col("text").str.extract(r"(\S+)\s*$").str.to_uppercase(),
}


class TrainingValues(Struct):
    """values.json of the baseline's folder: the texts that are frequent in the training rows."""

    prefixes: list[str]
    countries: list[str]
    values: dict[str, list[str]]


@dataclass(frozen=True)
class SeenInTraining:
    """What the training rows hold."""

    tokens: frozenset[str]
    grams: NDArray[np.bool_]  # by hash
    prefixes: list[str]  # in lower case, frequent ones first
    countries: list[str]  # in upper case
    values: dict[str, list[str]]  # frequent ones of each further column of text

    @cached_property
    def words(self) -> frozenset[str]:
        """The tokens that may say what a transaction was for."""
        return frozenset(filter(is_word, self.tokens))

    @classmethod
    def learn(cls, train: pl.DataFrame) -> Self:
        """Learn from rows with the columns text and key (the merchant), and country if it is there.

        A country is known by what the column says, where texts end in it.
        """
        normal = normalise(train["text"].to_list())
        grams = np.zeros(2**GRAM_HASH_BITS, dtype=np.bool_)
        grams[_grams(normal)[0]] = True
        rows = train.with_columns(**ENDS)
        by_prefix = rows.group_by("first", "key").len().group_by("first")
        counts = by_prefix.agg(rows=pl.sum("len"), largest=pl.max("len"))
        frequent = pl.col("rows") >= FREQUENT * train.height
        shared = pl.col("largest") <= ONE_MERCHANT * pl.col("rows")
        prefixes = counts.filter(frequent, shared).sort("rows", "first", descending=[True, False])
        countries: list[str] = []
        if "country" in train.columns:
            named = rows.filter(pl.col("country").str.to_uppercase() == pl.col("last"))
            counts = named.group_by("last").len()
            countries = counts.sort("len", "last", descending=[True, False])["last"].to_list()
        return cls(
            tokens=frozenset(" ".join(normal).split()),
            grams=grams,
            prefixes=prefixes["first"].to_list()[:MOST_VALUES],
            countries=countries[:MOST_VALUES],
            values={
                column.name: _frequent_values(train[column.name])
                for column in FURTHER
                if column.is_text
            },
        )

    def save(self, folder: Path) -> None:
        """Write three files into a folder that exists: the words, the grams' bits, the rest."""
        write_text(folder / TOKENS_FILE, "".join(f"{token}\n" for token in sorted(self.tokens)))
        (folder / GRAMS_FILE).write_bytes(np.packbits(self.grams).tobytes())
        values = TrainingValues(self.prefixes, self.countries, self.values)
        write_json(folder / VALUES_FILE, values)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises `UserError` where a file is missing."""
        values = read_document(folder / VALUES_FILE, TrainingValues, BASELINE_MADE_BY)
        try:
            tokens = (folder / TOKENS_FILE).read_text(encoding="utf-8")
            bits = np.frombuffer((folder / GRAMS_FILE).read_bytes(), dtype=np.uint8)
        except OSError as error:
            raise UserError(f"{error}; `{BASELINE_MADE_BY}` makes it anew") from None
        return cls(
            tokens=frozenset(tokens.splitlines()),
            grams=np.unpackbits(bits).view(np.bool_),
            prefixes=values.prefixes,
            countries=values.countries,
            values=values.values,
        )

    def domains(self, classes: Sequence[str]) -> dict[str, list[str]]:
        """Return all the values that the features of few values can have."""
        of_text = {
            "prefix": [*self.prefixes, OTHER],
            "country": [*self.countries, UNKNOWN_COUNTRY],
        }
        further = {f"{INPUT}{name}": [*known, OTHER] for name, known in self.values.items()}
        return of_text | further | {"class_predictions": list(classes)}


def _frequent_values(column: pl.Series) -> list[str]:
    """Return a column's frequent values, the most frequent first."""
    counts = column.drop_nulls().alias("value").value_counts()
    frequent = counts.filter(pl.col("count") >= FREQUENT * len(column))
    ordered = frequent.sort("count", "value", descending=[True, False])
    return ordered["value"].to_list()[:MOST_VALUES]


def watch(
    frame: pl.DataFrame, seen: SeenInTraining, classes: Sequence[str], review_threshold: float
) -> pl.DataFrame:
    """Return a column a watched feature, a row a row of `frame`.

    `frame` has the record's columns, label (the answer) and probabilities (an array in the order
    of `classes`). A further column of the record is watched as it is: a number by its values, a
    text by those that are frequent in training. What is null there gives nulls here: the features'
    completeness shows it.
    """
    given = frame.select(pl.col("text").fill_null(""))
    normal = normalise(given["text"].to_list())
    texts = _of_text(given, normal, seen)
    refund = (pl.col("price") < 0).cast(pl.Int64)
    # As `Categoriser.predict` decides it; of a text that was not captured the probability alone. An
    # answer in CSV does not say its source: one of probability 1 counts as a rule's.
    without_word = pl.Series(
        [seen.words.isdisjoint(line.split()) for line in normal], dtype=pl.Boolean
    )
    says_nothing = without_word & frame["text"].is_not_null()
    is_sure = pl.col("class_probability") == 1
    unsure = (pl.col("class_probability") < review_threshold) | (says_nothing & ~is_sure)
    answered = pl.col("class_probability").is_not_null()
    review = pl.when(answered).then(unsure.cast(pl.Int64))
    parts = [
        texts.select(pl.when(frame["text"].is_not_null()).then(pl.all())),
        frame.select("price", refund=refund, class_predictions="label", **_further(seen)),
        _answers(frame["probabilities"], classes).with_columns(review=review),
    ]
    return pl.concat(parts, how="horizontal")


def _of_text(texts: pl.DataFrame, normal: Sequence[str], seen: SeenInTraining) -> pl.DataFrame:
    """Features of the column text, and of its normalised texts. Shares of nothing are 0."""
    words = " ".join(normal).split()
    token_count = np.array([len(text.split()) for text in normal], dtype=np.int64)
    old_words = np.fromiter(map(seen.tokens.__contains__, words), np.bool_, len(words))
    grams, first, gram_count = _grams(normal)
    upper = pl.col("text").str.count_matches(r"\p{Lu}")
    letters = pl.col("text").str.count_matches(r"\p{L}")
    prefix = pl.when(pl.col("first").is_in(seen.prefixes)).then("first")
    country = pl.when(pl.col("last").is_in(seen.countries)).then("last")
    return texts.with_columns(**ENDS).select(
        text_length=pl.col("text").str.len_chars().cast(pl.Int64),
        token_count=token_count,
        upper_share=upper / pl.max_horizontal(letters, 1),
        unseen_tokens=_share(~old_words, np.cumsum(token_count) - token_count, token_count),
        unseen_ngrams=_share(~seen.grams[grams], first, gram_count),
        prefix=prefix.otherwise(pl.lit(OTHER)),
        country=country.otherwise(pl.lit(UNKNOWN_COUNTRY)),
    )


def _further(seen: SeenInTraining) -> dict[str, pl.Expr]:
    """Return the features of the record's further columns, by name."""
    found = {}
    for column in FURTHER:
        value = pl.col(column.name)
        if column.is_text:
            known = pl.when(value.is_in(seen.values[column.name])).then(value)
            other = pl.when(value.is_not_null()).then(pl.lit(OTHER))
            value = pl.coalesce(known, other)
        found[f"{INPUT}{column.name}"] = value
    return found


def _answers(probabilities: pl.Series, classes: Sequence[str]) -> pl.DataFrame:
    """Features of the classes' probabilities; entropy is in nats."""
    table = probabilities.to_numpy()  # (rows, classes); NaN where a row has none
    columns = {"class_probability": table.max(axis=1), "entropy": entr(table).sum(axis=1)}
    names = (f"class_probabilities__label_{name}" for name in classes)
    columns |= zip(names, table.T, strict=True)
    return pl.DataFrame(columns, nan_to_null=True)


def _grams(normal: Sequence[str]) -> tuple[NDArray[np.uint32], Ints, Ints]:
    """Return the hash of each four bytes in a row, and each text's first and number of them.

    There is a space on both sides of a text, so that its ends count too. Between two texts lie
    hashes that belong to neither: they hold two spaces, which no text does.
    """
    data = (" " + "  ".join(normal) + "   ").encode()
    grams: NDArray[np.uint32] = np.ndarray(len(data) - GRAM + 1, "<u4", data, strides=(1,))
    length = pl.Series(normal, dtype=pl.String).str.len_bytes().to_numpy().astype(np.int64)
    first = np.cumsum(length + 2) - (length + 2)
    # Multiply and shift: Dietzfelbinger et al. 1997, "A reliable randomized algorithm for the
    # closest-pair problem". The multiplier is Knuth's: 2^32 over the golden ratio, made odd.
    hashes = np.right_shift(grams * np.uint32(2654435769), np.uint32(32 - GRAM_HASH_BITS))
    return hashes, first, np.maximum(length + 2 - GRAM + 1, 0)


def _share(flags: NDArray[np.bool_], first: Ints, count: Ints) -> NDArray[np.float64]:
    """Return for each row the share of true among its `count` flags from `first` on."""
    total = np.concatenate(([0], np.cumsum(flags)))
    shares: NDArray[np.float64] = (total[first + count] - total[first]) / np.maximum(count, 1)
    return shares
