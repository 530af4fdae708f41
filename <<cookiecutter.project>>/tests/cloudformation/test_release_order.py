"""The order of a release: no live endpoint goes before its traffic has moved."""

from __future__ import annotations

import json

import pytest
from production_template import ALIAS, prod, rollback_alarms, without

from categoriser.errors import UserError
from prove import resolver, templates
from release import release_order


def test_the_shift_is_a_canary_of_the_share_and_the_minutes_that_are_set() -> None:
    ((_, _, group),) = templates.everywhere("AWS::CodeDeploy::DeploymentGroup")
    ((name, key, canary),) = templates.everywhere("AWS::CodeDeploy::DeploymentConfig")
    assert group["Properties"]["DeploymentConfigName"] == {"Ref": key}
    # From the CodeDeploy API reference, TrafficRoutingConfig and TimeBasedCanary.
    shift = {"CanaryPercentage": 10, "CanaryInterval": 5}
    assert resolver.resolve(canary["Properties"], name) == {
        "ComputePlatform": "Lambda",
        "TrafficRoutingConfig": {"Type": "TimeBasedCanary", "TimeBasedCanary": shift},
    }
    style = {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"}
    assert group["Properties"]["DeploymentStyle"] == style
    ((_, _, application),) = templates.everywhere("AWS::CodeDeploy::Application")
    assert application["Properties"]["ComputePlatform"] == "Lambda"


def test_no_live_endpoint_goes_before_its_traffic_has_moved() -> None:
    release_order.require_safe_order(prod(), ALIAS)


@pytest.mark.parametrize(
    "key", ["Model", "EndpointConfig", "Endpoint", "ApiVersion", "ScalingPolicy", "Golden"]
)
def test_what_a_release_replaces_is_in_the_stack_of_the_alias(key: str) -> None:
    with pytest.raises(UserError, match=f"put {prod()[key]['Type']} into its template"):
        release_order.require_safe_order(without(key), ALIAS)


@pytest.mark.parametrize("key", ["ScalingPolicy", "Golden"])
def test_the_alias_waits_for_what_judges_the_release(key: str) -> None:
    rest = [name for name in prod()[ALIAS]["DependsOn"] if name != key]
    with pytest.raises(UserError, match=f"let it depend on {key}"):
        release_order.require_safe_order(
            prod() | {ALIAS: prod()[ALIAS] | {"DependsOn": rest}}, ALIAS
        )


def test_the_alias_says_that_it_waits_for_what_its_policy_names() -> None:
    """CloudFormation's pages do not say whether a policy's references are dependencies."""
    alias = prod()[ALIAS]
    named = {*release_order.named_in(alias["UpdatePolicy"])} - {
        "Application"
    }  # which the group refers to
    assert named <= {*alias["DependsOn"]}


@pytest.mark.parametrize("key", ["Before", "After"])
def test_the_shift_has_both_hooks(key: str) -> None:
    policy = dict(prod()[ALIAS]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"])
    assert policy[f"{key}AllowTrafficHook"] == {"Ref": key}
    del policy[f"{key}AllowTrafficHook"]
    alias = prod()[ALIAS] | {"UpdatePolicy": {"CodeDeployLambdaAliasUpdate": policy}}
    with pytest.raises(UserError, match=f"name its {key}AllowTrafficHook"):
        release_order.require_safe_order(prod() | {ALIAS: alias}, ALIAS)


def test_a_release_is_new_where_it_must_be_and_old_where_it_must_not() -> None:
    """An endpoint or a version that were updated in place would change under live traffic.

    A candidate's alarm that were updated would begin with the old release's state.
    """
    new = {prod()[key]["Type"] for key in release_order.replaced_by_release(prod())}
    assert new == {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::Lambda::Version",
        "AWS::SageMaker::Endpoint",
        "AWS::SageMaker::EndpointConfig",
        "AWS::SageMaker::Model",
    }
    assert {*rollback_alarms()} <= release_order.replaced_by_release(prod())
    stuck = json.loads(json.dumps(prod()["Endpoint"]).replace("ReleaseId", "Network"))
    with pytest.raises(UserError, match="name Endpoint after ReleaseId"):
        release_order.require_safe_order(prod() | {"Endpoint": stuck}, ALIAS)


def test_a_version_is_new_with_each_release_and_goes_with_it() -> None:
    version = prod()["ApiVersion"]
    assert version["Properties"]["Description"] == {"Ref": "ReleaseId"}
    variables = prod()["Api"]["Properties"]["Environment"]["Variables"]
    assert variables["RELEASE_ID"] == {"Ref": "ReleaseId"}
