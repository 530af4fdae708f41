"""dvc.yaml against the code that its stages call."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml

from categoriser import paths
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.params import Params

ROOT = Path(__file__).parents[1]
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
COMMAND = "exec python -m "
# What names a classifier's module finds it while it runs: any of them.
FINDS_CLASSIFIERS = "categoriser/model/classifier"
CLASSIFIERS = "categoriser/model/classifiers"


def names_of(entries: list[Any]) -> set[str]:
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def outputs(stage: dict[str, Any]) -> set[str]:
    return set().union(*(names_of(stage.get(kind, [])) for kind in ("outs", "metrics")))


def test_every_dependency_in_the_tree_exists() -> None:
    made = set().union(*(outputs(stage) for stage in STAGES.values()))
    for name, stage in STAGES.items():
        for dependency in stage["deps"]:
            if dependency not in made and "$" not in dependency:
                assert (ROOT / dependency).exists(), f"{name}: {dependency}"


def code_imported_by(module: str) -> set[str]:
    """Return a module's file, and those of all in the package that it imports."""
    found = set[str]()
    left = {module.replace(".", "/")}
    while left:
        name = left.pop()
        found.add(f"src/{name}.py")
        if name == FINDS_CLASSIFIERS:
            modules = (ROOT / "src" / CLASSIFIERS).glob("[a-z]*.py")
            left |= {f"{CLASSIFIERS}/{module.stem}" for module in modules}
        for node in ast.walk(ast.parse((ROOT / f"src/{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("categoriser"):
                package = str(node.module).replace(".", "/")
                names = {package, *(f"{package}/{alias.name}" for alias in node.names)}
                left |= {
                    name
                    for name in names
                    if (ROOT / f"src/{name}.py").exists() and f"src/{name}.py" not in found
                }
    return found


def test_a_stage_depends_on_its_code() -> None:
    # A change of these would run everything anew, and hardly ever change what is made.
    files = ("command", "errors", "lifetime", "params", "paths", "plural", "variables")
    apart = {f"src/categoriser/{name}.py" for name in files}
    apart |= {str(path.relative_to(ROOT)) for path in ROOT.glob("src/categoriser/io/*.py")}
    for name, stage in STAGES.items():
        needed = code_imported_by(stage["cmd"].removeprefix(COMMAND)) - apart
        assert needed <= {*stage["deps"]}, name


def test_an_edit_of_a_plot_or_a_report_recalibrates_nothing() -> None:
    code = {entry for entry in STAGES["baseline"]["deps"] if str(entry).startswith("src/")}
    of_evaluation = {path for path in code if path.startswith("src/categoriser/evaluation/")}
    leaves = {"evaluation_settings", "scores"}
    assert of_evaluation == {f"src/categoriser/evaluation/{name}.py" for name in leaves}
    for shown in ("monitor/checks", "monitor/reporting", "monitor/templates", "tracking"):
        assert not any(path.startswith(f"src/categoriser/{shown}/") for path in code), shown


def test_no_shell_stands_between_dvc_and_a_stage() -> None:
    assert all(stage["cmd"].startswith(COMMAND) for stage in STAGES.values())


def test_outputs_are_where_the_code_writes_them() -> None:
    known = {path.as_posix() for path in vars(paths).values() if isinstance(path, Path)}
    for name, stage in STAGES.items():
        assert outputs(stage) <= known, name


def test_every_section_of_params_has_a_stage() -> None:
    read = [name for stage in STAGES.values() for name in stage.get("params", [])]
    known = {field.alias or name for name, field in Params.model_fields.items()}
    named = {name.partition(".")[0] for name in read if isinstance(name, str)}
    # What a run is for changes nothing that it computes.
    assert named == known - {"experiment"}


def test_the_monitors_settings_that_a_stage_reads_are_those_of_the_file() -> None:
    [read] = [
        p for stage in STAGES.values() for p in stage.get("params", []) if isinstance(p, dict)
    ]
    [(file, sections)] = read.items()
    assert file == paths.MONITORING.as_posix()
    assert set(sections) < set(MonitorSettings.model_fields)
