from __future__ import annotations

import json
import tempfile
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import KNOBS, PARAMS

from categoriser.data.generate import generate
from categoriser.data.prepare import prepare
from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.files import digest
from categoriser.model.package import Categoriser
from categoriser.model.train import train
from categoriser.monitor import baseline as stage
from categoriser.monitor.baseline import allowing_chance, baseline, even, reference
from categoriser.monitor.calibrate import Binned, Limit, Thresholds, calibrate
from categoriser.monitor.features import Seen, watch
from categoriser.monitor.formats import constraints, statistics
from categoriser.monitor.formats.distances import linf_categories, linf_simple
from categoriser.monitor.settings import Settings, read_settings
from categoriser.monitor.summary import summarise
from categoriser.params import Train, read_params

CLASSES = ("food", "rent")
OWN = read_settings(PARAMS.with_name("monitoring") / "monitoring.yaml")
HOW = OWN.thresholds.model_copy(
    update={"false_alarms": 0.02, "window_rows": [300, 1500], "weeks": 400, "floor": 0.01}
)


def told(**changes: list[str]) -> Settings:
    """Return quick settings with changes to the features."""
    features = OWN.features.model_copy(update=changes)
    return OWN.model_copy(update={"thresholds": HOW, "features": features})


# Features


@cache
def learnt() -> Seen:
    """Learn 450 training rows: two prefixes, one merchant that many texts start with."""
    names = [f"{first}{second}ing place" for first in "bdfg" for second in "aeiou"] * 20
    start = ["VISA ", "SQ *", "", ""] * 100
    end = [" AU", " nz", "", " FR"] * 100
    return Seen.learn(
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
    return watch(frame, learnt(), CLASSES, 0.6)


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
    seen = Seen.learn(pl.DataFrame({"text": ["a AU"], "key": ["a"]}))
    assert seen.domains(CLASSES)["country"] == ["unknown"]


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
    loaded = Seen.load(tmp_path)
    frame = captured(["VISA Baing place Q7 AU", "Zyxw", None])
    assert watch(frame, loaded, CLASSES, 0.6).equals(watched(frame))
    (tmp_path / "grams.bin").unlink()
    with pytest.raises(UserError, match=r"grams\.bin"):
        Seen.load(tmp_path)


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

    known = statistics.load(json.loads((tmp_path / "a/statistics.json").read_text()))
    bounds = constraints.load(json.loads((tmp_path / "a/constraints.json").read_text()))
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
    thresholds = Thresholds.load(tmp_path / "a.json").at(known.item_count)
    assert set(thresholds) == set(known.features)
    drifts = constraints.compare(known, known, bounds, thresholds)
    assert constraints.check(known, bounds, drifts) == []


def test_a_feature_that_is_left_out_is_not_in_the_baseline(tmp_path: Path) -> None:
    gone = ["price", "class_predictions"]
    how = told(leave_out=gone)
    baseline(*pipeline(), tmp_path / "a", tmp_path / "a.json", how, read_params(PARAMS))
    known = statistics.load(json.loads((tmp_path / "a/statistics.json").read_text()))
    assert set(known.features) == set(Thresholds.load(tmp_path / "a.json").features)
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
    [limit] = calibrate(rows, rows, HOW).at(1500).values()
    [without] = calibrate(alone, alone, HOW).at(1500).values()
    assert limit == pytest.approx(without, rel=0.2)


def test_the_command_reads_the_projects_settings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, model = pipeline()
    monkeypatch.setattr("categoriser.monitor.settings.read_settings", told)
    monkeypatch.setattr(stage, "PREPARED", prepared)
    monkeypatch.setattr(stage, "MODEL", model)
    stage.main()
    assert Thresholds.load(project / "monitoring/thresholds.json").at(300)["price"] > 0.05
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
    summaries = [statistics.of_summary(summarise(frame.to_arrow().to_batches())) for _ in range(2)]
    first, second = (statistics.dump(stage.without_chance(one, frame)) for one in summaries)
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
def made(false_alarms: float = 0.02) -> tuple[pl.DataFrame, Thresholds]:
    """Return a baseline, and its thresholds."""
    how = HOW.model_copy(update={"false_alarms": false_alarms})
    return dated(8000, seed=0)[0], calibrate(dated(8000, seed=0), dated(30_000, seed=1), how)


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
    binned = Binned(frame)
    found = binned.distances(binned.distribution(taken))
    # Between two of the quantiles a distance may be larger, by less than their share of the rows.
    assert found == pytest.approx(list(distances(frame[taken]).values()), abs=1 / 512)


def alarms(thresholds: Thresholds, size: int, weeks: int = 200, factor: float = 1) -> int:
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
    thresholds = calibrate((frame, dates), (frame, dates), HOW)
    assert thresholds.power[-1] == {
        "feature": "class_predictions",
        "shift": "rows of a, 100.0% of all, times",
        "300": None,
        "1500": None,
    }


def test_thresholds_are_read_as_written_and_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    thresholds = made()[1]
    thresholds.save(path)
    assert Thresholds.load(path) == thresholds
    path.write_text(path.read_text().replace('"noise": ', '"noise": -'))
    with pytest.raises(UserError, match=r"thresholds\.json: features\..*\.noise"):
        Thresholds.load(path)
    with pytest.raises(UserError, match="is missing"):
        Thresholds.load(tmp_path / "none.json")


def test_a_limit_is_the_larger_of_floor_and_formula() -> None:
    limit = Limit(season=0.01, noise=2, floor=0.05, at={})
    assert limit.threshold(400, 400) == pytest.approx(0.01 + 2 * (2 / 400) ** 0.5, abs=1e-4)
    assert limit.threshold(10**6, 10**6) == 0.05


def test_a_completeness_under_one_allows_for_chance() -> None:
    document = {
        "features": [{"name": "whole", "completeness": 1.0}, {"name": "part", "completeness": 0.9}]
    }
    whole, part = allowing_chance(constraints.load(document), 500).features
    assert whole.completeness == 1.0
    assert part.completeness == pytest.approx(0.9 - 4 * (0.9 * 0.1 / 500) ** 0.5)
