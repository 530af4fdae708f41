"""The stages and actions of the release's pipeline."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

import yaml
from account_resources import everything, made
from source_code import function

from prove import project_files, resolver, templates
from prove.example import PROJECT


def overrides() -> dict[str, dict[str, str]]:
    """Give the pipeline's ParameterOverrides by template."""
    return {
        stack(action): json.loads(action["Configuration"].get("ParameterOverrides", "{}"))
        for action in actions()
        if action["ActionTypeId"]["Provider"] == "CloudFormation"
    }


def pipeline(**given: Any) -> dict[str, Any]:
    properties: dict[str, Any] = made("pipeline", **given)["Pipeline"]["Properties"]
    return properties


def actions(**given: Any) -> list[dict[str, Any]]:
    """Give all actions in the order in which they run."""
    return [
        action
        for stage in pipeline(**given)["Stages"]
        for action in sorted(stage["Actions"], key=lambda each: int(each.get("RunOrder", 1)))
    ]


def stack(action: dict[str, Any]) -> str:
    return str(action["Configuration"]["StackName"]).removeprefix(f"{PROJECT}-")


def buildspec(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load(project_files.text(f"buildspecs/{name}.yaml"))
    return spec


def condition_rules(cross: str) -> list[dict[str, Any]]:
    stage = pipeline(ProdAccountId=cross)["Stages"][-1]
    rules: list[dict[str, Any]] = stage["OnSuccess"]["Conditions"][0]["Rules"]
    return rules


# From the CodePipeline user guide, "Variables reference": what an action's provider makes.
VARIABLES = {
    "CodeStarSourceConnection": {"CommitId", "BranchName", "FullRepositoryName"},
    "CodeCommit": {"CommitId", "BranchName", "RepositoryName"},
    "ECR": {"ImageDigest", "ImageTag", "ImageURI", "RegistryId", "RepositoryName"},
    "S3": {"VersionId", "ETag", "BucketName", "ObjectKey"},
}


def variables(action: dict[str, Any]) -> set[str]:
    provider = action["ActionTypeId"]["Provider"]
    if provider == "CodeBuild":
        (spec,) = [
            project["Source"]["BuildSpec"]
            for project in everything("AWS::CodeBuild::Project").values()
            if project["Name"] == action["Configuration"]["ProjectName"]
        ]
        found = yaml.safe_load(project_files.text(spec))["env"].get("exported-variables", [])
        return {*found}
    if provider == "Lambda":
        return returned_by(action["Configuration"]["FunctionName"].removeprefix(f"{PROJECT}-"))
    if provider == "CloudFormation":
        return {*templates.every()[stack(action)].get("Outputs", {})}
    return VARIABLES.get(provider, set())


def returned_by(function_name: str) -> set[str]:
    """Give the names of the variables that a function of an Invoke action answers."""
    if function_name != "registered":
        return set()
    tree = ast.parse(project_files.text("lambdas/registered_model.py"))
    *_, last = function(tree, "registered_model").body
    assert isinstance(last, ast.Return)
    assert isinstance(last.value, ast.Dict)
    return {ast.literal_eval(key) for key in last.value.keys if key}


def written_pipeline() -> dict[str, Any]:
    """Give the pipeline's properties, unresolved."""
    ((_, _, found),) = templates.everywhere("AWS::CodePipeline::Pipeline")
    properties: dict[str, Any] = found["Properties"]
    return properties


def written_stages() -> dict[str, list[dict[str, Any]]]:
    """Give each stage's actions, resolved, in the order in which they run."""
    return {
        stage["Name"]: sorted(stage["Actions"], key=lambda action: int(action.get("RunOrder", 1)))
        for stage in resolver.resolve(written_pipeline()["Stages"], "pipeline")
    }


def written_actions() -> Iterator[dict[str, Any]]:
    for found in written_stages().values():
        yield from found
