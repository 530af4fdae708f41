"""The model beside the champion on the newest month's rows and on the slices served worst."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from measured import CHOSEN, SETTINGS, TRAIN, crown, result, trained, write_parts

from categoriser.data.split import HELD_OUT_PARTS
from categoriser.evaluation.beside_champion import compare_answers
from categoriser.evaluation.evaluation_file import BesideChampion, Evaluation
from categoriser.evaluation.measure import PARTS_AS_ROWS_ARRIVE, measure_model
from categoriser.model.package import Categoriser
from categoriser.model.train import train


def flags(text: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([letter == "1" for letter in text])


def test_the_lead_is_the_difference_on_the_same_rows() -> None:
    groups = np.arange(40) // 2
    own = flags("1110" * 10)
    other = flags("1010" * 10)
    found = compare_answers("these", own, other, groups, SETTINGS)
    assert (found.name, found.rows, found.groups) == ("these", 40, 20)
    assert (found.model.value, found.champion.value, found.lead.value) == (0.75, 0.5, 0.25)
    assert 0 < found.lead.low < 0.25 < found.lead.high


def test_the_draws_of_both_models_are_the_same() -> None:
    """Equal answers lead by nothing in every draw, however unsure each accuracy is."""
    right = flags("1011010011" * 4)
    found = compare_answers("these", right, right, np.arange(40), SETTINGS)
    assert found.model.low < found.model.high
    assert (found.lead.low, found.lead.value, found.lead.high) == (0, 0, 0)


def with_champion(folder: Path) -> tuple[Evaluation, Categoriser]:
    """Measure the small model beside a champion that has trained on fewer rows."""
    prepared, model = trained()
    fewer = write_parts(folder / "fewer")
    rows = pl.read_parquet(fewer / "train.parquet").head(150)
    rows.write_parquet(fewer / "train.parquet")
    train(fewer, folder / "other", TRAIN, CHOSEN)
    champion = crown(folder / "champion", folder / "other")
    evaluation, _ = measure_model(prepared, model, champion, SETTINGS)
    return evaluation, Categoriser.load(folder / "other")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Categoriser]:
    return with_champion(tmp_path_factory.mktemp("champion"))


def accuracy(model: Categoriser, rows: pl.DataFrame) -> float:
    answers = model.predict_features(rows["features"].to_list()).argmax(axis=1)
    right = np.array(model.classes)[answers] == rows["category"].to_numpy()
    return float(right.mean())


def held_out(*parts: str) -> pl.DataFrame:
    prepared, _ = trained()
    return pl.concat(pl.read_parquet(prepared / f"{part}.parquet") for part in parts)


def check(found: BesideChampion, champion: Categoriser, rows: pl.DataFrame) -> None:
    own = accuracy(Categoriser.load(trained()[1]), rows)
    other = accuracy(champion, rows)
    assert found.rows == rows.height
    assert found.groups == rows["key"].n_unique()
    assert found.model.value == pytest.approx(own, abs=1e-6)
    assert found.champion.value == pytest.approx(other, abs=1e-6)
    assert found.lead.value == pytest.approx(own - other, abs=2e-6)
    assert found.lead.low <= found.lead.value <= found.lead.high


def test_the_newest_months_rows_are_of_all_held_out_parts(
    measured: tuple[Evaluation, Categoriser],
) -> None:
    evaluation, champion = measured
    newest = evaluation.beside_champion[0]
    rows = held_out(*HELD_OUT_PARTS).filter(pl.col("date").dt.month() == 3)
    assert newest.name == "newest month, 2026-03"
    check(newest, champion, rows)


def test_the_planted_slice_is_compared_over_rows_as_they_arrive(
    measured: tuple[Evaluation, Categoriser],
) -> None:
    evaluation, champion = measured
    [planted] = [one for one in evaluation.beside_champion if one.name == "country: NZ"]
    rows = held_out(*PARTS_AS_ROWS_ARRIVE).filter(country="NZ")
    check(planted, champion, rows)
    compared = evaluation.slices["country"]
    assert compared
    assert compared.slices[0].accuracy.value == planted.model.value


def test_a_column_that_the_data_lack_is_not_compared(
    measured: tuple[Evaluation, Categoriser],
) -> None:
    columns = [one.name.partition(":")[0] for one in measured[0].beside_champion[1:]]
    assert columns == ["country", "price_band"]


def test_without_a_champion_nothing_is_compared() -> None:
    assert result()[0].beside_champion == []


def test_too_few_rows_are_left_out(tmp_path: Path) -> None:
    prepared, model = trained()
    strict = SETTINGS.model_copy(update={"min_rows": 100_000})
    evaluation, _ = measure_model(prepared, model, crown(tmp_path, model), strict)
    assert evaluation.beside_champion == []
