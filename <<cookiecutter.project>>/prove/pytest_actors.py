"""A pytest plugin: a test's AWS calls are made with an actor's role, and held against it.

`@pytest.mark.actor("api")` on a test says that the code under test works with the role
`<project>-api-<region>`. The test fails where the role in the templates does not allow what a call
needs. `EXPLAINED` keeps what all tests so far have needed: a test with
`@pytest.mark.after_actors` looks at it, and runs last, in the same process.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from prove.project_files import ROOT
from prove.recorded import Used, recording, refusals, used

# Tests arrange and look with clients too.
ARRANGING = (str(ROOT / "tests"), str(ROOT / "prove"))
# (actor, action, resource) of every call so far: what explains a role's statements.
EXPLAINED: set[Used] = set()
AFTER = "after_actors"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "actor(name): AWS calls are made with this actor's role")
    config.addinivalue_line("markers", f"{AFTER}: looks at the calls of all tests with an actor")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep in one process what records calls, and what looks at them."""
    if item.get_closest_marker("actor") or item.get_closest_marker(AFTER):
        item.add_marker(pytest.mark.xdist_group("actors"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put last what looks at all that was recorded."""
    items.sort(key=lambda item: item.get_closest_marker(AFTER) is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test with its calls recorded, and fail it for what its actor's role refuses."""
    mark = item.get_closest_marker("actor")
    if mark is None:
        return (yield)
    (actor,) = mark.args
    with recording(actor, ARRANGING) as calls:
        result = yield
    EXPLAINED.update(used(calls))
    refused = sorted(set(refusals(calls)))
    if refused:
        pytest.fail("\n".join(refused), pytrace=False)
    return result
