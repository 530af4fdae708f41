"""Bakes of the template: plain ones, and one whose environment and pipeline are real."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "<<cookiecutter.project>>"
PROMPTS = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))

# One of these answers at a time, beside the defaults.
ONE_AT_A_TIME = {
    "defaults": {},
    "project": {"project": "a"},
    "project-longest": {"project": "abcdefghij-klmnopq-3"},
    "email": {"email": "o'brien+ml@data.bank.example"},
    "repository": {"repository": "Some-Bank/ml.categoriser_2"},
    "aws_region": {"aws_region": "us-gov-west-1"},
} | {
    f"{field}-{value}": {field: value}
    for field in ("git_host", "workflow", "python_version")
    for value in PROMPTS[field][1:]
}


def answered(answers):
    """Give the answers that a bake has: these, and for the others the defaults."""
    defaults = {
        field: value[0] if isinstance(value, list) else value for field, value in PROMPTS.items()
    }
    return defaults | answers


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory):
    """Give cookiecutter, cruft and Git a home of their own: none of the user's settings apply.

    Nor do those of the `make` that runs the tests: another that it starts would say where it works.
    """
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            patch.delenv(name, raising=False)
        patch.setenv("COOKIECUTTER_CONFIG", str(home / "cookiecutterrc"))
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        (home / "cookiecutterrc").write_text(
            f"cookiecutters_dir: {home}/templates\nreplay_dir: {home}/replay\n"
        )
        (home / "gitconfig").write_text("")
        yield home


@pytest.fixture(scope="session")
def bake(tmp_path_factory):
    """Give a function that bakes the template with some answers and gives the project's folder."""

    def bake(**answers):
        folder = tmp_path_factory.mktemp("bake")
        return Path(
            cookiecutter(str(ROOT), no_input=True, extra_context=answers, output_dir=str(folder))
        )

    return bake


@pytest.fixture(scope="session", params=ONE_AT_A_TIME.values(), ids=ONE_AT_A_TIME)
def baked(request, bake):
    """A bake with one answer other than the default, and that answer."""
    return bake(**request.param), request.param


class Project:
    """A baked project and its own environment."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *command, check=True, **settings):
        """Run a command with the project's environment active, as after `activate`."""
        path = f"{self.folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "PATH": path, **settings},
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="session")
def project(bake):
    """A project with the defaults, set up by its own Makefile; removed at the end: it is large."""
    project = Project(bake())
    project.run("make", "setup")
    yield project
    shutil.rmtree(project.folder)


@pytest.fixture(scope="session")
def repeated(project):
    """The project after two literal `dvc repro`, with what each printed."""
    return project, project.run("dvc", "repro").stdout, project.run("dvc", "repro").stdout
