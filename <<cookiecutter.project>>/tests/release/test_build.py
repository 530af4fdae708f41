"""The settings, the requests to SageMaker, and Build from the manifest to the parameter files.

S3, ECR and SageMaker are moto's; uv is a stand-in that writes what it would install.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore import loaders
from botocore.session import get_session
from botocore.validate import validate_parameters
from moto import mock_aws

from categoriser.errors import UserError
from categoriser.manifest import NAME, File, Manifest, unzip
from prove import example
from release import build, operate
from release.build import requests
from release.settings import REGIONS, SETTINGS, Settings, flat, read_settings

ROOT = Path(__file__).parents[2]
PROJECT, RELEASE, REGION = example.PROJECT, example.RELEASE, "ap-southeast-2"
ARTIFACTS, DATA, LIVE = (
    f"{PROJECT}-{kind}-111122223333-{REGION}" for kind in ("artifacts", "data", "live")
)
COMMIT = RELEASE[-7:] + "0" * 33
IMAGE = f"111122223333.dkr.ecr.{REGION}.amazonaws.com/{PROJECT}@sha256:"
SERVE, JOB, BASE = "a" * 64, "b" * 64, "sha256:" + "c" * 64
GIVEN: dict[str, Any] = {
    "project": PROJECT,
    "email": "team@example.com",
    "region": REGION,
    "source": {"host": "GitHub", "repository": "example/bank", "branch": "main"},
    "base_image": "python:3.13-slim",
    "prod_account_id": "",
    "prod_profile": "",
    "permissions_boundary": "",
    "network": "none",
    "lambda_python": "3.13",
    "train": {"instance": "ml.m5.large", "minutes": 30},
    "dev": {"kind": "instance", "instance": "ml.t2.medium"},
    "prod": {
        "instance": "ml.m5.large",
        "minimum": 2,
        "maximum": 4,
        "requests_per_instance": 600,
        "auth": "iam",
        "rate": 20,
        "burst": 40,
        "daily_quota": 1000,
        "canary_percent": 10,
        "canary_minutes": 5,
        "bake_minutes": 10,
        "capture_percent": 100,
        "latency_ms": 500,
    },
    "approval_minutes": 4320,
    "monitor": {"instance": "ml.t3.medium"},
    "retrain": {"cool_down_hours": 72, "monthly": False},
    "budget_usd": 300,
    "log_days": 90,
}
ROWS = "date,text,price,category\n" + "".join(
    f"2026-10-01,{text} no {number},{number + 0.5},{category}\n"
    for number in range(40)
    for text, category in (("aldi", "groceries"), ("metro", "transport"))
)
DIGEST = hashlib.sha256(ROWS.encode()).hexdigest()


LOADER = loaders.create_loader()


def changed(**changes: Any) -> Settings:
    """Make the settings with some values changed, by dotted name with __ for the dot."""
    given = copy.deepcopy(GIVEN)
    for name, value in changes.items():
        *sections, last = name.split("__")
        place = given
        for section in sections:
            place = place[section]
        place[last] = value
    return Settings.model_validate(given)


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read botocore's models once: each session would read them anew."""
    monkeypatch.setattr(loaders, "create_loader", lambda *_: LOADER)


@pytest.fixture
def root(project: Path) -> Path:
    """Make the working directory a project that has its settings, templates and Lambdas."""
    for name in ("buildspecs", "cloudformation", "container", "lambdas", "monitoring"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in build.SHARED:
        (project / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "src" / name, project / "src" / name)
    (project / "requirements").mkdir()
    (project / "requirements/serve.txt").write_text("uvicorn==0.54\n")
    (project / SETTINGS).write_text(yaml.safe_dump(GIVEN))
    monitoring = project / "monitoring/monitoring.yaml"
    text = re.sub("namespace: .*", f"namespace: {PROJECT}/Monitor", monitoring.read_text())
    monitoring.write_text(text)
    return project


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the buckets, in moto, and the environment that the pipeline gives Build."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": REGION,
        "ARTIFACT_BUCKET": ARTIFACTS,
        "BASE_DIGEST": BASE,
        "COMMIT": COMMIT,
        "DATA_BUCKET": DATA,
        "DATA_VERSION": "data-version",
        "EXECUTION": "11111111-2222-3333-4444-555555555555",
        "JOB_IMAGE": IMAGE + JOB,
        "LIVE_BUCKET": LIVE,
        "RELEASE_ID": RELEASE,
        "SECURITY_GROUP": "",
        "SERVE_IMAGE": IMAGE + SERVE,
        "SUBNETS": "",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in (ARTIFACTS, DATA, LIVE):
            s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
            )
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield


def released(
    folder: Path, monkeypatch: pytest.MonkeyPatch, digest: str = DIGEST, through: str = ""
) -> None:
    """Put rows and labels into S3, and their manifest where CodeBuild unpacks it."""
    s3, files = boto3.client("s3"), []
    for bucket, key in ((DATA, "raw/own.csv"), (LIVE, "labels/train.csv")):
        version = s3.put_object(Bucket=bucket, Key=key, Body=ROWS)["VersionId"]
        # A newer version than the one that is released.
        s3.put_object(Bucket=bucket, Key=key, Body="newer")
        files.append(File(f"s3://{bucket}/{key}", version, digest, 80))
    hashes = {"data/own.csv": "1" * 32}
    body = Manifest("labels", tuple(files), hashes, labelled_through=through).zip()
    zipfile.ZipFile(BytesIO(body)).extractall(folder / "manifest")
    monkeypatch.setenv("CODEBUILD_SRC_DIR_Data", str(folder / "manifest"))


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


def phase(name: str) -> None:
    getattr(build, name)(settings := read_settings(), settings.session("tools"))


# Settings.


def test_a_key_is_the_parameter_of_its_name_in_every_template_that_declares_it(root: Path) -> None:
    settings = changed(retrain__monthly=True)

    assert flat(settings)["ProdBakeMinutes"] == "10"
    assert flat(settings)["RetrainMonthly"] == "true"
    given = settings.parameters("prod", {"ReleaseId": RELEASE, "Unheard": "of"})
    assert given["ReleaseId"] == RELEASE
    assert given["ProdLatencyMs"] == "500"
    assert "Unheard" not in given
    assert "TrainMinutes" not in given


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project", "1-starts-with-a-digit"),
        ("project", "longer-than-twenty-chars"),
        ("region", "ap-southwest-2"),
        ("lambda_python", 3.13),
        ("source__repository", "bank"),
        ("source__repository", "https://github.com/example/bank"),
        ("source__repository", "example/.."),
        ("source__repository", "example/bank.git"),
        ("source__repository", "example/b\u00e4nk"),
        ("source__branch", "HEAD"),
        ("source__branch", "a..b"),
        ("prod_account_id", "\uff11" * 12),
        ("train__minutes", 51),
        ("train__minutes", "30"),
        ("prod__minimum", 5),
        ("prod__bake_minutes", 11),
        ("prod__capture_percent", 0),
        ("prod__instance", "m5.large"),
        ("prod_account_id", "12345"),
        ("prod_account_id", 123456789012),
        ("log_days", 2),
        ("source__host", "elsewhere"),
    ],
)
def test_a_wrong_setting_is_named(root: Path, key: str, value: object) -> None:
    given = copy.deepcopy(GIVEN)
    section, _, last = key.rpartition("__")
    (given[section] if section else given)[last] = value
    (root / SETTINGS).write_text(yaml.safe_dump(given))

    with pytest.raises(UserError, match=section or key):
        read_settings()


def test_a_fault_is_in_words(root: Path) -> None:
    given = GIVEN | {"prod_account_id": 123456789012, "region": "ap-southwest-2"}
    (root / SETTINGS).write_text(yaml.safe_dump(given))

    with pytest.raises(UserError) as refused:
        read_settings()

    said = str(refused.value)
    assert "prod_account_id: 12 digits in quotes" in said
    assert "region: a region of AWS" in said
    assert "pattern" not in said


def test_a_repository_has_its_owner_but_in_codecommit() -> None:
    for host, name in (("GitLab", "group/team/bank"), ("CodeCommit", "bank")):
        source = {"host": host, "repository": name, "branch": "main"}
        assert changed(source=source).source.repository == name
    with pytest.raises(ValueError, match="in CodeCommit its name"):
        changed(source__host="CodeCommit")


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
def test_china_is_refused_with_the_reason(region: str) -> None:
    source = {"host": "CodeCommit", "repository": "bank", "branch": "main"}
    with pytest.raises(ValueError, match="China: its CodePipeline has no CloudFormation action"):
        changed(region=region, source=source)


@pytest.mark.parametrize("region", ["us-iso-east-1", "eusc-de-east-1"])
def test_a_partition_that_the_templates_do_not_know_is_refused(region: str) -> None:
    with pytest.raises(ValueError, match=f"a region of aws or aws-us-gov, not {REGIONS[region]}"):
        changed(region=region)


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1"])
def test_the_other_regions_are_taken(region: str) -> None:
    assert changed(region=region).region == region


def test_no_profile_is_needed_to_read_the_settings(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")

    assert read_settings().region == REGION


def test_an_unknown_and_a_missing_setting_are_named(root: Path) -> None:
    (root / SETTINGS).write_text(yaml.safe_dump(GIVEN | {"emial": "x@y"}))
    with pytest.raises(UserError, match="emial"):
        read_settings()
    (root / SETTINGS).write_text(yaml.safe_dump({k: GIVEN[k] for k in GIVEN if k != "email"}))
    with pytest.raises(UserError, match="email"):
        read_settings()


@pytest.mark.skipif("<" * 2 in (ROOT / SETTINGS).read_text(), reason="of a rendered project")
def test_the_projects_own_settings_are_valid() -> None:
    settings = read_settings(ROOT / SETTINGS)

    assert set(flat(settings)) == set(flat(changed()))


# Requests.

MODEL = "s3://bucket/older/model.tar.gz"
RUN = {
    "ReleaseId": RELEASE,
    "ServeImage": IMAGE + SERVE,
    "JobImage": IMAGE + JOB,
    "Run": f"s3://{DATA}/runs/{RELEASE}",
    "Role": f"arn:aws:iam::111122223333:role/{PROJECT}-train-{REGION}",
    "Key": f"arn:aws:kms:{REGION}:111122223333:alias/{PROJECT}",
    "Champion": MODEL,
    "Subnets": "subnet-1,subnet-2",
    "SecurityGroup": "sg-1",
}
LINEAGE = {"Release": RELEASE, "Commit": COMMIT}


def made(**changes: str) -> dict[str, Any]:
    metadata = {"Execution": "execution", "LabelledThrough": ""}
    return requests(changed(), RUN | changes, LINEAGE, metadata)


@pytest.mark.parametrize(
    ("step", "operation"),
    [
        ("training", "CreateTrainingJob"),
        ("evaluation", "CreateProcessingJob"),
        ("model_package", "CreateModelPackage"),
    ],
)
@pytest.mark.parametrize("without", [{}, {"Subnets": "", "SecurityGroup": "", "Champion": ""}])
def test_a_request_is_one_that_sagemaker_knows(
    step: str, operation: str, without: dict[str, str]
) -> None:
    shape = get_session().get_service_model("sagemaker").operation_model(operation).input_shape

    # Raises for a name that is not there, and for a value of another type or length.
    validate_parameters(made(**without)[step], shape)


def test_both_jobs_are_cut_off_from_the_network_and_end_in_time() -> None:
    training, evaluation = made()["training"], made()["evaluation"]

    assert training["EnableNetworkIsolation"] is True
    assert evaluation["NetworkConfig"]["EnableNetworkIsolation"] is True
    for job in (training, evaluation):
        assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800}
        assert {tag["Key"]: tag["Value"] for tag in job["Tags"]} == LINEAGE
    vpc = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert training["VpcConfig"] == evaluation["NetworkConfig"]["VpcConfig"] == vpc
    assert "VpcConfig" not in made(Subnets="")["training"]
    assert "VpcConfig" not in made(Subnets="")["evaluation"]["NetworkConfig"]


def test_what_training_writes_is_what_evaluation_and_the_package_read() -> None:
    training, evaluation, package = made().values()

    folder = f"{training['OutputDataConfig']['S3OutputPath']}/{training['TrainingJobName']}"
    model = f"{folder}/output/model.tar.gz"
    inputs = {
        item["InputName"]: (item["S3Input"]["S3Uri"], item["S3Input"]["LocalPath"])
        for item in evaluation["ProcessingInputs"]
    }
    assert inputs == {
        "data": (f"{RUN['Run']}/data/", "/opt/ml/processing/input/data"),
        "model": (model, "/opt/ml/processing/input/model"),
        "champion": (MODEL, "/opt/ml/processing/input/champion"),
    }
    (container,) = package["InferenceSpecification"]["Containers"]
    assert container == {"Image": IMAGE + SERVE, "ModelDataUrl": model}
    (output,) = evaluation["ProcessingOutputConfig"]["Outputs"]
    quality = package["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert quality["S3Uri"] == f"{output['S3Output']['S3Uri']}/metrics.json"
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    # An empty value is refused by the registry.
    assert package["CustomerMetadataProperties"] == LINEAGE | {"Execution": "execution"}


def test_without_a_champion_there_is_no_such_input() -> None:
    names = [item["InputName"] for item in made(Champion="")["evaluation"]["ProcessingInputs"]]

    assert names == ["data", "model"]


# Build.


def test_what_the_lambdas_share_imports_nothing_that_they_lack(tmp_path: Path) -> None:
    for name in build.SHARED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "src" / name, tmp_path / name)
    command = [
        sys.executable,
        "-c",
        "import categoriser.errors, categoriser.manifest as m; print(m)",
    ]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert str(tmp_path) in done.stdout, done.stderr


def test_equal_files_give_equal_zips() -> None:
    one, other = build.zipped({"a": b"1", "b": b"2"}), build.zipped({"b": b"2", "a": b"1"})

    assert one == other
    (first, _) = zipfile.ZipFile(BytesIO(one)).infolist()
    # Lambda reads as another user.
    assert first.external_attr // 2**16 & 0o004


@pytest.mark.actor("build")
def test_build_goes_from_the_manifest_to_the_parameter_files(
    root: Path, cloud: None, monkeypatch: pytest.MonkeyPatch
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

    phase("data")
    phase("release")

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
        assert set(file["Tags"]) == {*LINEAGE} | {
            "Project", "ServeImage", "JobImage", "DataVersion", "DvcHash", "ManifestDvcHash",
        }  # fmt: skip
        assert file["Parameters"]["ReleaseId"] == RELEASE
    assert files["prod"]["Tags"]["ServeImage"] == f"sha256:{SERVE}"
    assert files["train"]["Parameters"]["Run"] == RUN["Run"]

    key = files["train"]["Parameters"]["LambdaKey"]
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
def test_an_empty_registry_has_no_champion(cloud: None) -> None:
    boto3.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=PROJECT, ModelPackageGroupDescription="models"
    )

    assert build.champion(changed(), changed().session("tools")) == ""


@pytest.mark.actor("build")
def test_data_that_are_not_the_manifests_are_refused(
    root: Path, cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(root, monkeypatch, digest="0" * 64)

    with pytest.raises(UserError, match="another sha256"):
        phase("data")


def test_lambdas_that_cannot_be_installed_are_no_package(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "a hash differs")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)

    with pytest.raises(UserError, match="a hash differs"):
        build.package(changed())


@pytest.mark.actor("build")
def test_a_base_image_of_other_locks_is_built_anew_and_ends_the_run(
    root: Path, cloud: None
) -> None:
    ecr, s3 = boto3.client("ecr"), boto3.client("s3")
    ecr.create_repository(repositoryName=f"{PROJECT}-base")
    short, _ = build.base_source()

    def pushed(tag: str) -> str:
        media = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = {"schemaVersion": 2, "mediaType": media, "layers": [{"digest": tag, "size": 1}]}
        image = ecr.put_image(
            repositoryName=f"{PROJECT}-base", imageManifest=json.dumps(manifest), imageTag=tag
        )
        return str(image["image"]["imageId"]["imageDigest"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BASE_DIGEST", pushed(f"{short}-upstream"))
        phase("base")
        assert not s3.list_objects_v2(Bucket=ARTIFACTS)["KeyCount"]

        patch.setenv("BASE_DIGEST", pushed("another-upstream"))
        with pytest.raises(UserError, match="other locks"):
            phase("base")

    body = s3.get_object(Bucket=ARTIFACTS, Key="base/source.zip")["Body"].read()
    source = zipfile.ZipFile(BytesIO(body))
    assert source.read("digest").decode() == short
    assert set(source.namelist()) == {*build.BASE_FILES, "digest"}


def test_the_base_source_is_of_what_the_dockerfiles_base_copies(root: Path) -> None:
    before, _ = build.base_source()
    (root / "requirements/serve.txt").write_text("uvicorn==0.55\n")

    assert build.base_source()[0] != before
    text = (ROOT / "container/Dockerfile").read_text()
    base = text[: text.index(" AS serve")]
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", base, re.MULTILINE)
    copied = {name for line in sources for name in line.split() if "*" not in name}
    assert copied == {*build.BASE_FILES} - {"buildspecs/base.yaml", "container/Dockerfile"}


def test_an_id_is_of_the_time_and_the_commit(
    cloud: None, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phase("new_id")

    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{7}\n", out := capsys.readouterr().out)
    assert out.strip().endswith(COMMIT[:7])
    assert len(out.strip()) == 23


# Data released by hand.


def test_data_release_names_exactly_what_it_uploaded(
    root: Path, cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "bucket", lambda *_: DATA)
    Path("own.csv").write_text(ROWS)

    operate.data_release(changed(), changed().session("tools"), "own.csv")

    s3 = boto3.client("s3")
    held = unzip(s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read(), "data.zip")
    (file,) = held.files
    assert (file.uri, file.sha256, file.rows) == (f"s3://{DATA}/raw/own.csv", DIGEST, 80)
    uploaded = s3.get_object(Bucket=DATA, Key="raw/own.csv", VersionId=file.version_id)
    assert uploaded["Body"].read().decode() == ROWS
    assert held.dvc == {"own.csv": hashlib.md5(ROWS.encode()).hexdigest()}


def test_a_banks_export_is_released_in_the_projects_form(
    root: Path, cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "bucket", lambda *_: DATA)
    rows = ROWS.replace(",", ";").replace("2026-10-01", "13.10.2026").replace(".5;", ",50;")
    Path("bank.csv.gz").write_bytes(gzip.compress(rows.encode("utf-16")))

    with pytest.raises(UserError, match="ACCEPT=1"):
        operate.data_release(changed(), changed().session("tools"), "bank.csv.gz")
    assert not boto3.client("s3").list_objects_v2(Bucket=DATA)["KeyCount"]
    operate.data_release(changed(), changed().session("tools"), "bank.csv.gz")

    s3 = boto3.client("s3")
    held = unzip(s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read(), "data.zip")
    (file,) = held.files
    uploaded = s3.get_object(Bucket=DATA, Key="raw/bank.csv", VersionId=file.version_id)
    expected = ROWS.replace("2026-10-01", "2026-10-13").replace(".5,", ".50,")
    assert uploaded["Body"].read().decode() == expected
    assert file.rows == 80
    assert list(held.dvc) == ["bank.csv.gz"]


def test_data_that_are_not_valid_are_not_released(root: Path, cloud: None) -> None:
    Path("bad.csv").write_text("date,text,price,category\n2026-10-01,aldi,free,groceries\n")

    with pytest.raises(UserError, match="are bad"):
        operate.data_release(changed(), changed().session("tools"), "bad.csv")

    assert not boto3.client("s3").list_objects_v2(Bucket=DATA)["KeyCount"]


def test_held_out_rows_are_not_released(root: Path, cloud: None) -> None:
    with pytest.raises(UserError, match="never trained on"):
        operate.data_release(changed(), changed().session("tools"), "./feedback/holdout.csv")


def test_a_verb_that_is_not_there_names_those_that_are(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["release.operate", "roll-back"])

    from release.settings import command

    with pytest.raises(SystemExit, match=r"there is no roll-back.*rollback"):
        command(operate.status, operate.rollback)
