"""Each workflow's engine, for real: in an environment of its own, against a double of AWS.

It is no part of `make test`, since it installs an engine for each workflow. What each asks of
SageMaker is kept, compared, and written into docs/workflow-requests.md.
"""

import json
import re
import shutil

import pytest
from conftest import PROMPTS, ROOT, Project

WORKFLOWS = PROMPTS["workflow"]
TABLE = ROOT / "docs/workflow-requests.md"
# Of the stack there is no engine: its functions' own test trains.
COMMANDS = {
    "cloudformation": "make setup && python -m pytest tests/lambdas -k asks_what",
}
HEAD = """# What each workflow asks of SageMaker

Made by `make test-workflows`: each engine trained the same release, in a VPC beside a live model,
and this is what a double of SageMaker was asked. A row has one value because all workflows sent the
same.

| step | field | what was asked |
|---|---|---|
"""
FOOT = """
Sent by: {workflows}.

Not compared is what SageMaker itself decides in `sagemaker-pipelines`: it names the jobs, so the
places below a job's name are properties of its step, and the package has no token of its own.
"""
# Of each step: the fields of its request that the table shows.
FIELDS = {
    "training": {
        "inputs": "InputDataConfig",
        "hyper-parameters": "HyperParameters",
        "outputs": "OutputDataConfig",
        "tags": "Tags",
        "role": "RoleArn",
    },
    "evaluation": {
        "inputs": "ProcessingInputs",
        "outputs": "ProcessingOutputConfig",
        "tags": "Tags",
        "role": "RoleArn",
    },
    "model_package": {
        "inputs": "InferenceSpecification",
        "outputs": "ModelMetrics",
        "tags": "CustomerMetadataProperties",
    },
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder in which each workflow's requests are kept."""
    return tmp_path_factory.mktemp("requests")


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_engine_runs_the_training(bake, kept, workflow):
    project = Project(bake(workflow=workflow))
    folder = kept / workflow
    folder.mkdir()
    settings = {"SENT_REQUESTS": str(folder)}
    command = COMMANDS.get(workflow, "make test-workflow")
    try:
        done = project.run("sh", "-c", command, **settings)
    finally:
        shutil.rmtree(project.folder)
    print(done.stdout[-400:])
    assert re.search(r"\d+ passed", done.stdout)
    assert "failed" not in done.stdout
    assert {path.name for path in folder.iterdir()} == {"plain.json", "vpc.json"}


@pytest.mark.parametrize("form", ["plain", "vpc"])
def test_all_workflows_ask_the_same(kept, form):
    sent = {
        workflow: json.loads((kept / workflow / f"{form}.json").read_text(encoding="utf-8"))
        for workflow in WORKFLOWS
    }
    expected = sent["cloudformation"]
    assert {name for name, requests in sent.items() if requests != expected} == set()
    if form == "vpc":
        TABLE.write_text(table(expected), encoding="utf-8")


def table(requests):
    """The requests as Markdown: a row for each field."""
    rows = []
    for step, fields in FIELDS.items():
        request = requests[step]
        for name, field in fields.items():
            value = json.dumps(request[field]) if field in request else "none"
            rows.append(f"| {step} | {name} | `{value}` |\n")
    workflows = ", ".join(f"`{workflow}`" for workflow in WORKFLOWS)
    return HEAD + "".join(rows) + FOOT.format(workflows=workflows)
