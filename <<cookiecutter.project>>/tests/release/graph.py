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

from categoriser.errors import UserError, run

TEMPLATE = Path("cloudformation/prod.yaml")
PICTURE = Path("reports/release.svg")
CHANGED = {"ReleaseId", "ModelPackageArn", "ServeImage", "LambdaKey", "Run"}  # by each release
# Made anew by each release, and needed by a request; then what else the alias waits for.
HOSTING = {f"AWS::SageMaker::{kind}" for kind in ("Model", "EndpointConfig", "Endpoint")}
LIVE = HOSTING | {"AWS::Lambda::Version"}
READY = LIVE | {"AWS::ApplicationAutoScaling::ScalingPolicy", "Custom::Golden"}
BOX = '<rect x="{}" y="{}" width="194" height="20" fill="{}"/><text x="{}" y="{}">{}</text>'
HOOKED = "CodeDeployLambdaAliasUpdate"
COLOURS = {"+": "#bfe5c8", "~": "#cfe0f5", "-": "#dddddd"}

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


def plan(resources: Resources, alias: str) -> list[Step]:
    """Give the steps of an update from one release to the next: a title, and what changes then."""
    new, title = replaced(resources), "before the shift"
    changed = {key for key, item in resources.items() if {*uses(item)} & (CHANGED | new)} | new
    steps: list[Step] = []
    order = TopologicalSorter({key: needs(resources, key) for key in resources})
    order.prepare()
    while keys := order.get_ready():
        order.done(*keys)
        for name, some in ((title, {*keys} & changed - {alias}), ("the shift", {*keys} & {alias})):
            made = [f"{'+' if key in new else '~'} {key}" for key in sorted(some)]
            steps += [(name, made)] if made else []
        title = "after the shift" if alias in keys else title
    return [*steps, ("clean-up", [f"- {key}" for key in sorted(new)])]


def picture(steps: list[Step]) -> str:
    """Draw the steps as columns of an SVG: + made anew, ~ changed, - deleted."""
    boxes = [
        BOX.format(x * 200, y * 24, COLOURS.get(line[0], "#fff"), x * 200 + 6, y * 24 + 14, line)
        for x, (title, lines) in enumerate(steps)
        for y, line in enumerate([title, *lines])
    ]
    size = f"{len(steps) * 200} {max(len(lines) for _, lines in steps) * 24 + 24}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-size="12">'
    return "\n".join([head, *boxes, "</svg>\n"])


def main() -> None:
    """Prove the order for prod.yaml, print it and draw it."""
    resources = load(str(TEMPLATE))["Resources"]
    aliases = [key for key, item in resources.items() if "UpdatePolicy" in item]
    if len(aliases) != 1:
        raise UserError(f"{TEMPLATE} has {len(aliases)} aliases with an UpdatePolicy; keep one.")
    check(resources, *aliases)
    steps = plan(resources, *aliases)
    PICTURE.write_text(picture(steps))
    lines = [f"{title:17}{', '.join(made)}" for title, made in steps]
    lines += [f"No live endpoint goes before its traffic has moved. {PICTURE} shows the order."]
    Console(soft_wrap=True).print("\n".join(lines), markup=False)


if __name__ == "__main__":
    run(main)
