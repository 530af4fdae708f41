"""No test signs in to AWS, whatever the machine that runs it offers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from botocore.session import Session
from isolation import signed_out

ROOT = Path(__file__).parents[1]
KEYS = b'{"AccessKeyId": "live", "SecretAccessKey": "live", "Token": "live", '
KEYS += b'"Expiration": "2099-01-01T00:00:00Z"}'
WHO = "import boto3; print(boto3.Session().get_credentials())"


class Container(BaseHTTPRequestHandler):
    """Gives credentials, as the address does that CodeBuild names."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(KEYS)))
        self.end_headers()
        self.wfile.write(KEYS)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Container) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/credentials"
        server.shutdown()
        thread.join()


def sources(folder: Path, container: str) -> dict[str, dict[str, str]]:
    """Return the variables of each way to sign in; each is one that botocore takes."""
    own = "aws_access_key_id = live\naws_secret_access_key = live\n"
    (folder / "profile").write_text(f"[default]\n{own}[profile other]\n{own}")
    (folder / "boto").write_text(f"[Credentials]\n{own}")
    (folder / "old").write_text("AWSAccessKeyId=live\nAWSSecretKey=live\n")
    (folder / "token").write_text("token")
    home = folder / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/credentials").write_text(f"[default]\n{own}")
    role = "arn:aws:iam::111122223333:role/live"
    return {
        "keys": {"AWS_ACCESS_KEY_ID": "live", "AWS_SECRET_ACCESS_KEY": "live"},
        "session": {
            "AWS_ACCESS_KEY_ID": "live",
            "AWS_SECRET_ACCESS_KEY": "live",
            "AWS_SESSION_TOKEN": "live",
        },
        "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container},
        "container with a token": {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": container,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(folder / "token"),
        },
        "web identity": {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
            "AWS_ROLE_ARN": role,
            "AWS_ROLE_SESSION_NAME": "live",
        },
        "configuration": {"AWS_CONFIG_FILE": str(folder / "profile"), "AWS_PROFILE": "other"},
        "shared file": {"AWS_SHARED_CREDENTIALS_FILE": str(folder / "profile")},
        "home": {"HOME": str(home)},
        "boto": {"BOTO_CONFIG": str(folder / "boto")},
        "old file": {"AWS_CREDENTIAL_FILE": str(folder / "old")},
    }


NAMES = [
    "keys",
    "session",
    "container",
    "container with a token",
    "web identity",
    "configuration",
    "shared file",
    "home",
    "boto",
    "old file",
]


@pytest.mark.parametrize("name", NAMES)
def test_each_way_to_sign_in_is_taken_away(
    name: str, container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = sources(tmp_path, container)
    assert [*offered] == NAMES
    for variable, value in offered[name].items():
        monkeypatch.setenv(variable, value)
    if name in ("home", "boto"):
        # The files that this session's own fixture names would hide them.
        monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    assert Session().get_credentials()

    signed_out(monkeypatch, tmp_path / "none")

    assert Session().get_credentials() is None


def test_this_session_has_nothing_of_the_machines_own() -> None:
    own = {name for name in os.environ if name.startswith("AWS_")}

    assert own == {
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
    }
    assert not any(Path(os.environ[name]).exists() for name in own if name.endswith("_FILE"))
    done = subprocess.run([sys.executable, "-c", WHO], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def test_the_verbs_tests_pass_where_codebuild_gives_its_role(container: str) -> None:
    given = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": container,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    line = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--no-cov"]
    tests = ["tests/release/test_cli.py", "-k", "test_without_credentials"]
    done = subprocess.run(
        [*line, *tests],
        cwd=ROOT,
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED tests/release/test_cli.py::test_without_credentials") == 6
