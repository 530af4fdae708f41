"""Stage `baseline`: what the monitor compares with, and the thresholds for it.

The baseline is of rows that the model was not trained on, since it is surer on training rows than
on others, in the proportions in which rows arrive. `random` and `validation` are taken whole;
`merchant` and `time` hold all rows of some merchants and of the last months, so they are thinned to
the rate at which the other two were held out of theirs.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from msgspec import convert

from categoriser.command import run_command
from categoriser.contract import FIELDS
from categoriser.data.rows import read_rows
from categoriser.data.split import PARTS
from categoriser.errors import UserError
from categoriser.evaluation.evaluation_settings import EvaluationSettings
from categoriser.io.digests import digest
from categoriser.io.replacing import replacing, write_json
from categoriser.model.package import Categoriser
from categoriser.monitor.calibration.undrifted_weeks import calibrate_thresholds
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.baseline_facts import BaselineFacts, write_baseline_facts
from categoriser.monitor.formats.constraints import (
    CONSTRAINTS_FILE,
    Constraints,
    FeatureConstraints,
    write_constraints,
)
from categoriser.monitor.formats.quality_figures import (
    QUALITY_CONSTRAINTS_FILE,
    QUALITY_STATISTICS_FILE,
    write_quality_statistics,
)
from categoriser.monitor.formats.statistics_file import STATISTICS_FILE, write_statistics
from categoriser.monitor.labels.quality_baseline import baseline_quality
from categoriser.monitor.monitor_settings import (
    FeatureSettings,
    MonitorSettings,
    read_monitor_settings,
)
from categoriser.monitor.standard_errors import RARE_STANDARD_ERRORS
from categoriser.monitor.summaries.sorted_sketches import without_chance
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.scripted_rows import scripted_features
from categoriser.monitor.watching.watched_captures import watched_with
from categoriser.monitor.watching.watched_features import SeenInTraining, watch
from categoriser.params import Params, read_params
from categoriser.paths import BASELINE, MODEL, MONITORING, PREPARED, THRESHOLDS

WHOLE = ("random", "validation")
THINNED = ("merchant", "time")


def baseline(
    prepared: Path,
    model: Path,
    folder: Path,
    thresholds: Path,
    how: MonitorSettings,
    params: Params,
) -> None:
    """Write the folder, and its thresholds once more where people read them.

    The folder is all that a check needs beside the captures: `statistics.json` and
    `constraints.json` of the watched features, the same of the model's quality, what
    `SeenInTraining` keeps of the training rows, `thresholds.json`, and `facts.json`. Raises
    `UserError` for files that are missing or damaged.
    """
    categoriser = Categoriser.load(model)
    parts = {part: read_rows(prepared / f"{part}.parquet") for part in PARTS}
    train = parts["train"]
    rows = reference(parts)
    seen = SeenInTraining.learn(train)
    answers = answer_rows(rows, categoriser)
    watched = watch_rows(rows, answers, categoriser, seen, how.features)
    statistics = without_chance(statistics_of(summarise(watched.to_arrow().to_batches())), watched)
    suggested = suggest_constraints(statistics, seen.domains(categoriser.classes))
    quality, quality_bounds = baseline_quality(
        rows, answers["label"].to_list(), categoriser.classes, how.quality
    )
    # All but the last months, so that the share of training rows is the same all year.
    known = pl.concat(part for name, part in parts.items() if name != "time")
    known_answers = answer_rows(known, categoriser)
    watched_known = watch_rows(known, known_answers, categoriser, seen, how.features)
    limits = calibrate_thresholds(
        (watched, rows["date"]), (watched_known, known["date"]), how.thresholds
    )
    with replacing(folder) as aside:
        aside.mkdir()
        seen.save(aside)
        write_baseline_facts(aside, facts_of(categoriser, digest(model), train, rows, how, params))
        write_statistics(aside / STATISTICS_FILE, statistics)
        bounds = allowing_chance(suggested, how.thresholds.window_rows[0])
        write_constraints(aside / CONSTRAINTS_FILE, bounds)
        write_quality_statistics(aside / QUALITY_STATISTICS_FILE, quality)
        write_constraints(aside / QUALITY_CONSTRAINTS_FILE, quality_bounds)
        write_json(aside / THRESHOLDS.name, limits.model_dump())
    write_json(thresholds, limits.model_dump())


def watch_rows(
    rows: pl.DataFrame,
    answers: pl.DataFrame,
    categoriser: Categoriser,
    seen: SeenInTraining,
    features: FeatureSettings,
) -> pl.DataFrame:
    """Return the watched features of prepared rows, with the team's, without those left out.

    Raises `UserError` for a feature to leave out that does not exist, and as `scripted_features`.
    """
    watched = watch(answers, seen, categoriser.classes, categoriser.review_threshold)
    if features.preprocessor:
        watched = watched.with_columns(scripted_features(rows, categoriser, features.preprocessor))
    unknown = set(features.leave_out) - {*watched.columns}
    if unknown:
        raise UserError(f"{MONITORING}: features.leave_out: there is no feature {min(unknown)!r}")
    return watched.drop(features.leave_out)


def facts_of(
    categoriser: Categoriser,
    model_digest: str,
    train: pl.DataFrame,
    rows: pl.DataFrame,
    how: MonitorSettings,
    params: Params,
) -> BaselineFacts:
    labels = train["category"].value_counts(normalize=True).sort("category")
    return BaselineFacts(
        classes=list(categoriser.classes),
        review_threshold=categoriser.review_threshold,
        model=model_digest,
        labels=dict(labels.iter_rows()),
        rows=rows.height,
        train_rows=train.height,
        watched=watched_with(how.features.leave_out, how.features.preprocessor),
        evaluate=convert(params.evaluate.model_dump(), EvaluationSettings),
        max_slice_gap=params.gate.max_slice_gap,
    )


def allowing_chance(bounds: Constraints, rows: int) -> Constraints:
    """Lower each completeness under 1 by what chance takes from it in a window of so many rows."""
    features = [_allowing_chance(feature, rows) for feature in bounds.features]
    return bounds.model_copy(update={"features": features})


def _allowing_chance(feature: FeatureConstraints, rows: int) -> FeatureConstraints:
    share = feature.completeness
    if share is None:
        return feature
    spread = math.sqrt(share * (1 - share) / rows)
    lowered = max(0.0, share - RARE_STANDARD_ERRORS * spread)
    return feature.model_copy(update={"completeness": lowered})


def reference(parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return rows out of sample, all kinds of rows at the same rate."""
    whole = pl.concat(parts[part] for part in WHOLE)
    if whole.is_empty():
        raise UserError(
            "no row is held out at random; set prepare.random or prepare.validation in params.yaml"
        )
    rate = whole.height / (whole.height + parts["train"].height)
    # Evenly, so that nothing depends on chance.
    return pl.concat([whole, *(_thinned_to_rate(parts[part], rate) for part in THINNED)])


def _thinned_to_rate(rows: pl.DataFrame, rate: float) -> pl.DataFrame:
    """Return this share of the rows: each at which the sum of the shares passes a whole number."""
    sums = np.floor(np.arange(rows.height + 1) * rate)
    return rows.filter(np.diff(sums) > 0)


def answer_rows(rows: pl.DataFrame, categoriser: Categoriser) -> pl.DataFrame:
    """Return prepared rows as captures have them: `FIELDS`, label, probabilities."""
    table = categoriser.answer_features(rows["features"].to_list(), rows["price"].to_list())
    best = np.array(categoriser.classes)[table.argmax(axis=1)]
    label = pl.Series(best, dtype=pl.String)
    probabilities = pl.Series(table, dtype=pl.Array(pl.Float64, table.shape[1]))
    return rows.select(*FIELDS, label=label, probabilities=probabilities)


def main() -> None:
    baseline(PREPARED, MODEL, BASELINE, THRESHOLDS, read_monitor_settings(), read_params())


if __name__ == "__main__":
    run_command(main)
