"""The workflows of training: each bake has its own, and no trace of another."""

import os
import re

import pytest
from conftest import PROMPTS, Project
from test_bake import all_files
from test_codebuild import ANSWERS

WORKFLOWS = PROMPTS["workflow"]
# All tests of these are run elsewhere: in tests/test_project.py and in tests/test_codebuild.py.
TESTED_WHOLE = {"cloudformation", ANSWERS["workflow"]}
# What a file says of a workflow's engine, in any case.
WORDS = {
    "step-functions": r"step.?functions|state.?machine|:states:",
    "sagemaker-pipelines": r"sagemaker.?pipelines?\b|sagemaker\.mlops|PipelineSession",
    "airflow": r"airflow|mwaa",
    "kubernetes": r"kubernetes|kubectl|\bargo\b|\beks\b|kustomi[sz]",
    "metaflow": r"metaflow",
}
# Metaflow hands a flow to these schedulers, and says so.
OWN_WORDS = {"metaflow": r"argo|kubernetes|step.?functions"}
# Pins name whatever a library needs.
PINS = re.compile(r"requirements/.*\.txt")


@pytest.fixture(scope="module", params=WORKFLOWS)
def chosen(request, bake):
    """A bake of each workflow, and the workflow."""
    return bake(workflow=request.param), request.param


def texts(folder):
    """The names and the texts of a bake's files, but for pins."""
    for name in all_files(folder):
        if not PINS.fullmatch(name):
            yield name, (folder / name).read_text(encoding="utf-8", errors="replace")


def test_a_bake_has_no_trace_of_another_workflow(chosen):
    folder, workflow = chosen
    own = re.compile(OWN_WORDS.get(workflow, r"\Z(?!)"), re.IGNORECASE)
    for name, text in texts(folder):
        said = own.sub("", f"{name}\n{text}")
        for other, words in WORDS.items():
            if other != workflow:
                found = re.search(words, said, re.IGNORECASE)
                assert not found, f"{name} says {found[0]!r}, of {other}"


def test_a_bake_speaks_of_its_own_workflow(chosen):
    folder, workflow = chosen
    said = "".join(text for _, text in texts(folder))
    assert workflow == "cloudformation" or re.search(WORDS[workflow], said, re.IGNORECASE)
    assert (folder / "docs/workflow.md").exists()


@pytest.mark.parametrize("workflow", sorted({*WORKFLOWS} - TESTED_WHOLE))
def test_its_own_tests_pass_that_need_no_engine(project, bake, workflow):
    """Of the release's templates, which differ, and of the workflow's files."""
    folder = bake(workflow=workflow)
    (folder / ".venv").symlink_to(project.folder / ".venv")
    tests = ["tests/cloudformation", "tests/workflow", "tests/lambdas", "tests/release"]
    present = [name for name in tests if (folder / name).is_dir()]
    done = Project(folder).run(
        *["python", "-m", "pytest", "--numprocesses", "auto", "--dist", "loadgroup", *present],
        "--ignore=tests/cloudformation/test_linters.py",
        # The environment's own path leads to the code of the project that it was made for.
        PYTHONPATH=os.pathsep.join(str(folder / name) for name in ("src", ".")),
    )
    assert re.search(r"\d+ passed", done.stdout)
