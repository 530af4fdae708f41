"""Model quality: ground truth joined to captures, what it says of the model, and new labelled data.

A label belongs to the prediction of the same id and row. Captures and labels may outgrow memory:
both are spilled to a scratch folder, and DuckDB joins them there under a memory limit.

- A prediction captured twice counts once. An id that two different predictions share says nothing
  of either: both are left out.
- A label given twice counts once. Of different labels the latest stands, as a correction; where
  the latest differ at one time, nobody can say which is right, and none is used.
- A label that is no class of the model is an error of the model. All such are one class,
  `UNKNOWN`, which leaves accuracy and the weighted figures what they would be with a class each.

All figures are of the labelled rows. Where people label what looks wrong to them, the figures are
worse than the model: the join's `coverage` says how many rows they rest on.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from statistics import NormalDist
from typing import Any

import duckdb
import numpy as np
import polars as pl

from categoriser.data.prepare import text_key, uniform
from categoriser.data.table import REQUIRED
from categoriser.errors import UserError
from categoriser.evaluation.metrics import PRICE_BAND, by_slice
from categoriser.evaluation.scores import (
    SEED,
    Codes,
    confusion,
    group_codes,
    ratio,
    resample,
    scores,
)
from categoriser.features import normalise
from categoriser.io.documents import Json, read_json
from categoriser.io.replacing import replacing
from categoriser.monitor.features import UNKNOWN as UNKNOWN_COUNTRY
from categoriser.monitor.formats import capture, constraints
from categoriser.monitor.formats.constraints import BEST_CONSTANT, Drift, Violation
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.statistics import Feature, Floats, Statistics
from categoriser.monitor.settings import Quality, read_settings
from categoriser.monitor.watching import FACTS, MADE_BY, Watching
from categoriser.params import Evaluate, read_params
from categoriser.paths import BASELINE, FEEDBACK, GENERATED, MONITORING
from categoriser.plural import plural

UNKNOWN = "(no class of the model)"
GROUND_TRUTH = "ground_truth"
SLICE_GAP = "slice_gap_"
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
# Efron and Tibshirani, An Introduction to the Bootstrap, 1993, 6.4: 200 are enough for an error.
RESAMPLES = 200
# So far from the baseline is more than noise: of one figure, one window in 700 is so by chance.
STANDARD_ERRORS = 3
THREADS = 2
BATCH = 50_000
# More labelled rows than this tell no more about slices.
SLICED = 100_000
EXAMPLES = 5
Scan = Callable[[str], pl.LazyFrame]
SCANS: dict[str, Scan] = {"csv": pl.scan_csv, "json": pl.scan_ndjson, "parquet": pl.scan_parquet}
STATISTICS, CONSTRAINTS = "model_quality_statistics.json", "model_quality_constraints.json"
PARTS = ("train", "holdout")
CODED = ("truth", "label")

Frames = Iterable[pl.DataFrame]


JOIN = """
CREATE TABLE predicted AS
    SELECT id, "row", count(*) AS times, min(place) AS place, min(content) <> max(content) AS shared
    FROM (SELECT *, hash(text, price, label) AS content FROM captures) GROUP BY ALL;
CREATE TABLE given AS
    SELECT id, "row", label, count(*) AS times, max(time) AS time FROM truths GROUP BY ALL;
CREATE TABLE latest AS
    SELECT id, "row", sum(times) AS times, count(*) AS labels, max(time) AS time
    FROM given GROUP BY ALL;
CREATE TABLE labelled AS
    SELECT latest.*, min(label) AS truth, count(*) > 1 AS contradicted
    FROM latest JOIN given ON latest.id = given.id AND latest."row" = given."row"
        AND latest.time IS NOT DISTINCT FROM given.time
    GROUP BY ALL;
CREATE TABLE joined AS
    SELECT captures.*, truth, truth NOT IN (FROM classes) AS unknown, labels, contradicted,
        -- A label's time is the start of its hour, which may lie before the prediction's.
        CASE WHEN labelled.time < captures.time THEN 0
        ELSE date_diff('second', captures.time, labelled.time) / 3600 END AS hours_late
    FROM labelled JOIN predicted USING (id, "row") JOIN captures USING (place) WHERE NOT shared;
CREATE VIEW answered AS SELECT * FROM joined WHERE NOT contradicted;
CREATE VIEW bad AS SELECT id, "row" FROM joined WHERE labels > 1 OR unknown;
"""

COUNTS = """
FROM (SELECT coalesce(sum(times), 0)::BIGINT AS captured, count(*) AS predictions,
        count(*) FILTER (times > 1) AS captured_again, count(*) FILTER (shared) AS shared_ids
        FROM predicted),
    (SELECT coalesce(sum(times), 0)::BIGINT AS labels, count(*) AS labelled,
        coalesce(sum(times - labels), 0)::BIGINT AS repeated,
        count(*) FILTER (labels > 1) AS conflicting, count(*) FILTER (contradicted) AS contradicted
        FROM labelled),
    (SELECT count(*) AS orphans FROM labelled ANTI JOIN predicted USING (id, "row")),
    (SELECT count(*) AS joined, count(*) FILTER (unknown) AS unknown,
        median(hours_late) AS median_hours_late, max(hours_late) AS most_hours_late FROM answered)
"""

FIRST_BAD = """
SELECT id, "row", string_agg(given.label, ' / ' ORDER BY given.time, given.label) FROM given
    SEMI JOIN (FROM bad ORDER BY id, "row" LIMIT ?) AS first USING (id, "row")
    GROUP BY ALL ORDER BY ALL
"""

# What of a joined row the export writes as it is; the rest but `JOINS` are further columns.
EXPORTED = """
CREATE OR REPLACE TABLE exported AS
    SELECT DISTINCT time::DATE AS date,
        trim(regexp_replace(text, '[\\r\\n]+', ' ', 'g')) AS text, price, truth AS category
        {further}
    FROM answered WHERE NOT unknown AND time IS NOT NULL AND isfinite(price)
        AND regexp_matches(text, '\\S') AND NOT contains(text, chr(0))
"""
JOINS = {"id", "row", "place", "label", "text", "price", "time", "truth", "unknown", "labels"}
JOINS |= {"contradicted", "hours_late"}


# A CSV as Polars writes it, and its rows as `exported` has them.
WRITTEN: dict[str, Any] = {
    "header": True,
    "all_varchar": True,
    "sep": ",",
    "quotechar": '"',
    "escapechar": '"',
    "allow_quoted_nulls": False,
    "buffer_size": 4_000_000,  # bytes: the default takes half of the least memory_limit_mb
}
EARLIER = "date::DATE AS date, text, price::DOUBLE AS price, category {further}"
ADD = "CREATE OR REPLACE TABLE exported AS FROM exported UNION ALL BY NAME FROM added"


class TooFewRowsError(UserError):
    """There are labels, and not enough of them yet."""


@dataclass(frozen=True)
class Labelled:
    """Captures with their labels: in the table `answered`, captures' columns, `truth`, `given`.

    `counts` (the report shows them): `captured` rows, different `predictions`, those
    `captured_again` and those with `shared_ids` (left out); `labels` given, `labelled` predictions,
    labels `repeated`, predictions whose labels are `conflicting`, of these `contradicted` (left
    out), `orphans` without a capture; `joined` predictions, their `coverage` of all predictions,
    those whose label is `unknown` to the model; `median_hours_late`, `most_hours_late` (or None).
    """

    connection: duckdb.DuckDBPyConnection
    classes: list[str]
    counts: dict[str, Any]

    def rows(self, query: str) -> Iterator[pl.DataFrame]:
        """Yield a query's rows, a batch at a time; the first batch has none."""
        reader = self.connection.sql(query).to_arrow_reader(BATCH)
        for batch in chain([reader.schema.empty_table()], reader):
            yield pl.DataFrame(batch)


@contextmanager
def join(
    captures: Frames, truths: Frames, classes: Sequence[str], settings: Quality
) -> Iterator[Labelled]:
    """Join labels to captures, in a scratch folder that is gone afterwards.

    `captures` have the columns of `capture.Batch.frame`; further ones, such as `country`, become
    slices and columns of the export. `truths` have those of `capture.truths`. They may be of other
    windows: a label without its capture, and a capture without a label, are counted.
    """
    limits: dict[str, Any] = {"threads": THREADS, "preserve_insertion_order": False}
    limits["memory_limit"] = f"{settings.memory_limit_mb}MB"
    with tempfile.TemporaryDirectory(prefix="categoriser-") as name:
        folder = Path(name)
        _spill(captures, capture.CAPTURES, folder / "captures")
        _spill(truths, capture.TRUTHS, folder / "truths")
        try:
            with duckdb.connect(folder / "joined.duckdb", config=limits) as connection:
                for table in ("captures", "truths"):
                    spilled = connection.read_parquet(f"{folder / table}/*", union_by_name=True)
                    spilled.create_view(table)
                connection.register("classes", pl.DataFrame({"name": list(classes)}).to_arrow())
                connection.execute(JOIN)
                labelled = Labelled(connection, list(classes), {})
                [counts] = pl.concat(labelled.rows(COUNTS)).to_dicts()
                counts["coverage"] = counts["joined"] / max(1, counts["predictions"])
                labelled.counts.update(counts)
                yield labelled
        except duckdb.OutOfMemoryException:
            raise UserError(
                f"quality.memory_limit_mb in {MONITORING}, {settings.memory_limit_mb}, is not "
                "enough to join these labels to these captures; raise it, or take in fewer days"
            ) from None


def _spill(frames: Frames, columns: dict[str, Any], folder: Path) -> None:
    """Write frames to files and number their rows; the first file has columns and no rows."""
    folder.mkdir()
    place = 0
    for number, frame in enumerate(chain([pl.DataFrame(schema=columns)], frames)):
        frame.drop_nulls("label").select(
            pl.exclude("rows", "probabilities", "label", "time"),
            pl.col("label").str.strip_chars(),
            pl.col("time").cast(pl.Datetime("us")),
        ).with_row_index("place", place).write_parquet(folder / f"{number}.parquet")
        place += frame.height


def figures(counts: Floats) -> dict[str, Floats]:
    """Model Monitor's figures of confusion matrices (..., k, k) by name: (...) each.

    F-beta is (1 + b²) p r / (b² p + r); a class weighs as much as its share of the truth.
    """
    known = scores(counts)
    precision, recall, support = known["precision"], known["recall"], known["support"]
    by_class = {"recall": recall, "precision": precision} | {
        name: ratio((1 + beta**2) * precision * recall, beta**2 * precision + recall)
        for name, beta in BETAS.items()
    }
    return {"accuracy": known["accuracy"]} | {
        f"weighted_{name}": ratio((values * support).sum(axis=-1), support.sum(axis=-1))
        for name, values in by_class.items()
    }


def statistics(truth: Codes, answers: Codes, groups: Codes, labels: Sequence[str]) -> Json:
    """Return model quality's statistics.json, as Model Monitor writes it.

    `groups` are the rows' merchants, from 0. The best constant classifier answers the most frequent
    label. A standard deviation is a figure's standard error by the bootstrap of
    `categoriser.evaluation.metrics`. (Model Monitor's is that of five draws of 80 % of the rows,
    half as large: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html.)
    """
    size = len(labels)
    document: Json = {"version": 0.0, "dataset": {"item_count": len(truth)}}
    if not len(truth):
        return document | {"multiclass_classification_metrics": {}}
    counts = confusion(truth, answers, size)
    best = counts.sum(axis=1).argmax()

    def beside_constant(matrix: Floats) -> dict[str, Floats]:
        constant = np.zeros_like(matrix)
        constant[:, best] = matrix.sum(axis=1)
        beside = {f"{name}{BEST_CONSTANT}": value for name, value in figures(constant).items()}
        return figures(matrix) | beside

    draws = resample(truth * size + answers, size * size, groups, RESAMPLES)
    drawn = [beside_constant(cells.reshape(size, size)) for cells in draws]
    rows = (dict(zip(labels, row, strict=True)) for row in counts.tolist())
    found: Json = {"confusion_matrix": dict(zip(labels, rows, strict=True))}
    for name, value in beside_constant(counts.astype(float)).items():
        deviation = float(np.std([draw[name] for draw in drawn]))
        found[name] = {"value": float(value), "standard_deviation": deviation}
    return document | {"multiclass_classification_metrics": found}


def of_answers(source: str, form: str, answer: str, label: str) -> dict[str, Any]:
    """Return `statistics` of a data set's two columns; each row counts for itself.

    Raises `UserError` where the data or a column of it cannot be read.
    """
    try:
        columns = SCANS[form](source).select(label=pl.col(answer), truth=pl.col(label))
        rows = columns.cast(pl.String).drop_nulls().collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(
            f"{source}: answers ({answer!r}, inference_attribute) and labels ({label!r}, "
            f"ground_truth_attribute) cannot be read: {error}"
        ) from None
    rows = rows.with_columns(key=pl.int_range(pl.len()))
    return statistics(*_coded(rows, rows["truth"].unique().to_list()))


def metrics(document: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the figures of `statistics`, without the confusion matrix."""
    found = document["multiclass_classification_metrics"]
    return {name: value for name, value in found.items() if name != "confusion_matrix"}


def baseline_quality(
    rows: pl.DataFrame, answers: Sequence[str], classes: Sequence[str], settings: Quality
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return statistics.json and constraints.json of held-out rows (`category`, `key`).

    A threshold is the figure less `STANDARD_ERRORS` of what separates it from that of a window: the
    held-out rows' standard error, and that of `min_rows` rows, the fewest that are judged. Few rows
    have few of the same merchant, so those are drawn row by row.
    """
    answered = rows.with_columns(label=pl.Series(answers, dtype=pl.String), truth="category")
    truth, answer, groups, labels = _coded(answered, classes)
    document = statistics(truth, answer, groups, labels)
    counts = confusion(truth, answer, len(labels))
    random, shares = np.random.default_rng(SEED), counts.ravel() / counts.sum()
    draws = random.multinomial(settings.min_rows, shares, size=RESAMPLES)
    known, lowered = metrics(document), {}
    for name, drawn in figures(draws.reshape(-1, *counts.shape).astype(float)).items():
        error = float(np.hypot(known[name]["standard_deviation"], drawn.std()))
        lowered[name] = {"value": max(0.0, known[name]["value"] - STANDARD_ERRORS * error)}
    return document, constraints.dump(constraints.suggest_quality(lowered))


def _coded(rows: pl.DataFrame, classes: Sequence[str]) -> tuple[Codes, Codes, Codes, list[str]]:
    """Codes of `truth`, `label` and `key`, and the labels; the last is `UNKNOWN`, if it is there.

    Another model's answers may be among the captures: its classes are labels too.
    """
    labels = sorted({*classes, *rows["label"].unique()})
    known = range(len(labels))
    columns = [rows[name].replace_strict(labels, known, default=len(labels)) for name in CODED]
    truth, answers = (column.to_numpy().astype(np.int64) for column in columns)
    if (truth == len(labels)).any():
        labels.append(UNKNOWN)
    return truth, answers, group_codes(rows), labels


def label_drift(
    truths: Mapping[str, int], training: Mapping[str, int], settings: Quality
) -> tuple[Drift, list[Violation]]:
    """Hold counts of labels by class against training's, as a feature named `GROUND_TRUTH`.

    The distance is the largest difference of a class's shares. Its threshold is `label_drift` and
    `STANDARD_ERRORS` of the share that varies most. Labels of no class are a violation where their
    share is over `max_bad_labels`.
    """

    def described(counts: Mapping[str, int]) -> Statistics:
        rows = sum(counts.values())
        feature = Feature(GROUND_TRUTH, "String", rows, 0, 1.0, categories=dict(counts))
        return Statistics(rows, {GROUND_TRUTH: feature})

    now, before = described(truths), described(training)
    shares = np.array(list(training.values())) / before.item_count
    rows = 1 / max(1, now.item_count) + 1 / before.item_count
    noise = STANDARD_ERRORS * float(np.sqrt((shares * (1 - shares)).max() * rows))
    config = {"domain_content_threshold": 1 - settings.max_bad_labels}
    suggested = constraints.dump(constraints.suggest(before))
    limits = constraints.load(suggested | {"monitoring_config": config})
    thresholds = {GROUND_TRUTH: settings.label_drift + noise}
    drifts = constraints.compare(now, before, limits, thresholds)
    return drifts[GROUND_TRUTH], constraints.check(now, limits, drifts)


@dataclass(frozen=True)
class QualityResult:
    """What a window's labels say of the model; `asdict` is what the report shows.

    `statistics` is the document of that name, `joined` are `Labelled.counts`, and `labels` counts
    the labelled rows by label. `violations` are against the baseline's figures and against
    training's labels, whose distance is `drift`, and of slices served too much worse. `slices` is
    what `by_slice` says of the rows, thinned evenly to some `SLICED` where they are more; None
    without rows. `gaps` are those of each column's worst slice, as `metrics` has figures.
    `not_judged` says why nothing was judged, else "".
    """

    statistics: dict[str, Any]
    joined: dict[str, Any]
    labels: dict[str, int]
    violations: list[Violation]
    drift: Drift
    slices: dict[str, Any] | None
    gaps: dict[str, dict[str, float]]
    not_judged: str


def model_quality(
    labelled: Labelled,
    baseline: constraints.QualityConstraints | None,
    facts: Mapping[str, Any],
    settings: Quality,
    evaluate: Evaluate,
    max_slice_gap: float,
) -> QualityResult:
    """Measure the joined rows; what is in memory of each is its merchant, its codes and its slices.

    `baseline` are the constraints and `facts` the facts.json of the baseline; `evaluate` says what
    the slices are, and `max_slice_gap` is the gate's. Fewer rows than `min_rows` are not judged.
    """
    key, parts = cache(text_key), []
    for batch in labelled.rows("FROM answered"):
        normal = normalise(batch["text"].fill_null("").to_list())
        keys = pl.Series("key", [key(text) for text in normal], dtype=pl.String)
        wanted = {"place", "price", *CODED, *evaluate.slices} & {*batch.columns}
        parts.append(batch.select(*sorted(wanted), keys))
    rows = pl.concat(parts)
    truth, answers, groups, labels = _coded(rows, labelled.classes)
    document = statistics(truth, answers, groups, labels)
    counts = dict(zip(labels, np.bincount(truth, minlength=len(labels)).tolist(), strict=True))
    training = {name: round(share * facts["train_rows"]) for name, share in facts["labels"].items()}
    drift, violations = label_drift(counts, training, settings)
    if baseline:
        violations = constraints.check_quality(metrics(document), baseline) + violations
    priced = rows.with_columns(truth=truth, label=answers).drop_nulls("price")
    priced = priced.filter(pl.col("place") % max(1, priced.height // SLICED) == 0)
    codes = priced["truth"].to_numpy(), priced["label"].to_numpy()
    slices = by_slice(priced, *codes, group_codes(priced), evaluate) if len(priced) else None
    gaps, unfair = slice_gaps(slices or {}, max_slice_gap, evaluate.confidence)
    violations, why = violations + unfair, ""
    if rows.height < settings.min_rows:
        why = f"{plural(rows.height, 'labelled row')}; quality.min_rows is {settings.min_rows}"
        violations = []
    return QualityResult(document, labelled.counts, counts, violations, drift, slices, gaps, why)


def slice_gaps(
    slices: Mapping[str, Any], bound: float, confidence: float
) -> tuple[dict[str, dict[str, float]], list[Violation]]:
    """Return `slice_gap_<column>` of each column's worst slice, and the columns that are violated.

    A column is where a slice's whole interval is over the bound, as at the gate; the worst such
    slice's gap stands in the violation. A standard deviation is that of a normal distribution
    with the interval's width.
    """
    width = 2 * NormalDist().inv_cdf((1 + confidence) / 2)
    kind = "GreaterThanThreshold"
    gaps: dict[str, dict[str, float]] = {}
    violations = []
    for column, compared in slices.items():
        name = f"{SLICE_GAP}{column}"
        for part in compared["slices"] if compared else []:  # the worst served first
            gap = part["gap"]
            value, deviation = gap["value"], (gap["high"] - gap["low"]) / width
            gaps.setdefault(name, {"value": value, "standard_deviation": deviation})
            if gap["low"] > bound:
                text = f"Metric {name} with {value} +/- {deviation} was {kind} '{bound}'"
                violations.append(Violation(name, kind, text))
                break
    return gaps, violations


@dataclass(frozen=True)
class BadLabels:
    """Labelled predictions whose labels differ, or are no class of the model.

    `count` of `labelled` predictions; `cases` are the first of them: id, row, the labels.
    """

    count: int
    labelled: int
    cases: list[tuple[str, int, str]]

    @property
    def share(self) -> float:
        return self.count / max(1, self.labelled)

    def __str__(self) -> str:
        return (
            f"{self.count:,} of {plural(self.labelled, 'labelled prediction')} have labels that "
            "differ, or that are no class of the model"
        )


def bad_labels(labelled: Labelled) -> BadLabels:
    """Count the labels that are left out, or stand by being the latest."""
    connection = labelled.connection
    [[count]] = connection.execute("SELECT count(*) FROM bad").fetchall()
    cases = connection.execute(FIRST_BAD, [EXAMPLES]).fetchall()
    return BadLabels(count, labelled.counts["joined"] + labelled.counts["contradicted"], cases)


def warning(bad: BadLabels, settings: Quality) -> str:
    """Say where more labels are bad than `max_bad_labels`, with the first cases; else ""."""
    if bad.share <= settings.max_bad_labels:
        return ""
    first = "".join(f"\n    {id_} row {row}: {given}" for id_, row, given in bad.cases)
    return (
        f"{bad}, and quality.max_bad_labels in {MONITORING} is {settings.max_bad_labels:.2%}. "
        f"What contradicts itself and what is no class is left out; see who labels so. "
        f"First cases:{first}"
    )


def export(
    labelled: Labelled, settings: Quality, folder: Path, slices: Sequence[str] = ()
) -> dict[str, int]:
    """Add the joined rows to labelled data, `train.csv` and `holdout.csv`; count the files' rows.

    They have the project's columns: date, text, price, category, and the captures' further ones,
    with those of `slices` that captures lack. A further column is never empty: what nobody knows
    is `unknown`, so that no slice of the next model is named by nothing. Rows alike in all columns
    are one. Of a row that an earlier export has with another category the new label stands. Labels
    that contradict each other are left out, labels of no class, and rows without a text, a price
    or a time. Which file a row is in is a hash of its date, price and text, so it is in that one
    in every export, as long as `holdout` stays. The same rows and labels give the same bytes, in
    whatever order they come.

    Raises `UserError`, and writes nothing, where an earlier export cannot be read;
    `TooFewRowsError`, which is one, for fewer new rows than `min_rows`.
    """
    connection = labelled.connection
    known = {*connection.table("answered").columns} - JOINS
    lacking = {*slices} - known - {PRICE_BAND, *REQUIRED}
    further = _filled(sorted(known)) + _unknown(sorted(lacking))
    [[count]] = connection.execute(EXPORTED.format(further=further)).fetchall()
    if count < settings.min_rows:
        raise TooFewRowsError(
            f"{plural(count, 'labelled row')} can be exported, and quality.min_rows in "
            f"{MONITORING} asks for {settings.min_rows}: wait for more labels, or take in more days"
        )
    for part in PARTS:
        _add_earlier(connection, folder / f"{part}.csv")
    # A column that only one export has is unknown in the other's rows.
    others = sorted({*connection.table("exported").columns} - {*REQUIRED})
    ordered = connection.table("exported").select(f"{', '.join(REQUIRED)} {_filled(others)}")
    ordered.create_view("ordered", replace=True)
    counts = dict.fromkeys(PARTS, 0)
    with replacing(folder) as aside, ExitStack() as stack:
        aside.mkdir()
        if folder.exists():  # what else is there stays there
            parts = shutil.ignore_patterns(*(f"{part}.csv" for part in PARTS))
            shutil.copytree(folder, aside, ignore=parts, dirs_exist_ok=True)
        files = {part: stack.enter_context((aside / f"{part}.csv").open("wb")) for part in PARTS}
        for number, rows in enumerate(labelled.rows("FROM ordered ORDER BY ALL")):
            cells = rows.select("date", "price", "text").iter_rows()
            content = (f"{day} {price!r} {text}" for day, price, text in cells)
            kept = uniform("feedback", content) < settings.holdout
            for part, chosen in zip(PARTS, (~kept, kept), strict=True):
                rows.filter(chosen).write_csv(files[part], include_header=number == 0)
                counts[part] += int(chosen.sum())
    return counts


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _filled(columns: Sequence[str]) -> str:
    """Return SQL for more columns, as text, in which nothing is empty."""
    form = ", coalesce(nullif(trim({name}::VARCHAR), ''), '" + UNKNOWN_COUNTRY + "') AS {name}"
    return "".join(form.format(name=_quoted(name)) for name in columns)


def _unknown(columns: Sequence[str]) -> str:
    """Return SQL for more columns of which nothing is known."""
    return "".join(f", '{UNKNOWN_COUNTRY}' AS {_quoted(name)}" for name in columns)


def _add_earlier(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Add a file's rows to the table `exported`, but those that it has in all but the category."""
    if not path.exists():
        return
    try:
        written = connection.read_csv(str(path), **WRITTEN)
        further = _filled([name for name in written.columns if name not in REQUIRED])
        earlier = written.select(EARLIER.format(further=further)).set_alias("earlier")
        exported = connection.table("exported")
        both = {*earlier.columns} & {*exported.columns} - {"category"}
        names = map(_quoted, both)
        same = (f"earlier.{name} IS NOT DISTINCT FROM exported.{name}" for name in names)
        earlier.join(exported, " AND ".join(same), "anti").create_view("added", replace=True)
        connection.execute(ADD)
    except (duckdb.DataError, duckdb.ProgrammingError, duckdb.IOException) as error:
        raise UserError(
            f"{path}, an earlier export to add to, cannot be read: "
            f"{str(error).splitlines()[0]}; mend it, or move it elsewhere"
        ) from None


def with_country(
    watching: Watching, files: Sequence[str], problems: Problems
) -> Iterator[pl.DataFrame]:
    """Yield captured rows with the country that their texts name, `unknown` where they name none.

    The rows stay as they are where the country is not watched.
    """
    for frame, watched in watching.batches(files, problems):
        if "country" in watched.columns:
            frame = frame.with_columns(watched["country"].fill_null(UNKNOWN_COUNTRY))
        yield frame


def export_feedback(captured: str, labels: str) -> None:
    """Measure the captured rows that labels came back for, and export them as data.

    Both are a folder or `s3://bucket/prefix`. Raises `UserError` as what it calls.
    """
    settings, params, problems = read_settings(), read_params(), Problems()
    watching = Watching(BASELINE, preprocessor=settings.features.preprocessor)
    captures = capture.listed(captured, None, None, problems)
    frames = with_country(watching, captures, problems)
    truths = capture.truths(capture.listed(labels, None, None, problems), problems)
    facts = read_json(BASELINE / FACTS, MADE_BY)
    bounds = constraints.load_quality(read_json(BASELINE / CONSTRAINTS, MADE_BY))
    with join(frames, truths, facts["classes"], settings.quality) as labelled:
        of_slices = params.evaluate, params.gate.max_slice_gap
        found = model_quality(labelled, bounds, facts, settings.quality, *of_slices)
        for name, count in (problems.counts | labelled.counts).items():
            sys.stdout.write(f"{name.replace('_', ' ')}: {count}\n")
        for name, figure in (metrics(found.statistics) | found.gaps).items():
            value, error = figure["value"], figure["standard_deviation"]
            sys.stdout.write(f"{name}: {value:.4f} +/- {error:.4f}\n")
        for violation in found.violations:
            sys.stdout.write(f"{violation.feature_name}: {violation.description}\n")
        if said := warning(bad_labels(labelled), settings.quality):
            sys.stdout.write(f"warning: {said}\n")
        sys.stdout.flush()
        counts = export(labelled, settings.quality, FEEDBACK, params.evaluate.slices)
    train, holdout = (f"{count:,} rows in {FEEDBACK / part}.csv" for part, count in counts.items())
    # One's own data may hold earlier feedback by now: the file that they were made of does not.
    before = GENERATED if params.data.path == GENERATED else "my.csv"
    sys.stdout.write(
        f"{train}, {holdout} (never train on these). "
        f"Next: make data FILE='{before} {FEEDBACK}/train.csv'\n"
    )
