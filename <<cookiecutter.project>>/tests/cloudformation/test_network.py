"""The network: its subnets, its endpoints, and what may leave it."""

from __future__ import annotations

from account_resources import made, policy

from prove import templates
from prove.example import ACCOUNT, PROJECT, REGION
from prove.policies import matches


def test_the_network_is_one() -> None:
    written = templates.resources("network")
    for key, item in written.items():
        properties = item["Properties"]
        assert properties.get("VpcId", {"Ref": "Vpc"}) == {"Ref": "Vpc"}, key
        assert properties.get("RouteTableId", {"Ref": "RouteTable"}) == {"Ref": "RouteTable"}, key
    for which in ("First", "Second"):
        assert written[f"{which}Routes"]["Properties"]["SubnetId"] == {"Ref": f"{which}Subnet"}
        tags = made("network")[f"{which}Subnet"]["Properties"]["Tags"]
        assert tags == [{"Key": "Name", "Value": f"{PROJECT}-{which.lower()}"}]
    assert written["S3Endpoint"]["Properties"]["RouteTableIds"] == [{"Ref": "RouteTable"}]
    metrics = written["MetricsEndpoint"]["Properties"]
    subnets = [{"Ref": f"{which}Subnet"} for which in ("First", "Second")]
    assert metrics["SubnetIds"] == subnets
    assert metrics["SecurityGroupIds"] == [{"Ref": "EndpointSecurityGroup"}]
    (ingress,) = written["EndpointSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert ingress["SourceSecurityGroupId"] == {"Ref": "SecurityGroup"}
    services = {"s3": "com.amazonaws.{}.s3", "monitoring": "com.amazonaws.{}.monitoring"}
    found = made("network")
    assert found["S3Endpoint"]["Properties"]["ServiceName"] == services["s3"].format(REGION)
    here = found["MetricsEndpoint"]["Properties"]["ServiceName"]
    assert here == services["monitoring"].format(REGION)
    log = found["FlowLog"]["Properties"]
    assert log["LogDestination"] == f"arn:aws:s3:::{PROJECT}-logs-{ACCOUNT}-{REGION}/flow/"
    assert written["FlowLog"]["Properties"]["ResourceId"] == {"Ref": "Vpc"}
    allowed = [
        statement["Resource"]
        for statement in policy("data", "LogBucketPolicy")
        if statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    ]
    path = f"{log['LogDestination']}AWSLogs/{ACCOUNT}/x"
    assert any(matches(each, path) for each in allowed)
    assert found["Vpc"]["Properties"]["Tags"] == [{"Key": "Name", "Value": PROJECT}]
