"""thresholds.json and its formula."""

from __future__ import annotations

from pathlib import Path

import pytest
from monitor_helpers.made_baseline import made

from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.monitor.calibration.thresholds import CalibratedThresholds, FeatureLimit
from categoriser.params import read_sections


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
