"""Bad answers: refused in one message that names each field, with nothing left on disk."""

import importlib.util
import subprocess
import sys

import pytest
from conftest import ROOT
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
    ("project_name", ""),
    ("project_name", " padded "),
    ("project_name", "x" * 61),
    ("description", "two\nlines"),
    ("description", "a null \0 byte"),
    ("description", "x" * 201),
    ("team", ""),
    ("team", "tab\there"),
    ("team", "a >> b"),
    ("email", "nobody"),
    ("email", "a@b"),
    ("email", 'a"b@c.example'),
    ("email", "a@b.example\n"),
    ("repository", "no-owner"),
    ("repository", "https://example.com/o/n"),
    ("repository", "o/n/m"),
    ("branch", ""),
    ("branch", "a b"),
    ("branch", "a..b"),
    ("branch", "/main"),
    ("branch", "x.lock"),
    ("branch", "@{u}"),
    ("aws_region", "Sydney"),
    ("aws_region", "ap-southeast"),
    ("git_host", "github"),
    ("prod_account_id", "12345678901"),
    ("prod_account_id", "1111-2222-3333"),
    ("python_version", "3.9"),
    ("python_version", "3.14"),
    ("licence", "None of them"),
    ("licence", "mit"),
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
    with pytest.raises(Exception, match="Hook script failed"):
        cookiecutter(str(ROOT), no_input=True, extra_context={field: value}, output_dir=str(out))
    message = capfd.readouterr().err
    assert f"{field} {value!r} " in message
    assert left(tmp_path) == ["out"]


@pytest.mark.parametrize("value", ["", ".", "..", "/abs", "a/b", "a" * 300])
def test_the_command_fails_and_leaves_nothing(tmp_path, value):
    done = bake(tmp_path, project=value)
    assert done.returncode != 0
    assert f"project {value!r} cannot be used: begin with a lower-case letter" in done.stderr
    assert left(tmp_path) == []


def test_every_problem_is_in_one_message(tmp_path):
    done = bake(
        tmp_path,
        project_name=" ",
        project="A B",
        description="x" * 300,
        team="",
        email="x",
        repository="x",
        branch="a b",
        git_host="x",
        aws_region="x",
        prod_account_id="x",
        python_version="2.7",
        licence="x",
    )
    assert done.returncode != 0
    fields = [line.split()[0] for line in done.stderr.splitlines() if line.startswith("  ")]
    named = [field for field in fields if field in pre_gen.PATTERNS | pre_gen.LENGTHS]
    assert sorted(named) == sorted(pre_gen.PATTERNS | pre_gen.LENGTHS)
    assert left(tmp_path) == []


def test_an_existing_folder_is_not_touched(tmp_path):
    mine = tmp_path / "bank-categoriser" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert bake(tmp_path).returncode != 0
    assert mine.read_text() == "mine"
    assert left(tmp_path) == ["bank-categoriser", "mine.txt"]


GOOD = {
    "project_name": "Name",
    "project": "name",
    "__project": "name",
    "description": "",
    "team": "Team",
    "email": "a@b.example",
    "repository": "o/n",
    "branch": "main",
    "aws_region": "eu-west-1",
    "git_host": "GitLab",
    "prod_account_id": "012345678901",
    "python_version": "3.12",
    "licence": "MIT",
}


def test_good_answers_have_no_problems():
    assert pre_gen.problems(GOOD) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("__project", "a"),
        ("__project", "a1-b2"),
        ("__project", "abcdefghijklmnopqrst"),
        ("email", "first.last+tag@sub.bank.example"),
        ("branch", "feature/x_1.2"),
        ("aws_region", "us-gov-west-1"),
        ("description", "a \"q\" \\ # 'x' {y} é < b > c"),
    ],
)
def test_odd_but_good_answers_pass(field, value):
    assert pre_gen.problems(GOOD | {field: value}) == []


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
