"""The endpoints of dev and production, and the alias that CodeDeploy shifts."""

from __future__ import annotations

import pytest
from account_resources import exports, key_arn, made
from release_names import ALARMS, live_endpoint

from categoriser.contract import VARIANT
from categoriser.jobs.spec.artifact_keys import CAPTURES
from prove import example, resolver, templates
from prove.example import PROJECT, RELEASE


@pytest.mark.parametrize("kind", ["instance", "serverless"])
def test_dev_hosts_the_candidate(kind: str) -> None:
    found = made("dev", DevKind=kind)
    name = f"{PROJECT}-dev-{RELEASE}"
    model = found["Model"]["Properties"]
    config = found["EndpointConfig"]["Properties"]
    assert model["ModelName"] == name
    assert model["PrimaryContainer"] == {
        "Image": example.GIVEN["ServeImage"],
        "ModelDataUrl": example.GIVEN["ModelDataUrl"],
    }
    (variant,) = config["ProductionVariants"]
    assert (variant["VariantName"], variant["ModelName"]) == (VARIANT, name)
    assert ("ServerlessConfig" in variant) == (kind == "serverless")
    assert variant.get("InstanceType") == (None if kind == "serverless" else "ml.t2.medium")
    # Serverless inference has no isolation, no volume key and no network of one's own.
    assert model.get("EnableNetworkIsolation") == (None if kind == "serverless" else True)
    assert config.get("KmsKeyId") == (None if kind == "serverless" else key_arn())
    inside = made("dev", DevKind=kind, Network="vpc")["Model"]["Properties"].get("VpcConfig")
    assert (inside is None) == (kind == "serverless")
    assert found["Endpoint"]["Properties"] == {"EndpointName": name, "EndpointConfigName": name}
    assert config["EndpointConfigName"] == name


def test_prod_hosts_the_approved_package_and_captures_what_it_answers() -> None:
    found = made("prod")
    name = live_endpoint()
    model = found["Model"]["Properties"]
    config = found["EndpointConfig"]["Properties"]
    assert model["ModelName"] == config["EndpointConfigName"] == name
    assert model["PrimaryContainer"] == {"ModelPackageName": example.GIVEN["ModelPackageArn"]}
    assert model["EnableNetworkIsolation"] is True
    (variant,) = config["ProductionVariants"]
    assert (variant["VariantName"], variant["ModelName"]) == (VARIANT, name)
    assert variant["InstanceType"] == example.GIVEN["ProdInstance"]
    assert found["Endpoint"]["Properties"] == {"EndpointName": name, "EndpointConfigName": name}
    capture = config["DataCaptureConfig"]
    assert capture["EnableCapture"] is True
    assert capture["InitialSamplingPercentage"] == example.GIVEN["ProdCapturePercent"]
    assert capture["DestinationS3Uri"] == f"s3://{example.GIVEN['LiveBucket']}/{CAPTURES}"
    assert [each["CaptureMode"] for each in capture["CaptureOptions"]] == ["Input", "Output"]
    kinds = {each for kind in capture["CaptureContentTypeHeader"].values() for each in kind}
    assert kinds == {"text/csv", "application/json", "application/jsonlines"}
    assert capture["KmsKeyId"] == config["KmsKeyId"] == key_arn()
    target = found["ScalableTarget"]["Properties"]
    assert target["ResourceId"] == f"endpoint/{name}/variant/main"
    assert templates.every()["prod"]["Resources"]["ScalingPolicy"]["Properties"][
        "ScalingTargetId"
    ] == {"Ref": "ScalableTarget"}


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_model_in_the_network_is_in_its_subnets(name: str) -> None:
    inside = made(name, Network="vpc")["Model"]["Properties"]["VpcConfig"]
    assert inside["Subnets"] == exports("all")[f"{PROJECT}-Subnets"].split(",")
    assert inside["SecurityGroupIds"] == [exports("all")[f"{PROJECT}-SecurityGroup"]]
    assert "VpcConfig" not in made(name)["Model"]["Properties"]


def test_the_alias_points_at_the_candidate_and_codedeploy_shifts_it() -> None:
    found = made("prod")
    assert found["ApiVersion"]["Properties"]["FunctionName"] == f"{PROJECT}-api"
    assert found["Live"]["Properties"] == {
        "FunctionName": f"{PROJECT}-api",
        "FunctionVersion": "1",
        "Name": "live",
    }
    assert found["Live"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"] == {
        "ApplicationName": PROJECT,
        "DeploymentGroupName": PROJECT,
        "BeforeAllowTrafficHook": f"CodeDeployHook_{PROJECT}-before",
        "AfterAllowTrafficHook": f"CodeDeployHook_{PROJECT}-after",
    }
    group = found["DeploymentGroup"]["Properties"]
    assert group["ApplicationName"] == found["Application"]["Properties"]["ApplicationName"]
    assert (group["ApplicationName"], group["DeploymentGroupName"]) == (PROJECT, PROJECT)
    assert [each["Name"] for each in group["AlarmConfiguration"]["Alarms"]] == ALARMS


def test_capacity_does_not_fall() -> None:
    for name, _, item in templates.everywhere("AWS::ApplicationAutoScaling::ScalableTarget"):
        found = resolver.resolve(item["Properties"], name, {"ProdMinimum": 2, "ProdMaximum": 4})
        assert (int(found["MinCapacity"]), int(found["MaxCapacity"])) == (2, 4)
