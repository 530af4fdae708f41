"""The stage: its document and page, what it fails on, and what it takes from the rows."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from measured import CANDIDATE, CHOSEN, SIZES, TRAIN, write_parts

from categoriser import paths
from categoriser.diagnostics.diagnose import diagnose
from categoriser.diagnostics.facts import gather
from categoriser.diagnostics.findings import read_diagnostics
from categoriser.diagnostics.page import redraw
from categoriser.diagnostics.rules import ClassRows
from categoriser.diagnostics.series import read_training
from categoriser.diagnostics.training_watch import TrainingWatch
from categoriser.io.replacing import write_json
from categoriser.model.train import train
from categoriser.params import Params, set_params

SOURCES = Path(__file__).parents[2] / "src"


def trained(params: Params) -> None:
    """Train in the working folder, watched, on what is prepared there."""
    watch = TrainingWatch(paths.SERIES, CANDIDATE, params.diagnostics.exploding_loss)
    train(paths.PREPARED, paths.TRAINED, TRAIN, CHOSEN, watch=watch)
    write_json(paths.TRAINING, watch.training)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """Make a folder with prepared rows and a watched training."""
    folder = tmp_path_factory.mktemp("diagnosed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_parts(folder / paths.PREPARED)
        trained(params)
    return folder


@pytest.fixture
def here(project: Path, run: Path) -> Path:
    shutil.copytree(run / "data", project / "data")
    return project


@pytest.mark.usefixtures("here")
def test_the_document_and_the_page_say_the_same() -> None:
    found = diagnose()
    assert read_diagnostics(paths.DIAGNOSTICS) == found
    # A quarter of the lines of each part are training's.
    assert {finding.rule for finding in found.findings} == {"duplicates"}
    page = paths.DIAGNOSTICS_PAGE.read_text(encoding="utf-8")
    for finding in found.findings:
        assert finding.sentence in page
    assert page.count("data:image/svg+xml") == 2
    assert 'href="report.html"' in page
    assert "http" not in page.replace("http-equiv", "")
    first = paths.DIAGNOSTICS.read_bytes()
    diagnose()
    assert paths.DIAGNOSTICS.read_bytes() == first


@pytest.mark.usefixtures("here")
def test_the_page_is_drawn_anew_from_the_document_or_removed(params: Params) -> None:
    diagnose()
    drawn = paths.DIAGNOSTICS_PAGE.read_bytes()
    paths.DIAGNOSTICS_PAGE.write_text("of another training")
    redraw(params.about.project)
    assert paths.DIAGNOSTICS_PAGE.read_bytes() == drawn
    for path in (paths.DIAGNOSTICS, paths.TRAINING):
        content = path.read_bytes()
        path.unlink()
        redraw(params.about.project)
        assert not paths.DIAGNOSTICS_PAGE.exists()
        path.write_bytes(content)
        redraw(params.about.project)
        assert paths.DIAGNOSTICS_PAGE.exists()


@pytest.mark.usefixtures("here")
def test_over_fitting_is_judged_where_the_validation_rows_are_enough() -> None:
    """The gate's fewest rows of a part are the fewest here too."""
    for fewest, judged in ((SIZES["validation"], True), (SIZES["validation"] + 1, False)):
        set_params(paths.PARAMS, {"evaluate.min_rows": fewest})
        read = {reading.rule: reading.value for reading in diagnose().rules}
        assert (read["over_fitting"] is not None) == judged
        assert ("not judged" in paths.DIAGNOSTICS_PAGE.read_text("utf-8")) != judged


@pytest.mark.usefixtures("here")
def test_a_series_of_another_training_is_not_drawn() -> None:
    lines = paths.SERIES.read_bytes().splitlines(keepends=True)
    paths.SERIES.write_bytes(b"".join(lines[:-1]))
    diagnose()
    page = paths.DIAGNOSTICS_PAGE.read_text(encoding="utf-8")
    assert "data:image" not in page
    assert "not on this machine" in page


@pytest.mark.parametrize(("action", "status"), [("report", 0), ("stop", 1)])
def test_a_finding_fails_the_stage_where_it_is_to_stop(
    here: Path, action: str, status: int
) -> None:
    set_params(here / paths.PARAMS, {"diagnostics.duplicates.action": action})
    done = subprocess.run(
        [sys.executable, "-m", "categoriser.diagnostics.diagnose"],
        cwd=here,
        env={"PATH": "/bin", "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    assert "findings=4" in done.stdout
    assert paths.DIAGNOSTICS_PAGE.exists()
    assert ("the training is stopped by 4 findings: of the validation" in done.stderr) == bool(
        status
    )


def test_what_the_rows_hold_is_counted(here: Path, params: Params) -> None:
    """A class that no text tells is never answered; new words are new."""
    draw = random.Random(0)
    path = here / paths.PREPARED / "train.parquet"
    rows = pl.read_parquet(path)
    rare = [draw.random() < 0.02 for _ in range(rows.height)]
    category = pl.when(pl.Series(rare)).then(pl.lit("rare")).otherwise("category")
    rows.with_columns(category=category).write_parquet(path)
    time = here / paths.PREPARED / "time.parquet"
    held = pl.read_parquet(time)
    words = pl.lit("brand new words AA AX ZA")
    held.with_columns(features=words, category=pl.lit("new")).write_parquet(time)
    trained(params)
    found = gather(paths.PREPARED, paths.TRAINED, read_training(paths.TRAINING), 1)
    assert found.classes["rare"].train == sum(rare)
    assert found.classes["rare"].answered == 0
    assert found.classes["transport"].answered > 20
    assert found.classes["new"] == ClassRows(train=0, validation=0, answered=0)
    assert found.parts["time"].unknown_words == 1
    assert found.parts["validation"].unknown_words == 0
    assert found.train_accuracy
    assert found.valid_accuracy
    assert found.train_accuracy > found.valid_accuracy > 0.5
