"""What the team's rules do to a model's answers, and what the labels say of the rules."""

from pathlib import Path

import polars as pl

from categoriser.data.rows import read_rows
from categoriser.data.split import PARTS
from categoriser.evaluation.bootstrap import interval
from categoriser.evaluation.evaluation_file import RuleEffect
from categoriser.evaluation.part import ModelScores, PartAnswers, lead_over, score_model
from categoriser.evaluation.scores import Floats
from categoriser.features import words_of
from categoriser.intervals import Scores
from categoriser.params import Evaluate
from categoriser.rules.rule_book import RuleBook
from categoriser.rules.rule_counts import RuleCounts, count_rules


def answered_by_rules(rules: RuleBook, rows: pl.DataFrame) -> list[int]:
    """Return the places of the prepared rows that rules answer."""
    answering = rules.answering(words_of(rows["features"].to_list()), rows["price"].to_list())
    return [place for place, _ in answering]


def measure_rules(prepared: Path, rules: RuleBook) -> RuleCounts | None:
    """Count the rows of all parts by the rules that they meet; None without rules.

    Raises `UserError` for a part that is missing.
    """
    if not rules:
        return None
    columns = ("features", "price", "category")
    rows = pl.concat(read_rows(prepared / f"{part}.parquet", *columns) for part in PARTS)
    lines, prices, labels = (rows[column].to_list() for column in columns)
    return count_rules(rules, words_of(lines), prices, labels)


def rule_effect(
    answers: PartAnswers, without: Floats, ruled: list[int], settings: Evaluate
) -> RuleEffect:
    """Compare a part's answers with those of the model alone, a table of shape (rows, labels).

    `ruled` are the places of the rows that rules answer.
    """
    own = score_model(answers, answers.tables["model"], settings.resamples)
    alone = score_model(answers, without, settings.resamples)
    return RuleEffect(
        rows=len(ruled),
        without=scores_of(alone, settings.confidence),
        gain=lead_over(own, alone, settings.confidence),
    )


def scores_of(model: ModelScores, confidence: float) -> Scores:
    """Return a model's scores with their intervals."""
    return Scores(
        accuracy=interval(model.point["accuracy"], model.drawn["accuracy"], confidence),
        macro_f1=interval(model.point["macro_f1"], model.drawn["macro_f1"], confidence),
    )
