"""Mutants: what the operators change, and that the templates' own tests catch a sample."""

from __future__ import annotations

import ast
import random
import re
from typing import Any

import pytest

from prove.mutants import lambda_operators, template_operators
from prove.mutants.harmless import HARMLESS
from prove.mutants.judge import TEMPLATE_JUDGES, Judge, arguments
from prove.mutants.template_operators import REMOVED, TEMPLATE_OPERATORS, edited
from prove.pytest_actors import EXPLAINED


@pytest.mark.after_actors
def test_a_sample_of_mutants_is_caught(request: pytest.FixtureRequest) -> None:
    """`make test-mutants` judges them all, the Lambdas' too, and prints the survivors.

    Here only those tests judge that need no fixtures: the others take too long.
    """
    judges = [item for item in request.session.items if item.path.parent in TEMPLATE_JUDGES]
    if not EXPLAINED or not judges:
        pytest.skip("needs the calls of the Lambdas' tests: run them all")
    judge = Judge([item for item in judges if arguments(item) is not None])
    judge.judge(random.Random(0).sample([*template_operators.template_mutants()], 20))
    assert not judge.report()


def test_an_edit_leaves_its_template_as_it_was() -> None:
    template = {"Resources": {"A": {"Type": "x", "Properties": {"Name": "n"}}}}
    path = ("Resources", "A", "Properties", "Name")
    assert edited(template, path, "m")["Resources"]["A"]["Properties"] == {"Name": "m"}
    assert edited(template, path, REMOVED)["Resources"]["A"]["Properties"] == {}
    assert template["Resources"]["A"]["Properties"] == {"Name": "n"}


@pytest.mark.parametrize(
    ("resource", "changes"),
    [
        ({"TopicName": "t"}, ["name: t to tx"]),
        ({"A": {"Ref": "B"}}, ["Ref: B to A"]),
        ({"A": {"Fn::GetAtt": ["B", "Arn"]}}, ["GetAtt: .Arn to .Name", "GetAtt: B to A"]),
        ({"A": {"Fn::Sub": "${B}-${!C}"}}, ["Sub: B to A in ${B}-${!C}"]),
        ({"A": {"Fn::If": ["C", 1, 2]}}, ["condition: C swapped"]),
        ({"A": "notBreaching"}, ["comparison: notBreaching to breaching"]),
    ],
    ids=str,
)
def test_an_operator_changes_each_place_that_it_knows(
    resource: dict[str, Any], changes: list[str]
) -> None:
    other = {"Type": "y"}
    template = {"Resources": {"A": {"Type": "x", "Properties": resource}, "B": other}}
    found = [edit for operator in TEMPLATE_OPERATORS for edit in operator(template)]
    assert sorted(f"{edit.operator}: {edit.change}" for edit in found) == changes


def test_a_module_changes_at_comparisons_names_and_calls_but_not_at_sentences() -> None:
    tree = ast.parse('"""Doc."""\nif a.b("name") == 1:\n    raise E("a sentence")\n')
    assert [change.words for change in lambda_operators.changes(tree)] == [
        "Eq to NotEq",
        "a.b renamed",
        "'name' lengthened",
    ]


def test_what_is_harmless_is_some_mutants() -> None:
    lines = [str(mutant) for mutant in template_operators.template_mutants()]
    lines += [str(mutant) for mutant in lambda_operators.lambda_mutants()]
    idle = [pattern for pattern, _ in HARMLESS if not any(re.search(pattern, x) for x in lines)]
    assert not idle, "HARMLESS has patterns that no mutant has"
