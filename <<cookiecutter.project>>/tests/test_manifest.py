"""The manifest of a release's data: what it says, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from job_helpers.inputs import FILE, released_manifest

from categoriser import manifest
from categoriser.errors import UserError
from categoriser.manifest import Manifest

HASHES = [("data/b.csv", "2"), ("data/a.csv", "1")]


def test_a_manifest_is_read_as_it_was_written_to_the_same_bytes() -> None:
    made = released_manifest("labels", "2026-11-01T00:00:00Z")
    assert manifest.unzip(made.zip(), "data.zip") == made
    files = made.files
    one, same = (Manifest("labels", files, dict(order)) for order in (HASHES, HASHES[::-1]))
    assert one.zip() == same.zip()
    assert json.loads(made.json())["version"] == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "version"),
        ({"made_by": "somebody"}, "made_by"),
        ({"files": []}, "files"),
        ({"labelled_through": "yesterday"}, "labelled_through"),
        ({"dvc": {"data/own.csv": 7}}, "dvc"),
        ({"more": 1}, "more"),
        ({"files": [FILE | {"version_id": ""}]}, "version_id"),
        ({"files": [FILE | {"uri": "/etc/k"}]}, "uri"),
        ({"files": [FILE | {"sha256": "0"}]}, "sha256"),
        ({"files": [FILE | {"rows": 0}]}, "rows"),
    ],
)
def test_a_wrong_manifest_is_refused_by_name_and_field(change: dict[str, Any], told: str) -> None:
    text = json.dumps(json.loads(released_manifest().json()) | change)
    with pytest.raises(UserError, match=rf"^data\.zip: .*{told}.*make data-release"):
        manifest.parse(text, "data.zip")


@pytest.mark.parametrize("data", [b"", b"{}", Manifest.__doc__ and b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_with_a_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(UserError, match=r"releases/data\.zip is not a zip with data\.json"):
        manifest.unzip(data, "releases/data.zip")
