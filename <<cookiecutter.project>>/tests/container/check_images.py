"""The images by themselves: their sizes, what they hold, and that they can be pushed."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer

import pytest
from container_helpers.engine import LABEL, OTHER, docker
from container_helpers.images import JOB, ROOT, SERVE, added, inspected
from container_helpers.registry import Registry

# MB over the base image: that is another's, and of another size elsewhere.
ADDED = {SERVE: 60, JOB: 610}
HOLDS = {
    SERVE: {"src"},
    JOB: {"behaviour", "champion", "monitoring", "params.yaml", "rules", "src"},
}
CONTENTS = """
import importlib.metadata, importlib.util, json, os, shutil
unwanted = ("sagemaker", "mlflow", "dvc", "pip", "setuptools")
tools = ("cc", "gcc", "c++", "g++", "clang", "ld", "make", "git", "dvc", "mlflow")
print(json.dumps({
    "packages": [f"{one.name}=={one.version}" for one in importlib.metadata.distributions()],
    "unwanted": [name for name in unwanted if importlib.util.find_spec(name)],
    "tools": [name for name in tools if shutil.which(name)],
    "project": os.listdir("/opt/project"),
    "opt": os.listdir("/opt"),
    "build": os.path.exists("/build"),
}))
"""


@pytest.mark.parametrize("image", [SERVE, JOB])
def test_an_image_is_small_and_of_a_form_that_sagemaker_takes(
    image: str, show: Callable[[str], None]
) -> None:
    facts = inspected(image)
    over = sum(added(image)) / 1e6
    show(f"{image}: {facts['Size'] / 1e6:.0f} MB, {over:.0f} of them over the base")
    assert over < ADDED[image]
    assert (facts["Os"], facts["Architecture"]) == ("linux", "amd64")


def test_an_image_is_pushed_in_dockers_schema_2() -> None:
    # An engine takes loopback's registries without TLS.
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as registry:
        threading.Thread(target=registry.serve_forever).start()
        name = f"127.0.0.1:{registry.server_port}/{SERVE}:check"
        try:
            docker("tag", SERVE, name)
            docker("push", name)
        finally:
            docker("rmi", name, check=False)
            registry.shutdown()
    assert Registry.manifests == ["application/vnd.docker.distribution.manifest.v2+json"]


def test_the_jobs_image_shares_the_servers_packages() -> None:
    serve, job = (set(inspected(image)["RootFS"]["Layers"]) for image in (SERVE, JOB))
    # The oldest two over the base are the environment, of no size, and the packages.
    assert len(serve - job) <= len(added(SERVE)) - 2
    assert sum(added(SERVE)[:-2]) < 10e6


@pytest.mark.parametrize("image", [SERVE, JOB])
def test_an_image_holds_what_is_pinned_and_nothing_to_build_with(image: str) -> None:
    run = ["run", "--rm", "--label", LABEL, "--network", "none", *OTHER, image]
    found = json.loads(docker(*run, "python", "-c", CONTENTS).stdout)
    names = {SERVE: ["serve"], JOB: ["serve", "job"]}[image]
    locks = [(ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8") for name in names]
    pinned = set(re.findall(r"^\S+==\S+", "".join(locks), re.MULTILINE))
    installed = {re.sub(r"[-_.]+(?=.*==)", "-", one).lower() for one in found.pop("packages")}
    assert installed <= pinned
    assert set(found.pop("project")) == HOLDS[image]
    assert set(found.pop("opt")) == {"project", "venv"}
    assert not any(found.values()), found


@pytest.mark.parametrize("image", [SERVE, JOB])
def test_an_image_tells_nothing_of_where_it_was_built(image: str) -> None:
    facts = docker("history", "--no-trunc", image).stdout + json.dumps(inspected(image))
    secret = re.compile("PIP_|AWS_|TOKEN|SECRET|PASSWORD")
    for name, value in os.environ.items():
        assert not (secret.search(name) and len(value) > 3 and value in facts), name
    assert not re.search(r"(PIP|AWS)_\w+=", facts)
