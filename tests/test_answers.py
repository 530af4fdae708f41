"""Bad answers: refused in one message that names each field, with nothing left on disk."""

import importlib.util
import json
import re
import subprocess
import sys

import pytest
from conftest import PROMPTS, ROOT, TEMPLATE
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter

spec = importlib.util.spec_from_file_location("pre_gen", ROOT / "hooks" / "pre_gen_project.py")
pre_gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pre_gen)

BAD = [
    ("project", ""),
    ("project", "."),
    ("project", ".."),
    ("project", "/abs"),
    ("project", "a/b"),
    ("project", "../up"),
    ("project", "a\\b"),
    ("project", " "),
    ("project", "Upper"),
    ("project", "1st"),
    ("project", "-a"),
    ("project", "a-"),
    ("project", "a--b"),
    ("project", "a_b"),
    ("project", "a b"),
    ("project", "a.b"),
    ("project", "é"),
    ("project", "abcdefghijklmnopqrstu"),
    ("project", "a" * 300),
    ("project", "a\nb"),
    ("project", "~"),
    ("email", "nobody"),
    ("email", "a@b"),
    ("email", 'a"b@c.example'),
    ("email", "a@b.example\n"),
    ("repository", "no-owner"),
    ("repository", "https://example.com/o/n"),
    ("repository", "o/n/m"),
    ("repository", "a/."),
    ("repository", "a/.."),
    ("repository", "a/b.git"),
    ("repository", "a/.git"),
    ("repository", "é/b"),
    ("aws_region", "Sydney"),
    ("aws_region", "ap-southeast"),
]


def bake(folder, **answers):
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "--output-dir", folder]
        + [f"{field}={value}" for field, value in answers.items()],
        capture_output=True,
        text=True,
    )


def left(folder):
    return [path.name for path in folder.rglob("*")]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_answer_is_refused(tmp_path, field, value, capfd):
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(FailedHookException, match="nothing was made"):
        cookiecutter(str(ROOT), no_input=True, extra_context={field: value}, output_dir=str(out))
    message = capfd.readouterr().err
    assert f"{field} {value!r} " in message
    assert left(tmp_path) == ["out"]


@pytest.mark.parametrize("value", ["", ".", "..", "/abs", "a/b", "a" * 300])
def test_the_command_fails_and_leaves_nothing(tmp_path, value):
    done = bake(tmp_path, project=value)
    assert done.returncode != 0
    assert f"project {value!r} cannot be used: begin with a lower-case letter" in done.stderr
    assert done.stdout == "These answers cannot be used; nothing was made.\n"
    assert "Traceback" not in done.stderr
    assert left(tmp_path) == []


def test_every_problem_is_in_one_message(tmp_path):
    done = bake(tmp_path, project="A B", email="x", repository="x", aws_region="x")
    assert done.returncode != 0
    fields = [line.split()[0] for line in done.stderr.splitlines()]
    assert fields == ["project", "email", "repository", "aws_region"]
    assert left(tmp_path) == []


MENUS = {field: PROMPTS[field] for field in ("git_host", "workflow", "python_version")}


@pytest.mark.parametrize("field", MENUS)
@pytest.mark.parametrize("value", ["", "3.9", "github", "3.14"])
def test_what_is_not_in_a_menu_is_refused(tmp_path, field, value):
    """The command's last line names the field, the answer and the menu."""
    done = bake(tmp_path, **{field: value})
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    for word in (field, value, *MENUS[field]):
        assert word in last
    assert left(tmp_path) == []


@pytest.mark.parametrize("field", MENUS)
def test_the_rules_hold_a_menu_as_it_is(field):
    pattern, mend = pre_gen.PATTERNS[field]
    assert all(re.fullmatch(pattern, value) for value in MENUS[field])
    assert all(value in mend for value in MENUS[field])
    assert not re.fullmatch(pattern, MENUS[field][0] + "x")


def test_the_menus_are_asked_as_menus(tmp_path):
    line = [sys.executable, "-m", "cookiecutter", str(ROOT), "--output-dir", tmp_path]
    typed = ["", "", "", "2", "", "", "3", ""]
    done = subprocess.run(line, input="\n".join([*typed, ""]), capture_output=True, text=True)
    assert done.returncode == 0
    assert "Choose from [1/2/3/4]" in done.stdout
    baked = tmp_path / "bank-categoriser"
    assert 'host: "GitLab"' in (baked / "cloudformation/settings.yaml").read_text()
    assert "python:3.11-" in (baked / "container/Dockerfile").read_text()


def test_eight_questions_at_most():
    assert len([field for field in PROMPTS if not field.startswith("_")]) <= 8


def test_an_existing_folder_is_not_touched(tmp_path):
    mine = tmp_path / "bank-categoriser" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert bake(tmp_path).returncode != 0
    assert mine.read_text() == "mine"
    assert left(tmp_path) == ["bank-categoriser", "mine.txt"]


GOOD = {
    "project": "name",
    "email": "a@b.example",
    "repository": "o/n",
    "git_host": "GitLab",
    "workflow": "airflow",
    "aws_region": "eu-west-1",
    "python_version": "3.12",
}


def test_good_answers_have_no_problems():
    assert pre_gen.problems(GOOD) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project", "a"),
        ("project", "a1-b2"),
        ("project", "abcdefghijklmnopqrst"),
        ("repository", "o/.github"),
        ("repository", "o/git"),
        ("email", "first.last+tag@sub.bank.example"),
        ("aws_region", "us-gov-west-1"),
    ],
)
def test_odd_but_good_answers_pass(field, value):
    assert pre_gen.problems(GOOD | {field: value}) == []


@pytest.mark.parametrize("region", ["eu-west-9", "ap-southwest-2", "us-gov-west-2"])
def test_a_region_that_aws_has_not_is_refused(region):
    assert pre_gen.problems(GOOD | {"aws_region": region}) == [
        f"aws_region {region!r} cannot be used: AWS has no such region: write the code of one that "
        "it has, such as 'ap-southeast-2'"
    ]


@pytest.mark.parametrize("region", pre_gen.REGIONS)
def test_a_region_that_aws_has_is_taken(region):
    assert pre_gen.problems(GOOD | {"aws_region": region}) == []


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
def test_china_is_refused_with_the_reason(region):
    assert pre_gen.problems(GOOD | {"aws_region": region}) == [
        f"aws_region {region!r} cannot be used: the release cannot exist in China, whose "
        "CodePipeline has no CloudFormation action: take another region"
    ]


def test_each_problem_names_the_field_the_answer_and_the_mend():
    assert pre_gen.problems(GOOD | {"aws_region": "Sydney"}) == [
        "aws_region 'Sydney' cannot be used: write a region's code, such as 'ap-southeast-2'"
    ]


@pytest.mark.parametrize("owner", ["x", "a.", "a-", "...a", "-a", "é", "O'Neil", "a.b-c_d"])
def test_git_takes_every_owner_that_is_accepted_as_an_author(tmp_path, owner):
    if pre_gen.problems(GOOD | {"repository": f"{owner}/n"}):
        return
    author = ["-c", f"user.name={owner}", "-c", "user.email=a@b.example"]
    done = subprocess.run(
        ["git", *author, "var", "GIT_AUTHOR_IDENT"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0


def test_a_replay_of_bad_answers_is_refused_too(tmp_path):
    """Nothing is asked of a replay, so that the hook alone can refuse it."""
    answers = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    given = {**answers, **GOOD, "__project": GOOD["project"], "git_host": "SourceForge"}
    file = tmp_path / "replay.json"
    file.write_text(json.dumps({"cookiecutter": given}))
    line = [sys.executable, "-m", "cookiecutter", str(ROOT), "--replay-file", file]
    done = subprocess.run(
        [*line, "--output-dir", tmp_path / "out"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "git_host 'SourceForge' cannot be used" in done.stderr
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("version", ["1.7.3", "2.1.1", "2.5.0"])
def test_an_older_cookiecutter_says_in_a_line_what_it_lacks(tmp_path, version):
    """Before the first question: standard input is empty."""
    older = tmp_path / "older"
    python = older / "bin/python"
    packages = [f"cookiecutter=={version}", "setuptools<81"]
    if version == "1.7.3":
        packages += ["jinja2<3.1", "markupsafe<2.1"]
    uv = [sys.executable, TEMPLATE / "requirements/uv.py"]
    subprocess.run([*uv, "venv", "--quiet", older], cwd=ROOT, check=True)
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", python, *packages], cwd=ROOT, check=True
    )
    done = subprocess.run(
        [older / "bin/cookiecutter", ROOT, "--output-dir", "out"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert said.startswith("Unable to load extension: ")
    assert len(said.splitlines()) == 1
    assert ("needs_cookiecutter_2_6" if version == "1.7.3" else "cookiecutter 2.6 or newer") in said
    assert not (tmp_path / "out").exists()
