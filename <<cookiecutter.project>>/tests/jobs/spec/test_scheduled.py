"""The scheduled jobs: cloudformation/monitor.yaml asks for them as the specification has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters
from msgspec.structs import replace

from categoriser.jobs.spec.job import JobSpec, Network
from categoriser.jobs.spec.sagemaker import Request, processing_request
from categoriser.jobs.spec.scheduled import Watch, labelling, monitor
from prove import templates

# The template's words for what the jobs are made of.
PLACEHOLDERS = Watch(
    project="${Project}",
    release="${ReleaseId}",
    region="${AWS::Region}",
    job_image="${JobImage}",
    live_bucket="${LiveBucket}",
    data_bucket="${DataBucket}",
    endpoint="${Project}-${ReleaseId}",
    variant="main",
    capture_percent="${ProdCapturePercent}",
    instance="${MonitorInstance}",
    role="arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Project}-monitor-${AWS::Region}",
    key="${Key}",
    network=Network(),
    execution="<aws.scheduler.execution-id>",
    time="<aws.scheduler.scheduled-time>",
)
VPC = Network(subnets=("${Subnets}",), security_groups=("${SecurityGroup}",))
# The schedules of cloudformation/monitor.yaml, and the jobs that they start.
JOBS = {"CheckSchedule": monitor, "LabelSchedule": labelling}
Specify = Callable[[Watch], JobSpec]


def asked_by(schedule: str) -> tuple[Request, Request]:
    """Give what a schedule's text asks of SageMaker: without a VPC, and within one.

    The text has `${NetworkConfig}` where a value follows by the condition `Vpc`.
    """
    target = templates.resources("monitor")[schedule]["Properties"]["Target"]
    text, values = target["Input"]["Fn::Sub"]
    condition, inside, outside = values["NetworkConfig"]["Fn::If"]
    assert condition == "Vpc"
    network, _ = inside["Fn::Sub"]
    with_network = text.replace("${NetworkConfig}", network)
    return json.loads(text.replace("${NetworkConfig}", outside)), json.loads(with_network)


def fields(value: Any, name: str = "") -> dict[str, Any]:
    """Give the values of a request by their dotted places."""
    if isinstance(value, dict) and value:
        items = value.items()
    elif isinstance(value, list) and value:
        items = dict(enumerate(value)).items()
    else:
        return {name: value}
    found: dict[str, Any] = {}
    for key, item in items:
        found |= fields(item, f"{name}.{key}".lstrip("."))
    return found


def differences(schedule: str, template: Request, specified: Request) -> str:
    """Say field by field where a template asks for something else, and how to mend it."""
    ours = fields(specified)
    theirs = fields(template)
    lines = [
        f"  {name}: {theirs.get(name)!r} in the template, {ours.get(name)!r} in the specification"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]
    mend = (
        f"{schedule} in cloudformation/monitor.yaml and src/categoriser/jobs/spec/scheduled.py "
        "describe different jobs. Change its Input, or the specification:"
    )
    return "\n".join([mend, *lines]) if lines else ""


@pytest.mark.parametrize(("schedule", "specify"), JOBS.items(), ids=JOBS)
def test_the_template_asks_for_the_job_that_is_specified(schedule: str, specify: Specify) -> None:
    outside, inside = asked_by(schedule)

    wanted = processing_request(specify(PLACEHOLDERS))
    assert differences(schedule, outside, wanted) == ""
    wanted = processing_request(specify(replace(PLACEHOLDERS, network=VPC)))
    assert differences(schedule, inside, wanted) == ""


def test_every_schedule_of_a_job_is_specified() -> None:
    schedules = {
        name
        for name, resource in templates.resources("monitor").items()
        if resource["Type"] == "AWS::Scheduler::Schedule"
        and "createProcessingJob" in str(resource["Properties"]["Target"]["Arn"])
    }
    assert schedules == {*JOBS}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"A": {"B": [1, 2]}}, ""),
        ({"A": {"B": [1, 3]}}, "A.B.1: 3 in the template, 2 in the specification"),
        ({"A": {"B": [1]}}, "A.B.1: None in the template, 2 in the specification"),
        ({"A": {"B": [1, 2]}, "C": "x"}, "C: 'x' in the template, None in the specification"),
    ],
)
def test_a_difference_is_told_by_its_field(template: Request, words: str) -> None:
    told = differences("CheckSchedule", template, {"A": {"B": [1, 2]}})

    assert words in told
    assert ("Change its Input, or the specification" in told) == bool(words)


@pytest.mark.parametrize("specify", JOBS.values(), ids=JOBS)
@pytest.mark.parametrize("network", [Network(), Network(False, ("subnet-1",), ("sg-1",))])
def test_a_request_is_one_that_sagemaker_knows(specify: Specify, network: Network) -> None:
    watch = replace(
        PLACEHOLDERS,
        project="bank",
        release="20261122-101500-abcdef1",
        execution="11111111-2222-3333-4444-555555555555",
        time="2026-11-22T10:15:00Z",
        network=network,
    )
    service = get_session().get_service_model("sagemaker")
    shape = service.operation_model("CreateProcessingJob").input_shape
    assert shape

    # Raises for a name that is not there, and for a value of another type or length.
    validate_parameters(processing_request(specify(watch)), shape)
