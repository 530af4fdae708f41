"""cfn-lint and checkov find nothing in the templates but what is chosen."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prove import project_files, templates
from prove.linter import REGION_OF_EACH_PARTITION, WITHOUT_VALUES, plain

CHECKOV = Path(os.environ.get("CHECKOV") or project_files.ROOT / ".tools/checkov/bin/checkov")


@pytest.fixture(scope="module")
def checkov() -> Iterator[subprocess.Popen[str]]:
    """Run checkov while cfn-lint runs: each takes ten seconds."""
    assert CHECKOV.exists(), "checkov is missing: make .tools/checkov/ready"
    command = [str(CHECKOV), "--framework", "cloudformation", "--compact", "--quiet"]
    # A relative folder: checkov takes 40 letters and slashes in a row, as of a path, for a secret.
    command += ["--skip-download", "--directory", "cloudformation", "--output", "json"]
    with subprocess.Popen(
        command, cwd=project_files.ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def test_cfn_lint_finds_nothing(checkov: subprocess.Popen[str], tmp_path: Path) -> None:
    """All in one call, for one region of each partition; and each with its values worked out.

    The second form shows cfn-lint the names, the ARNs and the numbers that functions hide from it.
    """
    paths = [project_files.ROOT / f"cloudformation/{name}.yaml" for name in templates.every()]
    for name in templates.every().keys() - WITHOUT_VALUES:
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps({"Resources": plain(name)}))
    linter = Path(sys.executable).with_name("cfn-lint")
    command = [str(linter), *map(str, paths), "--regions", *REGION_OF_EACH_PARTITION]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


# Checks of checkov's that are not met: by which resources, and why.
SKIPPED = {
    "CKV_AWS_18": ("LogBucket", "it holds the access logs; its own would fill it"),
    "CKV_AWS_51": ("BaseRepository", "the tag `current` moves, all others are immutable"),
    "CKV_AWS_76": (
        "Stage",
        "its role is the account's, no stack's; each request is logged and traced",
    ),
    "CKV_AWS_111": ("Release", "PutCompositeAlarm is refused on less than all resources"),
    "CKV_AWS_115": (".*", "a new account has ten in all, and any reservation is refused there"),
    "CKV_AWS_116": (".*", "who invokes it waits for it; RetrainFunction tells its failures"),
    "CKV_AWS_117": (".*", "it calls AWS's own APIs only"),
    "CKV_AWS_120": ("Stage", "no two transactions are alike"),
    "CKV_AWS_173": (".*", "names, nothing secret; Lambda encrypts them with its own key"),
    "CKV_AWS_370": ("Model", "dev's is isolated unless serverless, which cannot be; If hides it"),
}


def test_checkov_finds_only_what_is_chosen(checkov: subprocess.Popen[str]) -> None:
    found, _ = checkov.communicate()
    failed = json.loads(found)["results"]["failed_checks"]
    unexpected = [
        f"{check['check_id']} {check['resource']} in {check['file_path']}: {check['check_name']}"
        for check in failed
        if not re.fullmatch(
            SKIPPED.get(check["check_id"], ("",))[0], check["resource"].rsplit(".", 1)[-1]
        )
    ]
    assert not unexpected, "\n".join(unexpected)
    assert not SKIPPED.keys() - {check["check_id"] for check in failed}, "a skip skips nothing"
