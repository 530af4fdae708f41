"""The monitor's schedules, and what they tell their jobs."""

from __future__ import annotations

import re

from account_resources import everything, exports, key_arn, made, scheduled
from alarm_metrics import alarms
from project_settings import monitoring
from release_names import live_endpoint

from categoriser.jobs.spec.artifact_keys import DATA_MANIFEST
from prove import example, project_files, resolver
from prove.example import ACCOUNT, PROJECT, REGION, RELEASE
from prove.policies import Need, allows


def job_reads() -> dict[str, set[str]]:
    """Give the environment variables that each step of the job reads."""
    job = project_files.text("src/categoriser/monitor/checks/request_environment.py")
    read = {*re.findall(r'environment(?:\.get\(|\[)"(\w+)"', job)}
    read |= {*re.findall(r'(?:time|path)\("(\w+)"', job)}
    read |= {*re.findall(r'"(sagemaker_endpoint_datacapture_prefix|dataset_source)"', job)}
    (places,) = re.findall(
        r"PLACES = \((.*)\)", project_files.text("src/categoriser/jobs/labelling_job.py")
    )
    return {"monitor": read, "label": read | {*re.findall(r'"(\w+)"', places)}}


def of_captures() -> dict[str, str]:
    """Give what the check must know to count captures: as the live endpoint has it."""
    kind = "AWS::SageMaker::EndpointConfig"
    (config,) = (item["Properties"] for item in made("prod").values() if item["Type"] == kind)
    (variant,) = config["ProductionVariants"]
    percent = config["DataCaptureConfig"]["InitialSamplingPercentage"]
    return {"endpoint_variant": variant["VariantName"], "capture_percent": str(percent)}


def test_a_scheduled_job_is_told_what_it_reads() -> None:
    live = example.GIVEN["LiveBucket"]
    data = example.GIVEN["DataBucket"]
    common = {
        "AWS_DEFAULT_REGION": REGION,
        "scheduled_time": "<aws.scheduler.scheduled-time>",
        "sagemaker_endpoint_datacapture_prefix": f"s3://{live}/captures",
        "ground_truth_source": f"s3://{live}/ground-truth",
    }
    check = common | {
        "sagemaker_monitoring_schedule_name": f"{PROJECT}-check",
        "baseline": f"s3://{data}/runs/{{release}}/evaluation/baseline",
        "live_endpoint": live_endpoint(),
        **of_captures(),
        "output_path": "/opt/ml/processing/output",
        "publish_cloudwatch_metrics": "Enabled",
    }
    label = common | {
        "sagemaker_endpoint_name": live_endpoint(),
        "sagemaker_monitoring_schedule_name": f"{PROJECT}-labels",
        "publish_cloudwatch_metrics": "Enabled",
        "baseline": f"s3://{data}/runs/{RELEASE}/evaluation/baseline",
        "labels": f"s3://{live}/labels",
        "data_manifest": f"s3://{data}/{DATA_MANIFEST}",
        "labelled_manifest": f"s3://{data}/releases/labelled.zip",
    }
    found = scheduled()
    assert found["check"]["Environment"] == check
    assert found["labels"]["Environment"] == label
    read = job_reads()
    steps = project_files.text("src/categoriser/jobs/processing.py")
    for name, step in (("check", "monitor"), ("labels", "label")):
        request = found[name]
        assert request["Environment"].keys() - {"AWS_DEFAULT_REGION"} <= read[step]
        assert request["AppSpecification"] == {
            "ImageUri": example.GIVEN["JobImage"],
            "ContainerEntrypoint": ["process", step],
        }
        assert f'"{step}":' in steps
        assert request["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-monitor-{REGION}"
        cluster = request["ProcessingResources"]["ClusterConfig"]
        assert cluster["InstanceType"] == example.GIVEN["MonitorInstance"]
        assert cluster["VolumeKmsKeyId"] == key_arn()
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        assert tags == {"Project": PROJECT, "Release": RELEASE}
        assert "NetworkConfig" not in request
        inside = scheduled(Network="vpc")[name]["NetworkConfig"]["VpcConfig"]
        assert inside["Subnets"] == exports("all")[f"{PROJECT}-Subnets"].split(",")
        assert inside["SecurityGroupIds"] == [exports("all")[f"{PROJECT}-SecurityGroup"]]
    (output,) = found["check"]["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"s3://{live}/reports"
    assert output["S3Output"]["LocalPath"] == check["output_path"]
    assert found["check"]["ProcessingOutputConfig"]["KmsKeyId"] == key_arn()


def test_who_makes_a_job_whose_volume_has_a_key_may_let_sagemaker_use_it() -> None:
    """SageMaker's page on API permissions asks it of the caller; else no job ever begins."""
    made_roles = {
        item["RoleName"].removeprefix(f"{PROJECT}-").removesuffix(f"-{REGION}"): item
        for item in everything("AWS::IAM::Role").values()
    }
    for_a_service = {"kms:GrantIsForAWSResource": "true"}
    for name, request in scheduled().items():
        key = request["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"]
        schedule = made_roles["schedule"]
        assert allows(schedule, Need("kms:DescribeKey", key)), name
        assert allows(schedule, Need("kms:CreateGrant", key, for_a_service)), name
        assert not allows(schedule, Need("kms:CreateGrant", key)), name
    # The jobs of training have volumes without one.
    assert "disk_key" not in project_files.text("src/categoriser/jobs/spec/release_run.py")


def test_the_schedules_are_in_the_group_that_is_watched() -> None:
    group = resolver.physical("monitor", "Group")
    for item in everything("AWS::Scheduler::Schedule").values():
        if item["Target"]["Arn"].endswith("createProcessingJob"):
            assert item["GroupName"] == group
            target = "arn:aws:scheduler:::aws-sdk:sagemaker:createProcessingJob"
            assert item["Target"]["Arn"] == target


def test_the_monitors_alarms_are_of_as_many_windows_as_its_settings_say() -> None:
    for kind in ("drift", "quality"):
        watched = alarms()[f"{PROJECT}-{kind}"]
        assert watched["Namespace"] == monitoring().metrics.namespace == f"{PROJECT}/Monitor"
        assert watched["EvaluationPeriods"] == example.GIVEN["AlarmsWindows"]
