"""The base image is of this commit's locks."""

from __future__ import annotations

import json
import re
import zipfile
from io import BytesIO
from pathlib import Path

import boto3
import pytest
from release_helpers.settings import (
    ARTIFACTS,
    PROJECT,
    ROOT,
)
from release_helpers.verbs import run_verb

from categoriser.errors import UserError
from release import base_image


@pytest.mark.actor("build")
def test_a_base_image_of_other_locks_is_built_anew_and_ends_the_run(
    root: Path, buckets: None
) -> None:
    ecr = boto3.client("ecr")
    s3 = boto3.client("s3")
    ecr.create_repository(repositoryName=f"{PROJECT}-base")
    short, _ = base_image.base_source()

    def pushed(tag: str) -> str:
        media = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = {"schemaVersion": 2, "mediaType": media, "layers": [{"digest": tag, "size": 1}]}
        image = ecr.put_image(
            repositoryName=f"{PROJECT}-base", imageManifest=json.dumps(manifest), imageTag=tag
        )
        return str(image["image"]["imageId"]["imageDigest"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BASE_DIGEST", pushed(f"{short}-upstream"))
        run_verb("build", "base")
        assert not s3.list_objects_v2(Bucket=ARTIFACTS)["KeyCount"]

        patch.setenv("BASE_DIGEST", pushed("another-upstream"))
        with pytest.raises(UserError, match="other locks"):
            run_verb("build", "base")

    body = s3.get_object(Bucket=ARTIFACTS, Key="base/source.zip")["Body"].read()
    source = zipfile.ZipFile(BytesIO(body))
    assert source.read("digest").decode() == short
    assert set(source.namelist()) == {*base_image.SOURCE_FILES, "digest"}


def test_the_base_source_is_of_what_the_dockerfiles_base_copies(root: Path) -> None:
    before, _ = base_image.base_source()
    (root / "requirements/serve.txt").write_text("uvicorn==0.55\n")

    assert base_image.base_source().digest != before
    text = (ROOT / "container/Dockerfile").read_text()
    base = text[: text.index(" AS serve")]
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", base, re.MULTILINE)
    copied = {name for line in sources for name in line.split() if "*" not in name}
    assert copied == {*base_image.SOURCE_FILES} - {"buildspecs/base.yaml", "container/Dockerfile"}
