"""A project on a laptop, and AWS as moto and a table of answers have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.client import BaseClient
from release_helpers.remote_aws import RemoteAws

from release.console import console
from release.remote import following


@pytest.fixture
def remote(root: Path, buckets: None, monkeypatch: pytest.MonkeyPatch) -> RemoteAws:
    """Answer calls from a table, or as moto does; nobody waits, and nobody has consented."""
    table = RemoteAws()
    monkeypatch.setattr(
        BaseClient, "_make_api_call", lambda client, *call: table.call(client, *call)
    )
    monkeypatch.setattr(following, "POLL_SECONDS", 0)
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr(console, "width", 200)
    return table
