"""What cookiecutter loads before its first question: the checks of its version and of the answers.

Its name is a message to cookiecutter before 2.0, which cannot load the file and then prints only
that name. The hooks check the answers too, because nothing is asked in a replay. A hook that fails
makes cookiecutter print a traceback after its message, so the answers are checked here first.
"""

import importlib.util
import sys
from pathlib import Path

import cookiecutter
from cookiecutter.exceptions import FailedHookException
from jinja2.ext import Extension

HOOK = Path(__file__).parent / "hooks" / "pre_gen_project.py"


def refuse_old(version):
    """Raise ImportError, which cookiecutter shows as a line, where it cannot bake this template."""
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (2, 6):
        raise ImportError(
            f"this template needs cookiecutter 2.6 or newer, and this is {version}: "
            "pipx install 'cookiecutter>=2.6'"
        )


refuse_old(cookiecutter.__version__)


def checked(answers):
    """Give the project's name; print what is wrong with the answers, and end the bake if they are.

    cookiecutter shows the exception as a line.
    """
    spec = importlib.util.spec_from_file_location("pre_gen_project", HOOK)
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    found = hook.problems(answers)
    if found:
        print("\n  ".join(found), file=sys.stderr)
        raise FailedHookException("These answers cannot be used; nothing was made.")
    return answers["project"]


class Check(Extension):
    """The filter `checked` for cookiecutter.json."""

    def __init__(self, environment):
        super().__init__(environment)
        environment.filters["checked"] = checked
