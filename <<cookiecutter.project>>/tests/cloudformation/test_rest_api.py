"""The API before the alias: its methods, who may call them, and its deployment."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from account_resources import made
from production_template import prod
from source_code import code

from prove import example, resolver, templates
from prove.example import ACCOUNT, PROJECT, REGION


@pytest.mark.parametrize("auth", ["iam", "api-key"])
def test_the_api_asks_the_alias(auth: str) -> None:
    found = made("prod", ProdAuth=auth)
    written = templates.resources("prod")
    alias = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PROJECT}-api:live"
    paths = set()
    for word in ("Predict", "Feedback"):
        resource = written[f"{word}Resource"]["Properties"]
        assert resource["ParentId"] == {"Fn::GetAtt": ["RestApi", "RootResourceId"]}
        paths.add(f"/{resource['PathPart']}")
        method = found[f"{word}Method"]["Properties"]
        assert method["HttpMethod"] == "POST"
        assert written[f"{word}Method"]["Properties"]["ResourceId"] == {"Ref": f"{word}Resource"}
        models = written[f"{word}Method"]["Properties"]["RequestModels"]
        assert models == {"application/json": {"Ref": f"{word}Model"}}
        assert method["Integration"]["Uri"] == (
            f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{alias}/invocations"
        )
        assert method["AuthorizationType"] == ("AWS_IAM" if auth == "iam" else "NONE")
        assert method["ApiKeyRequired"] is (auth == "api-key")
        validator = {"Ref": "BodyValidator"}
        assert written[f"{word}Method"]["Properties"]["RequestValidatorId"] == validator
    assert {*re.findall(r"@app\.post\('(/[a-z]+)'\)", code("prediction_api"))} == paths
    for item in written.values():
        if "RestApiId" in item.get("Properties", {}):
            assert item["Properties"]["RestApiId"] == {"Ref": "RestApi"}
    permission = found["ApiPermission"]["Properties"]
    assert permission["FunctionName"] == alias
    # The alarm's dimension.
    assert found["RestApi"]["Properties"]["Name"] == PROJECT
    url = resolver.resolve(templates.every()["prod"]["Outputs"]["ApiUrl"]["Value"], "prod")
    assert (
        url
        == f"https://{resolver.physical('prod', 'RestApi')}.execute-api.{REGION}.amazonaws.com/v1"
    )
    stage = found["Stage"]["Properties"]["StageName"]
    api = resolver.physical("prod", "RestApi")
    assert permission["SourceArn"] == (
        f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/{stage}/POST/*"
    )
    (deployment,) = [key for key, item in found.items() if item["Type"].endswith("::Deployment")]
    assert found["Stage"]["Properties"]["DeploymentId"] == resolver.physical("prod", deployment)
    made_first = {*written[deployment]["DependsOn"]}
    kinds = ("Method", "GatewayResponse")
    assert made_first == {k for k, v in written.items() if v["Type"].endswith(kinds)}
    assert ("UsagePlan" in found) == ("ApiKey" in found) == (auth == "api-key")


def test_a_holder_of_a_key_has_a_plan() -> None:
    written = templates.resources("prod")
    found = made("prod", ProdAuth="api-key")
    assert written["UsagePlanKey"]["Properties"] == {
        "KeyId": {"Ref": "ApiKey"},
        "KeyType": "API_KEY",
        "UsagePlanId": {"Ref": "UsagePlan"},
    }
    stages = written["UsagePlan"]["Properties"]["ApiStages"]
    assert stages == [{"ApiId": {"Ref": "RestApi"}, "Stage": {"Ref": "Stage"}}]
    rates = {"RateLimit": example.GIVEN["ProdRate"], "BurstLimit": example.GIVEN["ProdBurst"]}
    assert found["UsagePlan"]["Properties"]["Throttle"] == rates
    (throttle,) = found["Stage"]["Properties"]["MethodSettings"]
    assert throttle["ThrottlingRateLimit"] == example.GIVEN["ProdRate"]
    assert throttle["ThrottlingBurstLimit"] == example.GIVEN["ProdBurst"]


def test_the_api_deployed_is_the_api_written() -> None:
    """A deployment is a picture that never changes: its logical id ends in the API's digest."""
    kinds = ("RestApi", "RequestValidator", "Model", "Resource", "Method", "GatewayResponse")
    api = {k: v for k, v in prod().items() if v["Type"] in {f"AWS::ApiGateway::{k}" for k in kinds}}
    digest = hashlib.sha256(json.dumps(api, sort_keys=True).encode()).hexdigest()[:10]
    deployments = {*templates.resources("prod", "AWS::ApiGateway::Deployment")}
    assert deployments == {f"SignedDeployment{digest}", f"KeyDeployment{digest}"}
