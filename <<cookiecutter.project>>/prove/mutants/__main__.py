"""Judge every mutant of the templates and the Lambdas: `make test-mutants`.

A survivor is printed with the reason why it is harmless; one without a reason fails the run.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator

import pytest

from prove import project_files, templates
from prove.mutants import lambda_operators, template_operators
from prove.mutants.judge import LAMBDA_JUDGES, TEMPLATE_JUDGES, TESTS, Judge
from prove.mutants.mutant import Mutant
from release.console import console

# The share of the mutants that has to be caught.
TARGET = 0.95


def unchanged() -> Iterator[Mutant]:
    """Yield each template and each module as it is."""
    for name, template in templates.every().items():
        yield Mutant(name, "nothing", "", "", template)
    for path in lambda_operators.modules():
        text = ast.unparse(ast.parse(project_files.text(path)))
        yield Mutant(path, "nothing", "", "", text)


class JudgingPlugin:
    """A pytest plugin that judges in place of running the collected tests.

    `status` says what is wrong in the end; it is empty where all is well.
    """

    def __init__(self, only: str) -> None:
        self.only = only
        self.status = ""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.status = self.judged(Judge(session.items))
        return True

    def judged(self, judge: Judge) -> str:
        """Judge all mutants whose line has `only`; give what is wrong, in words."""
        console.print(f"{len(judge.items)} tests")
        broken = judge.broken()
        if broken:
            return f"these fail without any mutant: {', '.join(broken)}"
        # What changes nothing must survive, else everything is caught.
        judge.judge([*unchanged()])
        if judge.caught:
            return f"these fail where nothing is changed: {judge.caught}"
        judge.survivors.clear()
        every = [*template_operators.template_mutants(), *lambda_operators.lambda_mutants()]
        judge.judge([mutant for mutant in every if self.only in str(mutant)])
        unexplained = judge.report()
        if unexplained:
            return f"{len(unexplained)} survivors have no reason in prove/mutants/harmless.py"
        caught = judge.caught.total()
        if caught < TARGET * (caught + len(judge.survivors)):
            return f"fewer than {TARGET:.0%} are caught"
        return ""


def judging_tests() -> list[str]:
    """Give the test files of the judges, and those that say what the roles' actors need."""
    folders = {*TEMPLATE_JUDGES, *LAMBDA_JUDGES}
    return [
        str(path)
        for path in sorted(TESTS.rglob("test_*.py"))
        if path.parent in folders or "mark.actor(" in path.read_text(encoding="utf-8")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the mutants' lines")
    plugin = JudgingPlugin(parser.parse_args().only)
    options = ["-q", "-p", "no:cacheprovider", "--no-header"]
    code = pytest.main([*judging_tests(), *options], plugins=[plugin])
    sys.exit(plugin.status or code)


if __name__ == "__main__":
    main()
