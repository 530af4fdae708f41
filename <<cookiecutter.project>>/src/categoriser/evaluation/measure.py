"""Stage `measure`: the model on the held-out rows, beside what it must not be worse than.

It asks the team's cases of behaviour too, and judges nothing: `evaluate` does. Slices are taken
over the `time` and `random` rows together: both are rows as they arrive, while `merchant` holds
unseen merchants only, in slices of another mixture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from msgspec import convert, to_builtins

from categoriser import paths
from categoriser.command import run_command
from categoriser.data.rows import read_rows
from categoriser.data.split import HELD_OUT_PARTS, read_split
from categoriser.evaluation.behaviour import measure_behaviour
from categoriser.evaluation.beside_champion import CHAMPION_ANSWER, compare_with_champion
from categoriser.evaluation.champion_model import load_comparable_champion
from categoriser.evaluation.evaluation_file import (
    Evaluation,
    MeasuredModel,
    PartFigures,
    rounded,
)
from categoriser.evaluation.evaluation_settings import EvaluationSettings
from categoriser.evaluation.headline import headlines
from categoriser.evaluation.metrics import codes_of, spread
from categoriser.evaluation.mistakes import confused
from categoriser.evaluation.part import PartAnswers, Review, measure_part
from categoriser.evaluation.plot_tables import plot_tables
from categoriser.evaluation.reference import REFERENCE, fit_majority
from categoriser.evaluation.rule_figures import answered_by_rules, measure_rules, rule_effect
from categoriser.evaluation.scores import Floats, group_codes
from categoriser.evaluation.slices import by_slice
from categoriser.features import words_of
from categoriser.io.digests import digest
from categoriser.io.replacing import replacing, write_json
from categoriser.model.classifier import classifier_of
from categoriser.model.explain import class_tokens
from categoriser.model.knobs import Knobs
from categoriser.model.metadata import Metadata
from categoriser.model.package import Categoriser
from categoriser.model.prepared_rows import training_rows
from categoriser.params import Evaluate, read_params

PARTS_AS_ROWS_ARRIVE = ("time", "random")

Tables = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class Answerer:
    """A model that is measured: from prepared rows to probabilities (rows, its classes)."""

    ask: Callable[[pl.DataFrame], Floats]
    classes: Sequence[str]

    def answer(self, rows: pl.DataFrame, labels: Sequence[str]) -> Floats:
        """Return probabilities, shape (rows, labels); a label that is not its class has 0."""
        table = np.zeros((0, len(self.classes))) if rows.is_empty() else self.ask(rows)
        return spread(table, self.classes, labels)


def with_rules(model: Categoriser) -> Answerer:
    """Return a model as it is deployed."""
    return Answerer(
        lambda rows: model.answer_features(rows["features"].to_list(), rows["price"].to_list()),
        model.classes,
    )


def of_lines(ask: Callable[[list[str]], Floats], classes: Sequence[str]) -> Answerer:
    """Return a model that sees lines of features alone."""
    return Answerer(lambda rows: ask(rows["features"].to_list()), classes)


def measure_model(
    prepared: Path, model: Path, champion: Path, settings: Evaluate
) -> tuple[Evaluation, Tables]:
    """Return all that is known of the model, and the tables of DVC's plots by name.

    Raises `UserError` for files that are missing or do not belong together.
    """
    frames = {part: read_rows(prepared / f"{part}.parquet") for part in HELD_OUT_PARTS}
    categoriser = Categoriser.load(model)
    facts, champion_model = load_comparable_champion(champion, categoriser.classes)
    answerers = fit_answerers(read_rows(prepared / "train.parquet"), categoriser, champion_model)
    known = [answerer.classes for answerer in answerers.values()]
    present = [frame["category"] for frame in frames.values()]
    labels = sorted(set[str]().union(*known, *present))

    parts: dict[str, PartFigures] = {}
    judged: Tables = {}
    for part, frame in frames.items():
        parts[part], judged[part] = measure_rows(frame, answerers, categoriser, labels, settings)

    rows = pl.concat(judged[part] for part in PARTS_AS_ROWS_ARRIVE)
    slices = by_slice(
        rows, rows["truth"].to_numpy(), rows["answer"].to_numpy(), group_codes(rows), settings
    )
    lines = pl.concat(frames.values())["features"].to_list()
    evaluation = Evaluation(
        champion=facts,
        labels=labels,
        model=MeasuredModel(digest(model), categoriser.metadata),
        parts=parts,
        rules=measure_rules(prepared, categoriser.rules),
        settings=convert(settings.model_dump(), EvaluationSettings),
        slices=slices,
        split=read_split(prepared),
        tokens=class_tokens(categoriser, lines),
        behaviour=measure_behaviour(settings.behaviour, categoriser),
        beside_champion=compare_with_champion(pl.concat(judged.values()), rows, slices, settings),
    )
    evaluation = convert(rounded(to_builtins(evaluation)), Evaluation)
    return evaluation, plot_tables(evaluation.parts, judged, labels)


def fit_answerers(
    train: pl.DataFrame, model: Categoriser, champion: Categoriser | None
) -> dict[str, Answerer]:
    """Return the model and its rivals by name; the simple ones are fitted on the training rows."""
    majority = fit_majority(train["features"].to_list(), train["category"].to_list())
    reference = classifier_of(REFERENCE).fit(training_rows(train), reference_knobs(model.metadata))
    answerers = {
        "model": with_rules(model),
        "reference": of_lines(reference.predict_proba, reference.classes),
        "majority": of_lines(majority.predict_proba, majority.classes_.tolist()),
    }
    if champion:
        answerers["champion"] = with_rules(champion)
    return answerers


def reference_knobs(metadata: Metadata) -> Knobs:
    """Return the knobs that the reference had as a candidate; where it was none, its defaults."""
    candidates = metadata.choice.candidates if metadata.choice else {}
    return candidates[REFERENCE].knobs if REFERENCE in candidates else {}


def measure_rows(
    frame: pl.DataFrame,
    answerers: Mapping[str, Answerer],
    categoriser: Categoriser,
    labels: Sequence[str],
    settings: Evaluate,
) -> tuple[PartFigures, pl.DataFrame]:
    """Measure a part; return its figures, and its rows as the model answers them.

    The rows have `truth` and `answer`, as places in `labels`, the answer's `probability` and, where
    there is a champion, its answer.
    """
    lines = frame["features"].to_list()
    truth = codes_of(frame["category"].to_list(), labels)
    tables = {name: answerer.answer(frame, labels) for name, answerer in answerers.items()}
    own = tables["model"]
    judged = frame.with_columns(
        truth=truth, answer=own.argmax(axis=1), probability=own.max(axis=1, initial=0)
    )
    if "champion" in tables:
        champion = pl.Series(CHAMPION_ANSWER, tables["champion"].argmax(axis=1))
        judged = judged.with_columns(champion)
    if frame.is_empty():
        return PartFigures(rows=0, groups=0), judged
    ruled = answered_by_rules(categoriser.rules, frame)
    known = np.array(categoriser.knows(words_of(lines)), bool)
    # A rule's answer is never for review.
    known[ruled] = True
    review = Review(categoriser.review_threshold, known)
    answers = PartAnswers(truth, tables, group_codes(frame), labels)
    figures = measure_part(answers, review, settings)
    figures.confused = confused(judged, labels)
    if categoriser.rules:
        alone = of_lines(categoriser.predict_features, categoriser.classes)
        figures.rules = rule_effect(answers, alone.answer(frame, labels), ruled, settings)
    return figures, judged


def main() -> None:
    settings = read_params().evaluate
    evaluation, tables = measure_model(paths.PREPARED, paths.MODEL, paths.CHAMPION, settings)
    with replacing(paths.PLOTS) as folder:
        folder.mkdir()
        for name, table in tables.items():
            table.write_csv(folder / f"{name}.csv")
    write_json(paths.EVALUATION, evaluation)
    write_json(paths.METRICS, headlines(evaluation))


if __name__ == "__main__":
    run_command(main)
