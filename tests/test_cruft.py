"""cruft: a project takes the template's updates, also with the hook that makes a repository."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, TEMPLATE

IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.com"))
}


@pytest.fixture
def template(tmp_path):
    """A repository of its own with this checkout's template, to change and commit to."""
    folder = tmp_path / "template"
    shutil.copytree(
        ROOT,
        folder,
        symlinks=True,
        ignore=shutil.ignore_patterns(".git", ".venv", "build", ".tools"),
    )
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder)
    return folder


def git(folder, *arguments):
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Change")


def cruft(folder, *arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "cruft", *arguments],
        cwd=folder,
        env=os.environ | IDENTITY | settings,
        capture_output=True,
        text=True,
    )


def test_create_check_update(template, tmp_path):
    made = cruft(tmp_path, "create", str(template), "--no-input")
    assert made.returncode == 0, made.stderr
    project = tmp_path / "bank-categoriser"
    state = json.loads((project / ".cruft.json").read_text())
    assert state["context"]["cookiecutter"]["project"] == "bank-categoriser"
    follow = re.search(r"^git add .cruft.json .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    subprocess.run(["sh", "-c", follow.group()], cwd=project, env=os.environ | IDENTITY, check=True)
    assert git(project, "status", "--porcelain") == ""
    assert cruft(project, "check").returncode == 0

    mine = project / "src/categoriser/errors.py"
    mine.write_text(mine.read_text() + "\n# Ours.\n")
    commit(project)
    theirs = template / TEMPLATE.name / "params.yaml"
    theirs.write_text(
        theirs.read_text() + "# New in the template for << cookiecutter.__owner >>.\n"
    )
    (template / TEMPLATE.name / "NEW.md").write_text("new\n")
    commit(template)
    assert cruft(project, "check").returncode == 1

    updated = cruft(project, "update", "--skip-apply-ask")
    assert updated.returncode == 0, updated.stdout + updated.stderr
    params = (project / "params.yaml").read_text()
    assert params.endswith("# New in the template for example.\n")
    assert (project / "NEW.md").read_text() == "new\n"
    assert mine.read_text().endswith("# Ours.\n")
    assert git(project, "log", "--format=%s").splitlines()[-1] == "Start from the template"
    assert not list(project.glob("**/*.rej"))
    assert cruft(project, "check").returncode == 0
    changed = cruft(project, "diff").stdout.split("diff --git ")[1:]
    assert [part.split()[1].partition("/")[2] for part in changed] == ["src/categoriser/errors.py"]
