"""Operators on templates: each enumerates every place that it knows, mechanically."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from prove.example import PSEUDO
from prove.mutants.mutant import Mutant
from prove.policies import many
from prove.templates import VARIABLE, TreePath, every, everywhere, substitution, walk
from release.template_document import Template

# A value that is to go from its tree.
REMOVED = object()
# How many characters of a text are shown on each side of a change.
AROUND = 40


class Edit(NamedTuple):
    """One change of a template: the operator, the place, the change in words, the new value."""

    operator: str
    path: TreePath
    change: str
    value: Any


def edited(node: Any, path: TreePath, value: Any) -> Any:
    """Copy a tree along a path only, with the value at its end changed, or gone."""
    if not path:
        return value
    result = copy.copy(node)
    changed = edited(node[path[0]], path[1:], value)
    if changed is REMOVED:
        del result[path[0]]
    else:
        result[path[0]] = changed
    return result


def following(values: list[str], value: str) -> str | None:
    """Give the next of a list, in a circle; None where there is no other."""
    others = sorted({*values} | {value})
    found = others[(others.index(value) + 1) % len(others)]
    return None if found == value else found


def other(template: Template, name: str) -> str | None:
    """Give another name of the same sort: pseudo parameter, parameter, resource."""
    if name.startswith("AWS::"):
        return following([*PSEUDO], name)
    for part in ("Parameters", "Resources"):
        if name in template.get(part, {}):
            return following([*template[part]], name)
    return None


def changed_references(template: Template) -> Iterator[Edit]:
    """Change each Ref, GetAtt and Sub variable to another name."""
    for path, node in walk(template):
        if not isinstance(node, dict) or len(node) != 1:
            continue
        ((function, argument),) = node.items()
        if function == "Ref":
            new = other(template, argument)
            if new:
                yield Edit("Ref", path, f"{argument} to {new}", {"Ref": new})
        elif function == "Fn::GetAtt":
            yield from attributes(template, path, argument)
        elif function == "Fn::Sub":
            yield from substitutions(template, path, argument)


def attributes(template: Template, path: TreePath, argument: list[str]) -> Iterator[Edit]:
    """Change a GetAtt's resource, and its attribute."""
    target, attribute = argument
    new = other(template, target)
    if new:
        yield Edit("GetAtt", path, f"{target} to {new}", {"Fn::GetAtt": [new, attribute]})
    changed = "Name" if attribute == "Arn" else "Arn"
    line = f".{attribute} to .{changed}"
    yield Edit("GetAtt", path, line, {"Fn::GetAtt": [target, changed]})


def substitutions(template: Template, path: TreePath, argument: Any) -> Iterator[Edit]:
    """Change each variable of a Sub that is not its own."""
    text, own = substitution(argument)
    for match in VARIABLE.finditer(text):
        variable = match[1]
        target, dot, attribute = variable.partition(".")
        new = other(template, target)
        if variable in own or not new:
            continue
        value = f"{text[: match.start(1)]}{new}{dot}{attribute}{text[match.end(1) :]}"
        changed = value if isinstance(argument, str) else [value, own]
        around = text[max(match.start() - AROUND, 0) : match.end() + AROUND]
        line = f"{variable} to {new} in {' '.join(around.split())}"
        yield Edit("Sub", path, line, {"Fn::Sub": changed})


def appended(value: Any) -> Any:
    """Give a name with a letter more; None where the value is not a text."""
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, dict) and isinstance(value.get("Fn::Sub"), str):
        return {"Fn::Sub": f"{value['Fn::Sub']}x"}
    if isinstance(value, dict) and "Ref" in value:
        return {"Fn::Sub": f"${{{value['Ref']}}}x"}
    return None


def changed_names(template: Template) -> Iterator[Edit]:
    """Change each name: whatever a key that ends in Name, Namespace, Key, Prefix or Arn holds."""
    for path, node in walk(template):
        key = str(path[-1]) if path else ""
        if "Dimensions" in path or path[:1] in (("Parameters",), ("Conditions",)):
            continue
        known = re.search(r"(Name|^Namespace|Key|Prefix|Uri|Image|TemplatePath|BuildSpec)$", key)
        new = appended(node) if known else None
        if new:
            yield Edit("name", path, f"{node} to {new}", new)


def dimensions(template: Template) -> Iterator[Edit]:
    """Drop each dimension of a metric, and change its name and its value."""
    for path, node in walk(template):
        if len(path) > 1 and path[-2] == "Dimensions" and isinstance(node, dict):
            yield Edit("dimension", path, f"without {node['Name']}", REMOVED)
            for key in ("Name", "Value"):
                new = appended(node[key]) or "x"
                yield Edit("dimension", (*path, key), f"{node[key]} to {new}", new)


def permissions(template: Template) -> Iterator[Edit]:
    """Drop and widen each action, drop each condition, widen each resource."""
    for path, node in walk(template):
        if not (isinstance(node, dict) and "Effect" in node and "Action" in node):
            continue
        actions = many(node["Action"])
        for action in actions:
            rest = [each for each in actions if each != action]
            change = node | {"Action": rest} if rest else REMOVED
            yield Edit("action", path, f"without {action}", change)
            if ":" in action and not action.endswith(":*"):
                wide = node | {"Action": [*rest, action.split(":")[0] + ":*"]}
                yield Edit("action", path, f"{action} widened", wide)
        for operator, tests in node.get("Condition", {}).items():
            for key in tests:
                left = {k: v for k, v in tests.items() if k != key}
                conditions = node["Condition"] | {operator: left}
                change = node | {"Condition": {k: v for k, v in conditions.items() if v}}
                yield Edit("condition", path, f"without {key}", change)
        if node.get("Resource", "*") != "*":
            yield Edit("resource", path, "widened to *", node | {"Resource": "*"})


def choices(template: Template) -> Iterator[Edit]:
    """Swap each If, negate each condition, drop a resource's condition and each DependsOn."""
    for path, node in walk(template):
        if isinstance(node, dict) and "Fn::If" in node:
            condition, yes, no = node["Fn::If"]
            yield Edit("condition", path, f"{condition} swapped", {"Fn::If": [condition, no, yes]})
    for key, value in template.get("Conditions", {}).items():
        yield Edit("condition", ("Conditions", key), f"not {key}", {"Fn::Not": [value]})
    for key, item in template["Resources"].items():
        if "Condition" in item:
            path = ("Resources", key, "Condition")
            yield Edit("condition", path, f"without {item['Condition']}", REMOVED)
        explicit = many(item.get("DependsOn", []))
        for name in explicit:
            rest = [each for each in explicit if each != name]
            yield Edit("DependsOn", ("Resources", key, "DependsOn"), f"without {name}", rest)


SWAPPED = {
    "GreaterThanThreshold": "LessThanThreshold",
    "GreaterThanOrEqualToThreshold": "LessThanOrEqualToThreshold",
    "LessThanThreshold": "GreaterThanThreshold",
    "LessThanOrEqualToThreshold": "GreaterThanOrEqualToThreshold",
    "GREATER_THAN": "LESS_THAN",
    "notBreaching": "breaching",
}


def comparisons(template: Template) -> Iterator[Edit]:
    """Turn each comparison of an alarm or a budget, and what missing data mean."""
    for path, node in walk(template):
        if isinstance(node, str) and node in SWAPPED:
            yield Edit("comparison", path, f"{node} to {SWAPPED[node]}", SWAPPED[node])


def environments(template: Template) -> Iterator[Edit]:
    """Rename each environment variable of a Lambda or a job; those of CodeBuild are names."""
    for path, node in walk(template):
        inner = path[-2:] == ("Environment", "Variables")
        outer = path[-1:] == ("Environment",)
        if not (inner or outer) or "Variables" in node or "Image" in node:
            continue
        for key in node:
            renamed = {f"{name}X" if name == key else name: node[name] for name in node}
            yield Edit("environment", path, f"{key} to {key}X", renamed)


def handlers(template: Template) -> Iterator[Edit]:
    """Change each function's handler to another that exists."""
    functions = everywhere("AWS::Lambda::Function")
    known = [function["Properties"]["Handler"] for _, _, function in functions]
    for path, node in walk(template):
        if path[-1:] == ("Handler",):
            new = following(known, node)
            yield Edit("handler", path, f"{node} to {new}", new)


TEMPLATE_OPERATORS: tuple[Callable[[Template], Iterator[Edit]], ...] = (
    changed_references,
    changed_names,
    dimensions,
    permissions,
    choices,
    comparisons,
    environments,
    handlers,
)


def template_mutants() -> Iterator[Mutant]:
    """Yield every mutant of every template."""
    for name, template in every().items():
        for operator in TEMPLATE_OPERATORS:
            for edit in operator(template):
                place = ".".join(map(str, edit.path))
                changed = edited(template, edit.path, edit.value)
                yield Mutant(name, edit.operator, place, edit.change, changed)
