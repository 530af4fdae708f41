"""Each Lambda function: its handler, its package, its log, and what its environment holds."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
from account_resources import everything, key_arn, topic_arn
from release_names import ALARMS, candidate, live_endpoint
from source_code import function, reads
from train_stage import TRAIN_STAGE

from prove import example, project_files, resolver
from prove.example import PROJECT, RELEASE


def functions() -> dict[str, dict[str, Any]]:
    """Give each Lambda function's properties by its name."""
    return {item["FunctionName"]: item for item in everything("AWS::Lambda::Function").values()}


HANDLERS = {
    f"{PROJECT}-api": "prediction_api.handler",
    f"{PROJECT}-approve": "approval.handler",
    f"{PROJECT}-dev-golden": "golden_cases.handler",
    f"{PROJECT}-dev-hosting": "endpoint_start.handler",
    f"{PROJECT}-golden": "golden_cases.handler",
    f"{PROJECT}-hosting": "endpoint_start.handler",
    f"{PROJECT}-registered": "registered_model.handler",
    f"{PROJECT}-retrain": "retraining.handler",
    f"CodeDeployHook_{PROJECT}-after": "traffic_hooks.after",
    f"CodeDeployHook_{PROJECT}-before": "traffic_hooks.before",
    **TRAIN_STAGE.handlers,
}


def test_each_handler_is_a_function_of_event_and_context() -> None:
    assert {name: item["Handler"] for name, item in functions().items()} == HANDLERS
    for handler in HANDLERS.values():
        module, name = handler.split(".")
        tree = ast.parse(project_files.text(f"lambdas/{module}.py"))
        made_by = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
        ]
        if made_by:  # crhelper's resource is called with both
            assert ast.unparse(made_by[0]).startswith("CfnResource("), handler
            continue
        found = function(tree, name)
        given = [each.arg for each in found.args.args]
        hooked = any(ast.unparse(each) == "hook" for each in found.decorator_list)
        assert given == ([] if hooked else ["event", "context"]), handler


def test_each_function_is_the_release_packages() -> None:
    for name, item in functions().items():
        assert item["Code"] == {
            "S3Bucket": example.GIVEN["ArtifactBucket"],
            "S3Key": example.GIVEN["LambdaKey"],
        }, name
        assert item["Runtime"] == "python3.13", name
        assert item["Architectures"] == ["arm64"], name
        assert item["TracingConfig"] == {"Mode": "Active"}, name
        assert item["LoggingConfig"] == {"LogGroup": f"/aws/lambda/{name}"}, name


def test_each_function_and_build_has_a_log_that_ends_and_is_encrypted() -> None:
    groups = {item["LogGroupName"]: item for item in everything("AWS::Logs::LogGroup").values()}
    builds = {p["Name"]: p for p in everything("AWS::CodeBuild::Project").values()}
    of_functions = {f"/aws/lambda/{name}" for name in functions()}
    of_builds = {f"/aws/codebuild/{name}" for name in builds}
    assert groups.keys() == of_functions | of_builds | TRAIN_STAGE.log_groups
    for name, item in groups.items():
        assert item["RetentionInDays"] == example.GIVEN["LogDays"], name
        assert item["KmsKeyId"] == key_arn(), name
    for name, item in builds.items():
        assert item["LogsConfig"]["CloudWatchLogs"] == {
            "Status": "ENABLED",
            "GroupName": f"/aws/codebuild/{name}",
        }


# What each function finds in its environment.
VALUES: dict[str, Callable[[], Any]] = {
    "ALARMS": lambda: ",".join(ALARMS),
    "BAKE_MINUTES": lambda: example.GIVEN["ProdBakeMinutes"],
    "CANARY_MINUTES": lambda: example.GIVEN["ProdCanaryMinutes"],
    "CANDIDATE": candidate,
    "CAPTURE_PERCENT": lambda: example.GIVEN["ProdCapturePercent"],
    "COOL_DOWN_HOURS": lambda: example.GIVEN["RetrainCoolDownHours"],
    "DATA_BUCKET": lambda: example.GIVEN["DataBucket"],
    "ENDPOINT_CONFIG": live_endpoint,
    "ENDPOINT_NAME": live_endpoint,
    "GOLDEN": lambda: f"{example.GIVEN['Run']}/evaluation/golden.json",
    "LIVE_BUCKET": lambda: example.GIVEN["LiveBucket"],
    "MODEL_PACKAGE_GROUP": lambda: resolver.physical("data", "ModelPackageGroup"),
    "PIPELINE": lambda: resolver.physical("pipeline", "Pipeline"),
    "RELEASE_ID": lambda: RELEASE,
    "TOPIC_ARN": topic_arn,
}


# The functions that send metrics: the namespace, and the value of the dimension `service`.
METRICS = {"prediction_api": ("Api", "api"), "registered_model": ("Training", "registered")}


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_gets_what_it_reads_and_no_more(name: str) -> None:
    module, handler = HANDLERS[name].split(".")
    variables = dict(functions()[name].get("Environment", {}).get("Variables", {}))
    service = variables.pop("POWERTOOLS_SERVICE_NAME", "")
    wanted, _ = reads(f"lambdas/{module}.py", handler)
    if module in METRICS:
        namespace, dimension = METRICS[module]
        assert variables.pop("POWERTOOLS_METRICS_NAMESPACE") == f"{PROJECT}/{namespace}"
        assert service == dimension
    assert variables.keys() == wanted
    assert variables == {key: VALUES[key]() for key in wanted}
