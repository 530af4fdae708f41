"""What the templates make in other regions and partitions."""

from __future__ import annotations

import re

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as SCHEMAS
from pipeline_actions import actions

from prove import project_files, resolver, templates
from prove.example import REGION


def test_the_hosts_of_the_console_are_the_partitions() -> None:
    links = {
        "aws": "console.aws.amazon.com",
        "aws-us-gov": "console.amazonaws-us-gov.com",
    }
    for partition, host in links.items():
        (approval,) = [
            a for a in actions(**{"AWS::Partition": partition}) if a["Name"] == "Approve"
        ]
        assert f"{REGION}.{host}/s3/" in approval["Configuration"]["ExternalEntityLink"]


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("ap-southeast-2", "aws"),
        ("us-gov-west-1", "aws-us-gov"),
    ],
)
def test_what_a_region_has_is_made_and_what_it_lacks_is_left_out(
    region: str, partition: str
) -> None:
    """By the resource types that AWS publishes for the region; cfn-lint has them."""
    known = {*SCHEMAS.get_resource_types(region)}
    for name in templates.every():
        given = {"AWS::Region": region, "AWS::Partition": partition}
        made = resolver.present(name, given)
        for key, item in resolver.present(name).items():
            there = item["Type"] in known or item["Type"].startswith("Custom::")
            assert (key in made) == there, f"{name}.{key} in {region}"


def test_no_template_speaks_of_china() -> None:
    """Its CodePipeline has no CloudFormation action (CodePipeline's page on that action)."""
    for name in templates.every():
        text = project_files.text(f"cloudformation/{name}.yaml")
        assert not re.search(r"\bcn[.-]|aws-cn|amazonaws\.cn|China", text), name


def test_govclouds_other_region_has_no_budget_and_no_group() -> None:
    """It has no endpoints in CloudFormation either, so no release; the layers are still right."""
    given = {"AWS::Region": "us-gov-east-1", "AWS::Partition": "aws-us-gov"}
    assert not {"Budget", "ModelPackageGroup"} & resolver.present("data", given).keys()
    assert "GitConnection" in resolver.present("pipeline", given)
