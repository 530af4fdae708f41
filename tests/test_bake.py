"""What a bake gives, whichever one answer differs from the defaults."""

import re
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import yaml
from conftest import PROMPTS, ROOT, TEMPLATE, answered

# The name of a file that an answer chooses. Jinja's test is Python's as well.
CONDITION = re.compile("<% if (?P<test>.+?) %>(?P<name>.+?)<% endif %>")
DELIMITER = re.compile(rb"<<|>>|<%|%>|<#|#>|cookiecutter\.")


def git_files(folder):
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=folder, check=True, capture_output=True
    ).stdout
    return {name.decode() for name in listing.split(b"\0") if name}


def all_files(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def expected_tree(answers):
    """The template's tree with the names of its conditional files resolved by their conditions."""
    names = {
        path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.rglob("*") if path.is_file()
    }
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", TEMPLATE.name],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.split(b"\0")
    tracked = {name.decode().removeprefix(f"{TEMPLATE.name}/") for name in tracked if name}
    found = [resolved(name, answers) for name in names & tracked]
    chosen = {name for name in found if name}
    assert len(chosen) == sum(name != "" for name in found), "two files of one name"
    return chosen


def resolved(name, answers):
    """A file's name in a bake; empty where an answer leaves the file out."""
    condition = CONDITION.search(name)
    if not condition:
        return name
    played = (answers["workflow"], answers["aws_region"])
    rehearsed = answers["rehearsal"] and played == ("cloudformation", "ap-southeast-2")
    known = SimpleNamespace(**{**answers, "__rehearsal": rehearsed})
    held = eval(condition["test"], {"cookiecutter": known})
    return CONDITION.sub(lambda found: found["name"], name) if held else ""


def test_tree_is_exactly_the_templates_and_all_of_it_is_committed(baked):
    folder, answers = baked
    expected = expected_tree(answered(answers))
    assert all_files(folder) == expected
    assert git_files(folder) == expected


def test_no_delimiter_is_left_in_any_file(baked):
    folder, _ = baked
    for name in all_files(folder):
        content = (folder / name).read_bytes()
        # A picture may hold the bytes by chance.
        assert name.endswith(".png") or not DELIMITER.search(content), name
        assert not DELIMITER.search(name.encode())


def test_every_yaml_and_toml_file_parses(baked):
    folder, _ = baked
    parsed = 0
    for name in all_files(folder):
        if not name.endswith((".yaml", ".yml", ".toml")):
            continue
        text = (folder / name).read_text(encoding="utf-8")
        if not name.endswith(".toml"):
            # Composed, not constructed: CloudFormation has tags of its own.
            assert all(yaml.compose_all(text)), name
        else:
            tomllib.loads(text)
        parsed += 1
    assert parsed >= 4


def test_answers_arrive_unchanged(baked):
    folder, answers = baked
    answers = answered(answers)
    settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert settings["name"] == folder.name
    owner = answers["repository"].partition("/")[0]
    assert settings["authors"] == [{"name": owner, "email": answers["email"]}]
    dockerfile = (folder / "container/Dockerfile").read_text(encoding="utf-8")
    assert f"ARG BASE_IMAGE=python:{answers['python_version']}-slim-bookworm\n" in dockerfile


def test_github_alone_gets_a_workflow_of_github(baked):
    folder, answers = baked
    answers = answered(answers)
    if answers["git_host"] == "GitHub":
        workflow = yaml.safe_load((folder / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
        assert workflow[True]["push"]["branches"] == ["main"]
    else:
        assert not (folder / ".github").exists()
    folders = {path for path in folder.rglob("*") if path.is_dir()}
    own = {path for path in folders if ".git" not in path.relative_to(folder).parts}
    assert [path for path in own if not any(path.iterdir())] == []


def test_first_commit_is_clean_and_by_the_team(baked):
    folder, answers = baked
    answers = answered(answers)
    owner = answers["repository"].partition("/")[0]

    def git(*arguments):
        return subprocess.run(
            ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert git("log", "--format=%an <%ae>") == f"{owner} <{answers['email']}>"
    assert git("branch", "--show-current") == "main"
    assert git("status", "--porcelain") == ""


def test_the_branch_of_the_first_commit_is_the_one_that_is_released(bake):
    folder = bake()
    settings = yaml.safe_load((folder / "cloudformation/settings.yaml").read_text(encoding="utf-8"))
    head = (folder / ".git/HEAD").read_text(encoding="utf-8")
    assert head == f"ref: refs/heads/{settings['source']['branch']}\n"


def test_two_bakes_with_the_same_answers_are_identical(bake):
    first, second = bake(), bake()
    for name in expected_tree(answered({})):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_python_in_the_template_is_plain():
    for path in TEMPLATE.rglob("*.py"):
        assert not DELIMITER.search(path.read_bytes()), path


def test_template_names_every_prompt_and_asks_nothing_twice():
    asked = {field for field in PROMPTS if not field.startswith("_")}
    assert set(PROMPTS["__prompts__"]) == asked
    labels = list(PROMPTS["__prompts__"].values())
    assert len(set(labels)) == len(labels)


def test_the_templates_own_python_is_clean():
    for check in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "."], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_cruft_finds_the_template_by_its_link():
    link = ROOT / "{{cookiecutter.project}}"
    assert link.is_symlink()
    assert link.resolve() == TEMPLATE.resolve()
