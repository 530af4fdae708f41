"""The data of a release are exactly the manifest's."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_helpers.data import released
from release_helpers.verbs import run_verb

from categoriser.errors import UserError


@pytest.mark.actor("build")
def test_data_that_are_not_the_manifests_are_refused(
    root: Path, buckets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(root, monkeypatch, digest="0" * 64)

    with pytest.raises(UserError, match="another sha256"):
        run_verb("build", "data")
