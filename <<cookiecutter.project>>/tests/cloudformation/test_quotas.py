"""AWS's limits of names, templates, environments and requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from pipeline_actions import written_actions
from train_stage import TRAIN_STAGE

from prove import project_files, resolver, templates
from prove.example import RELEASE, Parameters
from prove.linter import LONGEST_PROJECT
from prove.resource_types import NAMINGS
from release import build

RELEASES = ("train", "dev", "prod", "monitor")
# The longest name of each, from botocore's service models and the services' quota pages.
LENGTHS = {
    "AWS::ApiGateway::ApiKey": 1024,
    "AWS::ApiGateway::RestApi": 1024,
    "AWS::ApiGateway::Stage": 128,
    "AWS::ApiGateway::UsagePlan": 1024,
    "AWS::Budgets::Budget": 100,
    "AWS::CloudWatch::Alarm": 255,
    "AWS::CloudWatch::CompositeAlarm": 255,
    "AWS::CloudWatch::Dashboard": 255,
    "AWS::CodeBuild::Project": 150,
    "AWS::CodeConnections::Connection": 32,
    "AWS::CodeDeploy::Application": 100,
    "AWS::CodeDeploy::DeploymentGroup": 100,
    "AWS::CodePipeline::Pipeline": 100,
    "AWS::ECR::Repository": 256,
    "AWS::Events::EventBusPolicy": 64,
    "AWS::Events::Rule": 64,
    "AWS::IAM::ManagedPolicy": 128,
    "AWS::IAM::Role": 64,
    "AWS::KMS::Alias": 256,
    "AWS::Lambda::Function": 64,
    "AWS::Logs::LogGroup": 512,
    "AWS::S3::Bucket": 63,
    "AWS::SNS::Topic": 256,
    "AWS::SageMaker::Endpoint": 63,
    "AWS::SageMaker::EndpointConfig": 63,
    "AWS::SageMaker::Model": 63,
    "AWS::SageMaker::ModelPackageGroup": 63,
    "AWS::Scheduler::Schedule": 64,
    "AWS::Scheduler::ScheduleGroup": 64,
    **TRAIN_STAGE.lengths,
}
# A role's name ends in the region: the longest there is.
LONG_REGION = LONGEST_PROJECT | {"AWS::Region": "ap-southeast-2"}


def test_the_longest_project_name_stays_within_every_limit_of_a_name() -> None:
    assert len(LONGEST_PROJECT["Project"]) == 20
    for name, key, item in templates.everywhere():
        if item["Type"] in NAMINGS:
            found = resolver.physical(name, key, LONG_REGION)
            generated = found == f"{LONGEST_PROJECT['Project']}-{name}-{key}"
            # What CloudFormation generates, it cuts to fit.
            limit = LENGTHS.get(item["Type"], 0)
            assert generated or len(found) <= limit, f"{name}.{key}: {found}"


# CloudFormation's quotas of a template, from its guide. A layer is sent as TemplateBody; the
# pipeline's action gives its artifact's place in S3. A tenth is left: a change then meets no limit.
BODY = 51_200
FILE = 1_000_000
ROOM = 0.9
QUOTAS = {"Parameters": 200, "Resources": 500, "Outputs": 200, "Mappings": 200}


def test_a_template_stays_within_cloudformations_limits() -> None:
    for name, template in templates.every().items():
        size = len(project_files.text(f"cloudformation/{name}.yaml").encode())
        limit = FILE if name in RELEASES else BODY
        assert size <= limit * ROOM, f"{name} has {size} bytes: split it"
        for part, most in QUOTAS.items():
            assert len(template.get(part, {})) <= most * ROOM, f"{name}: {part}"
        for mapping in template.get("Mappings", {}).values():
            assert len(mapping) <= 200 * ROOM, name
        assert len(template.get("Description", "")) <= 1024, name


def test_a_layer_is_sent_as_its_own_text() -> None:
    """What the limit of a body is about; a release's template goes by its artifact."""
    assert "change.create(template_text(template)" in project_files.text("release/change_set.py")
    assert {*build.STACKS} == {*RELEASES}


def test_a_functions_environment_stays_within_lambdas_limit() -> None:
    for name, key, item in templates.everywhere("AWS::Lambda::Function"):
        environment = resolver.resolve(item["Properties"], name, LONG_REGION).get("Environment", {})
        assert len(json.dumps(environment)) <= 4096, key


def shape_faults(shape: Any, value: Any, place: str) -> Iterator[str]:
    """Yield where a request's text is too long, or not of its pattern, by botocore's model."""
    if shape.type_name == "structure":
        yield from (f"{place}.{key} is unknown" for key in value.keys() - shape.members.keys())
        yield from (f"{place}.{key} is missing" for key in {*shape.required_members} - {*value})
        for key in value.keys() & shape.members.keys():
            yield from shape_faults(shape.members[key], value[key], f"{place}.{key}")
    elif shape.type_name in ("list", "map"):
        pairs = value.items() if shape.type_name == "map" else enumerate(value)
        for key, each in pairs:
            member = shape.value if shape.type_name == "map" else shape.member
            yield from shape_faults(member, each, f"{place}.{key}")
    elif shape.type_name == "string":
        yield from text_faults(shape, value, place)


def text_faults(shape: Any, value: str, place: str) -> Iterator[str]:
    if not shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", len(value)):
        yield f"{place}: {value} has {len(value)} characters"
    if shape.enum and value not in shape.enum:
        yield f"{place}: {value} is not of {shape.enum}"
    # Java's classes of characters, which Python lacks, are in patterns that allow nearly all.
    pattern = shape.metadata.get("pattern", r"\p")
    if r"\p" not in pattern and not re.fullmatch(pattern, value, re.DOTALL):
        yield f"{place}: {value} does not match {pattern}"


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


# What EventBridge Scheduler puts in; the examples of its guide, "Adding context attributes".
SCHEDULED = {
    "aws.scheduler.scheduled-time": "2026-11-22T10:15:00Z",
    "aws.scheduler.execution-id": "d32c5kddcf5bb8c3",
}


def scheduled_requests(name: str, given: Parameters) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (schedule's name, request) of each schedule, as Scheduler sends it."""
    for key, item in templates.resources(name, "AWS::Scheduler::Schedule").items():
        if key in resolver.present(name, given):
            properties = resolver.resolve(item["Properties"], name, given)
            text = properties["Target"].get("Input", "{}")
            for word, value in SCHEDULED.items():
                text = text.replace(f"<{word}>", value)
            yield properties["Name"], json.loads(text)


def test_what_the_schedules_ask_for_is_within_sagemakers_limits() -> None:
    """Scheduler sends its input as it is: a fault would show when the first job is due."""
    found = dict(scheduled_requests("monitor", LONG_REGION))
    assert found.keys() == {f"{LONGEST_PROJECT['Project']}-{kind}" for kind in ("check", "labels")}
    shape = model("sagemaker").operation_model("CreateProcessingJob").input_shape
    for name, request in found.items():
        assert not [*shape_faults(shape, request, name)]
        # The id's length is not documented: that of a UUID would fit too.
        job = request["ProcessingJobName"].removesuffix(SCHEDULED["aws.scheduler.execution-id"])
        assert job.endswith("-"), name
        assert len(job) + 36 <= 63, name


def test_a_probes_id_fits_in_an_inference_id() -> None:
    shape = model("sagemaker-runtime").shape_for("InferenceId")
    assert not [*shape_faults(shape, f"probe-{RELEASE}-golden-999", "InferenceId")]
    assert shape.metadata["max"] == 64


def test_an_actions_configuration_is_within_codepipelines_limit() -> None:
    limit = model("codepipeline").shape_for("ActionConfigurationValue").metadata["max"]
    for action in written_actions():
        for key, value in action.get("Configuration", {}).items():
            assert len(value) <= limit, f"{action['Name']}: {key}"
