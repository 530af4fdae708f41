"""Mutants of the templates and the Lambdas, each judged by the tests: `make test-mutants`.

Operators enumerate every place they know, mechanically. A mutant is put in place of what was read
(aws.py), a Lambda's also where it is imported from; then those tests run that can see it, in this
process, until one fails. What no test sees goes to cfn-lint, as in `make test`. A survivor is
printed with the reason why it is harmless (HARMLESS); one without a reason fails the run.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from rich.console import Console

from prove import actors
from prove import templates as aws

TESTS = aws.ROOT / "tests"
RELEASE = TESTS / "release"
TARGET = 0.95
# Tests that are no judges: the linters (cfn-lint is asked last), this file's own, and the one that
# holds a digest, which sees everything and says nothing.
SLOW = "cfn_lint|checkov|mutants|the_api_deployed"
JUDGES = ("test_templates.py", "test_contracts.py", "test_notices.py", "test_permissions.py")
CODE = ("test_contracts.py", "test_hosting.py", "test_lambdas.py")
LAMBDAS = tuple(sorted(path.stem for path in (aws.ROOT / "lambdas").glob("*.py")))
GONE = object()

console = Console(soft_wrap=True)
Path_ = tuple[Any, ...]


class Mutant(NamedTuple):
    """One change: of a template (its name) or a Lambda's module (`lambdas/x.py`)."""

    where: str
    operator: str
    place: str
    change: str
    value: Any  # the whole template, or the module's text

    def __str__(self) -> str:
        return f"{self.where}: {self.operator}: {self.place}: {self.change}"


# Survivors that do no harm: a pattern of the mutant's line, and the reason.
HARMLESS: list[tuple[str, str]] = [
    (r"\.PolicyName: ", "a policy's name is known within its role or target only"),
    (r"\.(Conditions|Rules)\.0\.Rules\.0\.Name: Healthy", "a rule's name is for the console"),
    (r"Validator\.Properties\.Name: ", "a validator's name is for the console; its id is used"),
    (
        r"(GitConnection|UsagePlan|ApiKey)\.Properties\.(\w*Name): .*Project",
        "its id or ARN is used; its name is for the console, and is the project's still",
    ),
    (r"Key\.Properties\.Description: ", "a description is for people"),
    (r"\w+Rule\..*InputTemplate: Project to .*\${Project}: ", "a message for people"),
    (r"DashboardBody: ReleaseId to Run in .*Endpoint of", "a graph's title is for people"),
    (
        r"deployers: action: Resources\.Release\..*without lambda:",
        "granted on the function and on its versions and aliases: AWS does not say which it asks",
    ),
    (
        r"deployers: action: Resources\.Release\..*without cloudwatch:(Delete|PutMetric)Alarm",
        "of target tracking, which makes its alarms by its own linked role; the schema lists them",
    ),
    (
        r"prediction_api\.py.*: ',\"' lengthened",
        "more labels are in quotes, and are the same labels in CSV",
    ),
    (
        r"golden_cases\.py.*: 'headers' lengthened",
        "headers that are missing are as those that are null",
    ),
    (r"traffic_hooks\.py.*: 'm' lengthened", "a query's id is known within its request only"),
]

# ---------------------------------------------------------------------- operators on templates


def edited(node: Any, path: Path_, value: Any) -> Any:
    """Copy a tree along a path only, with the value at its end changed, or gone."""
    if not path:
        return value
    result = copy.copy(node)
    changed = edited(node[path[0]], path[1:], value)
    if changed is GONE:
        del result[path[0]]
    else:
        result[path[0]] = changed
    return result


def following(values: list[str], value: str) -> str | None:
    """Give the next of a list, in a circle; none where there is no other."""
    others = sorted({*values} | {value})
    found = others[(others.index(value) + 1) % len(others)]
    return None if found == value else found


def other(template: aws.Template, name: str) -> str | None:
    """Give another name of the same sort: pseudo parameter, parameter, resource."""
    if name.startswith("AWS::"):
        return following([*aws.PSEUDO], name)
    for part in ("Parameters", "Resources"):
        if name in template.get(part, {}):
            return following([*template[part]], name)
    return None


def references(template: aws.Template) -> Iterator[tuple[str, Path_, str, Any]]:
    """Change each Ref, GetAtt and Sub variable to another name."""
    for path, node in aws.walk(template):
        if not isinstance(node, dict) or len(node) != 1:
            continue
        ((function, argument),) = node.items()
        if function == "Ref" and (new := other(template, argument)):
            yield "Ref", path, f"{argument} to {new}", {"Ref": new}
        elif function == "Fn::GetAtt":
            target, attribute = argument
            if new := other(template, target):
                yield "GetAtt", path, f"{target} to {new}", {function: [new, attribute]}
            new = "Name" if attribute == "Arn" else "Arn"
            yield "GetAtt", path, f".{attribute} to .{new}", {function: [target, new]}
        elif function == "Fn::Sub":
            text, own = (argument, {}) if isinstance(argument, str) else argument
            for match in aws.VARIABLE.finditer(text):
                target, dot, attribute = match[1].partition(".")
                if match[1] not in own and (new := other(template, target)):
                    value = f"{text[: match.start(1)]}{new}{dot}{attribute}{text[match.end(1) :]}"
                    changed = value if isinstance(argument, str) else [value, own]
                    around = text[max(match.start() - 40, 0) : match.end() + 40]
                    line = f"{match[1]} to {new} in {' '.join(around.split())}"
                    yield "Sub", path, line, {function: changed}


def appended(value: Any) -> Any:
    """Give a name with a letter more; None where it is no text."""
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, dict) and isinstance(value.get("Fn::Sub"), str):
        return {"Fn::Sub": f"{value['Fn::Sub']}x"}
    if isinstance(value, dict) and "Ref" in value:
        return {"Fn::Sub": f"${{{value['Ref']}}}x"}
    return None


def names(template: aws.Template) -> Iterator[tuple[str, Path_, str, Any]]:
    """Change each name: whatever a key that ends in Name, Namespace, Key, Prefix or Arn holds."""
    for path, node in aws.walk(template):
        key = str(path[-1]) if path else ""
        if "Dimensions" in path or path[:1] in (("Parameters",), ("Conditions",)):
            continue
        known = re.search(r"(Name|^Namespace|Key|Prefix|Uri|Image|TemplatePath|BuildSpec)$", key)
        if known and (new := appended(node)):
            yield "name", path, f"{node} to {new}", new


def dimensions(template: aws.Template) -> Iterator[tuple[str, Path_, str, Any]]:
    """Drop each dimension of a metric, and change its name and its value."""
    for path, node in aws.walk(template):
        if len(path) > 1 and path[-2] == "Dimensions" and isinstance(node, dict):
            yield "dimension", path, f"without {node['Name']}", GONE
            for key in ("Name", "Value"):
                new = appended(node[key]) or "x"
                yield "dimension", (*path, key), f"{node[key]} to {new}", new


def permissions(template: aws.Template) -> Iterator[tuple[str, Path_, str, Any]]:
    """Drop and widen each action, drop each condition, widen each resource."""
    for path, node in aws.walk(template):
        if not (isinstance(node, dict) and "Effect" in node and "Action" in node):
            continue
        given = node["Action"]
        for action in [given] if isinstance(given, str) else given:
            rest = [each for each in given if each != action] if isinstance(given, list) else []
            change = node | {"Action": rest} if rest else GONE
            yield "action", path, f"without {action}", change
            if ":" in action and not action.endswith(":*"):
                wide = node | {"Action": [*rest, action.split(":")[0] + ":*"]}
                yield "action", path, f"{action} widened", wide
        for operator, tests in node.get("Condition", {}).items():
            for key in tests:
                left = {k: v for k, v in tests.items() if k != key}
                conditions = node["Condition"] | {operator: left}
                change = node | {"Condition": {k: v for k, v in conditions.items() if v}}
                yield "condition", path, f"without {key}", change
        if node.get("Resource", "*") != "*":
            yield "resource", path, "widened to *", node | {"Resource": "*"}


def choices(template: aws.Template) -> Iterator[tuple[str, Path_, str, Any]]:
    """Swap each If, negate each condition, drop a resource's condition and each DependsOn."""
    for path, node in aws.walk(template):
        if isinstance(node, dict) and "Fn::If" in node:
            condition, yes, no = node["Fn::If"]
            yield "condition", path, f"{condition} swapped", {"Fn::If": [condition, no, yes]}
    for key, value in template.get("Conditions", {}).items():
        yield "condition", ("Conditions", key), f"not {key}", {"Fn::Not": [value]}
    for key, item in template["Resources"].items():
        if "Condition" in item:
            path = ("Resources", key, "Condition")
            yield "condition", path, f"without {item['Condition']}", GONE
        explicit = item.get("DependsOn", [])
        for name in [explicit] if isinstance(explicit, str) else explicit:
            rest = [] if isinstance(explicit, str) else [each for each in explicit if each != name]
            yield "DependsOn", ("Resources", key, "DependsOn"), f"without {name}", rest


SWAPPED = {
    "GreaterThanThreshold": "LessThanThreshold",
    "GreaterThanOrEqualToThreshold": "LessThanOrEqualToThreshold",
    "LessThanThreshold": "GreaterThanThreshold",
    "LessThanOrEqualToThreshold": "GreaterThanOrEqualToThreshold",
    "GREATER_THAN": "LESS_THAN",
    "notBreaching": "breaching",
}


def comparisons(template: aws.Template) -> Iterator[tuple[str, Path_, str, Any]]:
    """Turn each comparison of an alarm or a budget, and what missing data mean."""
    for path, node in aws.walk(template):
        if isinstance(node, str) and node in SWAPPED:
            yield "comparison", path, f"{node} to {SWAPPED[node]}", SWAPPED[node]


def environments(template: aws.Template) -> Iterator[tuple[str, Path_, str, Any]]:
    """Rename each environment variable of a Lambda or a job; those of CodeBuild are names."""
    for path, node in aws.walk(template):
        if path[-2:] == ("Environment", "Variables") or path[-1:] == ("Environment",):
            for key in node if "Variables" not in node and "Image" not in node else ():
                renamed = {k + "X" if k == key else k: v for k, v in node.items()}
                yield "environment", path, f"{key} to {key}X", renamed


def handlers(template: aws.Template) -> Iterator[tuple[str, Path_, str, Any]]:
    """Change each function's handler to another that exists."""
    known = [
        "approval.handler",
        "golden_cases.handler",
        "prediction_api.handler",
        "training_steps.handler",
    ]
    for path, node in aws.walk(template):
        if path[-1:] == ("Handler",):
            yield "handler", path, f"{node} to {following(known, node)}", following(known, node)


TEMPLATES: tuple[Callable[[aws.Template], Iterator[tuple[str, Path_, str, Any]]], ...] = (
    references,
    names,
    dimensions,
    permissions,
    choices,
    comparisons,
    environments,
    handlers,
)


def of_templates() -> Iterator[Mutant]:
    for name, template in aws.templates().items():
        for operator in TEMPLATES:
            for kind, path, change, value in operator(template):
                place = ".".join(map(str, path))
                yield Mutant(name, kind, place, change, edited(template, path, value))


# ------------------------------------------------------------------------ operators on Lambdas

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


Change = tuple[str, ast.AST, str, Callable[[], None]]


def turned(node: ast.Compare) -> Iterator[Change]:
    for index, operator in enumerate(node.ops):
        new = TURNED[type(operator)]

        def make(index: int = index, new: type[ast.cmpop] = new) -> None:
            node.ops[index] = new()

        yield "comparison", node, f"{type(operator).__name__} to {new.__name__}", make


def lengthened(node: ast.Constant) -> Iterator[Change]:
    # Sentences are for people.
    text = node.value
    if isinstance(text, str) and text and " " not in text:

        def make() -> None:
            node.value = f"{text}x"

        kind = "environment" if text.isupper() else "name"
        yield kind, node, f"{text!r} lengthened", make


def renamed(node: ast.Call) -> Iterator[Change]:
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):

        def make() -> None:
            function.attr += "_x"

        yield "action", node, f"{ast.unparse(function)} renamed", make


def changes(tree: ast.Module) -> list[Change]:
    """Give (operator, node, what changes, what changes it in the tree), in the lines' order.

    So that neighbours are judged one after the other: one test often catches them all.
    """
    return sorted(changed(tree), key=lambda change: change[1].lineno)  # type: ignore[attr-defined]


def changed(tree: ast.Module) -> Iterator[Change]:
    words = fixed_words(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from turned(node)
        elif isinstance(node, ast.Constant) and id(node) not in words:
            yield from lengthened(node)
        elif isinstance(node, ast.Call):
            yield from renamed(node)


def of_lambdas() -> Iterator[Mutant]:
    for name in LAMBDAS:
        path = f"lambdas/{name}.py"
        text = aws.source(path)
        for index in range(len(changes(ast.parse(text)))):
            tree = ast.parse(text)
            kind, node, change, make = changes(tree)[index]
            line = node.lineno  # type: ignore[attr-defined]
            make()
            yield Mutant(path, kind, f"line {line}", change, ast.unparse(tree))


def unchanged() -> Iterator[Mutant]:
    """Yield each template and each module as it is."""
    for name, template in aws.templates().items():
        yield Mutant(name, "nothing", "", "", template)
    for name in LAMBDAS:
        path = f"lambdas/{name}.py"
        yield Mutant(path, "nothing", "", "", ast.unparse(ast.parse(aws.source(path))))


# -------------------------------------------------------------------------------------- judging


def forget() -> None:
    """Clear what the helpers and the tests keep of what they have read."""
    for module in [*sys.modules.values()]:
        if str(getattr(module, "__file__", "")).startswith(str(RELEASE)):
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """Put the mutant in place of the original for the block."""
    name = mutant.where
    if isinstance(mutant.value, str):
        # The Lambdas' tests import them anew.
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            (Path(folder) / Path(name).name).write_text(mutant.value)
            patch.syspath_prepend(folder)
            patch.setitem(aws._sources, name, mutant.value)
            yield
        return
    kept = aws.templates()[name]
    aws.templates()[name] = mutant.value
    forget()
    try:
        yield
    finally:
        aws.templates()[name] = kept
        forget()


def arguments(item: Any) -> dict[str, Any] | None:
    """Give what a test is called with, where it needs no fixture; else None."""
    given: dict[str, Any] = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    if "recorded" in item._fixtureinfo.argnames:
        given["recorded"] = actors.RECORDED
    return given if {*item._fixtureinfo.argnames} <= given.keys() else None


def protocol(item: Any) -> bool:
    """Run a test as pytest does; tell whether it fails. What its module shares stays made."""
    leave(item.parent)
    reports = runtestprotocol(item, log=False, nextitem=item.parent)
    return any(report.failed for report in reports)


def leave(node: Any) -> None:
    """Take down all fixtures but those that a module's tests, or the whole session's, share."""
    node.session._setupstate.teardown_exact(node)


def fails(item: Any) -> bool:
    """Run a test: called as it is, or as pytest does where it has fixtures."""
    given = arguments(item)
    if given is None:
        return protocol(item)
    try:
        item.obj(**given)
    except Exception:  # noqa: BLE001  # a test may fail by any
        return True
    return False


class Judge:
    """Runs tests against mutant after mutant, and counts what catches them."""

    def __init__(self, items: list[Any]) -> None:
        self.items = [item for item in items if not re.search(SLOW, item.name)]
        self.caught: Counter[str] = Counter()
        self.survivors: list[Mutant] = []
        # Of each test: how long it takes, and which catch it was the last to make.
        self.seconds: dict[Any, float] = {}
        self.last: Counter[Any] = Counter()
        self.recorded = actors.RECORDED.copy()

    def broken(self) -> list[str]:
        """Give the tests that fail without any mutant. What they call is recorded."""
        found = []
        for item in self.items:
            started = time.perf_counter()
            found += [item.nodeid] if protocol(item) else []
            self.seconds[item] = time.perf_counter() - started
        leave(item.session)
        self.recorded = actors.RECORDED.copy()
        return found

    def judge(self, mutants: list[Mutant]) -> None:
        for number, mutant in enumerate(mutants, 1):
            # What a mutant calls explains no permission.
            actors.RECORDED.clear()
            actors.RECORDED.update(self.recorded)
            if judge := self.catches(mutant):
                self.caught[judge] += 1
            else:
                self.survivors.append(mutant)
            if number % 100 == 0:
                console.print(f"{number}: {self.caught.total()} caught")

    def catches(self, mutant: Mutant) -> str:
        """Give what catches the mutant; empty where nothing does."""
        try:
            with applied(mutant):
                if mutant.where in actors.TEMPLATES and refused():
                    return "recorded calls"
                for item in self.order(mutant):
                    if fails(item):
                        self.last[item] = max(self.last.values(), default=0) + 1
                        return str(item.name)
                return linted(mutant)
        except Exception as error:  # noqa: BLE001  # what the helpers cannot read
            return f"{type(error).__name__} on reading"
        finally:
            # The next one's tests must not be given this one's modules.
            if isinstance(mutant.value, str):
                leave(self.items[0].session)

    def order(self, mutant: Mutant) -> list[Any]:
        """Give the tests that can see a mutant: those that caught the last ones, then the quick."""
        names = CODE if isinstance(mutant.value, str) else JUDGES
        items = [item for item in self.items if item.path.name in names]
        return sorted(items, key=lambda item: (-self.last[item], self.seconds.get(item, 0)))

    def report(self) -> list[str]:
        """Print the survivors with their reasons, and the rate; give those without a reason."""
        unexplained = []
        for mutant in self.survivors:
            reason = next((why for form, why in HARMLESS if re.search(form, str(mutant))), "")
            unexplained += [] if reason else [str(mutant)]
            console.print(f"{mutant}\n    {reason or 'UNEXPLAINED'}", markup=False, highlight=False)
        caught, count = self.caught.total(), self.caught.total() + len(self.survivors)
        lint = sum(n for name, n in self.caught.items() if name.startswith("cfn-lint"))
        console.print(
            f"{caught} of {count} mutants caught: {caught / count:.1%}, {lint} by cfn-lint"
        )
        return unexplained


class Whole:
    """A pytest plugin that judges in place of running the collected tests."""

    def __init__(self, only: str) -> None:
        self.only, self.status = only, ""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        judge = Judge(session.items)
        console.print(f"{len(judge.items)} tests")
        if broken := judge.broken():
            self.status = f"these fail without any mutant: {', '.join(broken)}"
            return True
        mutants = [*of_templates(), *of_lambdas()]
        # What changes nothing must survive, else everything is caught.
        judge.judge([*unchanged()])
        if judge.caught:
            self.status = f"these fail where nothing is changed: {judge.caught}"
            return True
        judge.survivors.clear()
        judge.judge([mutant for mutant in mutants if self.only in str(mutant)])
        if unexplained := judge.report():
            self.status = f"{len(unexplained)} survivors have no reason in HARMLESS"
        elif judge.caught.total() < TARGET * (judge.caught.total() + len(judge.survivors)):
            self.status = f"fewer than {TARGET:.0%} are caught"
        return True


def sample(items: list[Any], size: int, seed: int) -> list[str]:
    """Judge a random sample of the templates' mutants by tests without fixtures.

    Gives the survivors without a reason. The Lambdas' tests take too long for it.
    """
    judge = Judge(
        [item for item in items if item.path.name in JUDGES and arguments(item) is not None]
    )
    judge.judge(random.Random(seed).sample([*of_templates()], size))
    return judge.report()


def linted(mutant: Mutant) -> str:
    """Give what cfn-lint finds in a template, as it is and with its values worked out."""
    if isinstance(mutant.value, str):
        return ""
    import test_templates

    regions = [*test_templates.REGIONS]
    forms = {json.dumps(mutant.value): regions}
    if mutant.where != "network":
        forms[json.dumps({"Resources": test_templates.plain(mutant.where)})] = regions
    for text, where in forms.items():
        for match in lint(text, config=ManualArgs(regions=where)):
            return f"cfn-lint {match.rule.id}"
    return ""


def refused() -> bool:
    """Tell whether a role no longer names what the tests' calls have needed."""
    roles = actors.roles()
    return any(
        not any(
            action in actors.many(statement["Action"])
            and any(actors.matches(each, resource) for each in actors.many(statement["Resource"]))
            for statement in actors.statements(roles.get(actor, {}))
        )
        for actor, action, resource in actors.RECORDED
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the mutants' lines")
    whole = Whole(parser.parse_args().only)
    tests = [*TESTS.rglob("test_*.py")]
    # The actors' tests, of whatever folder, say what their roles need.
    tests = [path for path in tests if path.parent == RELEASE or "mark.actor(" in path.read_text()]
    options = ["-q", "-p", "no:cacheprovider", "--no-header"]
    code = pytest.main([*map(str, tests), *options], plugins=[whole])
    sys.exit(whole.status or code)


if __name__ == "__main__":
    main()
