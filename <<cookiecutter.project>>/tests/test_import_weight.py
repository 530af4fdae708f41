"""Which heavy libraries a module loads: what reads settings and files starts without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {
    "boto3",
    "duckdb",
    "fairlearn",
    "fasttext",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandera",
    "polars",
    "pyarrow",
    "pydantic",
    "scipy",
    "sklearn",
    "yaml",
}
FORMATS = "categoriser.monitor.formats"
# The modules, and the heavy libraries that they may load beside those of the modules before them.
ALLOWED = [
    (
        [
            # A person waits for `--help` too.
            "categoriser.cli.application",
            "categoriser.retraining_decision",
            "categoriser.evaluation.evaluation_settings",
            f"{FORMATS}.baseline_facts",
            f"{FORMATS}.captured_sides",
            f"{FORMATS}.event_files",
            f"{FORMATS}.event_lines",
            f"{FORMATS}.problems",
            f"{FORMATS}.quality_figures",
            f"{FORMATS}.violations",
        ],
        set(),
    ),
    (
        [
            "categoriser.monitor.monitor_settings",
            "categoriser.monitor.calibration.thresholds",
            "categoriser.monitor.checks.request_environment",
        ],
        {"pydantic", "yaml"},
    ),
    # A person waits for these, and they read no data.
    (["release.status", "release.rollback", "release.why", "release.teardown"], {"boto3"}),
    (
        [
            f"{FORMATS}.constraints",
            f"{FORMATS}.feature_statistics",
            f"{FORMATS}.sketch",
            f"{FORMATS}.statistics_file",
        ],
        {"numpy"},
    ),
    (
        [f"{FORMATS}.captures", f"{FORMATS}.event_frames", f"{FORMATS}.ground_truth"],
        {"polars"},
    ),
    # The stage asks the model; it judges no labels and draws nothing.
    (["categoriser.monitor.baseline"], {"fasttext", "pyarrow", "scipy"}),
]
LOADED_AFTER_EACH = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    print(json.dumps([name, sorted({module.partition(".")[0] for module in sys.modules})]))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """Return the heavy libraries that are loaded after each module, in their order."""
    names = [name for names, _ in ALLOWED for name in names]
    command = [sys.executable, "-c", LOADED_AFTER_EACH, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: HEAVY & {*modules} for name, modules in told}


def test_a_module_loads_no_heavier_library_than_it_needs(loaded: dict[str, set[str]]) -> None:
    so_far: set[str] = set()
    for names, more in ALLOWED:
        so_far |= more
        for name in names:
            assert loaded[name] <= so_far, f"{name} loads {sorted(loaded[name] - so_far)}"


def test_every_format_says_what_it_may_load() -> None:
    told = {name for names, _ in ALLOWED for name in names if name.startswith(FORMATS)}
    files = (ROOT / "src" / FORMATS.replace(".", "/")).glob("[!_]*.py")
    assert told == {f"{FORMATS}.{file.stem}" for file in files}
