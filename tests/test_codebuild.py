"""Another project, with every answer away from its default, tested as Build tests it on AWS.

AWS CodeBuild is mimicked in what its documentation says of a build: the variables it sets
(https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html), a container's
role that signs in by one of them, a home without configuration, and the commit that CodePipeline
checks out, on no branch. A build is root there, and so is this where CI is. The commands are those
of the project's own buildspec.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import answered

ANSWERS = {
    "project": "spend-sorter",
    "email": "money+ml@bank.example",
    "repository": "money-team/ml.spend-sorter_2",
    "git_host": "GitLab",
    "workflow": "step-functions",
    "aws_region": "eu-west-1",
    "python_version": "3.12",
    "rehearsal": False,
}
# What its owners have set since then, in cloudformation/settings.yaml.
SETTINGS = {
    "  branch: main": "  branch: release/2026",
    "prod_account_id: ''": "prod_account_id: '012345678901'",
}
ACCOUNT = "arn:aws:codebuild:eu-west-1:111122223333"
BUILD = "spend-sorter-build:b1e6661e-e4f2-4156-9ab9-82a19EXAMPLE"
COMMIT = "1234567890123456789012345678901234567890"
VARIABLES = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_REGION": "eu-west-1",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/b1e6661e-e4f2-82a19EXAMPLE",
    "CODEBUILD_BUILD_ARN": f"{ACCOUNT}:build/{BUILD}",
    "CODEBUILD_BUILD_ID": BUILD,
    "CODEBUILD_BUILD_IMAGE": "aws/codebuild/standard:8.0",
    "CODEBUILD_BUILD_NUMBER": "7",
    "CODEBUILD_BUILD_SUCCEEDING": "1",
    "CODEBUILD_INITIATOR": "codepipeline/spend-sorter",
    "CODEBUILD_KMS_KEY_ID": "arn:aws:kms:eu-west-1:111122223333:alias/spend-sorter",
    "CODEBUILD_PROJECT_ARN": f"{ACCOUNT}:project/spend-sorter-build",
    "CODEBUILD_RESOLVED_SOURCE_VERSION": COMMIT,
    "CODEBUILD_SOURCE_VERSION": "arn:aws:s3:::spend-sorter-artifacts/spend-sorter/Source/AbCdEfG",
    "CODEBUILD_START_TIME": "1795600000000",
    # What the project's template gives to Build besides.
    "ARTIFACT_BUCKET": "spend-sorter-artifacts-111122223333-eu-west-1",
    "BASE_DIGEST": "sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "COMMIT": COMMIT,
    "DATA_BUCKET": "spend-sorter-data-111122223333-eu-west-1",
    "DATA_VERSION": "AbCdEfG",
    "EXECUTION": "00000000-0000-4000-8000-000000000000",
    "LIVE_BUCKET": "spend-sorter-live-111122223333-eu-west-1",
    "REPOSITORY": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/spend-sorter",
}
# A user's settings of pip under which a first command fails that does not overrule them.
PIP = {"PIP_REQUIRE_VIRTUALENV": "1", "PIP_USER": "1"}
# What these folders and files of tests/ hold asks nothing of AWS, of a build or of the answers. It
# is run in the project with the default answers (tests/test_project.py), and measured there.
TESTED_ELSEWHERE = (
    "data",
    "evaluation",
    "model",
    "prove/test_mutants.py",
    "loop",
    "review",
    "rules",
    "serving",
    "test_features.py",
    "test_further_columns.py",
)
IGNORED = [f"--ignore=tests/{name}" for name in TESTED_ELSEWHERE]
FEWER_TESTS = " ".join(["--no-cov", *IGNORED])
# Where this machine reaches packages: a build on AWS has its own way.
NETWORK = re.compile(r"(PIP|UV|SSL_CERT)_.*|(https?|no|all)_proxy", re.IGNORECASE)


class Build:
    """A checkout of a commit, and a home that has nothing but the cache of packages."""

    def __init__(self, folder, home):
        self.folder = folder
        self.home = home

    def run(self, command):
        """Run a line of the buildspec; give what it said."""
        home = Path.home()
        known = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
        cache = os.environ.get("UV_CACHE_DIR") or str(home / ".cache/uv")
        programs = [str(Path(sys._base_executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
        environment = known | PIP | VARIABLES | {"PYTEST_ADDOPTS": FEWER_TESTS}
        environment |= {"HOME": str(self.home), "PATH": ":".join(programs), "UV_CACHE_DIR": cache}
        environment |= {"CODEBUILD_SRC_DIR": str(self.folder)}
        environment |= {"CODEBUILD_SRC_DIR_Data": str(self.folder.with_name("data"))}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def build(bake, tmp_path_factory):
    """The other project, on no branch, set up by its buildspec and renamed thereafter."""
    folder = bake(**ANSWERS)
    change_settings(folder)
    subprocess.run(["git", "checkout", "--quiet", "--detach"], cwd=folder, check=True)
    build = Build(folder, tmp_path_factory.mktemp("root"))
    [set_up] = made_by(folder, "install")
    build.run(set_up)
    build.folder = folder.rename(folder.with_name("renamed"))
    yield build
    shutil.rmtree(build.folder)


def change_settings(folder):
    """Write and commit what the owners have set."""
    path = folder / "cloudformation/settings.yaml"
    text = path.read_text(encoding="utf-8")
    for line, changed in SETTINGS.items():
        assert f"\n{line}\n" in text
        text = text.replace(f"\n{line}\n", f"\n{changed}\n")
    path.write_text(text, encoding="utf-8")
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@bank.example"]
    commit = [
        "git",
        *identity,
        "commit",
        "--quiet",
        "--all",
        "--message",
        "Set the branch and prod",
    ]
    subprocess.run(commit, cwd=folder, check=True)


def made_by(folder, phase):
    """Give the lines of a phase of Build that are verbs of the Makefile."""
    buildspec = yaml.safe_load((folder / "buildspecs/build.yaml").read_text(encoding="utf-8"))
    return [line for line in buildspec["phases"][phase]["commands"] if line.startswith("make ")]


def test_every_answer_is_away_from_its_default():
    asked = {name: default for name, default in answered({}).items() if not name.startswith("_")}
    assert set(ANSWERS) == set(asked)
    assert [name for name in asked if ANSWERS[name] == asked[name]] == []


def test_what_is_tested_elsewhere_is_there(build):
    assert all((build.folder / "tests" / name).exists() for name in TESTED_ELSEWHERE)


def test_its_linters_and_its_tests_pass_in_build(build):
    [check] = made_by(build.folder, "pre_build")
    assert {"lint", "test"} < set(check.split())
    said = build.run(check)
    assert "Success: no issues found" in said
    assert re.search(r"\d+ passed", said)
    assert "failed" not in said
    assert build.run("git status --porcelain") == ""
    assert build.run("git branch --show-current") == ""
