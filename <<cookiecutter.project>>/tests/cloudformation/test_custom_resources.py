"""What the templates tell their custom resources, and what these answer."""

from __future__ import annotations

import json
import re

import pytest
from account_resources import RELEASED, key_arn, made
from release_names import candidate
from source_code import code
from train_stage import TRAIN_STAGE

from prove import example, project_files, resolver, templates
from prove.example import ACCOUNT, PROJECT, REGION, RELEASE
from release import release_order


def test_what_custom_resources_say_is_what_is_read() -> None:
    """And each asks the function that its template makes for it."""
    for name, module, token in (
        *TRAIN_STAGE.custom_resources,
        ("dev", "golden_cases", f"{PROJECT}-dev-golden"),
        ("dev", "endpoint_start", f"{PROJECT}-dev-hosting"),
        ("prod", "golden_cases", f"{PROJECT}-golden"),
        ("prod", "endpoint_start", f"{PROJECT}-hosting"),
    ):
        text = code(module)
        read = {*re.findall(r"properties(?:\.get\(|\[)'(\w+)'", text)}
        for words in re.findall(
            r"\['ResourceProperties'\]\[(?:key\] for key in \()?(.*?)[\])]", text
        ):
            read |= {*re.findall(r"'(\w+)'", words)}
        if module == "training_steps":  # what a requests.json is of, and a job's name says
            read |= {"Release"}
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{token}"
        asking = {
            key: item["Properties"]
            for key, item in made(name).items()
            if item["Type"].startswith("Custom::") and item["Properties"]["ServiceToken"] == arn
        }
        assert asking, token
        for key, properties in asking.items():
            given = {*properties} - {"ServiceToken", "ServiceTimeout"}
            assert given <= read, f"{name}.{key}"
            # Dev's endpoint has one instance.
            left = {"Function", "Minimum", "Maximum"} if name == "dev" else {"Function", "Endpoint"}
            assert read - given <= left | {"Endpoint"}, f"{name}.{key}"
            # Else CloudFormation would not ask again for another release.
            assert RELEASE in json.dumps(properties), f"{name}.{key}"
            assert properties.get("Release", RELEASE) == RELEASE, f"{name}.{key}"


def test_every_custom_resource_asks_a_function_of_its_own_template() -> None:
    for name in RELEASED:
        own = {
            resolver.arn(name, key) for key in templates.resources(name, "AWS::Lambda::Function")
        }
        for key, item in made(name).items():
            if item["Type"].startswith("Custom::"):
                assert item["Properties"]["ServiceToken"] in own, f"{name}.{key}"


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_an_endpoint_begins_with_what_is_made_for_it(name: str) -> None:
    """Its log is there before SageMaker would make one, by the name that SageMaker gives it."""
    found = made(name)
    asked = found["Hosting"]["Properties"]
    assert asked["EndpointName"] == found["Endpoint"]["Properties"]["EndpointName"]
    assert asked["LogDays"] == example.GIVEN["LogDays"]
    assert asked["Key"] == key_arn()
    written = templates.resources(name)
    assert "Hosting" in release_order.made_before(written, "Endpoint")
    if name == "prod":
        (variant,) = written["EndpointConfig"]["Properties"]["ProductionVariants"]
        assert variant["InitialInstanceCount"] == {"Fn::GetAtt": ["Hosting", "Instances"]}
        assert "Data['Instances'] = " in code("endpoint_start")
        assert asked["Function"] == found["Api"]["Properties"]["FunctionName"]
        assert (asked["Minimum"], asked["Maximum"]) == (
            found["ScalableTarget"]["Properties"]["MinCapacity"],
            found["ScalableTarget"]["Properties"]["MaxCapacity"],
        )


def test_golden_cases_are_asked_of_the_candidate() -> None:
    dev = made("dev")["Golden"]["Properties"]
    prod = made("prod")["Golden"]["Properties"]
    golden = f"{example.GIVEN['Run']}/evaluation/golden.json"
    assert dev["Golden"] == prod["Golden"] == golden
    assert dev["Endpoint"] == f"{PROJECT}-dev-{RELEASE}"
    assert "Function" not in dev
    assert prod["Function"] == candidate()
    assert "Endpoint" not in prod
    assert '"golden.json"' in project_files.text("src/categoriser/jobs/evaluation_job.py")
    outputs = resolver.resolve(templates.every()["dev"]["Outputs"], "dev")
    assert outputs["EndpointName"]["Value"] == dev["Endpoint"]
