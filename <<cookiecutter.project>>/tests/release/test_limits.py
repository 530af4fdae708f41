"""What a release says, at its longest, is within what AWS takes.

The limits are those of botocore's models, which its own validation passes over, and, of a template,
a stack's parameters and a function's environment, those of AWS's pages on quotas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.session import get_session
from release_helpers.settings import ARTIFACTS, DATA, LIVE, RELEASE, changed
from release_helpers.verbs import run_verb

from categoriser.errors import UserError
from categoriser.manifest import NAME, File, Manifest
from prove import resolver, templates
from release import build, lineage
from release.lambda_bundle import LambdaBundle
from release.settings import ReleaseSettings

REGION = "ap-southeast-2"
# CloudFormation's page on quotas; Lambda's.
PARAMETER = 4096
PARAMETERS = 200
ENVIRONMENT = 4096
# CodePipeline's page on quotas, of an action's configuration.
CUSTOM_DATA = 1000
CLASSES = {
    r"\p{L}": "a-zA-Z",
    r"\p{M}": "",
    r"\p{N}": "0-9",
    r"\p{P}": "!-/:-@",
    r"\p{S}": "+$",
    r"\p{Z}": " ",
}


def model(service: str, operation: str) -> Any:
    return get_session().get_service_model(service).operation_model(operation).input_shape


def pattern(shape: Any) -> str:
    """Return a shape's pattern in Python's words."""
    found = str(shape.metadata.get("pattern", ".*"))
    for theirs, ours in CLASSES.items():
        found = found.replace(theirs, ours)
    # SageMaker's `(...)${1,256}` says the length once more.
    return re.sub(r"\$\{\d+,\d+\}$", "", found)


SIZED = ("string", "list", "map", "blob")
NUMBERS = ("integer", "long", "float", "double")


def own(value: Any, shape: Any) -> Iterator[str]:
    """Yield what is wrong with a value by its shape alone, not with what is in it."""
    bounds = shape.metadata
    kind = shape.type_name
    size = len(value) if kind in SIZED else value
    if kind in SIZED + NUMBERS and not bounds.get("min", size) <= size <= bounds.get("max", size):
        yield f"is or has {size}, not {bounds.get('min')} to {bounds.get('max')}"
    if kind == "string" and not re.fullmatch(pattern(shape), value, re.DOTALL):
        yield f"is {value!r}, not {bounds['pattern']}"
    if kind == "string" and value not in bounds.get("enum", [value]):
        yield f"is {value!r}, none of {bounds['enum']}"


def inner(value: Any, shape: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield what is in a value: its place, itself, its shape."""
    if shape.type_name == "structure":
        yield from ((name, each, shape.members[name]) for name, each in value.items())
    if shape.type_name == "list":
        yield from ((str(number), each, shape.member) for number, each in enumerate(value))
    if shape.type_name == "map":
        yield from ((f"the key {name}", name, shape.key) for name in value)
        yield from ((name, each, shape.value) for name, each in value.items())


def faults(value: Any, shape: Any, place: str) -> Iterator[str]:
    """Yield where a request is over a limit of the model: lengths, counts and forms."""
    yield from (f"{place} {words}" for words in own(value, shape))
    for name, each, known in inner(value, shape):
        yield from faults(each, known, f"{place}.{name}")


def longest() -> ReleaseSettings:
    """Return the settings at their longest."""
    return changed(
        project="a-name-of-20-letters",
        email=f"{'a' * 64}@{'b' * 60}.example.com",
        source={"host": "GitHub", "repository": f"{'o' * 39}/{'r' * 100}", "branch": "b" * 100},
        network="vpc",
        train__instance="ml.r5.24xlarge",
        train__minutes=50,
    )


def manifest(files: int) -> Manifest:
    made = [
        File(f"s3://{DATA}/raw/{'n' * 900}-{n}.csv", "v" * 32, "0" * 64, 9) for n in range(files)
    ]
    hashes = {
        f"data/{'n' * 200}-{n}.csv": md5(bytes([n]), usedforsecurity=False).hexdigest()
        for n in range(files)
    }
    return Manifest("data-release", tuple(made), hashes, "2026-11-01T00:00:00Z")


def made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, files: int, **given: str
) -> dict[str, dict[str, Any]]:
    """Let Build make a release of so many files; return its requests."""
    (folder / "manifest").mkdir(exist_ok=True)
    (folder / "manifest" / NAME).write_bytes(manifest(files).json())
    (folder / "data/release").mkdir(parents=True, exist_ok=True)
    (folder / "data/release/transactions.csv").write_text("")
    subnets = ",".join(f"subnet-{number:017x}" for number in range(6))
    environment = {
        "CODEBUILD_SRC_DIR_Data": str(folder / "manifest"),
        "SUBNETS": subnets,
        "SECURITY_GROUP": "sg-" + "0" * 17,
    } | given
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{DATA}/runs/{RELEASE}/training/{'x' * 40}/output/model.tar.gz"
    bundle = LambdaBundle(f"lambdas/{'0' * 64}.zip", b"")
    monkeypatch.setattr(build, "bundle_lambdas", lambda _: bundle)
    monkeypatch.setattr(build, "champion_model", lambda *_: uri)
    monkeypatch.setattr("release.settings.read_release_settings", longest)
    run_verb("build", "release")
    body = boto3.client("s3").get_object(Bucket=DATA, Key=f"runs/{RELEASE}/requests.json")["Body"]
    found: dict[str, dict[str, Any]] = json.load(body)
    return found


OPERATIONS = {
    "training": "CreateTrainingJob",
    "evaluation": "CreateProcessingJob",
    "model_package": "CreateModelPackage",
}


@pytest.mark.parametrize("files", [1, 8, 60])
def test_a_release_of_many_files_is_within_the_limits(
    root: Path, buckets: None, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    requests = made(root, monkeypatch, files)

    for step, operation in OPERATIONS.items():
        shape = model("sagemaker", operation)
        assert [*faults(requests[step], shape, step)] == []
        assert re.search("[0-9a-f]{32}", json.dumps(requests[step]))
    taken = model("cloudformation", "CreateChangeSet").members
    for file in (root / "parameters").iterdir():
        found = json.loads(file.read_text())
        tags = [{"Key": key, "Value": value} for key, value in found["Tags"].items()]
        assert [*faults(tags, taken["Tags"], file.name)] == []
        assert len(found["Parameters"]) <= PARAMETERS
        assert max(map(len, found["Parameters"].values())) <= PARAMETER


def test_the_hash_of_many_files_is_theirs_alone_whatever_their_order() -> None:
    first = manifest(2)
    other = manifest(3)
    turned = Manifest("labels", first.files, dict(reversed(first.dvc.items())))

    assert lineage.hash_in_manifest(first) == lineage.hash_in_manifest(turned)
    assert lineage.hash_in_manifest(first) != lineage.hash_in_manifest(other)
    assert lineage.hash_in_manifest(other).endswith(" of 3 hashes")
    assert lineage.hash_in_manifest(manifest(1)) == next(iter(manifest(1).dvc.values()))
    assert lineage.hash_in_manifest(Manifest("labels", first.files, {})) == "none"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DATA_VERSION", "v" * 1024, "DataVersion of the release, .*1024 characters"),
        ("DATA_VERSION", "a,b", "DataVersion of the release, .*which AWS takes in no tag"),
        ("EXECUTION", "e" * 257, "Execution of the release, .*257 characters"),
    ],
)
def test_a_fact_that_aws_would_not_take_is_named_before_anything_is_made(
    root: Path,
    buckets: None,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    words: str,
) -> None:
    with pytest.raises(UserError, match=words):
        made(root, monkeypatch, 1, **{name: value})

    for bucket in (ARTIFACTS, DATA, LIVE):
        assert boto3.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_what_is_checked_sees_what_is_over_a_limit() -> None:
    shape = model("sagemaker", "UpdateModelPackage")
    arn = "arn:aws:sagemaker:ap-southeast-2:111122223333:model-package/x/1"
    for fault in (
        {"ApprovalDescription": "x" * 1025},
        {"CustomerMetadataProperties": {"Approver": "x" * 257}},
        {"CustomerMetadataProperties": {"Approver": "a,b"}},
        {"CustomerMetadataProperties": {"x" * 129: "a"}},
        {"ModelApprovalStatus": "Perhaps"},
    ):
        assert len([*faults({"ModelPackageArn": arn} | fault, shape, "")]) > 0, fault
    right = {"ModelPackageArn": arn, "CustomerMetadataProperties": {"Approver": "arn:aws:x/a@b.c"}}
    assert [*faults(right, shape, "")] == []


EXTREME = {
    "Project": "a-name-of-20-letters",
    "SourceRepository": f"{'o' * 39}/{'r' * 100}",
    "SourceBranch": "b" * 100,
    "Run": f"s3://a-name-of-20-letters-data-111122223333-{REGION}/runs/{RELEASE}",
    "LiveBucket": f"a-name-of-20-letters-live-111122223333-{REGION}",
}


def test_no_functions_environment_is_too_large() -> None:
    for name, key, item in templates.everywhere("AWS::Lambda::Function"):
        variables = item["Properties"].get("Environment", {}).get("Variables", {})
        found = resolver.resolve(variables, name, EXTREME)
        size = sum(len(variable) + len(str(value)) for variable, value in found.items())
        assert size <= ENVIRONMENT / 2, f"{name}.{key}"


def test_what_the_approver_reads_is_within_what_codepipeline_takes() -> None:
    pipeline = templates.resources("pipeline")["Pipeline"]["Properties"]
    (approve,) = [
        action
        for stage in pipeline["Stages"]
        for action in stage["Actions"]
        if action.get("ActionTypeId", {}).get("Category") == "Approval"
    ]
    text = approve["Configuration"]["CustomData"]
    known = {
        "Build.RELEASE_ID": RELEASE,
        "Build.COMMIT": "c" * 40,
        "Build.DATA_VERSION": "v" * 100,
        "Build.LAYERS": "l" * 150,
        # lambdas/registered_model.py cuts it.
        "Train.Summary": "s" * 500,
    }
    for name in re.findall(r"#\{([^}]+)\}", text):
        text = text.replace(f"#{{{name}}}", known[name])
    assert len(text) <= CUSTOM_DATA
