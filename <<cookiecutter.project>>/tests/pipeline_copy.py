"""The project's pipeline in a folder of its own, on few rows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from categoriser import paths
from categoriser.params import set_params
from categoriser.rules.rules_file import write_rules

ROOT = Path(__file__).parents[1]
SETTINGS = {
    "data.path": paths.GENERATED.as_posix(),
    "generate.rows": 6000,
    "generate.months": 24,
    "prepare.months": 2,
    # Few rows need few folds, buckets and draws.
    "train.folds": 2,
    "train.candidates.fasttext_svm.bucket": 50_000,
    "evaluate.resamples": 100,
    # So few rows are too few for fastText: it is far behind the reference.
    "gate.max_loss_to_reference": 1.0,
    "gate.widest_loss": 1.0,
    "gate.max_slice_gap": 1.0,
    "gate.min_cases_held": None,
    "gate.min_accuracy": None,
    "gate.min_macro_f1": None,
}


class Copy:
    """The project's pipeline in a folder of its own, on few rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        leave = shutil.ignore_patterns("cache", "tmp", "model.dvc", "*.egg-info", "__pycache__")
        for name in ("behaviour", "champion", "loop", "monitoring", "src", ".dvc"):
            shutil.copytree(ROOT / name, folder / name, ignore=leave)
        for name in ("dvc.yaml", "params.yaml", ".gitignore"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "data").mkdir()
        # The test is of the pipeline, whatever the project's own data, rules, bounds and champion
        # are.
        write_rules(folder / paths.RULES, [])
        (folder / paths.MERCHANT_GROUPS).write_text("key,group\n")
        for facts in (paths.CHAMPION_FACTS, paths.CHAMPION_PROFILE, paths.DECISION):
            (folder / facts).write_text("null\n")
        self.set(SETTINGS)
        set_params(folder / paths.MONITORING, {"thresholds.weeks": 100})
        for command in (
            ["init"],
            ["config", "user.name", "Ann"],
            ["config", "user.email", "ann@example.com"],
            ["add", "."],
            ["commit", "--message", "Start"],
        ):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)

    def set(self, values: dict[str, Any]) -> None:
        set_params(self.folder / paths.PARAMS, values)

    def params(self) -> str:
        return (self.folder / paths.PARAMS).read_text(encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env=os.environ | {"PATH": path, "PYTHONPATH": str(self.folder / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
