"""Every parameter of a template has a value, and every value is some template's parameter."""

from __future__ import annotations

import re
from typing import Any

import boto3
import pytest
from account_resources import ACCOUNTS, IN, LAYERS, RELEASED, made
from pipeline_actions import overrides
from project_settings import monitoring, settings

from prove import example, project_files, resolver, templates
from prove.example import OTHER_ACCOUNT
from release import layers, preflight
from release.parameters import PARAMETER_OF_MONITOR_SETTING, PARAMETER_OF_SETTING, parameters_of


def known_parameters() -> dict[str, str]:
    """Give what settings.yaml and monitoring.yaml say, by the parameters' names."""
    found = parameters_of(settings(), PARAMETER_OF_SETTING)
    return found | parameters_of(monitoring(), PARAMETER_OF_MONITOR_SETTING)


# What the verbs add to the settings, and what Build does.
BY_DEPLOY = {"Part", "ToolsAccountId", "LambdaKey"}
BY_BUILD = {
    *("ReleaseId", "ServeImage", "JobImage", "ArtifactBucket", "DataBucket", "LiveBucket"),
    *("Run", "LambdaKey", "ToolsAccountId"),
}


def declared(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = templates.every()[name]["Parameters"]
    return found


def test_the_layers_are_those_that_deploy_makes() -> None:
    """In each account: none that makes nothing, and none missing."""
    for part, account in (("all", ""), ("tools", OTHER_ACCOUNT), ("prod", OTHER_ACCOUNT)):
        chosen = settings().model_copy(update={"prod_account_id": account, "network": "vpc"})
        order = [name for where, name in layers.layers_in_order(chosen) if where == part]
        assert {*order} == {*IN[part]} - {*RELEASED}, part
        for name in order:
            assert resolver.present(name, ACCOUNTS[part]), f"{name} makes nothing in {part}"


def test_a_layer_is_deployed_after_what_its_roles_name() -> None:
    """A role is refused that has a policy which is not there yet."""
    made_by = {
        resolver.arn(name, key): name
        for name, key, _ in templates.everywhere("AWS::IAM::ManagedPolicy")
    }
    for name in LAYERS:
        for item in made(name, Network="vpc").values():
            for policy in item.get("Properties", {}).get("ManagedPolicyArns", []):
                assert LAYERS.index(made_by[policy]) <= LAYERS.index(name), name


# Services that botocore calls otherwise than CloudFormation calls their types.
CALLED = {"ApplicationAutoScaling": "application-autoscaling"}


def test_preflight_asks_for_the_services_that_the_templates_use() -> None:
    kinds = {item["Type"] for _, _, item in templates.everywhere()}
    words = {kind.split("::")[1] for kind in kinds if not kind.startswith("Custom::")}
    used = {CALLED.get(word, word.lower()) for word in words}
    session = boto3.Session()
    placed = {name for name in used if session.get_available_regions(name)}
    assert sorted(preflight.SERVICES) == sorted(placed)
    # Of these botocore has no regions: IAM is everywhere, and templates leave out a budget.
    assert used - placed == {"iam", "budgets", "codeconnections"}


@pytest.mark.parametrize("name", [*LAYERS, *RELEASED])
def test_every_parameter_has_a_value(name: str) -> None:
    """A default does not count: it would hide a setting that never arrives."""
    given = known_parameters().keys() | (BY_DEPLOY if name in LAYERS else BY_BUILD)
    extra = overrides().get(name, {}).keys()
    assert extra <= declared(name).keys(), "CloudFormation refuses a parameter that is not declared"
    assert declared(name).keys() - given == extra


def test_every_setting_and_every_value_of_build_is_some_templates_parameter() -> None:
    wanted = {key for name in (*LAYERS, *RELEASED) for key in declared(name)}
    assert wanted >= BY_DEPLOY | BY_BUILD
    assert wanted >= {*PARAMETER_OF_SETTING.values(), *PARAMETER_OF_MONITOR_SETTING.values()}
    # What the verbs, Build's requests and the training's workflow read themselves.
    folders = [project_files.ROOT / name for name in ("release", "workflow")]
    modules = sorted(module for folder in folders for module in folder.glob("*.py"))
    code = "".join(module.read_text(encoding="utf-8") for module in modules)
    for key in keys(settings().model_dump()) - PARAMETER_OF_SETTING.keys():
        assert re.search(rf"settings\.{re.escape(key)}\b", code), f"nobody reads {key}"


def keys(section: dict[str, Any], before: str = "") -> set[str]:
    """Give the dotted names of all settings."""
    found: set[str] = set()
    for key, value in section.items():
        name = f"{before}{key}"
        found |= keys(value, f"{name}.") if isinstance(value, dict) else {name}
    return found


def test_a_parameter_is_the_same_in_every_template() -> None:
    found: dict[str, tuple[str, Any]] = {}
    for name in (*LAYERS, *RELEASED):
        for key, parameter in declared(name).items():
            said = {k: v for k, v in parameter.items() if k not in ("Description", "Default")}
            first, other = found.setdefault(key, (name, said))
            assert said == other, f"{key} in {name} is {said}, and in {first} {other}"


def test_parameters_take_what_the_settings_say() -> None:
    """And what the tests here say, which else would prove nothing."""
    for name in (*LAYERS, *RELEASED):
        for key, parameter in declared(name).items():
            for value in {
                str(example.GIVEN[key]),
                known_parameters().get(key, str(example.GIVEN[key])),
            }:
                allowed = [str(each) for each in parameter.get("AllowedValues", [value])]
                assert value in allowed, f"{name}.{key}: {value}"
                assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), f"{name}.{key}"
                if parameter["Type"] == "Number":
                    low, high = (parameter.get(f"{end}Value") for end in ("Min", "Max"))
                    assert (low or 0) <= float(value) <= (high or float(value)), f"{name}.{key}"


# What the whole value of a property is, by a parameter. A property's name alone does not tell
# ResourceId, say, from another.
PLAIN = {
    "AlarmsViolations": {"Threshold"},
    "AlarmsWindows": {"EvaluationPeriods"},
    "ApprovalMinutes": {"TimeoutInMinutes"},
    "ArtifactBucket": {"S3Bucket"},
    "BaseImage": {"Value"},
    "BudgetUsd": {"Amount"},
    "CapturesMaxMissing": {"Threshold"},
    "CapturesMaxUnread": {"Threshold"},
    "DevInstance": {"InstanceType"},
    "Email": {"Address", "Endpoint"},
    "LambdaKey": {"S3Key"},
    "LiveBucket": {"LIVE_BUCKET"},
    "LogDays": {"LogDays", "RetentionInDays"},
    "ModelDataUrl": {"ModelDataUrl"},
    "ModelPackageArn": {"ModelPackageName"},
    "PermissionsBoundary": {"PermissionsBoundary"},
    "ProdBakeMinutes": {"BAKE_MINUTES"},
    "ProdBurst": {"BurstLimit", "ThrottlingBurstLimit"},
    "ProdCanaryMinutes": {"CANARY_MINUTES", "CanaryInterval"},
    "ProdCanaryPercent": {"CanaryPercentage"},
    "ProdCapturePercent": {"CAPTURE_PERCENT", "InitialSamplingPercentage"},
    "ProdDailyQuota": {"Limit"},
    "ProdInstance": {"InstanceType"},
    "ProdMaximum": {"MaxCapacity", "Maximum"},
    "ProdMinimum": {"MinCapacity", "Minimum"},
    "ProdRate": {"RateLimit", "ThrottlingRateLimit"},
    "ProdRequestsPerInstance": {"TargetValue"},
    "QualityMaxBadLabels": {"Threshold"},
    "RetrainCoolDownHours": {"COOL_DOWN_HOURS"},
    "ServeImage": {"Image"},
    "SourceHost": {"ProviderType"},
}


def test_a_parameter_is_where_its_name_says() -> None:
    places: dict[str, set[str]] = {}
    for name in (*LAYERS, *RELEASED):
        for path, node in templates.walk(templates.every()[name]["Resources"]):
            if isinstance(node, dict) and node.get("Ref") in declared(name):
                words = [each for each in path if isinstance(each, str) and each[:4] != "Fn::"]
                places.setdefault(node["Ref"], set()).add(words[-1])
    for parameter, expected in PLAIN.items():
        assert places.get(parameter) == expected, parameter
