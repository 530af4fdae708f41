"""Models' answers to generated rows: which are right, and which model is right more often."""

from pathlib import Path

import numpy as np
import polars as pl

from categoriser import paths
from categoriser.contract import FIELDS, transactions
from categoriser.data.generated_facts import read_generated_facts
from categoriser.data.merchant_group import find_merchants
from categoriser.data.prepare import NO_CORRECTIONS
from categoriser.evaluation.beside_champion import Flags, compare_answers
from categoriser.evaluation.evaluation_file import BesideChampion
from categoriser.evaluation.scores import group_codes
from categoriser.features import lines_of, normalise
from categoriser.model.package import Categoriser
from categoriser.params import Evaluate


def right_answers(model: Path, rows: pl.DataFrame) -> Flags:
    """Return by row whether the model in a folder answers with the row's category."""
    categoriser = Categoriser.load(model)
    normal = normalise(rows["text"].to_list())
    lines = lines_of(normal, transactions(rows.select(FIELDS).iter_rows()))
    answers = categoriser.answer_features(lines, rows["price"].to_list()).argmax(axis=1)
    right: Flags = np.array(categoriser.classes)[answers] == rows["category"].to_numpy()
    return right


def compare_on(
    rows: pl.DataFrame, champion: Flags, model: Flags, settings: Evaluate
) -> list[BesideChampion]:
    """Compare two models, given which rows each answers right: on all rows, and on some of them.

    New merchants are those without a row in the generated data. The slice is the planted one.
    """
    normal = normalise(rows["text"].to_list())
    rows = rows.with_columns(key=find_merchants(rows, normal, NO_CORRECTIONS).group)
    is_new = is_of_new_merchant(rows)
    planted = read_generated_facts(paths.GENERATED_FACTS).planted
    is_planted = (rows[planted.column] == planted.value).to_numpy()
    chosen = {
        "all rows": np.ones(rows.height, bool),
        "new merchants": is_new,
        "other merchants": ~is_new,
        f"{planted.column}: {planted.value}": is_planted,
    }
    return [
        compare_answers(name, model[own], champion[own], group_codes(rows.filter(own)), settings)
        for name, own in chosen.items()
    ]


def is_of_new_merchant(rows: pl.DataFrame) -> Flags:
    """Return by row whether its merchant has no row in the generated data."""
    known = pl.read_csv(paths.GENERATED, columns=["merchant"])["merchant"].unique()
    is_new: Flags = ~rows["merchant"].is_in(known.implode()).to_numpy()
    return is_new
