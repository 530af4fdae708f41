"""Each role may do what its actor does, and nothing else.

What an actor does is what its tests' calls need (`prove/recorded.py` records them), what the
schemas of the resources say that CloudFormation calls (AWS publishes them; cfn-lint has them), and,
for what a service calls by itself, `DECLARED`. A permission that none of the three explains is one
too many, and a row that explains nothing is a mistake of that table.
"""

from __future__ import annotations

import pytest
from cloudformation_calls import STACKS, cloudformation_calls, known_arn, made_by
from declared_needs import DECLARED
from iam_reference import PARTS, forms, grants, has_form, roles_of

from prove import project_files
from prove.example import ACCOUNT, OTHER_ACCOUNT
from prove.policies import matches
from prove.pytest_actors import EXPLAINED


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> set[tuple[str, str, str]]:
    """Give (actor, action, resource) of all that the actors' tests called."""
    folder = project_files.ROOT / "tests"
    sources = {path for path in folder.rglob("test_*.py") if "mark.actor(" in path.read_text()}
    run = {item.path for item in request.session.items}
    options = request.config.option
    picked = (
        options.keyword or options.markexpr or any("::" in each for each in request.config.args)
    )
    if picked or not sources <= run:
        pytest.skip("needs the calls of every actor's tests: run them all")
    return EXPLAINED


def explained(actor: str, action: str, resource: str, calls: set[tuple[str, str, str]]) -> bool:
    # The tests' calls are made in one account; in two, the other's resource stands for the same.
    here = resource.replace(OTHER_ACCOUNT, ACCOUNT)
    return any(
        (actor, action) == (who, what) and matches(here, thing) for who, what, thing in calls
    )


def by_cloudformation(actor: str, action: str, resource: str) -> bool:
    """Tell whether a stack's resource makes CloudFormation do this, as far as its ARN is known."""
    for template, key, each in made_by(actor):
        if action in cloudformation_calls(each["Type"]):
            arn = known_arn(template, key)
            same = any(has_form(form, arn) and has_form(form, resource) for form in forms(action))
            names = (arn, arn.removesuffix(":*"))
            if not same or any(matches(resource, name) for name in names):
                return True
    return False


@pytest.mark.after_actors
def test_every_permission_is_explained(recorded: set[tuple[str, str, str]]) -> None:
    unexplained = []
    used = set[tuple[int, str, str]]()
    for part in PARTS:
        for actor, role in roles_of(part):
            for action, resource, _ in grants(role):
                needed = actor in STACKS and by_cloudformation(actor, action, resource)
                if needed or explained(actor, action, resource, recorded):
                    continue
                rows = [
                    n for n, row in enumerate(DECLARED) if row.explains(actor, action, resource)
                ]
                used |= {(n, actor, action) for n in rows}
                if not rows:
                    unexplained.append(f"{actor}: {action} on {resource}")
    idle = [
        f"{actor}: {action} ({row.why})"
        for n, row in enumerate(DECLARED)
        for actor in row.actors
        for action in row.actions
        if (n, actor, action) not in used
    ]
    assert not unexplained, "\n".join(["nothing needs", *sorted({*unexplained})])
    assert not idle, "\n".join(["these rows of DECLARED explain nothing", *idle])
