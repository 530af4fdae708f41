"""The facts that a release's stacks, jobs and package carry, within AWS's limits.

The jobs and stacks have them as tags, the package as metadata, which take the same characters. What
grows with the data becomes one digest; the manifest beside the release's data has it in full.
"""

import re
from hashlib import sha256

import yaml

from categoriser.errors import UserError
from categoriser.manifest import Manifest
from categoriser.params import read_params
from categoriser.paths import LOCK

# The longest value of a tag, and of a package's metadata.
TAG_CHARACTERS = 256
NOT_TAKEN = re.compile(r"[^\w .:/=+@-]")
# Where DVC, or a manifest, knows no hash.
NO_HASH = "none"


def hash_in_git() -> str:
    """Return DVC's hash of the data in Git's dvc.lock; `none` where it is not there."""
    lock = yaml.safe_load(LOCK.read_text(encoding="utf-8")) if LOCK.exists() else {}
    path = read_params().data.path.as_posix()
    dependencies = lock.get("stages", {}).get("validate", {}).get("deps", [])
    hashes = {dependency["path"]: dependency["md5"] for dependency in dependencies}
    return str(hashes.get(path, NO_HASH))


def hash_in_manifest(manifest: Manifest) -> str:
    """Return DVC's hash of the one file; of several, the SHA-256 of their sorted lines.

    A line is a file's path, a space, its hash, and a line feed. `none` where there is none.
    """
    if len(manifest.dvc) > 1:
        lines = [f"{path} {known}\n" for path, known in sorted(manifest.dvc.items())]
        digest = sha256("".join(lines).encode()).hexdigest()
        return f"sha256:{digest} of {len(lines)} hashes"
    return next(iter(manifest.dvc.values()), NO_HASH)


def within_limits(facts: dict[str, str]) -> dict[str, str]:
    """Return the facts, where AWS takes them. Raises `UserError` that names one it would not."""
    for name, value in facts.items():
        if len(value) > TAG_CHARACTERS:
            words = f"has {len(value)} characters; AWS takes {TAG_CHARACTERS} of a tag"
            raise UserError(f"{name} of the release, {value[:40]!r}..., {words}")
        found = NOT_TAKEN.search(value)
        if found:
            words = f"has {found[0]!r}, which AWS takes in no tag"
            raise UserError(f"{name} of the release, {value!r}, {words}")
    return facts
