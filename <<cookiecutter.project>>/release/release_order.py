"""What CloudFormation does when a release follows another, and the proof that it is safe.

CloudFormation updates a stack's resources in the order of their dependencies. It makes what must be
replaced anew beside the old, and deletes the old in a clean-up after the whole stack is updated. So
the old endpoint outlives the shift of traffic if it is in the alias's own stack, and the new one
exists before it if the alias depends on it. Both are read off the template; nothing calls AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from cfnlint.decode.cfn_yaml import load
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as SCHEMAS
from yaml import YAMLError

from categoriser.errors import UserError
from release.template_document import Resource, Resources, Template

TEMPLATE = Path("cloudformation/prod.yaml")
# Any region will do: a type's schema is the same in all of them.
SCHEMA_REGION = "us-east-1"
# The parameters that each release changes.
CHANGED = {"ReleaseId", "ModelDataUrl", "ModelPackageArn", "ServeImage", "LambdaKey", "Run"}
# Made anew by each release, and needed by a request; then what else the alias waits for.
HOSTING = {f"AWS::SageMaker::{kind}" for kind in ("Model", "EndpointConfig", "Endpoint")}
LIVE = HOSTING | {"AWS::Lambda::Version"}
READY = LIVE | {"AWS::ApplicationAutoScaling::ScalingPolicy", "Custom::Golden"}
# What CodeDeploy does when CloudFormation updates the alias.
ALIAS_UPDATE = "CodeDeployLambdaAliasUpdate"
HOOKS = ("BeforeAllowTrafficHook", "AfterAllowTrafficHook")
# How a line of a step begins.
MADE_SIGN = "+"
UPDATED_SIGN = "~"
REMOVED_SIGN = "-"


class UpdateStep(NamedTuple):
    """What CloudFormation does at one time: a title, and a line for each resource."""

    title: str
    lines: list[str]


def read_production_template() -> Template:
    """Read prod.yaml. Raises `UserError` where it is missing, or is not a template."""
    try:
        template = load(str(TEMPLATE))
    except (OSError, YAMLError) as error:
        raise UserError(f"{TEMPLATE} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict) or "Resources" not in template:
        raise UserError(f"{TEMPLATE} has no Resources: it is not a template")
    return template


def find_alias(resources: Resources) -> str:
    """Return the one alias whose traffic is shifted. Raises `UserError` for none or several."""
    aliases = [name for name, resource in resources.items() if "UpdatePolicy" in resource]
    if len(aliases) != 1:
        raise UserError(f"{TEMPLATE} has {len(aliases)} aliases with an UpdatePolicy; keep one.")
    return aliases[0]


def named_in(value: Any) -> Iterator[str]:
    """Yield the parameters and logical ids that a value's Ref, GetAtt and Sub name."""
    if isinstance(value, list):
        for item in value:
            yield from named_in(item)
    if not isinstance(value, dict):
        return
    if "Ref" in value:
        yield value["Ref"]
    elif "Fn::GetAtt" in value:
        yield value["Fn::GetAtt"][0]
    if "Fn::Sub" in value:
        for part in json.dumps(value["Fn::Sub"]).split("${")[1:]:
            yield part.partition("}")[0].partition(".")[0]
    for item in value.values():
        yield from named_in(item)


def made_before(resources: Resources, *names: str) -> set[str]:
    """Return all that CloudFormation makes before these, by their references and DependsOn."""
    found = {*named_in([resources[name] for name in names])} & resources.keys()
    for name in names:
        explicit = resources[name].get("DependsOn", [])
        found |= {explicit} if isinstance(explicit, str) else {*explicit}
    if found <= {*names}:
        return found
    return found | made_before(resources, *{*names, *found})


def replaced_by_release(resources: Resources) -> set[str]:
    """Return what a release replaces: a property that only creation sets depends on the release.

    What refers so to what is replaced is replaced too.
    """
    found: set[str] = set()
    for _ in resources:
        moved = CHANGED | found
        found = {
            name
            for name, resource in resources.items()
            if moved & {*named_in(create_only_properties(resource))}
        }
    return found


def create_only_properties(resource: Resource) -> list[Any]:
    """Return the properties that only creation sets, by the schema of the resource's type."""
    schema = SCHEMAS.get_resource_schema(SCHEMA_REGION, resource["Type"]).schema
    names = [path.split("/")[2] for path in schema.get("createOnlyProperties", [])]
    return [resource.get("Properties", {}).get(name) for name in names]


def require_safe_order(resources: Resources, alias: str) -> None:
    """Raise `UserError` where traffic could move too soon, or the old release go too soon."""
    types = {name: resource["Type"] for name, resource in resources.items()}
    before = made_before(resources, alias)
    hooks = resources[alias]["UpdatePolicy"][ALIAS_UPDATE].keys()
    replaced = replaced_by_release(resources)
    faults = [f"put {kind} into its template" for kind in sorted(READY - {*types.values()})]
    faults += [
        f"let it depend on {name}"
        for name, kind in types.items()
        if kind in READY and name not in before
    ]
    faults += [f"name its {hook}" for hook in HOOKS if hook not in hooks]
    stays = {name for name, kind in types.items() if kind in LIVE} - replaced
    faults += [f"name {name} after ReleaseId" for name in sorted(stays)]
    if faults:
        raise UserError(f"{alias} could shift traffic too soon: {'; '.join(faults)}: {TEMPLATE}.")


def steps_of_update(template: Template, alias: str) -> list[UpdateStep]:
    """Return the steps of an update from one release to the next, the clean-up last."""
    resources: Resources = template["Resources"]
    new = replaced_by_release(resources)
    touched = new | {
        name for name, resource in resources.items() if (CHANGED | new) & {*named_in(resource)}
    }
    steps = []
    title = "before the shift"
    order = TopologicalSorter({name: made_before(resources, name) for name in resources})
    order.prepare()
    while order.is_active():
        names = order.get_ready()
        order.done(*names)
        beside = touched.intersection(names) - {alias}
        if beside:
            steps.append(UpdateStep(title, lines_for(beside, new)))
        if alias in names:
            shift = [*lines_for([alias], new), *lines_of_shift(template, alias)]
            steps.append(UpdateStep("the shift", shift))
            title = "after the shift"
    return [*steps, UpdateStep("clean-up", [f"{REMOVED_SIGN} {name}" for name in sorted(new)])]


def lines_for(names: Iterable[str], new: set[str]) -> list[str]:
    """Return a line for each resource: whether it is made anew, or updated."""
    return [f"{MADE_SIGN if name in new else UPDATED_SIGN} {name}" for name in sorted(names)]


def lines_of_shift(template: Template, alias: str) -> list[str]:
    """Return what happens while CloudFormation updates the alias, in the words of the template."""
    resources: Resources = template["Resources"]
    policy = resources[alias]["UpdatePolicy"][ALIAS_UPDATE]
    group = resources[policy["DeploymentGroupName"]["Ref"]]["Properties"]
    routing = resources[group["DeploymentConfigName"]["Ref"]]["Properties"]["TrafficRoutingConfig"]
    canary = routing["TimeBasedCanary"]
    percent = default_of(template, canary["CanaryPercentage"])
    interval = default_of(template, canary["CanaryInterval"])
    before, after = (resources[policy[hook]["Ref"]]["Properties"] for hook in HOOKS)
    watch = default_of(template, after["Environment"]["Variables"]["BAKE_MINUTES"])
    return [
        before["Handler"],
        f"{percent} % for {interval} minutes, then all",
        f"{after['Handler']}: {watch} minutes' watch",
    ]


def default_of(template: Template, reference: dict[str, str]) -> Any:
    """Return the default of the parameter that is referred to."""
    return template["Parameters"][reference["Ref"]]["Default"]
