"""Takes away every source of AWS credentials that botocore and AWS's own programs know.

CodeBuild gives its role by a container's address, a CI by a web identity, a laptop by files, and an
instance by its metadata. A test that reaches one of them would act on a real account.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Where they would look for files: in the home folder, and in /etc.
FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG")
# Options of the release's verbs: Build, for one, has an EXECUTION of its own.
VERB_OPTIONS = ("DATA", "DAYS", "DRY", "EXECUTION", "FILE", "PREDICTION", "YES")


def signed_out(patch: pytest.MonkeyPatch, empty: Path) -> None:
    """Clear AWS's variables, and point its files to a folder that has none.

    Regions and endpoints go too: a test says itself which it means.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name in FILES:
        patch.setenv(name, str(empty / name.lower()))
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in VERB_OPTIONS:
        patch.delenv(name, raising=False)
