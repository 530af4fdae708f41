"""Which candidate goes on, and what is measured of each."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from measured import CANDIDATE, KNOBS, PARAMS, SETTINGS, trained

from categoriser.errors import UserError
from categoriser.evaluation import choose
from categoriser.evaluation.bootstrap import MIN_GROUPS
from categoriser.evaluation.choose import choice_of, choose_candidate
from categoriser.io.digests import digest
from categoriser.model.answers import read_answers
from categoriser.model.choice import Choice, read_choice, unmeasured
from categoriser.params import Train, read_params

# The test rows are of some 75 merchants, none of which has a twentieth of the rows.
SPLIT = read_params(PARAMS).prepare
ROWS = 4000
TRUTH = np.arange(ROWS) % 3
# Forty merchants of a hundred rows.
GROUPS = np.arange(ROWS) // 100


def train(**candidates: dict[str, object]) -> Train:
    return Train(review_threshold=0.6, folds=3, candidates=candidates)


def answers(right: float, sure: float, seed: int = 0) -> Any:
    """Return answers that are right in so many of the rows, each of probability `sure`."""
    random = np.random.default_rng(seed)
    is_right = random.permutation(ROWS) < right * ROWS
    given = np.where(is_right, TRUTH, (TRUTH + 1) % 3)
    table = np.full((ROWS, 3), (1 - sure) / 2)
    table[np.arange(ROWS), given] = sure
    return table


def chosen(**tables: Any) -> Choice:
    settings = train(**{name: {} for name in tables})
    return choice_of(tables, TRUTH, GROUPS, settings, SETTINGS)


def test_the_reference_goes_on_where_nothing_is_surely_more_accurate() -> None:
    choice = chosen(surer=answers(0.801, 0.8, seed=1), linear=answers(0.8, 0.5))
    assert choice.chosen == "linear"
    assert choice.candidates["surer"].lead.accuracy.high > 0
    assert choice.candidates["surer"].log_loss < choice.candidates["linear"].log_loss
    assert choice.candidates["surer"].calibration_error < 0.002
    assert choice.candidates["linear"].calibration_error == pytest.approx(0.3)


def test_of_few_merchants_no_lead_is_sure() -> None:
    tables = {"linear": answers(0.6, 0.7), "better": answers(0.9, 0.7, seed=1)}
    settings = train(**{name: {} for name in tables})
    few = np.minimum(GROUPS, MIN_GROUPS - 2)
    assert choice_of(tables, TRUTH, few, settings, SETTINGS).chosen == "linear"
    enough = np.minimum(GROUPS, MIN_GROUPS - 1)
    assert choice_of(tables, TRUTH, enough, settings, SETTINGS).chosen == "better"


def test_small_knobs_are_kept_as_they_are() -> None:
    settings = train(linear={"alpha": 4e-7})
    choice = choice_of({"linear": answers(0.8, 0.8)}, TRUTH, GROUPS, settings, SETTINGS)
    assert choice.candidates["linear"].knobs == {"alpha": 4e-7}


def test_of_those_that_are_surely_more_accurate_the_surer_goes_on() -> None:
    tables = {
        "linear": answers(0.7, 0.7),
        "blunt": answers(0.82, 0.4, seed=1),
        "calibrated": answers(0.8, 0.8, seed=2),
    }
    choice = chosen(**tables)
    assert choice.candidates["linear"].lead.accuracy.low > 0
    assert choice.candidates["calibrated"].log_loss < choice.candidates["blunt"].log_loss
    assert choice.chosen == "calibrated"


def test_without_the_reference_the_first_is_the_one_to_beat() -> None:
    assert chosen(first=answers(0.8, 0.5), second=answers(0.8, 0.8)).chosen == "first"
    assert chosen(first=answers(0.7, 0.7), second=answers(0.8, 0.8, seed=1)).chosen == "second"


def test_figures_and_leads_are_those_of_the_answers() -> None:
    choice = chosen(poor=answers(0.7, 0.7, seed=1), good=answers(0.8, 0.8))
    assert choice.chosen == "good"
    assert (choice.folds, choice.rows, choice.groups) == (3, ROWS, 40)
    good, poor = choice.candidates["good"], choice.candidates["poor"]
    assert (good.accuracy.value, poor.accuracy.value) == (0.8, 0.7)
    assert good.accuracy.low < 0.8 < good.accuracy.high
    assert poor.lead.accuracy.value == pytest.approx(0.1)
    assert poor.lead.accuracy.low > 0
    assert poor.loss_lead.value == pytest.approx(poor.log_loss - good.log_loss, abs=1e-5)
    assert 0 < poor.loss_lead.low < poor.loss_lead.value < poor.loss_lead.high
    for nothing in (good.lead.accuracy, good.loss_lead):
        assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_every_row_is_answered_by_a_fit_that_has_not_seen_its_merchant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared, _ = trained()
    rows = pl.read_parquet(prepared / "train.parquet")
    seen: list[set[str]] = []

    class Recorder:
        classes = tuple(sorted(rows["category"].unique()))
        tokens: frozenset[str] = frozenset()

        @classmethod
        def fit(cls, given: Any, _: Any) -> Recorder:
            seen.append(set(given.merchants))
            return cls()

        def predict_proba(self, lines: list[str]) -> Any:
            return np.full((len(lines), len(self.classes)), 1 / len(self.classes))

    monkeypatch.setattr(choose, "classifier_of", lambda _: Recorder)
    choice, unseen = choose_candidate(prepared, train(any={}), SPLIT, SETTINGS)
    merchants = set(rows["key"])
    left_out = [merchants - known for known in seen]
    assert len(left_out) == 3
    assert set.union(*left_out) == merchants
    assert sum(len(names) for names in left_out) == len(merchants)
    assert choice.rows == rows.height
    assert choice.groups == len(merchants)
    assert len(unseen.truth) == rows.height


def test_both_candidates_are_fitted_and_each_fold_is_a_step() -> None:
    prepared, _ = trained()
    steps: list[None] = []
    settings = train(**{CANDIDATE: KNOBS, "linear": {}})
    choice, unseen = choose_candidate(
        prepared, settings, SPLIT, SETTINGS, lambda: steps.append(None)
    )
    assert len(steps) == 6
    assert set(choice.candidates) == {CANDIDATE, "linear"}
    assert choice.candidates[CANDIDATE].knobs == KNOBS
    # Words tell the class, whichever merchant.
    assert all(figures.accuracy.value > 0.6 for figures in choice.candidates.values())
    right = unseen.probabilities.argmax(axis=1) == unseen.truth
    assert right.mean() == pytest.approx(choice.candidates[choice.chosen].accuracy.value, abs=1e-6)


def test_with_one_merchant_the_reference_goes_on_unmeasured(tmp_path: Path) -> None:
    prepared, _ = trained()
    for part in ("train", "validation"):
        rows = pl.read_parquet(prepared / f"{part}.parquet").with_columns(key=pl.lit("aldi"))
        rows.write_parquet(tmp_path / f"{part}.parquet")
    settings = train(**{CANDIDATE: KNOBS, "linear": {}})
    choice, unseen = choose_candidate(tmp_path, settings, SPLIT, SETTINGS)
    assert choice == unmeasured("linear")
    assert unseen.probabilities.shape == (0, 3)


def test_a_candidate_without_a_module_is_named() -> None:
    prepared, _ = trained()
    with pytest.raises(UserError, match="no classifier 'forest'"):
        choose_candidate(prepared, train(forest={}), SPLIT, SETTINGS)


def test_the_stage_says_each_candidate_and_writes_the_choice_again_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    prepared, _ = trained()
    monkeypatch.setattr(choose, "PREPARED", prepared)
    monkeypatch.setattr(choose, "CHOICE", project / "choice.json")
    monkeypatch.setattr(choose, "UNSEEN_ANSWERS", project / "unseen.parquet")
    with caplog.at_level(logging.INFO):
        choose.main()
    choice = read_choice(project / "choice.json")
    before = digest(project / "choice.json"), digest(project / "unseen.parquet")
    told = {line.partition(":")[0]: line for line in caplog.messages if "log loss" in line}
    assert set(told) == set(choice.candidates)
    goes_on = [name for name, line in told.items() if line.endswith(", goes on")]
    assert goes_on == [choice.chosen]
    choose.main()
    assert (digest(project / "choice.json"), digest(project / "unseen.parquet")) == before
    assert len(read_answers(project / "unseen.parquet").truth) == choice.rows
