"""Templates as data: short forms, walking, references, and another in a template's place."""

from __future__ import annotations

from prove import templates
from prove.templates import load, referenced_names, walk


def test_short_forms_become_long_ones_and_dates_stay_texts() -> None:
    text = "Version: 2012-10-17\nA: !GetAtt B.C.D\nE: !Sub ['${F}', {F: !Ref G}]\nH: !Condition I"
    assert load(text) == {
        "Version": "2012-10-17",
        "A": {"Fn::GetAtt": ["B", "C.D"]},
        "E": {"Fn::Sub": ["${F}", {"F": {"Ref": "G"}}]},
        "H": {"Condition": "I"},
    }


def test_walking_yields_each_node_with_its_path() -> None:
    assert dict(walk({"a": [1]})) == {(): {"a": [1]}, ("a",): [1], ("a", 0): 1}


def test_references_are_all_that_a_value_names_outside_itself() -> None:
    value = [
        {"Ref": "Project"},
        {"Fn::GetAtt": ["Key", "Arn"]},
        {"Fn::Sub": "${AWS::Region} ${Topic.TopicName} ${!Literal}"},
        {"Fn::Sub": ["${Own}", {"Own": {"Ref": "Stage"}}]},
    ]
    found = {*referenced_names(value)}
    assert found == {"Project", "Key.Arn", "AWS::Region", "Topic.TopicName", "Stage"}


def test_a_replaced_template_is_read_in_the_block_alone() -> None:
    original = templates.every()["train"]
    with templates.template_replaced("train", {"Resources": {"A": {"Type": "x"}}}):
        assert [*templates.resources("train")] == ["A"]
    assert templates.every()["train"] is original
