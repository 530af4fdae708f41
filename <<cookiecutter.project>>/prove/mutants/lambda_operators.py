"""Operators on the Lambdas' modules: comparisons, names and calls are changed, one at a time."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from prove import project_files
from prove.mutants.mutant import Mutant

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


def fixed_words(tree: ast.Module) -> set[int]:
    """Give the ids of the texts that are docstrings or types."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
        if isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation:
            found |= {id(each) for each in ast.walk(node.annotation)}
    return found


class ModuleChange(NamedTuple):
    """One change: the operator, the line, what changes in words, and what makes it in the tree."""

    operator: str
    line: int
    words: str
    make: Callable[[], None]


def turned(node: ast.Compare) -> Iterator[ModuleChange]:
    """Turn each operator of a comparison round."""
    for index, operator in enumerate(node.ops):
        new = TURNED[type(operator)]

        def make(index: int = index, new: type[ast.cmpop] = new) -> None:
            node.ops[index] = new()

        words = f"{type(operator).__name__} to {new.__name__}"
        yield ModuleChange("comparison", node.lineno, words, make)


def lengthened(node: ast.Constant) -> Iterator[ModuleChange]:
    """Add a letter to a name. A text with spaces is a sentence, which is for people."""
    text = node.value
    if isinstance(text, str) and text and " " not in text:

        def make() -> None:
            node.value = f"{text}x"

        kind = "environment" if text.isupper() else "name"
        yield ModuleChange(kind, node.lineno, f"{text!r} lengthened", make)


def renamed(node: ast.Call) -> Iterator[ModuleChange]:
    """Call another method of an object or another function of a module."""
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):

        def make() -> None:
            function.attr += "_x"

        yield ModuleChange("action", node.lineno, f"{ast.unparse(function)} renamed", make)


def changes(tree: ast.Module) -> list[ModuleChange]:
    """Give every change of a module, in the order of the lines.

    Then neighbours are judged one after the other: one test often catches them all.
    """
    return sorted(changed(tree), key=lambda change: change.line)


def changed(tree: ast.Module) -> Iterator[ModuleChange]:
    """Yield every change of a module."""
    fixed = fixed_words(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from turned(node)
        elif isinstance(node, ast.Constant) and id(node) not in fixed:
            yield from lengthened(node)
        elif isinstance(node, ast.Call):
            yield from renamed(node)


def modules() -> list[str]:
    """Give the paths of the Lambdas' modules."""
    folder = project_files.ROOT / "lambdas"
    return sorted(f"lambdas/{path.name}" for path in folder.glob("*.py"))


def lambda_mutants() -> Iterator[Mutant]:
    """Yield every mutant of every module of the Lambdas."""
    for path in modules():
        text = project_files.text(path)
        for index in range(len(changes(ast.parse(text)))):
            tree = ast.parse(text)
            change = changes(tree)[index]
            place = f"line {change.line}"
            change.make()
            yield Mutant(path, change.operator, place, change.words, ast.unparse(tree))
