"""Files, params.yaml, `dvc.yaml` against the code that it calls, and one small run of all of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from categoriser import paths
from categoriser.errors import UserError, run
from categoriser.files import ASIDE, digest, read_json, replacing, write_json
from categoriser.monitor.settings import Settings
from categoriser.params import Params, read_params, set_params

# categoriser.files and errors


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")

    def interrupted() -> None:
        with replacing(target) as aside:
            aside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_killed_process_leaves_nothing_half_written(tmp_path: Path) -> None:
    script = """
import pathlib, time
from categoriser.errors import run
from categoriser.files import replacing
def main():
    with replacing(pathlib.Path("out")) as aside:
        aside.write_text("half")
        print("ready", flush=True)
        time.sleep(60)
run(main)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [path.name[:7] for path in tmp_path.iterdir()] == [ASIDE]
        process.terminate()
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with replacing(target) as aside:
        aside.mkdir()
        (aside / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "b.json", {"x": 1})
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == {"x": 1}


def test_equal_values_give_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"x": 1, "é": [2.5]})
    write_json(tmp_path / "b", {"é": [2.5], "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert "é" in (tmp_path / "a").read_text(encoding="utf-8")


def test_no_json_that_other_readers_refuse(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a", float("nan"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is missing; `dvc repro`"), (b"{", "JSON"), (b"\xff", "JSON")]
)
def test_an_unreadable_file_is_named_with_its_maker(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_json(path, "dvc repro")
    assert str(path) in str(caught.value)


def test_digest_sees_names_and_contents(tmp_path: Path) -> None:
    def folder(name: str, **files: str) -> Path:
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text(content)
        return tmp_path / name

    one = folder("one", a="1", b="2")
    assert digest(one) == digest(folder("same", b="2", a="1"))
    assert digest(one) != digest(folder("content", a="1", b="3"))
    assert digest(one) != digest(folder("name", a="1", c="2"))
    # The SHA-256 of one byte, "1".
    assert digest(one / "a").startswith("6b86b273ff34")


def test_run_turns_bad_input_into_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("my.csv, row 3: price 'x' is no number")

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == "error: my.csv, row 3: price 'x' is no number"


# categoriser.params


PARAMS = Path(__file__).parents[1] / "params.yaml"


def changed(tmp_path: Path, **values: Any) -> Path:
    """Write the project's settings with values by section and key; a value of ... takes it away."""
    settings = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    for section, keys in values.items():
        for key, value in keys.items():
            settings[section][key] = value
            if value is ...:
                del settings[section][key]
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_the_projects_own_file_is_good() -> None:
    assert read_params(PARAMS).data.path.name.endswith(".csv")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"generate": {"label_noise": 2}}, "generate.label_noise: .*less than or equal to 1"),
        ({"generate": {"months": "many"}}, "generate.months: .*integer"),
        ({"validate": {"tolerence": 0.1}}, "validate.tolerence: .*not permitted"),
        ({"evaluate": {"resamples": ...}}, "evaluate.resamples: Field required"),
        ({"evaluate": {"price_bands": [0, 50, 10]}}, "evaluate: .*price_bands must rise"),
        ({"gate": {"min_accuracy": 1.5}}, "gate.min_accuracy"),
    ],
)
def test_a_bad_key_is_named(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    path = changed(tmp_path, **values)
    with pytest.raises(UserError, match=message) as caught:
        read_params(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("data: [\n")
    with pytest.raises(UserError, match=r"params\.yaml is not YAML"):
        read_params(path)


def test_all_bad_keys_are_in_one_message(tmp_path: Path) -> None:
    path = changed(tmp_path, generate={"rows": 0}, gate={"max_slice_gap": "wide"})
    with pytest.raises(UserError, match=r"generate.rows.*gate.max_slice_gap"):
        read_params(path)


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="project's root"):
        read_params(tmp_path / "params.yaml")


# dvc.yaml


ROOT = Path(__file__).parents[1]
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def names(entries: list[Any]) -> set[str]:
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def outputs(stage: dict[str, Any]) -> set[str]:
    return set().union(*(names(stage.get(kind, [])) for kind in ("outs", "metrics")))


def test_every_dependency_in_the_tree_exists() -> None:
    made = set().union(*(outputs(stage) for stage in STAGES.values()))
    for name, stage in STAGES.items():
        for dependency in stage["deps"]:
            if dependency not in made and "$" not in dependency:
                assert (ROOT / dependency).exists(), f"{name}: {dependency}"


def test_a_stage_depends_on_its_own_module() -> None:
    for name, stage in STAGES.items():
        module = stage["cmd"].removeprefix("python -m ").replace(".", "/")
        assert f"src/{module}.py" in stage["deps"], name


def test_outputs_are_where_the_code_writes_them() -> None:
    known = {path.as_posix() for path in vars(paths).values() if isinstance(path, Path)}
    for name, stage in STAGES.items():
        assert outputs(stage) <= known, name


def test_every_section_of_params_has_a_stage() -> None:
    read = [name for stage in STAGES.values() for name in stage["params"]]
    known = {field.alias or name for name, field in Params.model_fields.items()}
    assert {name.partition(".")[0] for name in read if isinstance(name, str)} == known


def test_the_monitors_settings_that_a_stage_reads_are_those_of_the_file() -> None:
    [read] = [p for stage in STAGES.values() for p in stage["params"] if isinstance(p, dict)]
    [(file, sections)] = read.items()
    assert file == paths.MONITORING.as_posix()
    assert set(sections) < set(Settings.model_fields)


SETTINGS = {
    "data.path": paths.GENERATED.as_posix(),
    "generate.rows": 6000,
    "generate.months": 24,
    "prepare.months": 2,
    "train.classifier.epoch": 10,
    # So few rows are too few for fastText: it is far behind the reference.
    "gate.max_loss_to_reference": 1.0,
    "gate.max_slice_gap": 1.0,
    "gate.min_accuracy": None,
    "gate.min_macro_f1": None,
}


class Copy:
    """The project's pipeline in a folder of its own, on few rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        leave = shutil.ignore_patterns("cache", "tmp", "model.dvc", "*.egg-info", "__pycache__")
        for name in ("champion", "monitoring", "src", ".dvc"):
            shutil.copytree(ROOT / name, folder / name, ignore=leave)
        for name in ("dvc.yaml", "params.yaml", ".gitignore"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "data").mkdir()
        # The test is of the pipeline, whatever the project's own data, bounds and champion are.
        for facts in (paths.CHAMPION_FACTS, paths.CHAMPION_PROFILE):
            (folder / facts).write_text("null\n")
        self.set(SETTINGS)
        for command in (
            ["init"],
            ["config", "user.name", "Ann"],
            ["config", "user.email", "ann@example.com"],
            ["add", "."],
            ["commit", "--message", "Start"],
        ):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)

    def set(self, values: dict[str, Any]) -> None:
        set_params(self.folder / paths.PARAMS, values)

    def params(self) -> str:
        return (self.folder / paths.PARAMS).read_text(encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env=os.environ | {"PATH": path, "PYTHONPATH": str(self.folder / "src")},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("pipeline"))


def test_a_failing_gate_comes_last_and_leaves_metrics_and_report(copy: Copy) -> None:
    copy.set({"gate.min_accuracy": 0.999})
    done = copy.run("dvc", "repro")
    assert done.returncode != 0
    assert "failed to reproduce 'gate'" in done.stderr
    assert "min_accuracy" in done.stderr + done.stdout
    verdicts = json.loads((copy.folder / paths.VERDICT).read_text())
    assert verdicts["passed"] is False
    assert "accuracy" in copy.run("dvc", "metrics", "show").stdout
    assert (copy.folder / paths.REPORT).exists()


def test_an_experiment_is_kept_where_the_gate_would_fail(copy: Copy) -> None:
    before = copy.params()
    tried = copy.run("dvc", "exp", "run", "evaluate", "-S", "train.classifier.epoch=1")
    assert tried.returncode == 0, tried.stderr
    changed = set(copy.params().splitlines()) ^ set(before.splitlines())
    assert {line.strip() for line in changed} == {"epoch: 1", "epoch: 10"}
    [name] = copy.run("dvc", "exp", "list", "--name-only").stdout.split()
    assert name in copy.run("dvc", "exp", "show", "--csv").stdout
    copy.set(SETTINGS)


def test_the_pipeline_runs_from_end_to_end_and_then_rests(copy: Copy) -> None:
    first = copy.run("dvc", "repro")
    assert first.returncode == 0, first.stdout + first.stderr
    metrics = json.loads((copy.folder / paths.METRICS).read_text())
    assert 0.4 < metrics["random"]["accuracy"] <= 1
    again = copy.run("dvc", "repro")
    assert "Running stage" not in again.stdout
    assert "Data and pipelines are up to date" in again.stdout
    assert copy.run("dvc", "plots", "show").returncode == 0


def test_the_same_rows_give_the_same_bytes(copy: Copy) -> None:
    lock = (copy.folder / paths.LOCK).read_bytes()
    assert copy.run("dvc", "repro", "--force").returncode == 0
    assert (copy.folder / paths.LOCK).read_bytes() == lock
