"""What starts the pipeline: each source is heard of once, with its revision."""

from __future__ import annotations

import json
from typing import Any

from account_resources import made, role_arns, rules
from pipeline_actions import actions, pipeline
from source_code import code

from categoriser.jobs.spec.artifact_keys import BASE_SOURCE, DATA_MANIFEST
from prove import example, resolver, templates
from prove.example import ACCOUNT, PROJECT, REGION
from prove.policies import Need, allows

REVISIONS = {"ECR": "IMAGE_DIGEST", "S3": "S3_OBJECT_VERSION_ID", "CodeCommit": "COMMIT_ID"}


def test_what_starts_the_pipeline_says_which_revision() -> None:
    """Else new data would be there and the old be trained on."""
    sources = {
        action["Name"]: action["ActionTypeId"]["Provider"]
        for action in actions(SourceHost="CodeCommit")
        if action["ActionTypeId"]["Category"] == "Source"
    }
    arn = resolver.arn("pipeline", "Pipeline")
    started = set()
    for name, rule in rules(SourceHost="CodeCommit").items():
        for target in rule["Targets"]:
            if target["Arn"] == arn:
                transformer = target["InputTransformer"]
                (revision,) = json.loads(transformer["InputTemplate"])["sourceRevisions"]
                started.add(revision["actionName"])
                assert revision["revisionType"] == REVISIONS[sources[revision["actionName"]]], name
                (path,) = transformer["InputPathsMap"].values()
                paths = {"image-digest", "object.version-id", "commitId"}
                assert path.removeprefix("$.detail.") in paths
    assert started == {"Base", "Data", "Git"}
    assert "'actionName': 'Data'" in code("retraining")


def source_action(name: str, **given: Any) -> dict[str, Any]:
    (found,) = [each for each in actions(**given) if each["Name"] == name]
    configuration: dict[str, Any] = found["Configuration"]
    return configuration


def test_the_pipeline_watches_what_nothing_in_it_writes() -> None:
    """The base image's tag, and one object: who may write them is not in the pipeline."""
    base = source_action("Base")
    data = source_action("Data")
    assert base == {"RepositoryName": f"{PROJECT}-base", "ImageTag": "current"}
    assert data["S3Bucket"] == example.GIVEN["DataBucket"]
    assert data["S3ObjectKey"] == DATA_MANIFEST
    assert DATA_MANIFEST == "releases/data.zip"
    assert "Key=DATA_MANIFEST" in code("retraining")
    repository = resolver.arn("images", "BaseRepository")
    item = f"arn:aws:s3:::{data['S3Bucket']}/{data['S3ObjectKey']}"
    writers: dict[str, set[str]] = {"ecr:PutImage": set(), "s3:PutObject": set()}
    for arn, role in role_arns("all").items():
        for action, resource in (("ecr:PutImage", repository), ("s3:PutObject", item)):
            if allows(role, Need(action, resource)):
                writers[action].add(arn.split(f"{PROJECT}-")[1].removesuffix(f"-{REGION}"))
    assert writers == {"ecr:PutImage": {"base"}, "s3:PutObject": {"retrain"}}
    at_work = {action["Configuration"].get("ProjectName") for action in actions()}
    assert f"{PROJECT}-base" not in at_work
    images = templates.resources("images")["BaseRepository"]["Properties"]
    assert images["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    (free,) = images["ImageTagMutabilityExclusionFilters"]
    assert free["ImageTagMutabilityExclusionFilterValue"] == base["ImageTag"]
    assert made("images")["ReleaseRepository"]["Properties"]["RepositoryName"] == PROJECT
    assert made("images")["ReleaseRepository"]["Properties"]["ImageTagMutability"] == "IMMUTABLE"


def test_each_source_is_heard_of_once() -> None:
    found = rules(SourceHost="CodeCommit")
    base = found["base"]["EventPattern"]["detail"]
    assert base == {
        "action-type": ["PUSH"],
        "result": ["SUCCESS"],
        "repository-name": [source_action("Base")["RepositoryName"]],
        "image-tag": [source_action("Base")["ImageTag"]],
    }
    data = found["data"]["EventPattern"]["detail"]
    assert data == {
        "bucket": {"name": [source_action("Data")["S3Bucket"]]},
        "object": {"key": [source_action("Data")["S3ObjectKey"]]},
        # The retraining's copy is none of these: it starts the pipeline itself.
        "reason": ["PutObject", "CompleteMultipartUpload"],
    }
    assert source_action("Data")["PollForSourceChanges"] == "false"
    assert "s3.copy_object(" in code("retraining")
    commit = found["commit"]["EventPattern"]
    git = source_action("Git", SourceHost="CodeCommit")
    assert git["PollForSourceChanges"] == "false"
    arn = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{example.GIVEN['SourceRepository']}"
    assert commit["resources"] == [arn]
    assert (
        commit["detail"]["referenceName"] == [git["BranchName"]] == [example.GIVEN["SourceBranch"]]
    )
    assert git["RepositoryName"] == example.GIVEN["SourceRepository"]
    source_rule = found["base-source"]["EventPattern"]["detail"]
    assert source_rule["bucket"] == {"name": [example.GIVEN["ArtifactBucket"]]}
    assert source_rule["object"] == {"key": [BASE_SOURCE]}
    for name in ("base-source", "base-weekly"):
        assert [t["Arn"] for t in found[name]["Targets"]] == [resolver.arn("images", "BaseProject")]


def test_git_starts_the_pipeline_by_its_connection() -> None:
    git = source_action("Git")
    assert git["ConnectionArn"] == resolver.arn("pipeline", "GitConnection")
    assert git["FullRepositoryId"] == example.GIVEN["SourceRepository"]
    assert git["BranchName"] == example.GIVEN["SourceBranch"]
    (trigger,) = pipeline()["Triggers"]
    assert trigger["GitConfiguration"]["SourceActionName"] == "Git"
    (push,) = trigger["GitConfiguration"]["Push"]
    assert push["Branches"] == {"Includes": [example.GIVEN["SourceBranch"]]}
    assert push["FilePaths"]["Excludes"]
    assert "Triggers" not in pipeline(SourceHost="CodeCommit")
    for host in ("GitHub", "CodeCommit"):
        # DVC wants the repository itself.
        assert (
            source_action("Git", SourceHost=host)["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF"
        )
    assert "commit" not in rules()
