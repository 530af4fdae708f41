"""The Lambda functions with all that they need, as the one zip that every function is made of."""

import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from categoriser.errors import UserError
from categoriser.jobs.spec import artifact_keys
from release.zips import zip_of

FUNCTIONS_FOLDER = Path("lambdas")
PACKAGE_SOURCES = Path("src")
# The package's modules that the functions import too.
SHARED_MODULES = (
    "categoriser/__init__.py",
    "categoriser/contract.py",
    "categoriser/diagnostics/__init__.py",
    "categoriser/diagnostics/findings.py",
    "categoriser/errors.py",
    "categoriser/evaluation/__init__.py",
    "categoriser/evaluation/golden.py",
    "categoriser/evaluation/verdict.py",
    "categoriser/io/__init__.py",
    "categoriser/io/documents.py",
    "categoriser/io/s3_uri.py",
    "categoriser/jobs/__init__.py",
    "categoriser/jobs/registry.py",
    "categoriser/jobs/spec/__init__.py",
    "categoriser/jobs/spec/artifact_keys.py",
    "categoriser/manifest.py",
    "categoriser/plural.py",
    "categoriser/release_names.py",
    "categoriser/retraining_decision.py",
)
# What an installation leaves behind, and no function needs. RECORD has the digests of scripts,
# which name the installing machine's Python: with it two machines' bundles would differ.
NOT_NEEDED = {"bin", "__pycache__", ".lock", "RECORD"}
INSTALL = (
    "requirements/uv.py",
    *("pip", "install", "--quiet"),
    *("--require-hashes", "--only-binary", ":all:"),
    *("--requirement", "requirements/lambda.txt"),
    *("--python-platform", "aarch64-manylinux2014"),
)


class LambdaBundle(NamedTuple):
    """The zip, and its key in the bucket of artifacts, which is of its content."""

    key: str
    body: bytes


def bundle_lambdas(python: str) -> LambdaBundle:
    """Return the bundle of the functions for a version of Python, such as `3.13`.

    Raises `UserError` where it cannot be installed as requirements/lambda.txt says.
    """
    with TemporaryDirectory() as folder:
        libraries = Path(folder)
        install_libraries(libraries, python)
        files = {
            **files_below(libraries, "**/*"),
            **files_below(FUNCTIONS_FOLDER, "*.py"),
            **{name: (PACKAGE_SOURCES / name).read_bytes() for name in SHARED_MODULES},
        }
    body = zip_of(files)
    return LambdaBundle(artifact_keys.lambda_bundle(sha256(body).hexdigest()), body)


def install_libraries(folder: Path, python: str) -> None:
    """Install the functions' libraries for Lambda's machine. Raises `UserError`."""
    line = [sys.executable, *INSTALL, "--python-version", python, "--target", str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"the Lambdas' libraries cannot be installed: {done.stderr.strip()}")


def files_below(folder: Path, pattern: str) -> dict[str, bytes]:
    """Return the content of a folder's files by their path from it."""
    return {name.as_posix(): (folder / name).read_bytes() for name in needed(folder, pattern)}


def needed(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield the paths, from a folder, of the files that a function may need."""
    for file in folder.glob(pattern):
        name = file.relative_to(folder)
        if file.is_file() and not NOT_NEEDED & {*name.parts}:
            yield name
