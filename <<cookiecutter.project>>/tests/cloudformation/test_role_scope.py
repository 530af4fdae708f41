"""Each role speaks of resources that there are, under conditions that can be met."""

from __future__ import annotations

import re
from typing import Any

import pytest
from account_resources import ACCOUNTS, everything, role_arns
from existing_arns import arns, pair
from train_stage import TRAIN_STAGE

from prove import example, resolver, templates
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION
from prove.policies import Need, allows, many, matches, statements


@pytest.mark.parametrize("part", ACCOUNTS)
def test_a_role_speaks_of_what_there_is(part: str) -> None:
    known = pair(part)
    # These roles are the same whether there are two accounts or one.
    here = ACCOUNTS[part].get("AWS::AccountId", ACCOUNT)
    both = known | {re.sub(rf":({ACCOUNT}|{OTHER_ACCOUNT}):", f":{here}:", each) for each in known}
    for arn, role in role_arns(part).items():
        for statement in statements(role):
            for resource in many(statement["Resource"]):
                shared = re.search(f"{PROJECT}-(hooks|hosting|pipeline)-{REGION}", arn)
                there = both if shared else known
                found = resource == "*" or any(matches(resource, each) for each in there)
                assert found, f"{arn}: {resource}"


# From SageMaker's guide: where it measures instances itself.
KINDS = ("Endpoints", "ProcessingJobs", "TrainingJobs", "TransformJobs")
SAGEMAKER = {f"/aws/sagemaker/{kind}" for kind in KINDS}


# Conditions of statements, and what their values may be: the project's own, or AWS's.
def condition_values() -> dict[str, set[str]]:
    services = {
        "cloudformation",
        "codebuild",
        "codedeploy",
        "events",
        "lambda",
        "sagemaker",
        "scheduler",
    }
    services |= {*TRAIN_STAGE.workers.values()}
    repository = {example.GIVEN["SourceRepository"]}
    return {
        "application-autoscaling:service-namespace": {"sagemaker"},
        "aws:RequestTag/Project": {PROJECT},
        "aws:ResourceTag/Project": {PROJECT},
        "cloudwatch:namespace": {f"{PROJECT}/Monitor", *SAGEMAKER},
        "codeconnections:FullRepositoryId": repository,
        "codestar-connections:FullRepositoryId": repository,
        "iam:AWSServiceName": {"sagemaker.application-autoscaling.amazonaws.com"},
        "iam:PassedToService": {f"{service}.amazonaws.com" for service in services},
        "kms:GrantIsForAWSResource": {"true"},
        "kms:ViaService": {f"{service}.{REGION}.amazonaws.com" for service in ("s3", "sns")},
        "s3:prefix": {"ground-truth/2026/11/22/10/AROAEXAMPLE/"},
    }


@pytest.mark.parametrize("part", ACCOUNTS)
def test_a_roles_conditions_can_be_met(part: str) -> None:
    known = condition_values()
    for arn, role in role_arns(part).items():
        for statement in statements(role):
            for tests in statement.get("Condition", {}).values():
                for key, wanted in tests.items():
                    for value in many(wanted):
                        met = any(matches(str(value), each) for each in known[key])
                        assert met or value in known[key], f"{arn}: {key} is {value}"


def test_the_api_may_list_labels_alone() -> None:
    [api] = [
        item
        for item in everything("AWS::IAM::Role").values()
        if item["RoleName"] == f"{PROJECT}-api-{REGION}"
    ]
    bucket = f"arn:aws:s3:::{PROJECT}-live-{ACCOUNT}-{REGION}"
    labels = {"s3:prefix": "ground-truth/2026/11/22/10/AROAEXAMPLE/"}
    captures = {"s3:prefix": "captures/"}
    assert allows(api, Need("s3:ListBucket", bucket, labels))
    assert not allows(api, Need("s3:ListBucket", bucket, captures))


def test_what_iam_knows_by_name_has_its_regions_name() -> None:
    """IAM's names are an account's: two regions of one account must not share them."""
    kinds = {"AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName"}
    for kind, name in kinds.items():
        for key, item in everything(kind).items():
            assert re.fullmatch(rf"{PROJECT}-[a-z-]+-{REGION}", item[name]), key


def test_in_other_forms_a_role_speaks_of_what_there_is() -> None:
    repository = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{example.GIVEN['SourceRepository']}"
    known = arns("all") | {repository}
    for given in VARIANTS:
        documents = [
            each["PolicyDocument"]
            for item in everything("AWS::IAM::Role", **given).values()
            for each in item["Policies"]
        ]
        policies = everything("AWS::IAM::ManagedPolicy", **given).values()
        for document in [*documents, *(each["PolicyDocument"] for each in policies)]:
            for statement in document["Statement"]:
                for resource in many(statement["Resource"]):
                    found = resource == "*" or any(matches(resource, e) for e in known)
                    assert found, resource


def test_codecommit_is_read_as_its_guides_say() -> None:
    """CodePipeline's and CodeBuild's, of a full clone."""
    wanted = {"pipeline": {"GetBranch", "GetCommit", "GetRepository"}, "build": {"GitPull"}}
    for item in everything("AWS::IAM::Role", SourceHost="CodeCommit").values():
        granted = {
            action.split(":")[1]
            for statement in statements(item)
            for action in many(statement["Action"])
            if action.startswith("codecommit:")
        }
        actor = item["RoleName"].removeprefix(f"{PROJECT}-").removesuffix(f"-{REGION}")
        assert granted == wanted.get(actor, set()), actor


def test_in_the_network_jobs_and_endpoints_may_have_interfaces() -> None:
    policy_arn = resolver.arn("serving", "Interfaces")
    assert policy_arn == f"arn:aws:iam::{ACCOUNT}:policy/{PROJECT}-interfaces-{REGION}"
    for network, wanted in (("none", set()), ("vpc", {"train", "endpoint", "monitor"})):
        found = {
            item["RoleName"].removeprefix(f"{PROJECT}-").removesuffix(f"-{REGION}")
            for item in everything("AWS::IAM::Role", Network=network).values()
            if policy_arn in item.get("ManagedPolicyArns", [])
        }
        assert found == wanted


def test_a_shared_policy_is_some_roles() -> None:
    attached = {
        policy
        for item in everything("AWS::IAM::Role", Network="vpc").values()
        for policy in item.get("ManagedPolicyArns", [])
    }
    made_here = {
        resolver.arn(name, key) for name, key, _ in templates.everywhere("AWS::IAM::ManagedPolicy")
    }
    assert attached == made_here - {resolver.arn("identity", key) for key in TRAIN_STAGE.handed_out}


@pytest.mark.parametrize("part", ACCOUNTS)
def test_who_reads_or_writes_a_bucket_may_use_its_key(part: str) -> None:
    keys = {
        ACCOUNT: resolver.arn("data", "Key"),
        OTHER_ACCOUNT: resolver.arn("data", "Key", ACCOUNTS["prod"]),
    }
    through = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
    uses = {"s3:GetObject": "kms:Decrypt", "s3:GetObjectVersion": "kms:Decrypt"}
    uses |= {"s3:PutObject": "kms:GenerateDataKey"}
    for arn, role in role_arns(part).items():
        for statement in statements(role):
            for action in uses.keys() & {*many(statement["Action"])}:
                for bucket in many(statement["Resource"]):
                    account = OTHER_ACCOUNT if OTHER_ACCOUNT in bucket else ACCOUNT
                    need = Need(uses[action], keys[account], through)
                    assert allows(role, need), f"{arn}: {action} on {bucket}"


# What an action is granted only under: a prefix of actions, and the condition's key.
UNDER = {
    "application-autoscaling:Deregister": "application-autoscaling:service-namespace",
    "application-autoscaling:Put": "application-autoscaling:service-namespace",
    "application-autoscaling:Register": "application-autoscaling:service-namespace",
    "application-autoscaling:Tag": "application-autoscaling:service-namespace",
    "application-autoscaling:Untag": "application-autoscaling:service-namespace",
    "cloudwatch:PutMetricData": "cloudwatch:namespace",
    "codeconnections:": "codeconnections:FullRepositoryId",
    "codestar-connections:": "codestar-connections:FullRepositoryId",
    "iam:CreateServiceLinkedRole": "iam:AWSServiceName",
    "iam:PassRole": "iam:PassedToService",
    "kms:CreateGrant": "kms:GrantIsForAWSResource",
    "kms:Decrypt": "kms:ViaService",
    "kms:GenerateDataKey": "kms:ViaService",
}


@pytest.mark.parametrize("part", ACCOUNTS)
def test_what_names_no_resource_is_under_a_condition(part: str) -> None:
    for arn, role in role_arns(part).items():
        for statement in statements(role):
            keys = {key for tests in statement.get("Condition", {}).values() for key in tests}
            for action in many(statement["Action"]):
                wanted = {key for prefix, key in UNDER.items() if action.startswith(prefix)}
                assert wanted <= keys, f"{arn}: {action}"


VARIANTS: list[dict[str, Any]] = [
    {},
    {"SourceHost": "CodeCommit"},
    {"Network": "vpc"},
    {"ProdAuth": "api-key"},
]


def test_only_actions_without_a_resource_are_on_all() -> None:
    """In each form of the templates, as test_granted_resources.py says it of the usual one."""
    free = {
        action
        for role in role_arns("all").values()
        for statement in statements(role)
        if statement["Resource"] == "*"
        for action in many(statement["Action"])
    }
    # Network interfaces are made and described by whoever is in the network.
    free |= {f"ec2:{verb}" for verb in EC2}
    for given in VARIANTS:
        for role in everything("AWS::IAM::Role", **given).values():
            for statement in statements(role):
                if statement["Resource"] == "*":
                    assert {*many(statement["Action"])} <= free, role["RoleName"]


EC2 = (
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcEndpoints",
    "DescribeVpcs",
)


def test_a_resources_policy_grants_no_whole_service() -> None:
    """But to the account itself, and what is denied to all."""
    for name, key, item in templates.everywhere():
        for _, node in templates.walk(item.get("Properties", {})):
            if isinstance(node, dict) and node.get("Effect") == "Allow":
                for action in many(node["Action"]):
                    whole = action.endswith(":*")
                    assert not whole or (key, node.get("Sid")) == ("Key", "AccountsOwnPolicies"), (
                        f"{name}.{key}: {action}"
                    )
