"""The release's templates as plain data: reading them, and walking through them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from prove import project_files
from release.template_document import Resource, Resources, Template

# The keys and the indices that lead from a tree's root to a node.
TreePath = tuple[str | int, ...]

# `${A.B}`, and not the literal `${!A}`.
VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")

# The templates that were read, by name; a mutant takes its original's place here.
_templates: dict[str, Template] = {}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, and a date left as it is written."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, object]:
    """Construct the long form of a short one: `!Ref A` is `Ref: A`, `!GetAtt A.B` a list."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _short)


def load(text: str) -> Template:
    """Read a template's YAML; short forms become the long ones, such as `Fn::GetAtt`."""
    template: Template = yaml.load(text, Loader)
    return template


def every() -> dict[str, Template]:
    """Give each template by its name, as one dictionary that all share: change only copies."""
    if not _templates:
        for path in sorted((project_files.ROOT / "cloudformation").glob("*.yaml")):
            if path.stem != "settings":
                _templates[path.stem] = load(path.read_text(encoding="utf-8"))
    return _templates


@contextmanager
def template_replaced(name: str, other: Template) -> Iterator[None]:
    """Let a template be another for the block, for all that reads it here."""
    original = every()[name]
    _templates[name] = other
    try:
        yield
    finally:
        _templates[name] = original


def resources(name: str, kind: str = "") -> Resources:
    """Give a template's resources of a type, or all, by logical id."""
    found: Resources = every()[name]["Resources"]
    return {key: value for key, value in found.items() if kind in ("", value["Type"])}


def everywhere(kind: str = "") -> Iterator[tuple[str, str, Resource]]:
    """Yield (template, logical id, resource) of a type, or of all, over all templates."""
    for name in every():
        for key, value in resources(name, kind).items():
            yield name, key, value


def walk(value: Any, path: TreePath = ()) -> Iterator[tuple[TreePath, Any]]:
    """Yield (path, node) of a tree of dicts and lists, itself first."""
    yield path, value
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from walk(item, (*path, key))


def referenced_names(value: Any) -> Iterator[str]:
    """Yield what a value refers to: parameters, logical ids, pseudo parameters, `Id.Attribute`."""
    for _, node in walk(value):
        if isinstance(node, dict) and len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                yield argument
            elif function == "Fn::GetAtt":
                yield ".".join(argument)
            elif function == "Fn::Sub":
                text, own = substitution(argument)
                yield from (name for name in VARIABLE.findall(text) if name not in own)


def substitution(argument: Any) -> tuple[str, dict[str, object]]:
    """Give the text of a `Fn::Sub`, and the variables of its own that it defines."""
    if isinstance(argument, str):
        return argument, {}
    text, own = argument
    return text, own
