"""CodeBuild's projects: their machines, their buildspecs, and what these read."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from account_resources import everything, exports
from pipeline_actions import actions, buildspec
from train_stage import TRAIN_STAGE
from typer.main import get_command

from categoriser.jobs.spec.artifact_keys import BASE_SOURCE
from prove import example, project_files, resolver, templates
from prove.example import OTHER_ACCOUNT, PROJECT, REGION
from prove.project_files import ROOT
from release import base_image
from release.cli.verbs import verbs


def given_by(action: dict[str, Any]) -> dict[str, str]:
    """Give an action's environment variables by name."""
    listed = json.loads(action["Configuration"].get("EnvironmentVariables", "[]"))
    return {each["name"]: each["value"] for each in listed}


# What each build gets, and from where.
ENVIRONMENTS: dict[str, Mapping[str, str]] = {
    "base": {
        "BASE_IMAGE": example.GIVEN["BaseImage"],
        "REPOSITORY": f"{PROJECT}-images-BaseRepository.RepositoryUri",
    },
    "build": {
        "ARTIFACT_BUCKET": example.GIVEN["ArtifactBucket"],
        "DATA_BUCKET": example.GIVEN["DataBucket"],
        "LIVE_BUCKET": example.GIVEN["LiveBucket"],
        "REPOSITORY": f"{PROJECT}-images-ReleaseRepository.RepositoryUri",
        "SUBNETS": "",
        "SECURITY_GROUP": "",
        "COMMIT": "#{Git.CommitId}",
        "BASE_DIGEST": "#{Base.ImageDigest}",
        "DATA_VERSION": "#{Data.VersionId}",
        "EXECUTION": "#{codepipeline.PipelineExecutionId}",
    },
    "test": {
        "ENDPOINT": "#{Dev.EndpointName}",
        "GOLDEN": f"s3://{example.GIVEN['DataBucket']}/runs/#{{Build.RELEASE_ID}}/evaluation/golden.json",
    },
    **TRAIN_STAGE.builds,
}

# What CodeBuild sets itself.
OF_CODEBUILD = {"AWS_DEFAULT_REGION", "CODEBUILD_SRC_DIR_Data"}


def environment(name: str, part: str = "all", **given: Any) -> dict[str, str]:
    """Give the environment of a CodeBuild project, its pipeline action's included."""
    found: dict[str, str] = {}
    for project in everything("AWS::CodeBuild::Project", part, **given).values():
        if project["Source"]["BuildSpec"] == f"buildspecs/{name}.yaml":
            for each in project["Environment"].get("EnvironmentVariables", []):
                found[each["Name"]] = each["Value"]
            for action in actions(**given):
                if action["Configuration"].get("ProjectName") == project["Name"]:
                    found |= given_by(action)
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_build_gets_what_it_reads_and_no_more(name: str) -> None:
    assert environment(name) == ENVIRONMENTS[name]
    spec = buildspec(name)
    commands = "\n".join(
        command for phase in spec["phases"].values() for command in phase["commands"]
    )
    read = {*re.findall(r"\$\{?([A-Z][A-Z_]+)", commands)}
    own = {*re.findall(r"(?<![\w$-])([A-Z][A-Z_]+)=", commands)}
    for verb in re.findall(r"-m release ((?:build )?[\w-]+)", commands):
        read |= environment_of(verb)
    for module in re.findall(r"-m (workflow(?:\.\w+)?)", commands):
        read |= variables_of(module)
    lambdas = spec.get("env", {}).get("variables", {}).keys()
    exported = {*spec.get("env", {}).get("exported-variables", [])}
    given = environment(name).keys()
    assert read - own - OF_CODEBUILD <= given | lambdas
    assert given <= read | exported, "given and not read"
    assert exported <= own | given, "exported and never set"


def variables_of(module: str) -> set[str]:
    """Give the environment variables that a module of workflow/ reads when it is run."""
    path = Path(*module.split("."))
    file = path / "__main__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
    return {*re.findall(r'"([A-Z_]+)"', project_files.text(str(file)))}


def release_verb(name: str) -> Any:
    """Give a command of `python -m release`, such as `build data`; None where there is none."""
    found: Any = get_command(verbs)
    for word in name.split():
        found = found.commands.get(word)
    return found


def environment_of(verb: str) -> set[str]:
    """Give the environment variables from which a verb takes its options."""
    return {parameter.envvar for parameter in release_verb(verb).params if parameter.envvar}


def test_build_in_a_network_and_across_accounts() -> None:
    inside = environment("build", Network="vpc")
    assert inside["SUBNETS"] == exports("all")[f"{PROJECT}-Subnets"]
    assert inside["SECURITY_GROUP"] == exports("all")[f"{PROJECT}-SecurityGroup"]
    apart = environment("build", "tools", ProdAccountId=OTHER_ACCOUNT)
    assert apart["LIVE_BUCKET"] == f"{PROJECT}-live-{OTHER_ACCOUNT}-{REGION}"


def test_each_buildspec_is_a_projects_and_each_verb_in_it_exists() -> None:
    specs = [p["Source"]["BuildSpec"] for p in everything("AWS::CodeBuild::Project").values()]
    assert sorted(specs) == sorted(f"buildspecs/{name}.yaml" for name in ENVIRONMENTS)
    names = {p["Name"] for p in everything("AWS::CodeBuild::Project").values()}
    of_workflow = {f"{PROJECT}-workflow"} if TRAIN_STAGE.builds else set()
    assert names == {f"{PROJECT}-{name}" for name in ("base", "build", "test")} | of_workflow
    (base,) = [p for p in everything("AWS::CodeBuild::Project").values() if "base" in p["Name"]]
    assert base["Source"]["Location"] == f"{example.GIVEN['ArtifactBucket']}/{BASE_SOURCE}"
    for name in ("build", "test"):
        spec = project_files.text(f"buildspecs/{name}.yaml")
        found = re.findall(r"-m release ((?:build )?[\w-]+)", spec)
        assert found
        for verb in found:
            assert release_verb(verb), verb
    assert {*base_image.SOURCE_FILES} >= {"buildspecs/base.yaml"}


def test_the_verbs_of_make_exist() -> None:
    called = re.findall(r"\$\(RUN\) release ([a-z][a-z-]*)", project_files.text("Makefile"))
    assert called
    for verb in called:
        assert release_verb(verb), verb


# From the CodeBuild user guide, "Docker images provided by CodeBuild" and "Available runtimes": the
# current image of Ubuntu for x86, which the images are built for, and its versions of Python.
CODEBUILD_IMAGES = {"aws/codebuild/standard:8.0": {"3.10", "3.11", "3.12", "3.13", "3.14"}}
# From the same, "Build environment compute modes".
COMPUTE = {f"BUILD_GENERAL1_{size}" for size in ("SMALL", "MEDIUM", "LARGE", "XLARGE", "2XLARGE")}


def projects() -> dict[str, dict[str, Any]]:
    """Give each CodeBuild project's properties by its name, resolved."""
    found = {}
    for name, _, item in templates.everywhere("AWS::CodeBuild::Project"):
        properties = resolver.resolve(item["Properties"], name)
        found[properties["Name"]] = properties
    return found


def test_each_codebuild_project_has_a_machine_that_exists() -> None:
    for name, project in projects().items():
        environment = project["Environment"]
        assert environment["Type"] == "LINUX_CONTAINER", name
        assert environment["ComputeType"] in COMPUTE, name
        assert environment["Image"] in CODEBUILD_IMAGES, name
        kinds = {project["Source"]["Type"], project["Artifacts"]["Type"]}
        assert kinds in ({"CODEPIPELINE"}, {"S3", "NO_ARTIFACTS"}), name
        spec = project_files.text(project["Source"]["BuildSpec"])
        docker = re.search(r"\bdocker\b", spec)
        for python in re.findall(r"\n      python: (.+)\n", spec):
            assert python in CODEBUILD_IMAGES[environment["Image"]], f"{name}: Python {python}"
        assert environment.get("PrivilegedMode", False) == bool(docker), name


PHASES = ("install", "pre_build", "build", "post_build")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_buildspec_is_one(name: str) -> None:
    """Its keys are those of version 0.2, and its commands are shell."""
    spec = yaml.safe_load(project_files.text(f"buildspecs/{name}.yaml"))
    assert spec.keys() <= {"version", "env", "phases", "artifacts", "cache", "reports"}
    assert spec["version"] == 0.2
    assert spec.get("env", {}).keys() <= {"shell", "variables", "exported-variables"}
    assert spec["phases"].keys() <= {*PHASES}
    for phase in spec["phases"].values():
        assert phase.keys() <= {"runtime-versions", "on-failure", "commands", "finally"}
        for command in phase["commands"]:
            assert isinstance(command, str), command
            done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
    assert spec.get("artifacts", {}).keys() <= {"files", "base-directory", "name"}
