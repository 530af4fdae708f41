"""A push that changes a layer changes nothing live: Build sees it, and says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from release_helpers.fake_aws import TOOLS, FakeAws, refused
from release_helpers.settings import PROJECT, changed, tools_session

from prove import project_files, templates
from release import layers
from release.cloudformation import template_text
from release.parameters import stack_parameters

KEY = f"lambdas/{'0' * 64}.zip"


class Standing:
    """The layers as a commit deployed them."""

    def __init__(self, cloud: FakeAws) -> None:
        settings = changed()
        others = {"Part": "all", "ToolsAccountId": TOOLS, "LambdaKey": KEY}
        self.templates = {
            template: template_text(template) for _, template in layers.layers_in_order(settings)
        }
        self.parameters = {
            name: stack_parameters(settings, name, others) for name in self.templates
        }
        cloud.answers |= {
            "DescribeStacks": self.describe,
            "GetTemplate": lambda asked: {"TemplateBody": self.templates[self.name(asked)]},
        }

    def name(self, asked: dict[str, Any]) -> str:
        return str(asked["StackName"]).removeprefix(f"{PROJECT}-")

    def describe(self, asked: dict[str, Any]) -> Any:
        name = self.name(asked)
        if name not in self.templates:
            return refused("ValidationError", f"Stack with id {name} does not exist")
        given = self.parameters[name].items()
        listed = [{"ParameterKey": key, "ParameterValue": value} for key, value in given]
        return {"Stacks": [{"StackName": asked["StackName"], "Parameters": listed}]}


@pytest.fixture
def standing(cloud: FakeAws, root: Path) -> Standing:
    return Standing(cloud)


def notice(key: str = KEY, **changes: Any) -> str:
    return layers.layers_notice(changed(**changes), tools_session(), key)


@pytest.mark.actor("build")
def test_layers_that_stand_as_the_commit_has_them_are_said_to(standing: Standing) -> None:
    assert notice() == "are as this commit has them"


@pytest.mark.actor("build")
@pytest.mark.parametrize("name", ["data", "serving", "identity", "deployers", "images", "pipeline"])
def test_a_template_that_a_push_has_changed_is_named(standing: Standing, name: str) -> None:
    standing.templates[name] += "# An earlier commit's.\n"

    assert notice() == (f"are NOT as this commit has them, run make deploy: {name}: the template")


@pytest.mark.actor("build")
def test_other_functions_and_settings_are_named(standing: Standing) -> None:
    assert notice(key=KEY.replace("0", "1")).endswith("pipeline: LambdaKey")
    assert notice(approval_minutes=60).endswith("pipeline: ApprovalMinutes")


@pytest.mark.actor("build")
def test_a_layer_that_does_not_stand_is_named(standing: Standing) -> None:
    assert "; network: the stack; pipeline: Network" in notice(network="vpc")
    del standing.templates["images"]
    assert notice().endswith("images: the stack")


@pytest.mark.actor("build")
def test_what_is_said_is_short_however_much_differs(standing: Standing) -> None:
    for name in standing.parameters:
        standing.parameters[name] = {}

    assert len(notice()) <= layers.LONGEST_NOTICE


def test_layers_that_cannot_be_read_stop_no_release(cloud: FakeAws, root: Path) -> None:
    cloud.answers["DescribeStacks"] = refused("AccessDenied", "may not")

    assert notice().startswith("were not compared with this commit: ")


def test_the_log_and_the_approval_say_it() -> None:
    build = project_files.text("buildspecs/build.yaml")
    assert "LAYERS]" in build
    assert 'echo "The layers $LAYERS"' in build
    pipeline = json.dumps(templates.resources("pipeline")["Pipeline"])
    assert "The layers below it #{Build.LAYERS}." in pipeline
