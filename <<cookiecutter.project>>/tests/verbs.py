"""Runs a verb of the application within the test's own process."""

from __future__ import annotations

from categoriser.cli.application import application


def run_verb(*arguments: str) -> int:
    """Run `python -m categoriser` with these arguments; return its exit status.

    What a verb raises, such as `UserError`, is raised here too.
    """
    try:
        application(list(arguments), prog_name="python -m categoriser")
    except SystemExit as left:
        return int(left.code or 0)
    return 0
