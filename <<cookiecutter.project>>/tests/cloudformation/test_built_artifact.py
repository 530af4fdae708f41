"""What Build hands on: the builds after it find there what they run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from train_stage import TRAIN_STAGE

from prove import project_files
from prove.project_files import ROOT

# The builds whose source is what Build has made.
BUILDS = ("test", *TRAIN_STAGE.builds)
MODULE = re.compile(r"python -m ([\w.]+)")
SCRIPT = re.compile(r"python3? (\S+\.py)")
MISSING = re.compile(r"ModuleNotFoundError: No module named '(\w+)")
# Import what is run, under another name than that of a program.
IMPORT = """
import importlib, importlib.util, runpy, sys
name = sys.argv[1]
if name.endswith(".py"):
    runpy.run_path(name, run_name="imported")
else:
    package = importlib.util.find_spec(name).submodule_search_locations
    importlib.import_module(f"{name}.__main__" if package else name)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the artifact's files, by CodeBuild's patterns.

    `*` is the files of a folder, and `**/*` those of all folders below it too:
    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
    """
    folder = tmp_path_factory.mktemp("built")
    spec = yaml.safe_load(project_files.text("buildspecs/build.yaml"))
    for pattern in spec["artifacts"]["files"]:
        for file in ROOT.glob(pattern):
            if file.is_file():
                target = folder / file.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target)
    return folder


def commands_of(build: str, built: Path) -> list[str]:
    """Give a build's commands; of one that is a verb of the Makefile, what the verb does."""
    spec = yaml.safe_load(project_files.text(f"buildspecs/{build}.yaml"))
    found: list[str] = []
    for phase in spec["phases"].values():
        for command in phase["commands"]:
            if command.startswith("make "):
                words = ["make", "--dry-run", *command.split()[1:]]
                done = subprocess.run(words, cwd=built, capture_output=True, text=True, check=True)
                found += done.stdout.splitlines()
            else:
                found.append(command)
    return found


@pytest.mark.parametrize("build", BUILDS)
def test_a_build_finds_what_it_runs(build: str, built: Path) -> None:
    commands = "\n".join(commands_of(build, built))
    named = {*MODULE.findall(commands), *SCRIPT.findall(commands)}
    assert len(named) > 1, commands
    path = os.pathsep.join(str(built / name) for name in ("src", "lambdas", "workflow", "."))
    for name in sorted(named):
        done = subprocess.run(
            [sys.executable, "-c", IMPORT, name],
            cwd=built,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            # The engine's own packages are in another environment.
            missing = MISSING.search(done.stderr)
            assert missing, done.stderr
            assert not (ROOT / missing[1]).exists(), done.stderr
            assert not (ROOT / "src" / missing[1]).exists(), done.stderr
