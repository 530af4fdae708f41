"""Build, from the manifest to the parameter files.

S3, ECR and SageMaker are moto's; uv is a stand-in that writes what it would install.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from release_helpers.data import ROWS, released
from release_helpers.settings import (
    ARTIFACTS,
    COMMIT,
    DATA,
    PROJECT,
    RELEASE,
    SERVE,
    changed,
    tools_session,
)
from release_helpers.verbs import run_verb

from categoriser.manifest import NAME
from release.build import champion_model


def installs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let uv write a library and what belongs in no package; return its command lines."""
    lines: list[list[str]] = []

    def uv(line: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        lines.append(line)
        target = Path(line[line.index("--target") + 1])
        for name in ("library/deep/core.py", "library/core.so", "single.py", ".lock", "bin/tool"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(name)
        return subprocess.CompletedProcess(line, 0, "", "")

    monkeypatch.setattr(subprocess, "run", uv)
    return lines


@pytest.mark.actor("build")
def test_build_goes_from_the_manifest_to_the_parameter_files(
    root: Path, buckets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(root, monkeypatch, through="2026-11-01T00:00:00Z")
    lines = installs(monkeypatch)
    (root / "dvc.lock").write_text(
        "stages: {validate: {deps: [{path: data/generated.csv, md5: '2222'}]}}"
    )
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model_package_group(
        ModelPackageGroupName=PROJECT, ModelPackageGroupDescription="models"
    )
    for state in ("Approved", "Rejected"):
        sagemaker.create_model_package(
            ModelPackageGroupName=PROJECT,
            ModelPackageDescription=state,
            ModelApprovalStatus=state,
            InferenceSpecification={
                "Containers": [{"Image": "i", "ModelDataUrl": f"s3://bucket/{state}"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )

    run_verb("build", "data")
    run_verb("build", "release")

    s3 = boto3.client("s3")

    def held(bucket: str, key: str) -> bytes:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    # Of the released versions, not the newest.
    text = held(DATA, f"runs/{RELEASE}/data/transactions.csv").decode()
    assert text == ROWS + ROWS.partition("\n")[2]
    assert held(DATA, f"runs/{RELEASE}/data/{NAME}") == (root / "manifest" / NAME).read_bytes()

    found = json.loads(held(DATA, f"runs/{RELEASE}/requests.json"))
    champion = found["evaluation"]["ProcessingInputs"][-1]
    assert champion["S3Input"]["S3Uri"] == "s3://bucket/Approved"
    known = found["model_package"]["CustomerMetadataProperties"]
    assert known["LabelledThrough"] == "2026-11-01T00:00:00Z"
    # The manifest goes before Git; both are said.
    assert (known["DvcHash"], known["ManifestDvcHash"]) == ("2222", "1" * 32)

    files = {
        stack: json.loads((root / f"parameters/{stack}.json").read_text())
        for stack in ("train", "dev", "prod", "monitor")
    }
    for stack, file in files.items():
        assert set(file) == {"Parameters", "Tags"}, stack
        assert file["Tags"] == {k: known[k] for k in file["Tags"]}
        assert set(file["Tags"]) == {"Release", "Commit"} | {
            "Project", "ServeImage", "JobImage", "DataVersion", "DvcHash", "ManifestDvcHash",
        }  # fmt: skip
        # What trains may be of no release.
        assert file["Parameters"].get("ReleaseId", RELEASE) == RELEASE
    assert files["prod"]["Tags"]["ServeImage"] == f"sha256:{SERVE}"
    assert files["dev"]["Parameters"]["Run"] == f"s3://{DATA}/runs/{RELEASE}"

    key = files["dev"]["Parameters"]["LambdaKey"]
    package = held(ARTIFACTS, key)
    assert key == f"lambdas/{hashlib.sha256(package).hexdigest()}.zip"
    names = set(zipfile.ZipFile(BytesIO(package)).namelist())
    assert {"approval.py", "prediction_api.py", "retraining.py", "traffic_hooks.py"} <= names
    assert {"library/deep/core.py", "library/core.so", "single.py"} <= names
    assert "categoriser/manifest.py" in names
    assert not {".lock", "bin/tool"} & names
    assert "--require-hashes" in lines[0]
    assert lines[0][lines[0].index("--python-version") + 1] == "3.13"
    assert any("aarch64" in word for word in lines[0])


@pytest.mark.actor("build")
def test_an_empty_registry_has_no_champion(buckets: None) -> None:
    boto3.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=PROJECT, ModelPackageGroupDescription="models"
    )

    assert champion_model(changed(), tools_session()) == ""


def test_an_id_is_of_the_time_and_the_commit(
    buckets: None, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_verb("build", "new-id")

    out = capsys.readouterr().out
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{7}\n", out)
    assert out.strip().endswith(COMMIT[:7])
    assert len(out.strip()) == 23
