"""Judges mutants by the project's own tests, in this process: each runs until a test fails.

A mutant is put in place of what the proofs read (`prove.templates`, `prove.project_files`), a
Lambda's also where it is imported from. What no test catches goes to cfn-lint, as in `make test`.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from prove import linter, project_files, roles, templates
from prove.mutants.harmless import reason
from prove.mutants.mutant import Mutant
from prove.policies import Statement, many, matches, statements
from prove.pytest_actors import EXPLAINED
from release.console import console

TESTS = project_files.ROOT / "tests"
# The folders of the tests that can see a mutant of a template; and one of a Lambda, whose text the
# templates' tests read too.
TEMPLATE_JUDGES = (TESTS / "cloudformation",)
LAMBDA_JUDGES = (TESTS / "lambdas", TESTS / "cloudformation")
# The folders whose modules remember what they have read of the templates and the Lambdas.
REMEMBERING_FOLDERS = (*LAMBDA_JUDGES, project_files.ROOT / "prove")
# Tests that do not judge: the linters (cfn-lint is asked last), and the one that holds a digest,
# which fails for every change and so says nothing.
NO_JUDGES = re.compile("cfn_lint|checkov|the_api_deployed")


def clear_caches() -> None:
    """Clear what the proofs and the tests keep of what they have read."""
    folders = tuple(f"{folder}/" for folder in REMEMBERING_FOLDERS)
    for module in [*sys.modules.values()]:
        if str(getattr(module, "__file__", "")).startswith(folders):
            for value in vars(module).values():
                clear = getattr(value, "cache_clear", None)
                if clear:
                    clear()


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """Put the mutant in place of the original for the block."""
    if isinstance(mutant.value, str):
        with lambda_applied(mutant.where, mutant.value):
            yield
        return
    try:
        with templates.template_replaced(mutant.where, mutant.value):
            clear_caches()
            yield
    finally:
        clear_caches()


@contextmanager
def lambda_applied(path: str, text: str) -> Iterator[None]:
    """Let a Lambda's module have another text, also where its tests import it from anew."""
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        project_files.text_replaced(path, text),
    ):
        (Path(folder) / Path(path).name).write_text(text, encoding="utf-8")
        patch.syspath_prepend(folder)
        yield


def arguments(item: Any) -> dict[str, object] | None:
    """Give what a test is called with, where it needs no fixture; else None."""
    given: dict[str, object] = {}
    if hasattr(item, "callspec"):
        given |= item.callspec.params
    wanted = {*item._fixtureinfo.argnames}
    if "recorded" in wanted:
        given["recorded"] = EXPLAINED
    return given if wanted <= given.keys() else None


def protocol(item: Any) -> bool:
    """Run a test as pytest does; tell whether it fails. What its module shares stays made."""
    take_down_fixtures(item.parent)
    reports = runtestprotocol(item, log=False, nextitem=item.parent)
    return any(report.failed for report in reports)


def take_down_fixtures(node: Any) -> None:
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


def role_refuses() -> bool:
    """Tell whether a role no longer names what the tests' calls have needed."""
    known = roles.by_actor()
    return any(
        not any(
            lists(statement, action, resource) for statement in statements(known.get(actor, {}))
        )
        for actor, action, resource in EXPLAINED
    )


def lists(statement: Statement, action: str, resource: str) -> bool:
    """Tell whether a statement lists an action, and a pattern that covers a resource."""
    listed = action in many(statement["Action"])
    return listed and any(matches(each, resource) for each in many(statement["Resource"]))


class Judge:
    """Runs tests against mutant after mutant, and counts what catches them."""

    def __init__(self, items: list[Any]) -> None:
        self.items = [item for item in items if not NO_JUDGES.search(item.name)]
        self.caught: Counter[str] = Counter()
        self.survivors: list[Mutant] = []
        # How long each test takes, and which catch of all it was the last to make.
        self.seconds: dict[Any, float] = {}
        self.last: Counter[Any] = Counter()
        self.explained = EXPLAINED.copy()

    def broken(self) -> list[str]:
        """Give the tests that fail without any mutant. What they call is recorded."""
        found = []
        for item in self.items:
            started = time.perf_counter()
            if protocol(item):
                found.append(item.nodeid)
            self.seconds[item] = time.perf_counter() - started
        take_down_fixtures(item.session)
        self.explained = EXPLAINED.copy()
        return found

    def judge(self, mutants: list[Mutant]) -> None:
        """Judge mutants, and count them among the caught or the survivors."""
        for number, mutant in enumerate(mutants, 1):
            # What a mutant calls explains no permission.
            EXPLAINED.clear()
            EXPLAINED.update(self.explained)
            judge = self.catches(mutant)
            if judge:
                self.caught[judge] += 1
            else:
                self.survivors.append(mutant)
            if number % 100 == 0:
                console.print(f"{number}: {self.caught.total()} caught")

    def catches(self, mutant: Mutant) -> str:
        """Give what catches the mutant; empty where nothing does."""
        try:
            with applied(mutant):
                return self.caught_by(mutant)
        except Exception as error:  # noqa: BLE001  # what the helpers cannot read
            return f"{type(error).__name__} on reading"
        finally:
            # The next one's tests must not be given this one's modules.
            if isinstance(mutant.value, str):
                take_down_fixtures(self.items[0].session)

    def caught_by(self, mutant: Mutant) -> str:
        """Give the first of what can catch the mutant that does; it is in place."""
        if mutant.where in roles.ROLE_TEMPLATES and role_refuses():
            return "recorded calls"
        for item in self.order(mutant):
            if fails(item):
                self.last[item] = max(self.last.values(), default=0) + 1
                return str(item.name)
        if isinstance(mutant.value, str):
            return ""
        rule = linter.broken_rule(mutant.where, mutant.value)
        return f"cfn-lint {rule}" if rule else ""

    def order(self, mutant: Mutant) -> list[Any]:
        """Give the tests that can see a mutant: those that caught the last ones, then the quick.

        The tests of a file stay together, since they share what it has imported.
        """
        folders = LAMBDA_JUDGES if isinstance(mutant.value, str) else TEMPLATE_JUDGES
        items = [item for item in self.items if item.path.parent in folders]
        files: Counter[Path] = Counter()
        for item in items:
            files[item.path] = max(files[item.path], self.last[item])

        def place(item: Any) -> tuple[int, Path, int, float]:
            seconds = self.seconds.get(item, 0)
            return -files[item.path], item.path, -self.last[item], seconds

        return sorted(items, key=place)

    def report(self) -> list[str]:
        """Print the survivors with their reasons, and the rate; give those without a reason."""
        unexplained = []
        for mutant in self.survivors:
            why = reason(mutant)
            if not why:
                unexplained.append(str(mutant))
            console.print(f"{mutant}\n    {why or 'UNEXPLAINED'}")
        caught = self.caught.total()
        count = caught + len(self.survivors)
        lint = sum(n for name, n in self.caught.items() if name.startswith("cfn-lint"))
        console.print(
            f"{caught} of {count} mutants caught: {caught / count:.1%}, {lint} by cfn-lint"
        )
        return unexplained
