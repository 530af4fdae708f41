"""The stages `evaluate` and `gate`, from what was measured to the status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from measured import result
from sound_evaluation import LIMITS

from categoriser.data.generated_facts import GeneratedFacts, Planted
from categoriser.data.profile import Profile
from categoriser.errors import UserError
from categoriser.evaluation import evaluate as evaluate_stage
from categoriser.evaluation import gate
from categoriser.io.replacing import write_json

ROOT = Path(__file__).parents[2]


def write_project(folder: Path, changes: dict[str, Any]) -> None:
    """Write a folder that holds what the stages before wrote."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["gate"] = LIMITS.model_dump() | changes
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    write_json(folder / "reports/evaluation.json", result()[0])
    write_json(folder / "champion/decision.json", None)
    write_json(folder / "baseline/facts.json", {"model": result()[0].model.digest})
    profile = Profile(
        rows=2000,
        months={},
        shares={},
        deciles={},
        repeated=0,
        bad_rows=3,
        set_aside={"no price": 3},
    )
    write_json(folder / "data/profile.json", profile)
    generated = GeneratedFacts(
        rows=2000,
        seed=0,
        months=["2026-01", "2026-03"],
        label_noise=0.1,
        planted=Planted("country", "NZ", 0.2),
        ceiling=0.9,
        ceiling_by={"country": {"NZ": 0.7}},
    )
    write_json(folder / "data/generated.json", generated)


def test_the_stage_fails_with_status_1_after_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, {"min_accuracy": 0.99, "max_slice_gap": 1})
    monkeypatch.chdir(tmp_path)
    evaluate_stage.main()
    failed = subprocess.run(
        [sys.executable, "-m", "categoriser.evaluation.gate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "min_accuracy (random): accuracy is" in failed.stderr
    assert "under the bound of 0.9900" in failed.stderr
    assert "Traceback" not in failed.stderr
    verdict = json.loads((tmp_path / "reports/gate.json").read_text())
    assert verdict["passed"] is False
    assert verdict["model"] == result()[0].model.digest
    assert "The model may not go on" in (tmp_path / "reports/report.html").read_text()
    assert "may not go on" in (tmp_path / "reports/model_card.md").read_text()


def test_the_stage_passes_and_writes_the_same_bytes_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_project(folder, {"max_slice_gap": 1, "max_loss_to_reference": 1})
        monkeypatch.chdir(folder)
        evaluate_stage.main()
        gate.main()
        names = ("gate.json", "report.html", "model_card.md")
        written.append([(folder / "reports" / name).read_bytes() for name in names])
    assert written[0] == written[1]
    assert json.loads(written[0][0])["passed"] is True
    shown = capsys.readouterr().out
    assert "errors avoided" in shown
    assert "the data has no such column" in shown


def test_a_baseline_of_another_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, {"max_slice_gap": 1, "max_loss_to_reference": 1})
    write_json(tmp_path / "baseline/facts.json", {"model": "another"})
    monkeypatch.chdir(tmp_path)
    evaluate_stage.main()
    with pytest.raises(UserError, match=r"baseline/facts\.json is of another model"):
        gate.main()
