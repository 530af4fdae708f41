"""Each workflow's engine, for real: in an environment of its own, against a double of AWS.

It is no part of `make test`, since it installs an engine for each workflow.
"""

import re
import shutil

import pytest
from conftest import PROMPTS, Project


@pytest.mark.parametrize("workflow", PROMPTS["workflow"][1:])
def test_the_engine_runs_the_training(bake, workflow):
    project = Project(bake(workflow=workflow))
    try:
        done = project.run("make", "test-workflow")
    finally:
        shutil.rmtree(project.folder)
    print(done.stdout[-400:])
    assert re.search(r"\d+ passed", done.stdout)
    assert "skipped" not in done.stdout
