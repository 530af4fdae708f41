"""Stage `measure`: the model on the held-out rows, beside what it must not be worse than.

It judges nothing; `evaluate` does. Slices are taken over
the `time` and `random` rows together: both are rows as they arrive, while `merchant` holds unseen
merchants only, in slices of another mixture.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline, make_union

from categoriser import paths
from categoriser.data.prepare import read_rows
from categoriser.errors import UserError, run
from categoriser.evaluation import metrics, scores
from categoriser.evaluation.champion import champion_facts
from categoriser.evaluation.metrics import by_slice
from categoriser.evaluation.mistakes import confused
from categoriser.evaluation.scores import Codes, Floats, group_codes
from categoriser.io.digests import digest
from categoriser.io.documents import Json, read_json
from categoriser.io.replacing import replacing, write_json
from categoriser.model.explain import class_tokens
from categoriser.model.package import Categoriser
from categoriser.params import Evaluate, read_params

PARTS = ("time", "merchant", "random")
AS_THEY_ARRIVE = ("time", "random")
# The answers that the model's are compared with, in the order of reports.
RIVALS = ("reference", "majority", "champion")
RETIRE = "`make promote FORGET=champion` retires the champion"
THRESHOLDS = [step / 50 for step in range(51)]

# DVC's template counts the rows of a table, so a confusion matrix is a table of rows, thinned.
CONFUSION_ROWS = 10_000

# From lines of features to probabilities (rows, classes), and those classes.
Answerer = tuple[Callable[[list[str]], Floats], Sequence[str]]
Figures = dict[str, dict[str, Floats]]  # by answerer, by name
Tables = dict[str, pl.DataFrame]


class Review(NamedTuple):
    """What is answered without review: what is sure enough, where the text has a known word."""

    threshold: float
    known: NDArray[np.bool_]  # by row


def measure(prepared: Path, model: Path, champion: Path, settings: Evaluate) -> tuple[Json, Tables]:
    """Return all that is known of the model, and the tables of DVC's plots by name.

    Shares and probabilities are from 0 to 1, log loss is in nats; an interval is `value`, `low`,
    `high`. Raises `UserError` for files that are missing or do not belong together.
    """
    frames = {part: read_rows(prepared / f"{part}.parquet") for part in PARTS}
    train = read_rows(prepared / "train.parquet")
    categoriser = Categoriser.load(model)
    facts, champion_model = load_champion(champion)
    if champion_model and (why := other_classes(champion_model.classes, categoriser.classes)):
        facts, champion_model = {**(facts or {}), "unreadable": why}, None

    lines, classes = train["features"].to_list(), train["category"].to_list()
    reference, majority = fit_reference(lines, classes), fit_majority(lines, classes)
    answerers: dict[str, Answerer] = {
        "model": (categoriser.predict_features, categoriser.classes),
        "reference": (reference.predict_proba, reference.classes_.tolist()),
        "majority": (majority.predict_proba, majority.classes_.tolist()),
    }
    if champion_model:
        answerers["champion"] = (champion_model.predict_features, champion_model.classes)
    known = [classes for _, classes in answerers.values()]
    labels = sorted(set[str]().union(*known, *(rows["category"] for rows in frames.values())))

    parts: dict[str, Json] = {}
    judged: Tables = {}
    for part, frame in frames.items():
        lines = frame["features"].to_list()
        truth = metrics.encode(frame["category"].to_list(), labels)
        probabilities = {
            name: metrics.spread(ask(lines) if lines else np.zeros((0, len(known))), known, labels)
            for name, (ask, known) in answerers.items()
        }
        own = probabilities["model"]
        judged[part] = frame.with_columns(
            truth=truth, answer=own.argmax(axis=1), probability=own.max(axis=1, initial=0)
        )
        review = Review(categoriser.review_threshold, np.array(categoriser.knows(lines), bool))
        parts[part] = measure_part(
            truth, probabilities, group_codes(frame), labels, review, settings
        )
        if len(frame):
            parts[part]["confused"] = confused(judged[part], labels)

    rows = pl.concat(judged[part] for part in AS_THEY_ARRIVE)
    answered = rows["truth"].to_numpy(), rows["answer"].to_numpy()
    evaluation = {
        "champion": facts,
        "labels": labels,
        "model": {"digest": digest(model), "metadata": categoriser.metadata},
        "parts": parts,
        "settings": settings.model_dump(),
        "slices": by_slice(rows, *answered, group_codes(rows), settings),
        "split": read_json(prepared / "split.json", "dvc repro prepare"),
        "tokens": class_tokens(categoriser, pl.concat(frames.values())["features"].to_list()),
    }
    return rounded(evaluation), plot_tables(rounded(parts), judged, labels)


def fit_reference(lines: Sequence[str], labels: Sequence[str]) -> Any:
    """Fit a TF-IDF of words, word pairs and four-letter pieces, a logistic regression a class.

    It is fitted on the lines that the model was trained on. A fixed number of passes and averaged
    weights, so that it needs no tuning and no validation rows. Labels of a single class leave
    nothing to learn: then it is the majority class.
    """
    if len(set(labels)) == 1:
        return fit_majority(lines, labels)
    counted: dict[str, Any] = {"lowercase": False, "sublinear_tf": True}
    words = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), **counted)  # noqa: S106 (a word)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4), min_df=2, **counted)
    passes: dict[str, Any] = {"max_iter": 10, "tol": None, "average": True}
    linear = SGDClassifier(loss="log_loss", alpha=3e-6, random_state=0, **passes)
    return make_pipeline(make_union(words, pieces), linear).fit(lines, labels)


def fit_majority(lines: Sequence[str], labels: Sequence[str]) -> Any:
    """Answer every line with the commonest class, and with the classes' shares as probabilities."""
    return DummyClassifier(strategy="prior").fit(lines, labels)


def load_champion(folder: Path) -> tuple[dict[str, Any] | None, Categoriser | None]:
    """Return the champion's facts and model; None and None where there is no champion.

    A champion that this code cannot read, such as one of other features, gives its facts with
    `unreadable` and no model. Raises `UserError` where the model is missing or is another one.
    """
    facts = champion_facts(folder)
    if facts is None:
        return None, None
    model = folder / "model"
    if not model.is_dir():
        raise UserError(f"{model} is missing; `dvc pull {model}` fetches it")
    if digest(model) != facts["digest"]:
        fault = f"{model} is not the model that {folder / paths.CHAMPION_FACTS.name} names"
        raise UserError(f"{fault}; `dvc pull --force {model}` fetches it")
    try:
        return facts, Categoriser.load(model)
    except UserError as error:
        return facts | {"unreadable": f"{error}; {RETIRE}"}, None


def other_classes(champion: Sequence[str], model: Sequence[str]) -> str:
    """Say why a champion cannot be compared, where its classes are others; else nothing.

    Each row of a class that it does not know would count as its error, and as the model's lead.
    """
    if set(champion) == set(model):
        return ""
    alone = {"the champion": {*champion} - {*model}, "the model": {*model} - {*champion}}
    named = (f"{who} alone knows {some(names)}" for who, names in alone.items() if names)
    return f"its classes are others ({'; '.join(named)}); {RETIRE}"


def some(names: Collection[str], most: int = 5) -> str:
    """Name the first few in order, and say how many more there are."""
    shown = ", ".join(sorted(names)[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def measure_part(
    truth: Codes,
    probabilities: dict[str, Floats],
    groups: Codes,
    labels: Sequence[str],
    review: Review,
    settings: Evaluate,
) -> dict[str, Any]:
    """Measure one part's rows: each one's figures, and the model's beside each rival's.

    `lead` is the model's figure less the rival's on the same rows. An empty part has `rows` only.
    """
    if not len(truth):
        return {"rows": 0, "groups": 0}
    size, own = len(labels), probabilities["model"]
    models, drawn, point = {}, {}, {}
    for name, table in probabilities.items():
        answers = table.argmax(axis=1)
        point[name] = scores.scores(scores.confusion(truth, answers, size))
        drawn[name] = metrics.resampled_scores(truth, answers, size, groups, settings.resamples)
        bins = metrics.calibration(truth, table)
        models[name] = {
            figure: metrics.interval(point[name][figure], values, settings.confidence)
            for figure, values in drawn[name].items()
        } | {
            "calibration_error": metrics.calibration_error(bins),
            "log_loss": metrics.log_loss(truth, table),
            **metrics.coverage(truth, table, *review),
        }

    def lead(rival: str, figure: str) -> dict[str, float]:
        value, values = (of["model"][figure] - of[rival][figure] for of in (point, drawn))
        return metrics.interval(value, values, settings.confidence)

    by_class, rivals = point["model"], [rival for rival in RIVALS if rival in models]
    covered = [
        {"threshold": at} | metrics.coverage(truth, own, at, review.known) for at in THRESHOLDS
    ]
    return {
        "rows": len(truth),
        "groups": int(groups.max()) + 1,
        "models": models,
        "lead": {
            rival: {figure: lead(rival, figure) for figure in drawn[rival]} for rival in rivals
        },
        "avoided": avoided(point, drawn, settings.confidence),
        "classes": [
            {"class": label, "rows": int(by_class["support"][place])}
            | {name: float(by_class[name][place]) for name in ("precision", "recall", "f1")}
            for place, label in enumerate(labels)
        ],
        "confusion": scores.confusion(truth, own.argmax(axis=1), size).tolist(),
        "calibration": metrics.calibration(truth, own),
        "coverage": [step for step in covered if step["coverage"]],
    }


def avoided(point: Figures, drawn: Figures, confidence: float) -> dict[str, float] | None:
    """Share of the majority class's errors that the model avoids; None where it makes none."""

    def share(figures: Figures) -> Floats:
        model, majority = figures["model"]["accuracy"], figures["majority"]["accuracy"]
        return scores.ratio(model - majority, 1 - majority)

    if point["majority"]["accuracy"] == 1:
        return None
    return metrics.interval(share(point), share(drawn), confidence)


def plot_tables(parts: dict[str, Json], judged: Tables, labels: Sequence[str]) -> Tables:
    """Tables for `dvc plots`, by name; an empty part has tables without rows."""
    names = pl.Series(labels, dtype=pl.String)
    schemas = {
        "calibration": ("confidence", "accuracy", "rows"),
        "coverage": ("coverage", "covered_accuracy", "threshold"),
        "classes": ("class", "f1", "precision", "recall", "rows"),
    }
    tables = {}
    for part, frame in judged.items():
        for name, columns in schemas.items():
            tables[f"{name}_{part}"] = pl.DataFrame(parts[part].get(name, []), schema=columns)
        thinned = frame.gather_every(-(-len(frame) // CONFUSION_ROWS) or 1)
        tables[f"confusion_{part}"] = thinned.select(
            truth=names.gather(thinned["truth"]), predicted=names.gather(thinned["answer"])
        )
    return tables


def headline(evaluation: Json) -> Json:
    """Return what `dvc metrics` shows: few numbers by part; an empty part is left out."""
    shown: Json = {}
    for part, figures in evaluation["parts"].items():
        for name, model in figures.get("models", {}).items():
            numbers = {figure: model[figure]["value"] for figure in ("accuracy", "macro_f1")}
            if name == "model":
                more = ("calibration_error", "coverage")
                shown[part] = numbers | {figure: model[figure] for figure in more}
            elif name != "majority":
                shown[part][name] = numbers
    return shown


def rounded(value: Any) -> Any:
    """Round every float in nested dicts and lists to six decimals: enough, and easier to read."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def main() -> None:
    settings = read_params().evaluate
    evaluation, tables = measure(paths.PREPARED, paths.MODEL, paths.CHAMPION, settings)
    with replacing(paths.PLOTS) as folder:
        folder.mkdir()
        for name, table in tables.items():
            table.write_csv(folder / f"{name}.csv")
    write_json(paths.EVALUATION, evaluation)
    write_json(paths.METRICS, headline(evaluation))


if __name__ == "__main__":
    run(main)
