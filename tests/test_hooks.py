"""The hook after a bake: it helps where it can, and nothing that fails in it fails the bake."""

import ast
import importlib.util
import os
import subprocess
import sys

import pytest
from conftest import ROOT

spec = importlib.util.spec_from_file_location("post_gen", ROOT / "hooks" / "post_gen_project.py")
post_gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(post_gen)


def bake(folder, **environment):
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "--output-dir", folder],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def git(folder, *arguments):
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_next_steps_are_printed(tmp_path):
    done = bake(tmp_path)
    assert done.returncode == 0
    assert "cd bank-categoriser\n  make run" in done.stdout
    assert "origin https://github.com/example/bank-categoriser.git\n" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("GitLab", "https://gitlab.com/o/r.git"),
        ("Bitbucket", "https://bitbucket.org/o/r.git"),
        ("CodeCommit", "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/r"),
    ],
)
def test_the_remote_is_where_the_repository_is(tmp_path, host, origin):
    answers = [f"git_host={host}", "repository=o/r", "aws_region=eu-west-1"]
    line = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", tmp_path, *answers]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    assert f"git remote add origin {origin}\n" in done.stdout


def test_without_git_the_bake_succeeds_with_a_warning(tmp_path):
    empty = tmp_path / "bin"
    empty.mkdir()
    done = bake(tmp_path / "out", PATH=str(empty))
    assert done.returncode == 0
    assert "warning: no Git repository was made" in done.stderr
    assert (tmp_path / "out/bank-categoriser/params.yaml").exists()


def test_a_git_that_fails_is_a_warning_with_its_reason(tmp_path):
    stub = tmp_path / "bin" / "git"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\n[ $1 = rev-parse ] && exit 1\necho 'disk is full' >&2; exit 128\n")
    stub.chmod(0o755)
    done = bake(tmp_path / "out", PATH=f"{stub.parent}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0
    assert "warning: no Git repository was made (disk is full)" in done.stderr


def test_inside_another_repository_no_second_one_is_made(tmp_path):
    git(tmp_path, "init", "--quiet")
    done = bake(tmp_path)
    assert done.returncode == 0
    assert "belongs to another Git repository" in done.stdout
    assert not (tmp_path / "bank-categoriser/.git").exists()


def test_a_folder_that_the_other_repository_ignores_gets_its_own(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("bank-categoriser\n")
    assert bake(tmp_path).returncode == 0
    assert git(tmp_path / "bank-categoriser", "rev-list", "--count", "HEAD") == "1"


def test_the_users_git_settings_do_not_stop_the_first_commit(tmp_path, monkeypatch):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f"[commit]\n\tgpgsign = true\n[core]\n\thooksPath = {hooks}\n[gpg]\n\tprogram = false\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    done = bake(tmp_path / "out", GIT_DIR=str(tmp_path / "elsewhere"), GIT_AUTHOR_NAME="")
    assert (done.returncode, done.stderr) == (0, "")
    assert git(tmp_path / "out/bank-categoriser", "log", "--format=%an") == "example"


def test_answers_reach_the_hook_as_they_are(capsys):
    post_gen_steps = post_gen.next_steps({"project": "n", "__origin": "https://host/o/r.git"})
    assert "\n  cd n\n" in post_gen_steps
    assert "git remote add origin https://host/o/r.git\n" in post_gen_steps
    assert "git push --set-upstream origin main" in post_gen_steps


def test_the_repository_helper_uses_the_identity(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    post_gen.make_repository("Ann O'Neil", "ann@example.com")
    assert git(tmp_path, "log", "--format=%an <%ae> %D") == (
        "Ann O'Neil <ann@example.com> HEAD -> main"
    )


@pytest.mark.parametrize("hook", sorted((ROOT / "hooks").glob("*.py")), ids=lambda path: path.name)
def test_hooks_need_the_standard_library_alone(hook):
    tree = ast.parse(hook.read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"json", "os", "pathlib", "re", "subprocess", "sys"}
