"""The settings of a project whose jobs are done in a moment, on few rows."""

from __future__ import annotations

import shutil
from pathlib import Path

from measured import CANDIDATE, FEW

from categoriser import paths
from categoriser.params import set_params
from categoriser.rules.rules_file import write_rules

ROOT = Path(__file__).parents[2]


def write_small_settings(folder: Path) -> None:
    """Write what the image's working directory has beside the code."""
    shutil.copy(ROOT / paths.PARAMS, folder)
    shutil.copytree(ROOT / "monitoring", folder / "monitoring")
    shutil.copytree(ROOT / paths.BEHAVIOUR, folder / paths.BEHAVIOUR)
    write_rules(folder / paths.RULES, [])
    (folder / paths.MERCHANT_GROUPS).write_text("key,group\n")
    (folder / paths.CHAMPION).mkdir()
    (folder / paths.CHAMPION_PROFILE).write_text("null\n")
    # Git's champion is another than the live model: the jobs must not want it.
    (folder / paths.CHAMPION_FACTS).write_text('{"digest": "of Git", "metrics": {}}\n')
    (folder / paths.DECISION).write_text("null\n")
    small = {f"train.candidates.{CANDIDATE}.{name}": value for name, value in FEW.items()}
    loose = {"gate.max_loss_to_reference": 1.0, "gate.max_slice_gap": 1.0, "evaluate.min_rows": 50}
    # The rows are of some 75 merchants: enough of them are held out to judge by.
    loose |= {"gate.widest_loss": 1.0, "prepare.merchants": 0.25}
    set_params(folder / paths.PARAMS, small | loose | {"evaluate.resamples": 100})
    # And of few texts, which all parts have.
    set_params(folder / paths.PARAMS, {"diagnostics.duplicates.threshold": 1.0})
    # The cases of behaviour are of other merchants.
    set_params(folder / paths.PARAMS, {"gate.min_cases_held": None})
    quick = {"thresholds.weeks": 200, "thresholds.window_rows": [200, 600]}
    few = {"quality.min_rows": 40, "thresholds.min_rows": 40}
    set_params(folder / paths.MONITORING, quick | few)
