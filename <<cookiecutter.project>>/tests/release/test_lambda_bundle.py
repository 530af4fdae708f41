"""The bundle of the Lambda functions."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from release_helpers.settings import (
    ROOT,
    changed,
)

from categoriser.errors import UserError
from release.lambda_bundle import SHARED_MODULES, bundle_lambdas


def test_what_the_lambdas_share_imports_nothing_that_they_lack(tmp_path: Path) -> None:
    for name in SHARED_MODULES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "src" / name, tmp_path / name)
    modules = [name.removesuffix(".py").replace("/", ".") for name in SHARED_MODULES]
    program = "\n".join(f"import {name.removesuffix('.__init__')}" for name in modules)
    command = [sys.executable, "-c", f"{program}\nprint(categoriser.manifest)"]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert str(tmp_path) in done.stdout, done.stderr


class WithoutTypeImports(ast.NodeTransformer):
    """Drops what is imported for the types alone."""

    def visit_If(self, node: ast.If) -> ast.If | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else node


def test_the_functions_import_of_the_package_what_they_share() -> None:
    for path in sorted((ROOT / "lambdas").glob("*.py")):
        tree = WithoutTypeImports().visit(ast.parse(path.read_text(encoding="utf-8")))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("categoriser"):
                module = f"{str(node.module).replace('.', '/')}.py"
                assert module in SHARED_MODULES, f"{path.name} imports {node.module}"


def test_lambdas_that_cannot_be_installed_are_no_package(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "a hash differs")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)

    with pytest.raises(UserError, match="a hash differs"):
        bundle_lambdas(changed().lambda_python)
