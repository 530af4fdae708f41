"""`make tune`: what it tries, what it says, and when it writes."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from measured import CANDIDATE
from rich.console import Console
from verbs import run_verb

from categoriser.errors import UserError
from categoriser.evaluation import choose as choose_stage
from categoriser.evaluation.choose import choose_candidate
from categoriser.io.replacing import write_json
from categoriser.model import tune as command
from categoriser.model.choice import unmeasured
from categoriser.model.classifiers.fasttext_svm import Classifier
from categoriser.model.tune import (
    ACCURACY,
    LOG_LOSS,
    Gain,
    Trial,
    candidate_of,
    choose,
    gain,
    outcome,
    trials_table,
    tune,
)
from categoriser.params import read_params, set_params

PARAMS = Path(__file__).parents[2] / "params.yaml"
POOR = {"lr": 0.0001, "bucket": 1000, "svm_c": 0.0001}


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the project's file with settings sure to be bettered; make the space small."""
    path = tmp_path / "params.yaml"
    shutil.copy(PARAMS, path)
    set_params(
        path, {f"train.candidates.{CANDIDATE}.{name}": value for name, value in POOR.items()}
    )
    monkeypatch.setattr(Classifier, "SEARCH", {"svm_c": (0.3, 1.0), "lr": (0.5, 1e30)})
    return path


def tried(params: Path, prepared: Path, **how: Any) -> tuple[list[Trial], Trial | None]:
    standard = {"minutes": 0.0, "trials": 3, "seed": 0, "candidate": CANDIDATE}
    settings: dict[str, Any] = standard | how
    return tune(prepared, params, params.with_name("tuning.json"), **settings)


def test_what_is_surely_better_is_written_and_comments_stay(params: Path, prepared: Path) -> None:
    before = params.read_text(encoding="utf-8")
    done, kept = tried(params, prepared, trials=5)
    assert len(done) == 5
    assert kept is not None
    assert kept.loss == min(trial.loss for trial in done)
    assert read_params(params).train.candidates[CANDIDATE] == kept.knobs
    after = params.read_text(encoding="utf-8")
    changed = [b for b, a in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert [line.split(":")[0].strip() for line in changed] == ["lr", "svm_c"]
    line = outcome(done, kept)
    assert f"lr 0.0001 → 0.5, svm_c 0.0001 → {kept.knobs['svm_c']}: log loss" in line


def test_nothing_is_written_where_nothing_is_better(params: Path, prepared: Path) -> None:
    # The same settings again, and some that cannot be trained.
    tried(params, prepared)
    good = read_params(params).train.candidates[CANDIDATE]
    Classifier.SEARCH.update({"svm_c": (good["svm_c"],), "lr": (0.5, 1e30)})
    before = params.read_bytes()
    done, kept = tried(params, prepared, trials=4)
    assert kept is None
    assert params.read_bytes() == before
    assert "stays as it is" in outcome(done, kept)


def trial(number: int, log_loss: Gain, accuracy: Gain) -> Trial:
    measured = {LOG_LOSS: 0.3 - log_loss.value, ACCURACY: 0.9}
    return Trial(number, {"lr": number}, measured, 1.0, log_loss, accuracy)


NONE = Gain(0.0, 0.0)


@pytest.mark.parametrize(
    ("log_loss", "accuracy", "better"),
    [
        (Gain(0.0006, 0.0005), Gain(0.001, 0.002), False),  # within noise
        (Gain(0.01, 0.001), Gain(-0.001, 0.002), False),  # at the price of accuracy
        (Gain(0.01, 0.001), Gain(0.0, 0.002), True),
        (Gain(0.0, 0.001), Gain(0.01, 0.002), True),
        (Gain(-0.0001, 0.001), Gain(0.01, 0.002), False),
    ],
)
def test_better_is_one_figure_surely_and_the_other_no_worse(
    log_loss: Gain, accuracy: Gain, better: bool
) -> None:
    done = [trial(0, NONE, NONE), trial(1, log_loss, accuracy)]
    assert (choose(done, 0.95) is not None) == better
    assert ("stays as it is" in outcome(done, choose(done, 0.95))) != better


def test_of_more_trials_more_is_asked() -> None:
    lucky = Gain(2.5, 1.0)
    assert lucky.is_sure(0.95, tried=1)
    assert not lucky.is_sure(0.95, tried=40)


def test_draws_of_noise_are_hardly_ever_sure() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)

    def is_written() -> bool:
        trials = [
            gain(np.repeat(random.normal(size=60), 5) + random.normal(size=300), groups)
            for _ in range(20)
        ]
        return any(each.is_sure(0.95, tried=20) for each in trials)

    assert sum(is_written() for _ in range(200)) / 200 < 0.06


def test_the_error_is_that_of_whole_groups() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=100)
    alone = gain(values, np.arange(100))
    together = gain(np.repeat(values, 4), np.repeat(np.arange(100), 4))
    assert alone.error == pytest.approx(values.std(ddof=1) / 10)
    assert together.error == pytest.approx(alone.error)
    assert together.value == pytest.approx(values.mean())


def test_the_figures_are_those_by_which_candidates_are_chosen_on_other_folds(
    params: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.DRAW != choose_stage.DRAW
    monkeypatch.setattr(command, "DRAW", choose_stage.DRAW)
    done, _ = tried(params, prepared, trials=1)
    settings = read_params(params)
    choice, _ = choose_candidate(prepared, settings.train, settings.prepare, settings.evaluate)
    figures = choice.candidates[CANDIDATE]
    assert (done[0].loss, done[0].share_right) == (figures.log_loss, figures.accuracy.value)


def test_rows_over_a_bound_are_left_out(
    params: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MOST_ROWS", 300)
    settings = read_params(params)
    folds = command.Folds(prepared, settings.train, settings.prepare, lambda: None)
    assert len(folds.merchants) == 300


def test_each_fold_of_each_trial_is_a_step(params: Path, prepared: Path) -> None:
    steps: list[None] = []
    tried(params, prepared, trials=2, step=lambda: steps.append(None))
    # The second trial may fail in its first fold.
    assert 3 <= len(steps) <= 6


def test_the_same_seed_tries_the_same(params: Path, prepared: Path, tmp_path: Path) -> None:
    again = Path(shutil.copy(params, tmp_path / "again.yaml"))
    first, second = (tried(path, prepared, trials=4, seed=7)[0] for path in (params, again))
    assert [(one.knobs, one.measured) for one in first] == [
        (one.knobs, one.measured) for one in second
    ]


def test_settings_that_cannot_be_trained_are_never_better(params: Path, prepared: Path) -> None:
    done, _ = tried(params, prepared, trials=6)
    failed = [one for one in done if one.knobs["lr"] == 1e30]
    assert failed
    assert {one.loss for one in failed} == {math.inf}


def test_each_trial_is_said_with_the_best_so_far_and_written_down(
    params: Path, prepared: Path
) -> None:
    lines: list[str] = []
    done, kept = tried(params, prepared, trials=6, say=lines.append)
    assert len(lines) == 6
    assert lines[0].startswith("as it is, ")
    assert any("training fails; best so far" in line for line in lines)
    best = min(done, key=lambda one: one.loss)
    assert lines[-1].endswith(f"; best so far {best.loss:.4f} (trial {best.number})")
    found = json.loads(params.with_name("tuning.json").read_text())
    assert found["kept"] == (kept.number if kept else None)
    assert [one["knobs"] for one in found["trials"]] == [one.knobs for one in done]


def test_the_time_ends_the_search(
    params: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(clock) * 15.0)
    # Looked at by the search for its trial, and by its end, in turns.
    done, _ = tried(params, prepared, minutes=1, trials=None)
    assert len(done) == 2


def test_rows_of_one_merchant_have_nobody_to_hold_out(
    params: Path, prepared: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(prepared, tmp_path / "prepared")
    rows = pl.read_parquet(folder / "train.parquet").with_columns(key=pl.lit("aldi"))
    rows.write_parquet(folder / "train.parquet")
    with pytest.raises(UserError, match="too few merchants to hold any out"):
        tried(params, folder, trials=1)


def test_the_command_prints_the_trials_and_what_changed(
    params: Path,
    prepared: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {"PREPARED": prepared, "TUNING": params.with_name("t.json")}.items():
        monkeypatch.setattr(command, name, value)
    monkeypatch.setattr(command, "dvc_status", dict)
    monkeypatch.chdir(params.parent)
    assert run_verb("tune", "--trials", "5", "--candidate", CANDIDATE) == 0
    printed = capsys.readouterr().out
    assert "the best of 5 trials" in printed
    assert f"{CANDIDATE}, on folds by merchant" in printed
    assert printed.splitlines()[-1].startswith("params.yaml: ")


def test_rows_of_earlier_data_are_not_searched_on(
    params: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "dvc_status", lambda: {"validate": [], "train": []})
    monkeypatch.chdir(params.parent)
    earlier = (
        r"data/prepared is of an earlier state \(changed since: validate\); `dvc repro prepare`"
    )
    with pytest.raises(UserError, match=earlier):
        run_verb("tune", "--trials", "1")


def test_no_trials_are_refused() -> None:
    with pytest.raises(UserError, match="0 trials try nothing"):
        run_verb("tune", "--trials", "0")


def test_the_candidate_that_went_on_last_is_tuned(params: Path, tmp_path: Path) -> None:
    train = read_params(params).train
    file = tmp_path / "choice.json"
    assert candidate_of(train, file) == CANDIDATE
    write_json(file, unmeasured("linear"))
    assert candidate_of(train, file) == "linear"
    write_json(file, unmeasured("one that has gone"))
    assert candidate_of(train, file) == CANDIDATE


def test_a_knob_that_the_settings_leave_out_is_shown_with_what_was_tried() -> None:
    done = [trial(0, NONE, NONE), trial(1, Gain(0.1, 0.01), NONE)]
    done[0].knobs.clear()
    console = Console(width=100)
    with console.capture() as captured:
        console.print(trials_table(done))
    assert re.search(r"log loss +┃ accuracy +┃ lr ", captured.get())
    assert "default" in captured.get()
    assert "lr default → 1: log loss" in outcome(done, done[1])


def test_no_other_than_a_candidate_is_tuned(params: Path, prepared: Path) -> None:
    with pytest.raises(UserError, match=r"train\.candidates has no 'forest'"):
        tried(params, prepared, candidate="forest")
