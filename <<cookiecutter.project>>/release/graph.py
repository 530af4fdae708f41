"""`make graph`: what CloudFormation does when a release follows another, and proof that it is safe.

CloudFormation updates a stack's resources in the order of their dependencies. It makes what must be
replaced anew beside the old, and deletes the old in a clean-up after the whole stack is updated. So
the old endpoint outlives the shift of traffic if it is in the alias's own stack, and the new one
stands before it if the alias depends on it. Both are read off the templates; nothing calls AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import load
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as SCHEMAS
from rich.console import Console
from yaml import YAMLError

from categoriser.errors import UserError
from categoriser.io.replacing import write_text

TEMPLATE = Path("cloudformation/prod.yaml")
PICTURE = Path("reports/release.svg")
CHANGED = {"ReleaseId", "ModelPackageArn", "ServeImage", "LambdaKey", "Run"}  # by each release
# Made anew by each release, and needed by a request; then what else the alias waits for.
HOSTING = {f"AWS::SageMaker::{kind}" for kind in ("Model", "EndpointConfig", "Endpoint")}
LIVE = HOSTING | {"AWS::Lambda::Version"}
READY = LIVE | {"AWS::ApplicationAutoScaling::ScalingPolicy", "Custom::Golden"}
HOOKED = "CodeDeployLambdaAliasUpdate"
COLOURS = {"+": "#bfe5c8", "~": "#cfe0f5", "-": "#dddddd"}
TITLE = "What CloudFormation does when a release follows another"
LEGEND = ("+ made anew", "~ changed", "- deleted")
WIDTH, HEIGHT, TOP = 196, 24, 130  # of a column, and of a line, in the picture; where they begin

Resources = dict[str, dict[str, Any]]
Step = tuple[str, list[str]]


def uses(value: Any) -> Iterator[str]:
    """Yield the parameters and logical ids that a value's Ref, GetAtt and Sub name."""
    if isinstance(value, dict):
        if "Fn::Sub" in value:
            parts = json.dumps(value["Fn::Sub"]).split("${")[1:]
            yield from (part.split("}")[0].split(".")[0] for part in parts)
        yield from [value["Ref"]] if "Ref" in value else value.get("Fn::GetAtt", [])[:1]
        yield from chain.from_iterable(map(uses, value.values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(uses, value))


def needs(resources: Resources, *keys: str) -> set[str]:
    """Give all that CloudFormation makes before these, by their references and DependsOn."""
    found = {*uses([resources[key] for key in keys])} & resources.keys()
    for explicit in (resources[key].get("DependsOn", []) for key in keys):
        found |= {explicit} if isinstance(explicit, str) else {*explicit}
    return found if found <= {*keys} else found | needs(resources, *{*keys, *found})


def replaced(resources: Resources) -> set[str]:
    """Give what a release replaces: a property that only creation sets depends on the release."""
    found: set[str] = set()
    for _ in resources:  # what refers so to the replaced is replaced too
        found = {key for key, item in resources.items() if {*uses(fixed(item))} & (CHANGED | found)}
    return found


def fixed(resource: dict[str, Any]) -> list[Any]:
    """Give the properties that only creation sets, by the schema of the resource's type."""
    schema = SCHEMAS.get_resource_schema("us-east-1", resource["Type"]).schema
    names = [path.split("/")[2] for path in schema.get("createOnlyProperties", [])]
    return [resource.get("Properties", {}).get(name) for name in names]


def check(resources: Resources, alias: str) -> None:
    """Raise UserError where traffic would move to what is not there, or away from what is gone."""
    kinds, before = {k: item["Type"] for k, item in resources.items()}, needs(resources, alias)
    hooks = {"BeforeAllowTrafficHook", "AfterAllowTrafficHook"}
    faults = [f"put {kind} into its template" for kind in sorted(READY - {*kinds.values()})]
    faults += [f"let it depend on {k}" for k in kinds if kinds[k] in READY and k not in before]
    faults += [f"name its {h}" for h in hooks - resources[alias]["UpdatePolicy"][HOOKED].keys()]
    stays = {key for key in kinds if kinds[key] in LIVE} - replaced(resources)
    faults += [f"name {key} after ReleaseId" for key in sorted(stays)]
    if faults:
        raise UserError(f"{alias} could shift traffic too soon: {'; '.join(faults)}: {TEMPLATE}.")


def shift(template: dict[str, Any], alias: str) -> list[str]:
    """Give what happens while CloudFormation updates the alias, in the words of the template."""
    resources: Resources = template["Resources"]
    policy = resources[alias]["UpdatePolicy"][HOOKED]
    group = resources[policy["DeploymentGroupName"]["Ref"]]["Properties"]
    routing = resources[group["DeploymentConfigName"]["Ref"]]["Properties"]["TrafficRoutingConfig"]
    canary = routing["TimeBasedCanary"]
    percent = default(template, canary["CanaryPercentage"])
    interval = default(template, canary["CanaryInterval"])
    how = f"{percent} % for {interval} minutes, then all"
    hooks = [policy[f"{time}AllowTrafficHook"]["Ref"] for time in ("Before", "After")]
    before, after = (resources[hook]["Properties"] for hook in hooks)
    minutes = default(template, after["Environment"]["Variables"]["BAKE_MINUTES"])
    return [before["Handler"], how, f"{after['Handler']}: {minutes} minutes' watch"]


def default(template: dict[str, Any], reference: dict[str, str]) -> Any:
    """Give the default of the parameter that is referred to."""
    return template["Parameters"][reference["Ref"]]["Default"]


def plan(template: dict[str, Any], alias: str) -> list[Step]:
    """Give the steps of an update from one release to the next: a title, and what changes then."""
    resources: Resources = template["Resources"]
    new, title = replaced(resources), "before the shift"
    changed = {key for key, item in resources.items() if {*uses(item)} & (CHANGED | new)} | new
    steps: list[Step] = []
    order = TopologicalSorter({key: needs(resources, key) for key in resources})
    order.prepare()
    while keys := order.get_ready():
        order.done(*keys)
        for name, some in ((title, {*keys} & changed - {alias}), ("the shift", {*keys} & {alias})):
            made = [f"{'+' if key in new else '~'} {key}" for key in sorted(some)]
            made += shift(template, alias) if alias in some else []
            steps += [(name, made)] if made else []
        title = "after the shift" if alias in keys else title
    return [*steps, ("clean-up", [f"- {key}" for key in sorted(new)])]


def picture(steps: list[Step]) -> str:
    """Draw the steps as columns of an SVG, and above them how long each endpoint is there."""
    made = next(x for x, (_, lines) in enumerate(steps) if "+ Endpoint" in lines)
    right, bottom = len(steps) * WIDTH, TOP + (max(len(made) for _, made in steps) + 1) * HEIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 0 {right + 20} {bottom + 10}"'
    drawn = [f'{head} font-family="sans-serif" font-size="12">']
    drawn += ['<rect x="-10" width="100%" height="100%" fill="#fff"/>']
    drawn += [f'<text y="26" font-size="18">{TITLE}</text>']
    drawn += [box(x * 110, 40, 104, line) for x, line in enumerate(LEGEND)]
    drawn += [box(0, 72, right - 6, "- old endpoint", "old endpoint")]
    drawn += [box(made * WIDTH, 98, right - made * WIDTH - 6, "+ new endpoint", "new endpoint")]
    for x, (title, lines) in enumerate(steps):
        for y, line in enumerate([f"{x + 1}. {title}", *lines]):
            drawn.append(box(x * WIDTH, TOP + y * HEIGHT, WIDTH - 6, line))
    return "\n".join([*drawn, "</svg>\n"])


def box(x: int, y: int, width: int, line: str, text: str = "") -> str:
    """Draw a line of text in the colour of its sign."""
    place = f'x="{x}" y="{y}" width="{width}" height="20" fill="{COLOURS.get(line[0], "#fff")}"'
    return f'<rect {place}/><text x="{x + 6}" y="{y + 14}">{text or line}</text>'


def read() -> dict[str, Any]:
    """Read prod.yaml. Raises `UserError` where it is missing, or no template."""
    try:
        template = load(str(TEMPLATE))
    except (OSError, YAMLError) as error:
        raise UserError(f"{TEMPLATE} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict) or "Resources" not in template:
        raise UserError(f"{TEMPLATE} has no Resources: it is no template")
    return template


def draw_release_order() -> None:
    """Prove the order for prod.yaml, print it and draw it."""
    template = read()
    resources = template["Resources"]
    aliases = [key for key, item in resources.items() if "UpdatePolicy" in item]
    if len(aliases) != 1:
        raise UserError(f"{TEMPLATE} has {len(aliases)} aliases with an UpdatePolicy; keep one.")
    check(resources, *aliases)
    steps = plan(template, *aliases)
    write_text(PICTURE, picture(steps))
    lines = [f"{TITLE} ({', '.join(LEGEND)}):"]
    lines += [f"{n}. {title:17}{', '.join(made)}" for n, (title, made) in enumerate(steps, 1)]
    lines += [f"No live endpoint goes before its traffic has moved. {PICTURE} shows the order."]
    Console(soft_wrap=True).print("\n".join(lines), markup=False)
