"""The mutants' engine: a sample of the templates' mutants is caught by the templates' own tests."""

from __future__ import annotations

import random

import pytest

from prove.mutants import template_operators
from prove.mutants.judge import TEMPLATE_JUDGES, Judge, arguments
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
    judge.judge(random.Random(0).sample([*template_operators.mutants()], 20))
    assert not judge.report()
