"""The stage `measure`: the figures, and the models that the model is held against."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from measured import (
    CHOSEN,
    SETTINGS,
    SIZES,
    TRAIN,
    crown,
    no_champion,
    result,
    trained,
    write_parts,
)
from sound_evaluation import LIMITS

from categoriser.errors import UserError
from categoriser.evaluation import measure as stage
from categoriser.evaluation.evaluation_file import PartFigures
from categoriser.evaluation.headline import headlines
from categoriser.evaluation.judging import judge
from categoriser.evaluation.measure import measure_model
from categoriser.intervals import Interval, Scores
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.model.metadata import METADATA_FILE
from categoriser.model.package import Categoriser
from categoriser.model.train import train


def test_figures_are_those_of_the_models_own_answers() -> None:
    prepared, model = trained()
    evaluation, _ = result()
    categoriser = Categoriser.load(model)
    for part in ("time", "merchant", "random"):
        rows = pl.read_parquet(prepared / f"{part}.parquet")
        answers = categoriser.predict_features(rows["features"].to_list()).argmax(axis=1)
        right = np.array(categoriser.classes)[answers] == rows["category"].to_numpy()
        figures = evaluation.parts[part]
        assert figures.rows == len(rows)
        assert figures.groups == rows["key"].n_unique()
        accuracy = figures.models["model"].accuracy
        assert accuracy.value == pytest.approx(right.mean(), abs=1e-6)
        assert accuracy.low < accuracy.value < accuracy.high
        assert np.trace(figures.confusion) == right.sum()
        assert np.sum(figures.confusion) == len(rows)
        assert sum(b.rows for b in figures.calibration) == len(rows)


def test_leads_are_differences_on_the_same_rows() -> None:
    figures = result()[0].parts["random"]
    models = figures.models
    assert set(models) == {"model", "reference", "majority"}
    for rival in ("reference", "majority"):
        own = models["model"]
        other = models[rival]
        lead = figures.lead[rival]
        expected = own.accuracy.value - other.accuracy.value
        assert lead.accuracy.value == pytest.approx(expected, abs=2e-6)
        expected = own.macro_f1.value - other.macro_f1.value
        assert lead.macro_f1.value == pytest.approx(expected, abs=2e-6)
    accuracy, majority = (models[name].accuracy.value for name in ("model", "majority"))
    expected = (accuracy - majority) / (1 - majority)
    assert figures.gain
    assert figures.gain.accuracy.value == pytest.approx(expected, abs=1e-5)
    own_f1, constant_f1 = (models[name].macro_f1.value for name in ("model", "majority"))
    expected = (own_f1 - constant_f1) / (1 - constant_f1)
    assert figures.gain.macro_f1.value == pytest.approx(expected, abs=1e-5)


def test_the_planted_slice_is_the_worst() -> None:
    compared = result()[0].slices
    country = compared["country"]
    assert country
    assert country.gap
    assert country.worst == "NZ"
    assert country.gap.low > 0
    # The time and the random rows, and not the merchants'.
    rows = sum(part.rows for part in country.slices)
    assert rows == SIZES["time"] + SIZES["random"]
    assert compared["absent"] is None


def test_the_same_input_gives_the_same_evaluation(tmp_path: Path) -> None:
    prepared, model = trained()
    again = measure_model(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    assert again[0] == result()[0]
    assert all(again[1][name].equals(table) for name, table in result()[1].items())


def test_tokens_explain_each_class() -> None:
    tokens = result()[0].tokens
    assert {token for token, _ in tokens["transport"]} & {"shell", "metro", "parking", "ferry"}


def test_a_champion_that_is_the_model_itself_leads_by_nothing(tmp_path: Path) -> None:
    prepared, model = trained()
    evaluation, _ = measure_model(prepared, model, crown(tmp_path, model), SETTINGS)
    for part in evaluation.parts.values():
        nothing = Interval(0, 0, 0)
        assert part.lead["champion"] == Scores(nothing, nothing)
    assert evaluation.champion
    assert evaluation.champion.digest == evaluation.model.digest


def test_a_champion_of_other_classes_is_not_compared_and_says_what_to_do(tmp_path: Path) -> None:
    prepared, model = trained()
    fewer = write_parts(tmp_path / "fewer")
    for part in ("train", "validation"):
        rows = pl.read_parquet(fewer / f"{part}.parquet")
        rows = rows.with_columns(pl.col("category").replace("groceries", "food"))
        rows.write_parquet(fewer / f"{part}.parquet")
    train(fewer, tmp_path / "other", TRAIN, CHOSEN)
    champion = crown(tmp_path / "champion", tmp_path / "other")
    evaluation, _ = measure_model(prepared, model, champion, SETTINGS)
    assert "champion" not in evaluation.parts["random"].models
    assert evaluation.champion
    why = evaluation.champion.unreadable
    assert "the champion alone knows food; the model alone knows groceries" in why
    [last] = [v for v in judge(evaluation, LIMITS) if (v.gate, v.part) == ("champion", "all")]
    assert last.outcome == "insufficient"
    assert "FORGET=champion" in last.why


def test_a_class_that_training_lacks_is_an_error_of_every_model(tmp_path: Path) -> None:
    _, model = trained()
    prepared = write_parts(tmp_path / "prepared")
    rows = pl.read_parquet(prepared / "random.parquet")
    rows.with_columns(category=pl.lit("never seen")).write_parquet(prepared / "random.parquet")
    evaluation, _ = measure_model(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    part = evaluation.parts["random"]
    assert {figures.accuracy.value for figures in part.models.values()} == {0}
    assert part.classes[evaluation.labels.index("never seen")].rows == SIZES["random"]


def test_empty_parts_are_reported_as_empty(tmp_path: Path) -> None:
    _, model = trained()
    sizes = SIZES | {"time": 0, "merchant": 0, "random": 0}
    prepared = write_parts(tmp_path / "prepared", sizes)
    evaluation, tables = measure_model(
        prepared, model, no_champion(tmp_path / "champion"), SETTINGS
    )
    assert evaluation.parts["time"] == PartFigures(rows=0, groups=0)
    country = evaluation.slices["country"]
    assert country
    assert country.slices == []
    assert headlines(evaluation) == {}
    assert all(table.is_empty() for table in tables.values())


def test_a_part_of_the_majority_class_alone_has_no_errors_to_avoid(tmp_path: Path) -> None:
    _, model = trained()
    prepared = write_parts(tmp_path / "prepared")
    commonest = pl.read_parquet(prepared / "train.parquet")["category"].mode().first()
    rows = pl.read_parquet(prepared / "random.parquet").with_columns(category=pl.lit(commonest))
    rows.write_parquet(prepared / "random.parquet")
    evaluation, _ = measure_model(prepared, model, no_champion(tmp_path / "champion"), SETTINGS)
    assert evaluation.parts["random"].gain is None


def test_a_champion_without_its_model_says_what_to_do(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    shutil.rmtree(champion / "model")
    with pytest.raises(UserError, match="dvc pull"):
        measure_model(prepared, model, champion, SETTINGS)


def test_a_champion_of_another_digest_is_refused(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    write_json(champion / "champion.json", {"digest": "0" * 64, "metrics": {}})
    with pytest.raises(UserError, match=r"not the model that .*champion\.json names"):
        measure_model(prepared, model, champion, SETTINGS)


def test_a_champion_of_other_features_is_not_compared_and_says_why(tmp_path: Path) -> None:
    prepared, model = trained()
    champion = crown(tmp_path, model)
    metadata = json.loads((champion / "model" / METADATA_FILE).read_text())
    write_json(champion / "model" / METADATA_FILE, metadata | {"features_version": -1})
    write_json(champion / "champion.json", {"digest": digest(champion / "model"), "metrics": {}})
    evaluation, _ = measure_model(prepared, model, champion, SETTINGS)
    assert evaluation.champion
    assert "features" in evaluation.champion.unreadable
    assert "champion" not in evaluation.parts["random"].models


def test_a_missing_part_names_the_stage_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"time\.parquet is missing; `dvc repro prepare`"):
        measure_model(tmp_path, trained()[1], no_champion(tmp_path / "champion"), SETTINGS)


def test_main_writes_metrics_that_are_numbers_only_and_a_table_for_each_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, model = trained()
    monkeypatch.chdir(tmp_path)
    shutil.copytree(prepared, "data/prepared")
    shutil.copytree(model, "model")
    crown(Path("champion"), model)
    root = Path(__file__).parents[2]
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["evaluate"] = SETTINGS.model_dump()
    Path("params.yaml").write_text(yaml.safe_dump(params))
    stage.main()

    def leaves(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        return [value]

    shown = json.loads(Path("reports/metrics.json").read_text())
    assert list(shown["random"]) == [
        "accuracy",
        "calibration_error",
        "champion",
        "coverage",
        "macro_f1",
        "reference",
    ]
    assert all(isinstance(number, float) for number in leaves(shown))
    # What dvc.yaml draws is there, with the columns that it names.
    for plot in yaml.safe_load((root / "dvc.yaml").read_text())["plots"]:
        [drawn] = plot.values()
        for axis in ("x", "y"):
            if isinstance(drawn[axis], dict):
                for path, column in drawn[axis].items():
                    assert column in pl.read_csv(path).columns
            else:
                assert all(drawn[axis] in pl.read_csv(path).columns for path in drawn["y"])
