"""What captures are compared with: the baseline and its thresholds, and labels."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from measured import KNOBS, PARAMS
from sklearn.metrics import accuracy_score, fbeta_score, precision_score, recall_score

from categoriser.contract import CSV, transactions
from categoriser.data.generate import generate
from categoriser.data.prepare import prepare
from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.model.package import Categoriser
from categoriser.model.train import train
from categoriser.monitor import baseline as stage
from categoriser.monitor.baseline import allowing_chance, baseline, even, reference
from categoriser.monitor.calibration.thresholds import CalibratedThresholds, FeatureLimit
from categoriser.monitor.calibration.undrifted_weeks import BinnedFeatures, calibrate_thresholds
from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.distances import linf_categories, linf_simple
from categoriser.monitor.comparison.feature_drift import drifts_from
from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.feedback import export_feedback
from categoriser.monitor.formats.constraints import (
    dump_constraints,
    load_constraints,
    load_quality_constraints,
)
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.statistics import dump_statistics, load_statistics
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels import model_quality
from categoriser.monitor.labels.bad_labels import bad_labels_warning, count_bad_labels
from categoriser.monitor.labels.export import FEEDBACK_PARTS, TooFewRowsError, export_labelled
from categoriser.monitor.labels.label_drift import label_drift
from categoriser.monitor.labels.label_join import UNKNOWN_LABEL, LabelledRows, join_labels
from categoriser.monitor.labels.model_quality import QualityResult, judge_model
from categoriser.monitor.labels.quality_baseline import baseline_quality
from categoriser.monitor.labels.quality_statistics import quality_figures, quality_statistics
from categoriser.monitor.labels.slice_gaps import slice_gaps
from categoriser.monitor.monitor_settings import (
    MonitorSettings,
    QualitySettings,
    read_monitor_settings,
)
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.watched_captures import Watching, with_country
from categoriser.monitor.watching.watched_features import SeenInTraining, watch
from categoriser.params import Params, Train, read_params, read_sections, set_params
from categoriser.serving.capture import record

# categoriser.monitor.baseline, calibrate and features


TWO_CLASSES = ("food", "rent")
OWN = read_monitor_settings(PARAMS.with_name("monitoring") / "monitoring.yaml")
HOW = OWN.thresholds.model_copy(
    update={"false_alarms": 0.02, "window_rows": [300, 1500], "weeks": 400, "floor": 0.01}
)


def told(**changes: list[str]) -> MonitorSettings:
    """Return quick settings with changes to the features."""
    features = OWN.features.model_copy(update=changes)
    return OWN.model_copy(update={"thresholds": HOW, "features": features})


# Features


@cache
def learnt() -> SeenInTraining:
    """Learn 450 training rows: two prefixes, one merchant that many texts start with."""
    names = [f"{first}{second}ing place" for first in "bdfg" for second in "aeiou"] * 20
    start = ["VISA ", "SQ *", "", ""] * 100
    end = [" AU", " nz", "", " FR"] * 100
    return SeenInTraining.learn(
        pl.DataFrame(
            {
                "text": [
                    f"{a}{name} p0d3d89b19{b}" for a, name, b in zip(start, names, end, strict=True)
                ]
                + ["Tesco store AU"] * 50,
                "key": [*names, *["tesco"] * 50],
                "country": [*["AU", "NZ", "US", None] * 100, *["AU"] * 50],
            }
        )
    )


def captured(
    texts: list[str | None],
    prices: list[float | None] | None = None,
    probabilities: list[list[float] | None] | None = None,
) -> pl.DataFrame:
    size = len(texts)
    return pl.DataFrame(
        {
            "text": pl.Series(texts, dtype=pl.String),
            "price": pl.Series(prices or [9.5] * size, dtype=pl.Float64),
            "label": pl.Series(["food"] * size, dtype=pl.String),
            "probabilities": pl.Series(
                probabilities or [[0.75, 0.25]] * size, dtype=pl.Array(pl.Float64, 2)
            ),
        }
    )


def watched(frame: pl.DataFrame) -> pl.DataFrame:
    return watch(frame, learnt(), TWO_CLASSES, 0.6)


def test_each_feature_says_what_its_name_says() -> None:
    [row] = watched(captured(["VISA Baing place Q7 AU"], [-3.0])).to_dicts()
    assert row == {
        "text_length": 22,
        "token_count": 5,
        "upper_share": pytest.approx(8 / 17),
        "unseen_tokens": pytest.approx(1 / 5),
        "unseen_ngrams": row["unseen_ngrams"],
        "prefix": "visa",
        "country": "AU",
        "price": -3.0,
        "refund": 1,
        "class_predictions": "food",
        "class_probability": 0.75,
        "entropy": pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)),
        "class_probabilities__label_food": 0.75,
        "class_probabilities__label_rent": 0.25,
        "review": 0,
    }
    # Of " visa baing place q7 au " five of the 21 grams have the q or the 7 in them.
    assert row["unseen_ngrams"] == pytest.approx(5 / 21)


def test_training_rows_hold_nothing_unseen_and_reference_codes_do_not_count() -> None:
    rows = watched(captured(["SQ *Being place p77d9b1c2a nz", "Tesco store 1234567 AU"]))
    assert rows["unseen_tokens"].to_list() == [0, 0]
    assert rows["unseen_ngrams"].to_list() == [0, 0]


def test_a_new_merchant_and_another_script_are_unseen() -> None:
    rows = watched(captured(["Zyxw vuts", "カフェ東京"]))
    assert rows["unseen_tokens"].to_list() == [1, 1]
    assert rows["unseen_ngrams"].min() > 0.9  # type: ignore[operator]


def test_prefixes_are_of_many_merchants_and_countries_are_what_texts_end_in() -> None:
    assert learnt().prefixes[:2] == ["sq *", "visa"]
    assert "tesco" not in learnt().prefixes
    # US never ends a text, and FR is no country's code in the column.
    assert learnt().countries == ["AU", "NZ"]


@pytest.mark.parametrize(
    ("text", "prefix", "country"),
    [
        ("sq *zoo", "sq *", "unknown"),
        ("  Visa zoo Nz ", "visa", "NZ"),
        ("visage au pair", "other", "unknown"),
        ("", "other", "unknown"),
    ],
)
def test_prefix_and_country_are_read_in_any_case(text: str, prefix: str, country: str) -> None:
    [row] = watched(captured([text])).to_dicts()
    assert (row["prefix"], row["country"]) == (prefix, country)


def test_without_a_column_country_no_country_is_known() -> None:
    seen = SeenInTraining.learn(pl.DataFrame({"text": ["a AU"], "key": ["a"]}))
    assert seen.domains(TWO_CLASSES)["country"] == ["unknown"]


def test_nulls_stay_nulls_in_what_depends_on_them() -> None:
    frame = captured([None, "Visa a"], [1.0, None], [None, [0.5, 0.5]])
    first, second = watched(frame).to_dicts()
    assert {name for name, value in first.items() if value is None} == {
        *("text_length", "token_count", "upper_share", "unseen_tokens", "unseen_ngrams"),
        *("prefix", "country", "class_probability", "entropy", "review"),
        *("class_probabilities__label_food", "class_probabilities__label_rent"),
    }
    assert {name for name, value in second.items() if value is None} == {"price", "refund"}
    assert second["review"] == 1


def test_a_review_is_asked_for_where_the_model_asks_for_one() -> None:
    sure, unsure = [0.75, 0.25], [0.55, 0.45]
    texts = ["Visa place", "Zyxw vuts", "Visa vuts", "", None, "Visa place"]
    rows = watched(captured(texts, None, [sure, sure, sure, sure, sure, unsure]))
    assert rows["review"].to_list() == [0, 1, 0, 1, 0, 1]


def test_the_share_of_reviews_is_that_of_the_answers(
    prepared: Path, categoriser: Categoriser
) -> None:
    train = pl.read_parquet(prepared / "train.parquet")
    # A number of training's texts, alone or beside a new word, is no word.
    texts = [*train["text"][:50], "", "zyxw", "1234567", "aldi zyxw", "7", "7 zyxw", "a"]
    prices = [9.5] * len(texts)
    answers = categoriser.predict(transactions(zip(texts, prices, strict=True)))
    frame = pl.DataFrame(
        {
            "text": texts,
            "price": prices,
            "label": [answer.category for answer in answers],
            "probabilities": pl.Series(
                [[*answer.probabilities.values()] for answer in answers],
                dtype=pl.Array(pl.Float64, len(categoriser.classes)),
            ),
        }
    )
    rows = watch(
        frame, SeenInTraining.learn(train), categoriser.classes, categoriser.review_threshold
    )
    assert rows["review"].cast(pl.Boolean).to_list() == [answer.review for answer in answers]
    assert {"7", "aldi"} <= SeenInTraining.learn(train).tokens


def test_no_rows_give_no_rows_of_the_same_columns() -> None:
    none = watched(captured([]))
    assert none.height == 0
    assert none.schema == watched(captured(["a"])).schema


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_a_row_is_watched_alone_as_among_others(texts: list[str]) -> None:
    together = watched(captured(list(texts)))
    alone = pl.concat(watched(captured([text])) for text in texts)
    assert together.equals(alone)
    for name in ("upper_share", "unseen_tokens", "unseen_ngrams"):
        assert together[name].is_between(0, 1).all()
    assert together["token_count"].to_list() == [len(text.split()) for text in normalise(texts)]


def test_what_was_seen_is_the_same_once_loaded(tmp_path: Path) -> None:
    learnt().save(tmp_path)
    loaded = SeenInTraining.load(tmp_path)
    frame = captured(["VISA Baing place Q7 AU", "Zyxw", None])
    assert watch(frame, loaded, TWO_CLASSES, 0.6).equals(watched(frame))
    (tmp_path / "grams.bin").unlink()
    with pytest.raises(UserError, match=r"grams\.bin"):
        SeenInTraining.load(tmp_path)


# The stage


@cache
def pipeline() -> tuple[Path, Path]:
    """Return the folders of 3,000 generated rows' prepared parts and of a model."""
    folder = Path(tempfile.mkdtemp(prefix="baseline-"))
    params = read_params(PARAMS)
    rows, _ = generate(params.generate.model_copy(update={"rows": 3000}))
    (folder / "prepared").mkdir()
    for name, part in prepare(rows, params.prepare)[0].items():
        part.write_parquet(folder / f"prepared/{name}.parquet")
    train(folder / "prepared", folder / "model", Train(review_threshold=0.6, classifier=KNOBS))
    return folder / "prepared", folder / "model"


def numbered(**sizes: int) -> dict[str, pl.DataFrame]:
    return {part: pl.DataFrame({"part": part, "row": range(size)}) for part, size in sizes.items()}


def test_the_baseline_is_of_rows_out_of_sample_in_proportion() -> None:
    rows = reference(numbered(train=300, validation=50, time=240, merchant=80, random=50))
    # A quarter of the rows was held out, so a quarter of the other parts is taken, evenly.
    taken = {"validation": 50, "time": 60, "merchant": 20, "random": 50}
    assert dict(rows["part"].value_counts().iter_rows()) == taken
    assert rows.filter(part="time")["row"].diff().drop_nulls().unique().to_list() == [4]


def test_nothing_held_out_at_random_is_refused() -> None:
    with pytest.raises(UserError, match=r"prepare\.random"):
        reference(numbered(train=300, validation=0, time=9, merchant=9, random=0))


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.parquet is missing"):
        baseline(
            tmp_path,
            pipeline()[1],
            tmp_path / "a",
            tmp_path / "a.json",
            told(),
            read_params(PARAMS),
        )


def test_the_stage_writes_the_same_files_for_the_same_input(tmp_path: Path) -> None:
    prepared, model = pipeline()
    for name in ("a", "b"):
        baseline(
            prepared, model, tmp_path / name, tmp_path / f"{name}.json", told(), read_params(PARAMS)
        )
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a.json") == digest(tmp_path / "b.json")

    facts = json.loads((tmp_path / "a/facts.json").read_text())
    categoriser = Categoriser.load(model)
    assert facts["classes"] == list(categoriser.classes)
    assert facts["model"] == digest(model)
    assert facts["train_rows"] == categoriser.metadata["train_rows"]
    assert sum(facts["labels"].values()) == pytest.approx(1)

    known = load_statistics(json.loads((tmp_path / "a/statistics.json").read_text()))
    bounds = load_constraints(json.loads((tmp_path / "a/constraints.json").read_text()))
    assert known.item_count == facts["rows"]
    domains = {
        feature.name: feature.string_constraints.domains
        for feature in bounds.features
        if feature.string_constraints
    }
    assert domains["class_predictions"] == list(categoriser.classes)
    assert set(domains["country"] or []) == {"AU", "GB", "NZ", "US", "unknown"}
    assert {"visa", "pos", "eftpos", "card", "sq *", "other"} <= set(domains["prefix"] or [])
    # What it is made of is no drift, and breaks no constraint.
    thresholds = read_sections(tmp_path / "a.json", CalibratedThresholds).at(known.item_count)
    assert set(thresholds) == set(known.features)
    drifts = drifts_from(known, known, bounds, thresholds)
    assert check_constraints(known, bounds, drifts) == []


def test_a_feature_that_is_left_out_is_not_in_the_baseline(tmp_path: Path) -> None:
    gone = ["price", "class_predictions"]
    how = told(leave_out=gone)
    baseline(*pipeline(), tmp_path / "a", tmp_path / "a.json", how, read_params(PARAMS))
    known = load_statistics(json.loads((tmp_path / "a/statistics.json").read_text()))
    assert set(known.features) == set(
        read_sections(tmp_path / "a.json", CalibratedThresholds).features
    )
    assert not set(gone) & set(known.features)
    assert "refund" in known.features


def test_a_name_to_leave_out_that_is_no_feature_is_refused(tmp_path: Path) -> None:
    how = told(leave_out=["prcie"])
    with pytest.raises(UserError, match=r"leave_out: there is no feature 'prcie'"):
        baseline(*pipeline(), tmp_path / "a", tmp_path / "a.json", how, read_params(PARAMS))


def test_a_week_of_few_rows_is_no_season() -> None:
    random = np.random.default_rng(3)
    days = [date(2026, 1, 1) + timedelta(days=n // 20) for n in range(20 * 280)]
    frame = pl.DataFrame({"price": random.normal(size=len(days))})
    # Three rows nineteen months before all others, and far from them.
    early = pl.DataFrame({"price": [9.0] * 3})
    dates = pl.Series([date(2024, 6, 1)] * 3 + days)
    rows = pl.concat([early, frame]), dates
    alone = frame, pl.Series(days)
    [limit] = calibrate_thresholds(rows, rows, HOW).at(1500).values()
    [without] = calibrate_thresholds(alone, alone, HOW).at(1500).values()
    assert limit == pytest.approx(without, rel=0.2)


def test_the_command_reads_the_projects_settings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, model = pipeline()
    monkeypatch.setattr(stage, "read_monitor_settings", told)
    monkeypatch.setattr(stage, "PREPARED", prepared)
    monkeypatch.setattr(stage, "MODEL", model)
    stage.main()
    assert (
        read_sections(project / "monitoring/thresholds.json", CalibratedThresholds).at(300)["price"]
        > 0.05
    )
    assert (project / "baseline/facts.json").exists()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 30_000))
def test_a_sketch_without_chance_stands_for_all_values_evenly(size: int) -> None:
    sketch = even(np.arange(size, dtype=np.float64))
    values, weights = sketch.weighted()
    assert weights.sum() == sketch.size == size
    if size:
        # What is at most an item, by the sketch and in truth.
        error = np.abs(np.cumsum(weights) - (values + 1)).max()
        assert error <= max(1, size / 2048)


def test_statistics_of_many_rows_hold_no_chance() -> None:
    frame = pl.DataFrame({"price": np.random.default_rng(3).random(9000).round(3)})
    summaries = [statistics_of(summarise(frame.to_arrow().to_batches())) for _ in range(2)]
    first, second = (dump_statistics(stage.without_chance(one, frame)) for one in summaries)
    assert first == second


# Thresholds

LABELS = np.array(["a", "b", "c", "d"])


def rows(days: np.ndarray, seed: int, factor: float = 1) -> pl.DataFrame:
    """Draw rows of a world where class a grows in winter; `factor` is to the rows of class d."""
    random = np.random.default_rng(seed)
    winter = 1 + 0.2 * np.cos(2 * np.pi * days / 365.25)
    shares = np.stack([winter, *np.ones((2, len(days))), 0.3 * factor * np.ones(len(days))])
    ends = np.cumsum(shares / shares.sum(axis=0), axis=0)
    label = (random.random(len(days)) > ends).sum(axis=0)
    size = random.lognormal(3, 1, len(days)) * np.array([1, 2, 1, 1])[label]
    return pl.DataFrame(
        {
            "class_predictions": LABELS[label],
            "price": size.round(2),
            "refund": (random.random(len(days)) < 0.03).astype(np.int64),
            "length": random.poisson(20, len(days)),
            "weekend": (days % 7 < 2).astype(np.int64),
            "still": np.zeros(len(days)),
        }
    )


def dated(count: int, seed: int) -> tuple[pl.DataFrame, pl.Series]:
    """Return rows of two years and their days."""
    days = np.sort(np.random.default_rng(seed).integers(730, size=count))
    start = date(2024, 1, 1)
    return rows(days, seed), pl.Series([start + timedelta(days=int(day)) for day in days])


@cache
def made(false_alarms: float = 0.02) -> tuple[pl.DataFrame, CalibratedThresholds]:
    """Return a baseline, and its thresholds."""
    how = HOW.model_copy(update={"false_alarms": false_alarms})
    return dated(8000, seed=0)[0], calibrate_thresholds(
        dated(8000, seed=0), dated(30_000, seed=1), how
    )


@cache
def ordered(name: str) -> tuple[np.ndarray, np.ndarray]:
    values = np.sort(made()[0][name].to_numpy())
    return values, np.ones(len(values))


def distances(week: pl.DataFrame) -> dict[str, float]:
    """Return the distances as the check has them, of all values."""
    found = {}
    for name, column in made()[0].to_dict().items():
        if column.dtype == pl.String:
            counts = (dict(one.value_counts().iter_rows()) for one in (week[name], column))
            found[name] = linf_categories(*counts)
        else:
            values = np.sort(week[name].to_numpy())
            found[name] = linf_simple((values, np.ones(len(values))), ordered(name))
    return found


def test_distances_in_bins_are_those_of_the_values() -> None:
    frame = made()[0]
    taken = np.flatnonzero(frame["class_predictions"].is_in(["b", "d"]).to_numpy())[:400]
    binned = BinnedFeatures(frame)
    found = binned.distances(binned.distribution(taken))
    # Between two of the quantiles a distance may be larger, by less than their share of the rows.
    assert found == pytest.approx(list(distances(frame[taken]).values()), abs=1 / 512)


def alarms(thresholds: CalibratedThresholds, size: int, weeks: int = 200, factor: float = 1) -> int:
    """Count the fresh weeks in which any feature is beyond its threshold."""
    random = np.random.default_rng(5)
    limits = thresholds.at(size)
    count = 0
    for number in range(weeks):
        days = random.integers(104) * 7 + random.integers(7, size=size)
        found = distances(rows(days, seed=100 + number, factor=factor))
        count += any(found[name] > limits[name] for name in limits)
    return count


@pytest.mark.parametrize("size", [300, 1500])
def test_fresh_weeks_alarm_at_the_rate_that_is_set_over_all_features(size: int) -> None:
    # Of 200 weeks, 4 are allowed and 40; by chance seldom more than 10 and 60.
    assert alarms(made()[1], size) <= 10
    assert 5 <= alarms(made(0.2)[1], size) <= 60


def test_a_doubled_class_is_found() -> None:
    assert alarms(made()[1], 1500, weeks=30, factor=3) >= 29


def test_the_season_is_allowed_for() -> None:
    limits = made()[1].features
    assert limits["class_predictions"].season > 0.01
    assert limits["length"].season < 0.01


def test_thresholds_fall_with_the_rows_to_season_or_floor() -> None:
    thresholds = made()[1]
    sizes = [thresholds.at(rows) for rows in (50, 300, 1000, 1500, 10**9)]
    for name, limit in thresholds.features.items():
        figures = [at[name] for at in sizes]
        assert figures == sorted(figures, reverse=True)
        assert figures[-1] >= max(limit.floor, limit.season)
        assert limit.at == {"300": sizes[1][name], "1500": sizes[3][name]}
    assert sizes[0]["still"] == HOW.floor


def test_the_power_table_says_what_a_week_finds() -> None:
    frame, thresholds = made()
    power = {(line["feature"], line["shift"]): line for line in thresholds.power}
    price = power["price", "all, times"]
    assert 1 < price["1500"] < price["300"]
    days = np.random.default_rng(1).integers(730, size=1500)
    found = 0
    for seed in range(30):
        week = rows(days, seed).with_columns(pl.col("price") * price["1500"])
        found += distances(week)["price"] > thresholds.at(1500)["price"]
    assert found >= 28
    [grown] = [line for (_, shift), line in power.items() if shift.startswith("rows of d,")]
    assert 1.2 < grown["1500"] < grown["300"]
    assert power["length", "share of the rows that move"]["300"] > thresholds.at(300)["length"]
    assert frame.columns == [line["feature"] for line in thresholds.power[: frame.width]]


def test_no_growth_is_large_enough_for_a_class_that_is_all() -> None:
    frame = pl.DataFrame({"class_predictions": ["a"] * 300, "price": [1.0] * 300})
    dates = pl.Series([date(2026, 1, 1)] * 300)
    thresholds = calibrate_thresholds((frame, dates), (frame, dates), HOW)
    assert thresholds.power[-1] == {
        "feature": "class_predictions",
        "shift": "rows of a, 100.0% of all, times",
        "300": None,
        "1500": None,
    }


def test_thresholds_are_read_as_written_and_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    thresholds = made()[1]
    write_json(path, thresholds.model_dump())
    assert read_sections(path, CalibratedThresholds) == thresholds
    path.write_text(path.read_text().replace('"noise": ', '"noise": -'))
    with pytest.raises(UserError, match=r"thresholds\.json: features\..*\.noise"):
        read_sections(path, CalibratedThresholds)
    with pytest.raises(UserError, match="is missing"):
        read_sections(tmp_path / "none.json", CalibratedThresholds)


def test_a_limit_is_the_larger_of_floor_and_formula() -> None:
    limit = FeatureLimit(season=0.01, noise=2, floor=0.05, at={})
    assert limit.threshold(400, 400) == pytest.approx(0.01 + 2 * (2 / 400) ** 0.5, abs=1e-4)
    assert limit.threshold(10**6, 10**6) == 0.05


def test_a_completeness_under_one_allows_for_chance() -> None:
    document = {
        "features": [{"name": "whole", "completeness": 1.0}, {"name": "part", "completeness": 0.9}]
    }
    whole, part = allowing_chance(load_constraints(document), 500).features
    assert whole.completeness == 1.0
    assert part.completeness == pytest.approx(0.9 - 4 * (0.9 * 0.1 / 500) ** 0.5)


# categoriser.monitor.quality: labels joined to captures, and the rows that come of them


ROOT = Path(__file__).parents[2]
CLASSES = ["bills", "food", "travel"]
SETTINGS = QualitySettings(
    memory_limit_mb=128,
    min_rows=1,
    holdout=0.2,
    max_bad_labels=0.5,
    label_drift=0.05,
    label_lag_hours=0,
)
FACTS = {"labels": {"bills": 0.2, "food": 0.5, "travel": 0.3}, "train_rows": 10_000}
NOTHING = suggest_quality_constraints({})
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def captures(*rows: tuple[str, int, str], **columns: Any) -> pl.DataFrame:
    """Make captured rows of id, row and answer; the text is of id and row."""
    ids, places, answers = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {
            "id": ids,
            "row": places,
            "rows": 1,
            "time": NOON,
            "text": [f"shop {id_} {place}" for id_, place, _ in rows],
            "price": 2.5,
            "label": answers,
            "probabilities": pl.Series([[1.0, 0.0, 0.0]] * len(rows), dtype=pl.Array(float, 3)),
        }
    )
    return frame.with_columns(**columns)


def truths(*rows: tuple[str, int, str | None, datetime | None]) -> pl.DataFrame:
    schema = {"id": pl.String, "row": pl.Int64, "label": pl.String}
    return pl.DataFrame(rows, schema | {"time": pl.Datetime("us", "UTC")}, orient="row")


@contextmanager
def joined(
    captured: pl.DataFrame | list[pl.DataFrame],
    labels: pl.DataFrame | list[pl.DataFrame],
    how: QualitySettings = SETTINGS,
) -> Iterator[LabelledRows]:
    frames, given = ([x] if isinstance(x, pl.DataFrame) else x for x in (captured, labels))
    with join_labels(frames, given, CLASSES, how) as labelled:
        yield labelled


def pairs(labelled: LabelledRows) -> list[tuple[Any, ...]]:
    """Return id, row, answer and label of each joined row."""
    rows = pl.concat(labelled.rows("FROM answered ORDER BY id, row"))
    return rows.select("id", "row", "label", "truth").rows()


# The join.


def test_labels_find_their_rows_wherever_they_come_from() -> None:
    captured = [
        captures(("a", 0, "food"), ("a", 1, "bills")),
        captures(("b", 0, "food"), ("c", 0, "food")),
    ]
    labels = [
        truths(("c", 0, "travel", NOON + 9 * DAY)),
        truths(("a", 1, "bills", NOON + DAY), ("a", 0, " food ", NOON + 2 * DAY)),
    ]
    with joined(captured, labels) as labelled:
        assert pairs(labelled) == [
            ("a", 0, "food", "food"),
            ("a", 1, "bills", "bills"),
            ("c", 0, "food", "travel"),
        ]
        assert labelled.counts == {
            "captured": 4,
            "predictions": 4,
            "captured_again": 0,
            "shared_ids": 0,
            "labels": 3,
            "labelled": 3,
            "repeated": 0,
            "conflicting": 0,
            "contradicted": 0,
            "orphans": 0,
            "joined": 3,
            "unknown": 0,
            "median_hours_late": 48,
            "most_hours_late": 216,
            "coverage": 0.75,
        }


def test_each_irregularity_is_counted_and_treated_as_stated() -> None:
    captured = captures(
        *(
            ("again", 0, "food"),
            ("again", 0, "food"),
            ("shared", 0, "food"),
            ("shared", 0, "bills"),
        ),
        *(
            (name, 0, "food")
            for name in ("repeated", "corrected", "tied", "untimed", "odd", "bare")
        ),
    )
    labels = truths(
        ("again", 0, "food", NOON),
        ("shared", 0, "food", NOON),
        ("repeated", 0, "bills", NOON),
        ("repeated", 0, "bills", NOON + DAY),
        ("repeated", 0, "bills", None),
        ("corrected", 0, "travel", NOON + DAY),
        ("corrected", 0, "food", NOON),
        ("corrected", 0, "food", None),
        ("tied", 0, "food", NOON),
        ("tied", 0, "bills", NOON),
        ("untimed", 0, "bills", None),
        ("odd", 0, "gifts", NOON),
        ("orphan", 0, "food", NOON),
        ("again", 7, "food", NOON),
    )
    with joined(captured, labels) as labelled:
        assert pairs(labelled) == [
            ("again", 0, "food", "food"),
            ("corrected", 0, "food", "travel"),
            ("odd", 0, "food", "gifts"),
            ("repeated", 0, "food", "bills"),
            ("untimed", 0, "food", "bills"),
        ]
        expected = {
            "captured": 10,
            "predictions": 8,
            "captured_again": 2,
            "shared_ids": 1,
            "labels": 14,
            "labelled": 9,
            "repeated": 3,
            "conflicting": 2,
            "contradicted": 1,
            "orphans": 2,
            "joined": 5,
            "unknown": 1,
        }
        assert expected.items() <= labelled.counts.items()
        assert labelled.counts["coverage"] == 5 / 8


def test_two_labels_without_a_time_contradict_each_other() -> None:
    labels = truths(("a", 0, "food", None), ("a", 0, "bills", None))
    with joined(captures(("a", 0, "food")), labels) as labelled:
        assert labelled.counts["contradicted"] == 1
        assert labelled.counts["joined"] == 0


def test_a_label_of_the_predictions_own_hour_is_not_early() -> None:
    labels = truths(("a", 0, "food", NOON - timedelta(minutes=30)))
    with joined(captures(("a", 0, "food")), labels) as labelled:
        assert labelled.counts["most_hours_late"] == 0


@pytest.mark.parametrize("side", ["captures", "truths", "both"])
def test_nothing_to_join_is_no_fault(side: str, params: Params) -> None:
    captured: Any = [] if side != "truths" else captures(("a", 0, "food"))
    labels: Any = [] if side != "captures" else truths(("a", 0, "food", NOON))
    with joined(captured, labels) as labelled:
        assert labelled.counts["joined"] == 0
        assert labelled.counts["median_hours_late"] is None
        found = judge_model(labelled, NOTHING, FACTS, SETTINGS, params.evaluate, 0.15)
        with pytest.raises(UserError, match="0 labelled rows can be exported"):
            export_labelled(labelled, SETTINGS, Path("nowhere"))
    assert found.statistics["dataset"] == {"item_count": 0}
    assert (found.violations, found.slices, found.drift.distance) == ([], None, None)
    assert "0 labelled rows" in found.not_judged
    json.dumps(found.statistics)


def test_a_join_keeps_within_its_memory_and_says_where_it_cannot() -> None:
    """The texts alone are twice the memory that DuckDB may have."""
    small = SETTINGS.model_copy(update={"memory_limit_mb": 64})

    def count(limits: QualitySettings) -> int:
        names = ([f"{part}-{n}" for n in range(5_000)] for part in range(8))
        labelled_at = [*(("food", NOON) for _ in range(5_000))]
        both = [
            (
                captures(*((name, 0, "food") for name in part), text=pl.col("id") + "x" * 3200),
                truths(*((n, 0, *at) for n, at in zip(part, labelled_at, strict=True))),
            )
            for part in names
        ]
        captured, labels = zip(*both, strict=True)
        with join_labels(captured, labels, CLASSES, limits) as labelled:
            return int(labelled.counts["joined"])

    assert count(small) == 40_000
    with pytest.raises(UserError, match=r"memory_limit_mb .*, 2, is not enough"):
        count(small.model_copy(update={"memory_limit_mb": 2}))


# The figures.


@settings(deadline=None, max_examples=25)
@given(arrays(np.int64, st.integers(2, 5).map(lambda k: (k, k)), elements=st.integers(0, 6)))
def test_the_figures_are_scikit_learns(counts: Any) -> None:
    if not counts.sum():
        return
    size = len(counts)
    truth, answers = (
        np.repeat(codes.ravel(), counts.ravel()) for codes in np.indices((size, size))
    )
    labels = [f"class {n}" for n in range(size)]
    document = quality_statistics(truth, answers, np.arange(len(truth)), labels)
    found = {name: figure["value"] for name, figure in quality_figures(document).items()}
    best = np.full_like(truth, counts.sum(axis=1).argmax())
    how: dict[str, Any] = {"average": "weighted", "zero_division": 0, "labels": np.arange(size)}
    expected: dict[str, float] = {}
    for end, given_answers in (("", answers), ("_best_constant_classifier", best)):
        expected |= {
            f"accuracy{end}": accuracy_score(truth, given_answers),
            f"weighted_precision{end}": precision_score(truth, given_answers, **how),
            f"weighted_recall{end}": recall_score(truth, given_answers, **how),
        } | {
            f"weighted_{name}{end}": fbeta_score(truth, given_answers, beta=beta, **how)
            for name, beta in (("f0_5", 0.5), ("f1", 1), ("f2", 2))
        }
    assert found == pytest.approx(expected)
    matrix = document["multiclass_classification_metrics"]["confusion_matrix"]
    assert [list(row.values()) for row in matrix.values()] == counts.tolist()
    # With a right answer anywhere, no figure of the model is 0.
    assert (np.trace(counts) > 0) == all(found[name] > 0 for name in list(found)[:6])


def test_the_figures_are_those_of_model_monitors_own_example() -> None:
    """The page of AWS named in `statistics`: its confusion matrix and its figures."""
    cells = [((0, 0), 1180), ((0, 1), 510), ((1, 0), 268), ((1, 1), 138)]
    truth, answers = np.array([cell for cell, times in cells for _ in range(times)]).T
    found = quality_statistics(truth, answers, np.arange(len(truth)), ["0", "1"])
    figures = found["multiclass_classification_metrics"]
    assert figures["confusion_matrix"] == {"0": {"0": 1180, "1": 510}, "1": {"0": 268, "1": 138}}
    assert figures["weighted_precision"]["value"] == pytest.approx(0.6983172269629505)
    assert figures["weighted_f0_5"]["value"] == pytest.approx(0.6803947317178771)
    assert figures["weighted_f1"]["value"] == pytest.approx(0.6571162346664904)
    assert figures["weighted_f2"]["value"] == pytest.approx(0.6384024354394601)
    # Rows that are alone in their group: the binomial's standard error.
    error = (0.62882 * 0.37118 / 2096) ** 0.5
    assert figures["accuracy"]["standard_deviation"] == pytest.approx(error, rel=0.15)


def test_merchants_not_rows_are_what_a_standard_deviation_counts() -> None:
    truth = np.zeros(4000, dtype=np.int64)
    answers = np.repeat(np.arange(40) % 4 == 0, 100).astype(np.int64)
    alone, together = (
        quality_figures(quality_statistics(truth, answers, groups, ["a", "b"]))["accuracy"]
        for groups in (np.arange(4000), np.repeat(np.arange(40), 100))
    )
    assert alone["value"] == together["value"] == 0.75
    assert together["standard_deviation"] > 7 * alone["standard_deviation"]


def labelled_rows(truth: list[str], answers: list[str], **columns: Any) -> tuple[Any, Any]:
    names = [f"id{n}" for n in range(len(truth))]
    times = [NOON + DAY] * len(names)
    places = [0] * len(names)
    return captures(*zip(names, places, answers, strict=True), **columns), truths(
        *zip(names, places, truth, times, strict=True)
    )


def measured(
    truth: list[str], answers: list[str], params: Params, bounds: Any = NOTHING, **columns: Any
) -> QualityResult:
    with joined(*labelled_rows(truth, answers, **columns)) as labelled:
        return judge_model(labelled, bounds, FACTS, SETTINGS, params.evaluate, 0.15)


def test_labels_of_no_class_are_errors_of_the_model(params: Params) -> None:
    truth = ["food"] * 80 + ["gifts"] * 12 + ["pets"] * 8
    found = measured(truth, ["food"] * 100, params)
    matrix = found.statistics["multiclass_classification_metrics"]["confusion_matrix"]
    assert list(matrix) == [*CLASSES, UNKNOWN_LABEL]
    assert matrix[UNKNOWN_LABEL] == {"bills": 0, "food": 20, "travel": 0, UNKNOWN_LABEL: 0}
    assert quality_figures(found.statistics)["accuracy"]["value"] == 0.8
    assert found.labels == {"bills": 0, "food": 80, "travel": 0, UNKNOWN_LABEL: 20}
    assert found.joined["unknown"] == 20
    kinds = [v.constraint_check_type for v in found.violations]
    assert "baseline_drift_check" in kinds
    assert "categorical_values_check" not in kinds  # half of the labels may be
    strict = SETTINGS.model_copy(update={"max_bad_labels": 0.1})
    _, violations = label_drift(found.labels, {"food": 100}, strict)
    assert "categorical_values_check" in [v.constraint_check_type for v in violations]


def test_an_earlier_models_answers_are_judged_as_its_own_classes(params: Params) -> None:
    found = measured(["gifts", "food"], ["gifts", "gifts"], params)
    assert quality_figures(found.statistics)["accuracy"]["value"] == 0.5
    assert found.joined["unknown"] == 1  # to the model of today


def test_a_model_grown_worse_is_a_violation_and_noise_is_none(params: Params) -> None:
    random = np.random.default_rng(5)
    how = SETTINGS.model_copy(update={"min_rows": 500})

    def week(rows: int, accuracy: float) -> tuple[list[str], list[str]]:
        truth = random.choice(CLASSES, rows, p=[0.2, 0.5, 0.3])
        other = np.array(CLASSES)[(np.searchsorted(CLASSES, truth) + 1) % 3]
        return truth.tolist(), np.where(random.random(rows) < accuracy, truth, other).tolist()

    truth, answers = week(5000, 0.9)
    rows = pl.DataFrame({"category": truth, "key": [f"{n}" for n in range(5000)]})
    document, bounds = baseline_quality(rows, answers, CLASSES, how)
    assert document["dataset"]["item_count"] == 5000
    thresholds = bounds["multiclass_classification_constraints"]
    assert list(thresholds) == [
        "accuracy",
        *(f"weighted_{name}" for name in ("recall", "precision", "f0_5", "f1", "f2")),
    ]
    # Three errors of 500 labels and of the baseline's 5,000.
    width = 3 * (0.09 / 500 + 0.09 / 5000) ** 0.5
    assert thresholds["accuracy"] == {
        "threshold": pytest.approx(0.9 - width, abs=0.015),
        "comparison_operator": "LessThanThreshold",
    }
    read = load_quality_constraints(json.loads(json.dumps(bounds)))

    def alarms(rows: int, accuracy: float) -> list[str]:
        with joined(*labelled_rows(*week(rows, accuracy)), how) as labelled:
            found = judge_model(labelled, read, FACTS, how, params.evaluate, 0.15)
        assert (found.not_judged == "") == (rows >= 500)
        return [v.feature_name for v in found.violations if v.feature_name in thresholds]

    assert not any(alarms(500, 0.9) for _ in range(5))
    assert set(alarms(500, 0.8)) == set(thresholds)
    assert alarms(499, 0.5) == []


def test_labels_unlike_trainings_are_a_violation_in_model_monitors_words(params: Params) -> None:
    same = ["bills"] * 200 + ["food"] * 500 + ["travel"] * 300
    assert measured(same, same, params).violations == []
    other = ["bills"] * 400 + ["food"] * 300 + ["travel"] * 300
    found = measured(other, other, params)
    [violation] = found.violations
    # A class of half the rows varies most.
    threshold = 0.05 + 3 * (0.25 * (1 / 1000 + 1 / 10_000)) ** 0.5
    assert found.drift.distance == pytest.approx(0.2)
    assert found.drift.threshold == pytest.approx(threshold)
    assert violation == Violation(
        "ground_truth",
        "baseline_drift_check",
        f"Baseline drift distance: 0.2 exceeds threshold: {threshold:.6g}",
    )


def test_slices_are_compared_where_the_captures_have_them(params: Params) -> None:
    truth = ["food"] * 1200
    answers = ["food"] * 600 + ["bills"] * 300 + ["food"] * 300
    country = pl.Series(["AU"] * 600 + ["NZ"] * 500 + [None] * 100)
    texts = pl.Series([f"{'abcdefghijklmnop'[n % 16] * 3} store" for n in range(1200)])
    found = measured(truth, answers, params, country=country, text=texts)
    assert found.slices is not None
    names = {part["name"]: part for part in found.slices["country"]["slices"]}
    assert found.slices["country"]["worst"] == "NZ"
    assert names["NZ"]["accuracy"]["value"] == 0.4
    assert (names["NZ"]["rows"], names["NZ"]["groups"]) == (500, 16)
    assert found.slices["country"]["not_judged"] == {"unknown": 100}
    assert found.slices["price_band"]["worst"] == "0 to 10"
    without = measured(truth, answers, params, text=texts, price=pl.lit(None, pl.Float64))
    assert without.slices is None
    assert measured(truth, answers, params, text=texts).slices["country"] is None  # type: ignore[index]


def test_fewer_labels_than_are_judged_violate_nothing(params: Params) -> None:
    how = SETTINGS.model_copy(update={"min_rows": 300, "max_bad_labels": 0.01})

    def found(rows: int) -> QualityResult:
        country = pl.Series(["AU" if n % 3 else "NZ" for n in range(rows)])
        texts = pl.Series([f"{'abcdefghijklmnop'[n % 16] * 3} store" for n in range(rows)])
        truth = ["gifts"] * rows
        answers = ["food" if n % 3 else "travel" for n in range(rows)]
        both = labelled_rows(truth, answers, country=country, text=texts)
        with joined(*both, how) as labelled:
            bounds = suggest_quality_constraints({"accuracy": {"value": 0.9}})
            evaluate = params.evaluate.model_copy(update={"min_rows": 50})
            return judge_model(labelled, bounds, FACTS, how, evaluate, -1)

    few = found(299)
    assert few.violations == []
    assert few.not_judged == "299 labelled rows; quality.min_rows is 300"
    assert few.drift.distance == 1
    assert few.labels[UNKNOWN_LABEL] == 299
    assert [*few.gaps] == ["slice_gap_country", "slice_gap_price_band"]
    enough = found(300)
    assert enough.not_judged == ""
    assert {violation.feature_name for violation in enough.violations} == {
        "accuracy",
        "ground_truth",
        "slice_gap_country",
        "slice_gap_price_band",
    }


def test_a_slice_served_worse_for_sure_is_a_violation(params: Params) -> None:
    def found(wrong: int, merchants: int, bound: float) -> QualityResult:
        """Two slices of 1,000 rows; of one, the rows of so many merchants in 100 are wrong."""
        place = np.arange(2000) // 1000
        merchant = np.arange(2000) % merchants
        names = [f"{chr(97 + n // 10) * 3}{chr(97 + n % 10) * 3}" for n in merchant]
        answers = np.where((place == 1) & (merchant < wrong * merchants // 100), "bills", "food")
        rows = labelled_rows(
            ["food"] * 2000,
            answers.tolist(),
            text=pl.Series(names),
            country=pl.Series(["AU", "NZ"]).gather(place),
        )
        with joined(*rows) as labelled:
            facts = {"labels": {"food": 1.0}, "train_rows": 1000}
            args = (NOTHING, facts, SETTINGS, params.evaluate, bound)
            return judge_model(labelled, *args)

    unfair = found(60, 100, 0.15)
    gap = unfair.gaps["slice_gap_country"]
    assert gap["value"] == pytest.approx(0.3)
    # NZ's share of wrong merchants less half of it: the binomial's error of 100 merchants.
    assert gap["standard_deviation"] == pytest.approx((0.24 / 100) ** 0.5 / 2, rel=0.2)
    assert unfair.violations == [
        Violation(
            "slice_gap_country",
            "GreaterThanThreshold",
            f"Metric slice_gap_country with {gap['value']} +/- {gap['standard_deviation']} "
            "was GreaterThanThreshold '0.15'",
        )
    ]
    assert unfair.gaps["slice_gap_price_band"]["value"] == 0
    # As large a gap in a tenth of the merchants, or under the bound, is not sure.
    for few in (found(60, 10, 0.2), found(60, 100, 0.31)):
        assert few.gaps["slice_gap_country"]["value"] == pytest.approx(0.3)
        assert few.violations == []


def test_the_gap_that_is_sure_is_a_violation_though_a_smaller_slices_is_larger() -> None:
    def part(value: float, low: float, high: float) -> dict[str, Any]:
        return {"gap": {"value": value, "low": low, "high": high}}

    slices = {
        "country": {"slices": [part(0.4, -0.1, 0.9), part(0.3, 0.2, 0.4), part(0.25, 0.2, 0.3)]},
        "account": {"slices": []},
        "absent": None,
    }
    gaps, [violation] = slice_gaps(slices, 0.15, 0.95)
    assert gaps == {
        "slice_gap_country": {"value": 0.4, "standard_deviation": pytest.approx(0.5 / 1.96, 1e-3)}
    }
    assert "with 0.3 +/- 0.051" in violation.description


def test_slices_of_very_many_rows_are_of_some_of_them(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_quality, "SLICED", 300)
    texts = pl.Series([f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)} store" for n in range(1000)])
    found = measured(["food"] * 1000, ["food"] * 1000, params, text=texts)
    assert found.statistics["dataset"]["item_count"] == 1000
    [band] = found.slices["price_band"]["slices"]  # type: ignore[index]
    assert 300 <= band["rows"] < 400


# The export.


def exported(
    folder: Path, captured: Any, labels: Any, how: QualitySettings = SETTINGS
) -> dict[str, pl.DataFrame]:
    with joined(captured, labels, how) as labelled:
        counts = export_labelled(labelled, how, folder)
    frames = {part: pl.read_csv(folder / f"{part}.csv", infer_schema=False) for part in counts}
    assert {part: frame.height for part, frame in frames.items()} == counts
    return frames


def many(count: int, first: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = range(first, first + count)
    captured = captures(
        *((f"id{n}", 0, "food") for n in rows),
        text=pl.Series([f'shop "{n}", Sydney' for n in rows]),
        price=pl.Series([n / 100 for n in rows]),
        country=pl.Series(["AU" if n % 2 else None for n in rows]),
    )
    return captured, truths(*((f"id{n}", 0, CLASSES[n % 3], NOON + DAY) for n in rows))


def test_an_export_has_the_projects_columns_and_loses_no_row(tmp_path: Path) -> None:
    frames = exported(tmp_path / "out", *many(500))
    rows = pl.concat(frames.values())
    assert rows.columns == ["date", "text", "price", "category", "country"]
    assert rows.height == 500
    assert rows.filter(pl.col("text") == 'shop "7", Sydney').rows() == [
        ("2026-11-01", 'shop "7", Sydney', "0.07", "food", "AU")
    ]
    assert 60 < frames["holdout"].height < 140


def test_an_export_does_not_depend_on_order_and_a_row_stays_on_its_side(tmp_path: Path) -> None:
    captured, labels = many(300)
    frames = exported(tmp_path / "a", captured, labels)
    parts = [captured[200:].reverse(), captured[:200]]
    exported(tmp_path / "b", parts, [labels[250:], labels[:250].reverse()])
    for part in FEEDBACK_PARTS:
        assert (tmp_path / f"a/{part}.csv").read_bytes() == (
            tmp_path / f"b/{part}.csv"
        ).read_bytes()

    more = [pl.concat(two) for two in zip(many(300), many(300, first=300), strict=True)]
    relabelled = more[1].with_columns(label=pl.lit("travel"))
    later = exported(tmp_path / "a", more[0], relabelled)
    for part in FEEDBACK_PARTS:
        assert set(frames[part]["text"]) < set(later[part]["text"])


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_export_adds_to_what_is_there(tmp_path: Path) -> None:
    captured, labels = many(400)
    exported(tmp_path / "whole", captured, labels)
    exported(tmp_path / "out", captured[:250], labels[:250])
    (tmp_path / "out" / "notes").write_text("a team's own")
    how = SETTINGS.model_copy(update={"min_rows": 201})
    first = everything(tmp_path / "out")
    with pytest.raises(UserError, match="200 labelled rows can be exported"):
        exported(tmp_path / "out", captured[200:], labels[200:], how)
    assert everything(tmp_path / "out") == first
    exported(tmp_path / "out", captured[200:], labels[200:])
    assert everything(tmp_path / "out") == everything(tmp_path / "whole") | {
        "notes": b"a team's own"
    }


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), max_size=9),
            st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0),
            st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
        ),
        min_size=1,
    )
)
def test_an_export_made_again_changes_nothing(rows: list[tuple[str, float, str | None]]) -> None:
    texts, prices, accounts = zip(*[*rows, ('a, "b"', 1e-7, "")], strict=True)
    names = [f"id{n}" for n in range(len(texts))]
    captured = captures(
        *((name, 0, "food") for name in names),
        text=pl.Series(texts),
        price=pl.Series(prices),
        account=pl.Series(accounts, dtype=pl.String),
        old=pl.Series(range(len(texts))),
    )
    labels = truths(*((name, 0, "food", NOON) for name in names))
    with TemporaryDirectory() as folder, joined(captured, labels) as labelled:
        counts = export_labelled(labelled, SETTINGS, Path(folder) / "out")
        before = everything(Path(folder) / "out")
        assert export_labelled(labelled, SETTINGS, Path(folder) / "out") == counts
        assert everything(Path(folder) / "out") == before


def test_a_corrected_label_goes_before_the_one_exported_earlier(tmp_path: Path) -> None:
    captured, labels = many(20)
    exported(tmp_path / "out", captured, labels)
    corrected = labels.with_columns(label=pl.lit("travel"))
    frames = exported(tmp_path / "out", captured[5:], corrected[5:])
    rows = pl.concat(frames.values()).sort(pl.col("price").cast(float))
    assert rows["category"].to_list() == [CLASSES[n % 3] for n in range(5)] + ["travel"] * 15


def test_columns_that_only_one_export_has_are_unknown_in_the_others_rows(tmp_path: Path) -> None:
    captured, labels = many(20)
    exported(tmp_path / "a", captured[:10].drop("country"), labels[:10])
    account = captured[10:].with_columns(account=pl.col("row") + 7)
    frames = exported(tmp_path / "a", account, labels[10:])
    rows = pl.concat(frames.values()).sort(pl.col("price").cast(float))
    assert rows.columns == ["date", "text", "price", "category", "account", "country"]
    assert rows["account"].to_list() == ["unknown"] * 10 + ["7"] * 10
    assert rows["country"].to_list() == ["unknown"] * 11 + ["AU", "unknown"] * 4 + ["AU"]

    exported(tmp_path / "b", account, labels[10:])
    exported(tmp_path / "b", captured[:10].drop("country"), labels[:10])
    assert everything(tmp_path / "a") == everything(tmp_path / "b")

    exported(tmp_path / "b", account.with_columns(account=pl.lit("x")), labels[10:])
    frames = exported(tmp_path / "b", account, labels[10:])
    accounts = pl.concat(frames.values())["account"].to_list()
    assert sorted(accounts) == ["7"] * 10 + ["unknown"] * 10 + ["x"] * 10


def test_an_earlier_export_with_empty_columns_is_filled_and_not_doubled(tmp_path: Path) -> None:
    captured, labels = many(20)
    exported(tmp_path / "a", captured, labels)
    for part in FEEDBACK_PARTS:
        file = tmp_path / f"a/{part}.csv"
        file.write_text(file.read_text().replace("unknown", ""))
    again = pl.concat(exported(tmp_path / "a", captured, labels).values())
    assert again.height == 20
    assert "unknown" in again["country"].to_list()
    assert again["country"].null_count() == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"date,text,price\n2026-11-01,a,1\n",
        b"date,text,price,category\nyesterday,a,1,food\n",
        b"date,text,price,category\n2026-11-01,a,dear,food\n",
        b"date,text,price,category\n2026-11-01,\xff,1,food\n",
        b"date,text,price,category\n2026-11-01,a,1,food\n2026-11-01,a\n",
    ],
)
def test_an_earlier_export_that_cannot_be_read_is_named_and_kept(
    content: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    exported(folder, *many(50))
    (folder / "holdout.csv").write_bytes(content)
    before = everything(folder)
    with pytest.raises(UserError, match=r"out/holdout\.csv, an earlier export .* cannot be read"):
        exported(folder, *many(60))
    assert everything(folder) == before


def test_the_sides_have_nothing_to_do_with_the_pipelines_own(tmp_path: Path) -> None:
    """Else the prepared part `random`, drawn by the same hash, would get none of the rows."""
    from categoriser.data.prepare import prepare

    train = exported(tmp_path / "out", *many(500))["train"].select(
        pl.col("date").str.to_date(), "text", pl.col("price").cast(float), "category"
    )
    settings = read_params(ROOT / "params.yaml").prepare
    only = settings.model_copy(update={"months": 0, "merchants": 0.0, "random": 0.2})
    assert prepare(train, only)[0]["random"].height > 0.1 * train.height


def test_rows_that_cannot_be_trained_on_are_left_out(tmp_path: Path) -> None:
    names = ("good", "lines", "alike", "alike too", "textless", "blank", "nul", "free", "odd")
    captured = captures(
        *((name, 0, "food") for name in names),
        text=pl.Series(["a", "b\r\nc", "d", "d", None, " ", "e\0f", "g", "h"]),
        price=pl.Series([1, 1, 1, 1, 1, 1, 1, None, 1], dtype=pl.Float64),
    )
    labels = truths(*((name, 0, "pets" if name == "odd" else "food", NOON) for name in names))
    rows = pl.concat(exported(tmp_path / "out", captured, labels).values())
    assert sorted(rows["text"]) == ["a", "b c", "d"]


def test_too_few_rows_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    captured, labels = many(50)
    how = SETTINGS.model_copy(update={"min_rows": 51})
    with pytest.raises(TooFewRowsError, match=r"50 labelled rows .* asks for 51"):
        exported(tmp_path / "out", captured, labels, how)
    assert not list(tmp_path.iterdir())


def test_bad_and_contradicting_labels_are_left_out_and_the_honest_rest_goes_on(
    tmp_path: Path,
) -> None:
    captured, labels = many(50)
    bad = pl.concat(
        [
            labels,
            # A correction, a contradiction, a class that there is not.
            truths(("id3", 0, "food", NOON + DAY), ("id4", 0, "pets", NOON)),
        ]
    )
    bad = bad.with_columns(
        label=pl.when(pl.col("id") == "id9").then(pl.lit("cars")).otherwise("label")
    )
    strict = SETTINGS.model_copy(update={"max_bad_labels": 0.05, "min_rows": 48})
    with joined(captured, bad) as labelled:
        found = count_bad_labels(labelled)
        counts = export_labelled(labelled, strict, tmp_path / "out")
    assert sum(counts.values()) == 48
    assert (found.count, found.labelled, found.share) == (3, 50, 0.06)
    assert bad_labels_warning(found, strict).splitlines()[1:] == [
        "    id3 row 0: bills / food",
        "    id4 row 0: pets / food",
        "    id9 row 0: cars",
    ]
    assert "is 5.00%" in bad_labels_warning(found, strict)
    assert bad_labels_warning(found, strict.model_copy(update={"max_bad_labels": 0.06})) == ""


def test_nonsense_labels_of_one_stop_nobody_elses(tmp_path: Path) -> None:
    """Forty labels of no class, against six hundred honest ones."""
    captured, labels = many(640)
    nonsense = pl.int_range(pl.len()) < 40
    labels = labels.with_columns(
        label=pl.when(nonsense).then(pl.lit("'; DROP TABLE")).otherwise("label")
    )
    rows = pl.concat(exported(tmp_path / "out", captured, labels).values())
    assert rows.height == 600
    assert not rows["category"].str.contains("DROP").any()


def test_of_very_many_bad_labels_the_first_are_read(tmp_path: Path) -> None:
    captured, labels = many(300)
    with joined(captured, labels.with_columns(label=pl.lit("pets"))) as labelled:
        found = count_bad_labels(labelled)
        assert found.cases == [(f"id{n}", 0, "pets") for n in (0, 1, 10, 100, 101)]
        assert str(found).startswith("300 of 300 labelled predictions have labels that differ")
        with pytest.raises(TooFewRowsError):
            export_labelled(labelled, SETTINGS, tmp_path / "out")


def test_what_capture_and_label_cannot_know_is_unknown_and_never_empty(tmp_path: Path) -> None:
    captured, labels = many(50)
    countries = pl.Series(["AU", None, " ", "unknown", "NZ"] * 10)
    captured = captured.with_columns(country=countries)
    slices = ["country", "price_band", "account"]
    with joined(captured, labels) as labelled:
        export_labelled(labelled, SETTINGS, tmp_path / "out", slices)
    rows = pl.concat(pl.read_csv(tmp_path / f"out/{part}.csv") for part in FEEDBACK_PARTS)
    assert rows.columns == ["date", "text", "price", "category", "account", "country"]
    counts = dict(rows["country"].value_counts().iter_rows())
    assert counts == {"AU": 10, "NZ": 10, "unknown": 30}
    assert {*rows["account"]} == {"unknown"}


# The command.


def test_captures_have_no_country_where_none_is_watched(project: Path) -> None:
    train = {"text": ["aldi sydney au"], "key": ["aldi"], "country": ["AU"]}
    SeenInTraining.learn(pl.DataFrame(train)).save(project / "baseline")
    write_json(project / "baseline/facts.json", {"classes": CLASSES, "review_threshold": 0.6})
    answer = b"__label__food,0.1,0.2,0.7\n"
    lines = [
        record(f"{text},1.5\n".encode(), answer, CSV, event_id=text, time=NOON)
        for text in ("aldi sydney au", "aldi sydney")
    ]
    (project / "captured.jsonl").write_bytes(b"".join(lines))

    def captured(leave_out: tuple[str, ...]) -> list[pl.DataFrame]:
        watching = Watching(project / "baseline", leave_out=leave_out)
        return [*with_country(watching, [str(project / "captured.jsonl")], Problems())]

    [frame], [without] = captured(()), captured(("country",))
    assert frame["country"].to_list() == ["AU", "unknown"]
    assert without.equals(frame.drop("country"))


def test_feedback_goes_from_files_to_files(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "monitoring").mkdir()
    settings_file = project / "monitoring/monitoring.yaml"
    settings_file.write_bytes((ROOT / "monitoring/monitoring.yaml").read_bytes())
    set_params(settings_file, {"quality.min_rows": 100, "quality.label_drift": 0.5})
    (project / "baseline").mkdir()
    train = pl.DataFrame(
        {
            "text": ["aldi sydney au", "shell gore nz"],
            "key": ["aldi", "shell"],
            "country": ["AU", "NZ"],
        }
    )
    SeenInTraining.learn(train).save(project / "baseline")
    facts = {"classes": CLASSES, "review_threshold": 0.6}
    write_json(project / "baseline/facts.json", FACTS | facts)
    bounds = suggest_quality_constraints({"accuracy": {"value": 0.95}})
    write_json(project / "baseline/model_quality_constraints.json", dump_constraints(bounds))

    # Batches of three rows, of which the first two are labelled, one in ten as another class.
    hour = "2026/11/01/12"
    captured, labels = b"", ""
    for n in range(100):
        texts = [f"aldi {n} sydney au", f"shell {n} gore nz", "bank fee"]
        request = "".join(f"{text},{n}.5\n" for text in texts)
        answer = "".join(f"__label__{c},0.1,0.2,0.7\n" for c in ("food", "travel", "bills"))
        captured += record(request.encode(), answer.encode(), CSV, event_id=f"event-{n}", time=NOON)
        for row, label in enumerate(("bills" if n % 10 == 0 else "food", "travel")):
            truth = {
                "groundTruthData": {"data": label, "encoding": "CSV"},
                "eventMetadata": {"eventId": f"event-{n}#{row}"},
                "eventVersion": "0",
            }
            labels += json.dumps(truth) + "\n"
    for place, content in (("captured", captured), ("labels", labels.encode() + b"cut{\n")):
        (project / place / hour).mkdir(parents=True)
        (project / place / hour / "00-00-000-x.jsonl").write_bytes(content)

    export_feedback("captured", "labels")
    said = capsys.readouterr().out
    for line in ("predictions: 300", "joined: 200", "not JSON: 1", "accuracy: 0.9500 +/- "):
        assert line in said
    assert "exceeds threshold" not in said
    assert "was LessThanThreshold" not in said
    assert "Next: make data FILE='data/generated.csv feedback/train.csv'" in said
    frames = [pl.read_csv(project / f"feedback/{part}.csv") for part in FEEDBACK_PARTS]
    assert [frame.height > 0 for frame in frames] == [True, True]
    rows = pl.concat(frames).sort("price", "text")
    assert rows.columns == ["date", "text", "price", "category", "country"]
    assert rows.rows()[:2] == [
        ("2026-11-01", "aldi 0 sydney au", 0.5, "bills", "AU"),
        ("2026-11-01", "shell 0 gore nz", 0.5, "travel", "NZ"),
    ]

    bounds = suggest_quality_constraints({"accuracy": {"value": 0.96}})
    write_json(project / "baseline/model_quality_constraints.json", dump_constraints(bounds))
    export_feedback("captured", "labels")
    assert "accuracy: Metric accuracy with 0.95" in capsys.readouterr().out
