"""What Build does beside the tests and the images: `python -m release.build PHASE`, in CodeBuild.

base: the base image must be of this commit's locks. data: fetch exactly what the manifest names,
and validate it. new-id: print a new release's id. release: put data, Lambdas and requests where the
stages after it look for them, and write those stages' parameters. layers: say whether the layers
below the release are this commit's.
"""

import io
import itertools
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from hashlib import sha256
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import yaml

from categoriser.data.own import join
from categoriser.data.validate import accepted_profile, validate
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.manifest import NAME, Manifest, parse
from categoriser.params import read_params
from categoriser.paths import LOCK
from release.layers import notice
from release.lineage import data_hash, held
from release.settings import Settings, account, command, each

BASE_FILES = (
    "buildspecs/base.yaml",
    "container/Dockerfile",
    "container/slim.py",
    "requirements/serve.txt",
)
BASE, DATA = "base/source.zip", "releases/data.zip"
FOLDER, ROWS = Path("data/release"), "transactions.csv"
STACKS = ("train", "dev", "prod", "monitor")
# Of the environment, in the parameters' spelling.
GIVEN = ("RELEASE_ID", "SERVE_IMAGE", "JOB_IMAGE", "ARTIFACT_BUCKET", "DATA_BUCKET", "LIVE_BUCKET")
NETWORK = ("SUBNETS", "SECURITY_GROUP")
# The package's, that the Lambdas import too.
SHARED = [
    "categoriser/__init__.py",
    "categoriser/errors.py",
    "categoriser/evaluation/__init__.py",
    "categoriser/evaluation/verdict.py",
    "categoriser/io/__init__.py",
    "categoriser/io/documents.py",
    "categoriser/manifest.py",
]
UNWANTED = {"bin", "__pycache__", ".lock"}
INSTALL = "requirements/uv.py pip install --quiet --require-hashes --only-binary :all:"
INSTALL += " --requirement requirements/lambda.txt --python-platform aarch64-manylinux2014"
INSTALL += " --python-version"
PROCESSING = "/opt/ml/processing"
ONE = {"InstanceCount": 1, "VolumeSizeInGB": 30}
# What the training job's log says as `name=value` (categoriser.model.train).
FIGURES = ("temperature", "validation_accuracy", "validation_log_loss")
METRICS = [{"Name": name, "Regex": f"{name}=([-+.e0-9]+)"} for name in FIGURES]
FORMATS = ["text/csv", "application/json", "application/jsonlines"]


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip of files by name: equal files give equal bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            # Lambda reads as another user than the files' owner.
            entry.external_attr = 0o100644 * 2**16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def base_source() -> tuple[str, bytes]:
    """Return the short digest of what the base image is made of, and its zip."""
    files = {name: Path(name).read_bytes() for name in BASE_FILES}
    short = sha256(zipped(files)).hexdigest()[:12]
    return short, zipped(files | {"digest": short.encode()})


def base(settings: Settings, opened: boto3.Session) -> None:
    """Raise `UserError` where the base image is of other files, and have it built of these."""
    short, body = base_source()
    ids = [{"imageDigest": environ["BASE_DIGEST"]}]
    ecr, repository = opened.client("ecr"), f"{settings.project}-base"
    (image,) = ecr.describe_images(repositoryName=repository, imageIds=ids)["imageDetails"]
    if not any(tag.startswith(short) for tag in image.get("imageTags", [])):
        opened.client("s3").put_object(Bucket=environ["ARTIFACT_BUCKET"], Key=BASE, Body=body)
        raise UserError("the base image is of other locks; a new one is built, and starts a run")


def manifest() -> tuple[Manifest, bytes]:
    """Return what the data are, and its text."""
    text = (Path(environ["CODEBUILD_SRC_DIR_Data"]) / NAME).read_bytes()
    return parse(text, NAME), text


def check(files: list[Path]) -> None:
    """Join files to one, and validate its rows. Raises `UserError` as `validate`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    join(files, FOLDER / ROWS)
    made = FOLDER / "validated.parquet", FOLDER / "set_aside.csv"
    validate(FOLDER / ROWS, read_params().validate_, accepted_profile(), *made)


def data(settings: Settings, opened: boto3.Session) -> None:
    """Fetch the manifest's files, join them, and validate the rows.

    Raises `UserError` for a file that is not what the manifest says, and as `check`.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    parts = []
    for number, file in enumerate(manifest()[0].files):
        parts.append(FOLDER / f"part-{number}.csv")
        bucket, _, key = file.uri.removeprefix("s3://").partition("/")
        version = {"VersionId": file.version_id}
        opened.client("s3").download_file(bucket, key, str(parts[-1]), version)
        if digest(parts[-1]) != file.sha256:
            what = f"{file.uri}, version {file.version_id}"
            raise UserError(f"{what}, has another sha256 than the manifest says; release it anew")
    check(parts)


def git_hash() -> str:
    """Return DVC's hash of the data as Git's dvc.lock has it, `none` where it has none."""
    lock = yaml.safe_load(LOCK.read_text(encoding="utf-8")) if LOCK.exists() else {}
    path = read_params().data.path.as_posix()
    deps = lock.get("stages", {}).get("validate", {}).get("deps", [])
    return next((str(dep["md5"]) for dep in deps if dep["path"] == path), "none")


def package(settings: Settings) -> tuple[str, bytes]:
    """Return the key and the zip of the Lambda functions, with all that they need.

    Raises `UserError` where it cannot be installed as requirements/lambda.txt says.
    """
    with TemporaryDirectory() as folder:
        line = [sys.executable, *INSTALL.split(), settings.lambda_python, "--target", folder]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"the Lambdas' libraries cannot be installed: {done.stderr.strip()}")
        sources = {Path(folder): ["**/*"], Path("lambdas"): ["*.py"], Path("src"): SHARED}
        files = {
            file.relative_to(root).as_posix(): file.read_bytes()
            for root, forms in sources.items()
            for file in itertools.chain(*map(root.glob, forms))
            if file.is_file() and not UNWANTED & set(file.relative_to(root).parts)
        }
    body = zipped(files)
    return f"lambdas/{sha256(body).hexdigest()}.zip", body


def champion(settings: Settings, opened: boto3.Session) -> str:
    """Return the model.tar.gz of the newest approved package; empty where there is none."""
    sagemaker, newest = opened.client("sagemaker"), {"SortOrder": "Descending"}
    query = {"ModelPackageGroupName": settings.project, "ModelApprovalStatus": "Approved"} | newest
    for item in each(sagemaker, "list_model_packages", "ModelPackageSummaryList", **query):
        found = sagemaker.describe_model_package(ModelPackageName=item["ModelPackageArn"])
        return str(found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
    return ""


def requests(
    settings: Settings, run: dict[str, str], lineage: dict[str, str], metadata: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the requests that make a model: here they are described, once, and complete.

    They are those of CreateTrainingJob, CreateProcessingJob and CreateModelPackage.

    Their keys: `training`, `evaluation`, `model_package`. Of `run`: ReleaseId; ServeImage and
    JobImage, `repository@digest`; Run, `s3://bucket/runs/<release>`; Role and Key, ARNs; Champion,
    the newest approved model.tar.gz, or empty; Subnets, joined by commas, and SecurityGroup, empty
    without a VPC. The package's files are the evaluation's. A package in a group has no tags: its
    metadata are the lineage, which the jobs have as tags, and `metadata`.
    """
    name, folder, key = f"{settings.project}-{run['ReleaseId']}", run["Run"], run["Key"]
    model = f"{folder}/training/{name}-training/output/model.tar.gz"
    vpc = {"Subnets": run["Subnets"].split(","), "SecurityGroupIds": [run["SecurityGroup"]]}
    network = {"VpcConfig": vpc} if run["Subnets"] else {}
    cluster = {"InstanceType": settings.train.instance} | ONE
    tags = [{"Key": tag, "Value": value} for tag, value in lineage.items()]
    limit = {"MaxRuntimeInSeconds": settings.train.minutes * 60}
    both = {"RoleArn": run["Role"], "Tags": tags, "StoppingCondition": limit}

    def download(given: str, uri: str) -> dict[str, Any]:
        source = {"S3Uri": uri, "S3DataType": "S3Prefix", "S3InputMode": "File"}
        target = {"LocalPath": f"{PROCESSING}/input/{given}"}
        return {"InputName": given, "S3Input": source | target}

    def figures(file: str) -> dict[str, str]:
        return {"ContentType": "application/json", "S3Uri": f"{folder}/evaluation/{file}.json"}

    data = {"S3DataType": "S3Prefix", "S3Uri": f"{folder}/data/"}
    results = {"S3Uri": f"{folder}/evaluation", "LocalPath": f"{PROCESSING}/output"}
    image = {"TrainingImage": run["JobImage"], "ContainerEntrypoint": ["train"]}
    training = {
        "TrainingJobName": f"{name}-training",
        "AlgorithmSpecification": image
        | {"TrainingInputMode": "File", "MetricDefinitions": METRICS},
        "InputDataConfig": [{"ChannelName": "data", "DataSource": {"S3DataSource": data}}],
        "OutputDataConfig": {"S3OutputPath": f"{folder}/training", "KmsKeyId": key},
        "ResourceConfig": cluster,
        "EnableNetworkIsolation": True,
    }
    inputs = {"data": data["S3Uri"], "model": model, "champion": run["Champion"]}
    output = {"OutputName": "evaluation", "S3Output": results | {"S3UploadMode": "EndOfJob"}}
    job = {"ImageUri": run["JobImage"], "ContainerEntrypoint": ["process", "evaluate"]}
    evaluation = {
        "ProcessingJobName": f"{name}-evaluation",
        "AppSpecification": job,
        "ProcessingInputs": [download(given, uri) for given, uri in inputs.items() if uri],
        "ProcessingOutputConfig": {"Outputs": [output], "KmsKeyId": key},
        "ProcessingResources": {"ClusterConfig": cluster},
        "NetworkConfig": {"EnableNetworkIsolation": True} | network,
    }
    quality = {"Statistics": figures("metrics")}
    baseline = {name: figures(f"baseline/{name.lower()}") for name in ("Statistics", "Constraints")}
    known = lineage | metadata
    served = {"Image": run["ServeImage"], "ModelDataUrl": model}
    formats = {"SupportedContentTypes": FORMATS, "SupportedResponseMIMETypes": FORMATS}
    package = {
        "ModelPackageGroupName": settings.project,
        "ModelPackageDescription": f"Release {run['ReleaseId']}",
        "ClientToken": run["ReleaseId"],
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {"Containers": [served]} | formats,
        "ModelMetrics": {"ModelQuality": quality, "ModelDataQuality": baseline},
        "DriftCheckBaselines": {"ModelDataQuality": baseline},
        "CustomerMetadataProperties": {k: v for k, v in known.items() if v},
    }
    jobs: dict[str, dict[str, Any]] = {"training": both | training | network}
    return jobs | {"evaluation": both | evaluation, "model_package": package}


def release(settings: Settings, opened: boto3.Session) -> None:
    """Upload data, Lambdas and requests; write `parameters/<stack>.json`."""
    (given, text), here, place = manifest(), account(opened), settings.region
    arn = f"arn:{opened.get_partition_for_region(place)}"
    code, body = package(settings)
    run = {name.title().replace("_", ""): environ[name] for name in GIVEN + NETWORK}
    folder = f"runs/{run['ReleaseId']}"
    run |= {
        "Run": f"s3://{run['DataBucket']}/{folder}",
        "Role": f"{arn}:iam::{here}:role/{settings.project}-train-{place}",
        "Key": f"{arn}:kms:{place}:{here}:alias/{settings.project}",
        "Champion": champion(settings, opened),
        "LambdaKey": code,
        "ToolsAccountId": here,
    }
    lineage = held(
        {
            "Project": settings.project,
            "Release": run["ReleaseId"],
            "Commit": environ["COMMIT"],
            "ServeImage": run["ServeImage"].partition("@")[2],
            "JobImage": run["JobImage"].partition("@")[2],
            "DataVersion": environ["DATA_VERSION"],
            "DvcHash": git_hash(),
            "ManifestDvcHash": data_hash(given),
        }
    )
    metadata = held({"Execution": environ["EXECUTION"], "LabelledThrough": given.labelled_through})
    put = opened.resource("s3").Object
    put(run["ArtifactBucket"], code).put(Body=body)
    wanted = json.dumps(requests(settings, run, lineage, metadata), indent=2)
    rows = (FOLDER / ROWS).read_bytes()
    files = {f"data/{ROWS}": rows, f"data/{NAME}": text, "requests.json": wanted}
    for name, content in files.items():
        put(run["DataBucket"], f"{folder}/{name}").put(Body=content)
    for stack in STACKS:
        values = {"Parameters": settings.parameters(stack, run), "Tags": lineage}
        write_json(Path(f"parameters/{stack}.json"), values)


def layers(settings: Settings, opened: boto3.Session) -> None:
    """Print whether the layers below the release are this commit's."""
    sys.stdout.write(f"{notice(settings, opened, package(settings)[0])}\n")


def new_id(settings: Settings, opened: boto3.Session) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{environ['COMMIT'][:7]}\n")


if __name__ == "__main__":
    command(base, data, layers, new_id, release)
