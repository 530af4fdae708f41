"""`make status`: what is live, what runs, what waits for an approval, and the alarms."""

import boto3

from categoriser.errors import UserError
from categoriser.jobs.spec.artifact_keys import RETRAINING_DECISIONS
from categoriser.retraining_decision import parse_decision
from release.accounts import bucket_name, open_session
from release.alarms import release_alarms, standing_alarms
from release.cloudformation import STUCK, find_stack, stack_name, stack_status
from release.connection import connection_faults
from release.console import print_table
from release.settings import ReleaseSettings
from release.traffic import LiveRelease, live_releases

# A row of the table: a thing, and its state in words.
StatusRow = tuple[str, str]
SHOWN_DECISIONS = 3


def print_status(settings: ReleaseSettings, session: boto3.Session) -> None:
    """Print what is live, the stages, the last decisions on retraining, and the alarms."""
    production = open_session(settings, settings.live_part)
    rows = [
        *waiting_connection(settings, session),
        *stuck_stacks(settings, production),
        *outputs_of_production(settings, production),
    ]
    releases = live_releases(production, settings.project)
    rows += [
        *shares_of_traffic(releases, production),
        *stages(settings, session),
        *retraining_decisions(settings, session),
        *alarm_states(settings, releases, production),
    ]
    print_table(settings.project, ("what", "state"), rows)


def waiting_connection(settings: ReleaseSettings, session: boto3.Session) -> list[StatusRow]:
    """Return what is to be said of a connection that nobody has clicked yet."""
    if not settings.has_connection:
        return []
    try:
        faults = connection_faults(settings, session)
    except UserError:
        return []
    until = "until then each run fails in Source; afterwards push, or release the change anew"
    return [("connection", f"{fault}; {until}") for fault in faults]


def stuck_stacks(settings: ReleaseSettings, production: boto3.Session) -> list[StatusRow]:
    """Return the pipeline's stacks that take no update, as after a first creation that failed.

    The pipeline replaces those of train and dev by itself.
    """
    cloudformation = production.client("cloudformation")
    rows = []
    for template in ("prod", "monitor"):
        name = stack_name(settings, template)
        status = stack_status(cloudformation, name)
        if status in STUCK:
            mend = f"`aws cloudformation delete-stack --stack-name {name}`, then retry the stage"
            rows.append((f"stack {name}", f"{status}: mend what its events name, {mend}"))
    return rows


def outputs_of_production(settings: ReleaseSettings, production: boto3.Session) -> list[StatusRow]:
    """Return the outputs of the stack `prod`: where the API is."""
    stack = find_stack(production.client("cloudformation"), stack_name(settings, "prod"))
    outputs = stack.get("Outputs", []) if stack else []
    return [(output["OutputKey"], output["OutputValue"]) for output in outputs]


def shares_of_traffic(releases: list[LiveRelease], production: boto3.Session) -> list[StatusRow]:
    sagemaker = production.client("sagemaker")
    rows = []
    for live in releases:
        described = sagemaker.describe_endpoint(EndpointName=live.endpoint)
        status = described["EndpointStatus"]
        words = f"{live.share:.0%} of traffic; endpoint {live.endpoint} {status}"
        rows.append((f"release {live.release}", words))
    return rows


def stages(settings: ReleaseSettings, session: boto3.Session) -> list[StatusRow]:
    """Return the state of each stage of the pipeline."""
    state = session.client("codepipeline").get_pipeline_state(name=settings.project)
    rows = []
    for stage in state["stageStates"]:
        status = stage.get("latestExecution", {}).get("status", "never ran")
        waits = stage["stageName"] == "Approval" and status == "InProgress"
        rows.append((f"stage {stage['stageName']}", "waits for approval" if waits else status))
    return rows


def retraining_decisions(settings: ReleaseSettings, session: boto3.Session) -> list[StatusRow]:
    """Return the newest decisions, the oldest of them first: their keys begin with the time."""
    s3 = session.client("s3")
    bucket = bucket_name(settings, "data", session)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=RETRAINING_DECISIONS)
    keys = sorted(item["Key"] for page in pages for item in page.get("Contents", []))
    rows = []
    for key in keys[-SHOWN_DECISIONS:]:
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        decision = parse_decision(content, key)
        words = "; ".join(decision.against) or f"started {decision.started}"
        rows.append((f"retraining {decision.time}", f"{decision.cause}: {words}"))
    return rows


def alarm_states(
    settings: ReleaseSettings, releases: list[LiveRelease], production: boto3.Session
) -> list[StatusRow]:
    """Return the states of the alarms that exist."""
    names = standing_alarms(settings.project)
    for live in releases:
        names += release_alarms(settings.project, live.release)
    found = production.client("cloudwatch").describe_alarms(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    metric = [(alarm["AlarmName"], alarm["StateValue"]) for alarm in found["MetricAlarms"]]
    composite = [(alarm["AlarmName"], alarm["StateValue"]) for alarm in found["CompositeAlarms"]]
    return [(f"alarm {name}", state) for name, state in metric + composite]
