"""The resolver of CloudFormation's functions, on a template of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prove import resolver, templates
from prove.example import ACCOUNT, PROJECT, REGION
from prove.resolver import arn, holds, physical, present, resolve

TEMPLATE = """
Parameters:
  Project: {Type: String}
  Size: {Type: Number, Default: 3}
  Zones: {Type: CommaDelimitedList, Default: 'a,b'}
Conditions:
  Large: !Not [!Equals [!Ref Size, 3]]
  Both: !And [!Condition Large, !Equals [!Ref Project, !Ref Project]]
Mappings:
  Sizes: {small: {cpu: 1}}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !Sub '${Project}-news'}
  Queue:
    Type: AWS::SQS::Queue
    Condition: Large
    Properties: {QueueName: waiting}
Outputs:
  Topic:
    Value: !Ref Topic
    Export: {Name: !Sub '${Project}-NewsArn'}
"""


@pytest.fixture(autouse=True)
def own() -> Iterator[None]:
    """Let the template `train` be the one above."""
    with templates.template_replaced("train", templates.load(TEMPLATE)):
        yield


def worked_out(value: Any, **given: Any) -> Any:
    return resolve(value, "train", given)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Ref": "Size"}, 3),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Ref": "AWS::Region"}, REGION),
        ({"Ref": "Topic"}, f"arn:aws:sns:{REGION}:{ACCOUNT}:{PROJECT}-news"),
        ({"Ref": "Queue"}, "waiting"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, f"arn:aws:sqs:{REGION}:{ACCOUNT}:waiting"),
        ({"Fn::GetAtt": ["Topic", "TopicName"]}, f"{PROJECT}-news"),
        ({"Fn::GetAtt": ["Topic", "Other"]}, f"{PROJECT}-train-Topic.Other"),
        (
            {"Fn::Sub": "${Size} ${!Size} ${Queue.Arn}"},
            f"3 ${{Size}} arn:aws:sqs:{REGION}:{ACCOUNT}:waiting",
        ),
        ({"Fn::Sub": ["${Own}", {"Own": {"Ref": "Size"}}]}, "3"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Size"}]]}, "a-3"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::FindInMap": ["Sizes", "small", "cpu"]}, 1),
        ({"Fn::If": ["Large", "large", "small"]}, "small"),
        ({"kept": 1, "gone": {"Ref": "AWS::NoValue"}}, {"kept": 1}),
        (
            {"Fn::ImportValue": f"{PROJECT}-NewsArn"},
            f"arn:aws:sns:{REGION}:{ACCOUNT}:{PROJECT}-news",
        ),
    ],
    ids=str,
)
def test_a_function_comes_to_what_cloudformation_makes_of_it(value: Any, result: Any) -> None:
    assert worked_out(value) == result


def test_conditions_say_which_resources_there_are() -> None:
    assert [*present("train")] == ["Topic"]
    assert [*present("train", {"Size": 4})] == ["Topic", "Queue"]
    assert holds("train", "Both", {"Size": 4})
    assert not holds("train", "Both")


def test_names_follow_the_project() -> None:
    assert physical("train", "Topic", {"Project": "other"}) == "other-news"
    assert arn("train", "Topic", {"AWS::Region": "eu-west-1"}).startswith("arn:aws:sns:eu-west-1:")


def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="Missing"):
        worked_out({"Fn::GetAtt": ["Missing", "Arn"]})
    with pytest.raises(KeyError, match="which no template exports"):
        worked_out({"Fn::ImportValue": "nobodys"})
    needy = templates.load("Parameters: {Needed: {Type: String}}")
    with templates.template_replaced("train", needy), pytest.raises(KeyError, match="Default"):
        resolver.parameters("train")
