"""Stage `baseline`: what the monitor compares with, and the thresholds for it.

The baseline is of rows that the model was not trained on, since on its own it is surer than on
others, in the proportions in which rows arrive. `random` and `validation` are taken whole;
`merchant` and `time` hold all rows of some merchants and of the last months, so they are thinned to
the rate at which the other two were held out of theirs.
"""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from categoriser.command import run_command
from categoriser.contract import CSV, FIELDS, transactions
from categoriser.data.rows import read_rows
from categoriser.data.split import PARTS
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.io.replacing import replacing, write_json
from categoriser.model.package import Categoriser
from categoriser.monitor.calibration.undrifted_weeks import calibrate_thresholds
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.constraints import Constraints, dump_constraints, load_constraints
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import (
    QUALITY_CONSTRAINTS_FILE,
    QUALITY_STATISTICS_FILE,
)
from categoriser.monitor.formats.sketch import SHRINK, SKETCH_SIZE, Floats, Sketch
from categoriser.monitor.formats.statistics import STATISTICS_FILE, Statistics, dump_statistics
from categoriser.monitor.labels.quality_baseline import baseline_quality
from categoriser.monitor.monitor_settings import MonitorSettings, read_monitor_settings
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.team_scripts import load_preprocessor
from categoriser.monitor.watching.watched_captures import in_common
from categoriser.monitor.watching.watched_features import SeenInTraining, watch
from categoriser.params import Params, read_params
from categoriser.paths import BASELINE, MODEL, MONITORING, PREPARED, THRESHOLDS
from categoriser.serving.capture import record
from categoriser.serving.protocol import render

WHOLE = ("random", "validation")
THINNED = ("merchant", "time")
# By chance a share lies so far under its own in one window of 30,000.
STANDARD_ERRORS = 4


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
    classes = categoriser.classes
    parts = {part: read_rows(prepared / f"{part}.parquet") for part in PARTS}
    train, rows = parts["train"], reference(parts)
    seen = SeenInTraining.learn(train)

    def watched_of(rows: pl.DataFrame) -> pl.DataFrame:
        answers, threshold = answered(rows, categoriser), categoriser.review_threshold
        watched = watch(answers, seen, classes, threshold)
        if how.features.preprocessor:
            watched = watched.with_columns(scripted(rows, categoriser, how.features.preprocessor))
        if unknown := set(how.features.leave_out) - {*watched.columns}:
            raise UserError(
                f"{MONITORING}: features.leave_out: there is no feature {min(unknown)!r}"
            )
        return watched.drop(how.features.leave_out)

    watched, answers = watched_of(rows), answered(rows, categoriser)["label"].to_list()
    labelled, quality_bounds = baseline_quality(rows, answers, classes, how.quality)
    summarised = statistics_of(summarise(watched.to_arrow().to_batches()))
    summary = without_chance(summarised, watched)
    labels = train["category"].value_counts(normalize=True).sort("category")
    suggested = suggest_constraints(summary, seen.domains(classes))
    bounds = allowing_chance(suggested, how.thresholds.window_rows[0])
    facts = {
        "classes": list(classes),
        "review_threshold": categoriser.review_threshold,
        "model": digest(model),
        "labels": dict(labels.iter_rows()),
        "rows": rows.height,
        "train_rows": train.height,
        "watched": in_common(how.features.leave_out, how.features.preprocessor),
        "evaluate": params.evaluate.model_dump(),
        "max_slice_gap": params.gate.max_slice_gap,
    }
    # All but the last months, so that the share of training rows is the same all year.
    known = pl.concat(part for name, part in parts.items() if name != "time")
    limits = calibrate_thresholds(
        (watched, rows["date"]), (watched_of(known), known["date"]), how.thresholds
    )
    with replacing(folder) as aside:
        aside.mkdir()
        seen.save(aside)
        write_json(aside / "facts.json", facts)
        write_json(aside / STATISTICS_FILE, dump_statistics(summary))
        write_json(aside / "constraints.json", dump_constraints(bounds))
        write_json(aside / QUALITY_STATISTICS_FILE, labelled)
        write_json(aside / QUALITY_CONSTRAINTS_FILE, quality_bounds)
        write_json(aside / THRESHOLDS.name, limits.model_dump())
    write_json(thresholds, limits.model_dump())


def allowing_chance(bounds: Constraints, rows: int) -> Constraints:
    """Lower each completeness under 1 by what chance takes from it in a window of so many rows."""
    document = dump_constraints(bounds)
    for feature in document["features"]:
        share = feature["completeness"]
        spread = math.sqrt(share * (1 - share) / rows)
        feature["completeness"] = max(0.0, share - STANDARD_ERRORS * spread)
    return load_constraints(document)


def reference(parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return rows out of sample, of all kinds of rows alike."""
    whole = pl.concat(parts[part] for part in WHOLE)
    if whole.is_empty():
        raise UserError(
            "no row is held out at random; set prepare.random or prepare.validation in params.yaml"
        )
    rate = whole.height / (whole.height + parts["train"].height)
    # Evenly, so that nothing depends on chance.
    thinned = [
        parts[part].filter(np.diff(np.floor(np.arange(parts[part].height + 1) * rate)) > 0)
        for part in THINNED
    ]
    return pl.concat([whole, *thinned])


def answered(rows: pl.DataFrame, categoriser: Categoriser) -> pl.DataFrame:
    """Return prepared rows as captures have them: `FIELDS`, label, probabilities."""
    table = categoriser.predict_features(rows["features"].to_list())
    best = np.array(categoriser.classes)[table.argmax(axis=1)]
    label = pl.Series(best, dtype=pl.String)
    probabilities = pl.Series(table, dtype=pl.Array(pl.Float64, table.shape[1]))
    return rows.select(*FIELDS, label=label, probabilities=probabilities)


def scripted(rows: pl.DataFrame, categoriser: Categoriser, script: Path) -> pl.DataFrame:
    """Return what the team's script gives for prepared rows, each captured as a call of its own.

    Raises `UserError` where the script fails, or gives another thing than one dict for each.
    """
    asked = list(rows.select(FIELDS).iter_rows())
    answers = categoriser.predict(transactions(asked))
    with TemporaryDirectory(prefix="categoriser-") as name:
        file, problems = Path(name) / "rows.jsonl", Problems()
        with file.open("wb") as stream:
            for values, date, answer in zip(asked, rows["date"], answers, strict=True):
                request = io.StringIO(newline="")
                csv.writer(request).writerow(values)
                body, said = request.getvalue().encode(), render([answer], CSV, single=False)
                time = datetime.combine(date, datetime.min.time(), UTC)
                stream.write(record(body, said, CSV, event_id="row", time=time))
        handler = load_preprocessor(script)
        found = captured_rows([str(file)], categoriser.classes, problems, preprocess=handler)
        given = [batch.extra for batch in found if batch.extra is not None]
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


def without_chance(known: Statistics, watched: pl.DataFrame) -> Statistics:
    """Replace the sketches, which chance is in, by those of the sorted values.

    So the stage's output depends on its input alone, and has no sketch's error to begin with.
    """
    features = dict(known.features)
    for name, feature in known.features.items():
        if feature.sketch:
            values = np.sort(watched[name].drop_nulls().to_numpy())
            features[name] = replace(feature, sketch=even(values))
    return replace(known, features=features)


def even(values: Floats) -> Sketch:
    """Return a sketch of sorted values: each item is the middle one of those that it stands for.

    At most K items are in the highest compactor, and one in each below it.
    """
    top = max(0, math.ceil(math.log2(max(1, len(values)) / SKETCH_SIZE)))
    data, end = [], len(values)
    for size in (2**level for level in range(top)):
        odd = end // size % 2
        data.append([float(values[end - size + size // 2])] * odd)
        end -= size * odd
    step = 2**top
    return Sketch(
        {"c": SHRINK, "k": float(SKETCH_SIZE)}, [*data, values[step // 2 : end : step].tolist()]
    )


def main() -> None:
    baseline(PREPARED, MODEL, BASELINE, THRESHOLDS, read_monitor_settings(), read_params())


if __name__ == "__main__":
    run_command(main)
