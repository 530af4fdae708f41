"""Files, params.yaml, `dvc.yaml` against the code that it calls, one small run of all, the jobs.

Of the jobs on SageMaker one training and one evaluation of few rows are made once; the other tests
use what they left.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
import yaml
from measured import FEW, rows
from moto import mock_aws

from categoriser import contract, manifest, paths
from categoriser.command import run_command
from categoriser.contract import JSON
from categoriser.errors import UserError
from categoriser.io import asides
from categoriser.io.digests import digest
from categoriser.io.documents import read_json
from categoriser.io.privileges import give_up_root
from categoriser.io.replacing import replacing, write_json
from categoriser.jobs import channel, evaluation_job, labelling_job, processing, train_job
from categoriser.manifest import File, Manifest
from categoriser.model.metadata import Metadata
from categoriser.model.package import Categoriser
from categoriser.monitor.labels.export import FEEDBACK_PARTS
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.params import Params, read_params, set_params
from categoriser.serving.capture import record
from categoriser.serving.protocol import render
from prove.example import PROJECT

# categoriser.io and errors


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
from categoriser.command import run_command
from categoriser.io.replacing import replacing
def main():
    with replacing(pathlib.Path("out")) as aside:
        aside.write_text("half")
        print("ready", flush=True)
        time.sleep(60)
run_command(main)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [path.name[:7] for path in tmp_path.iterdir()] == [asides.PREFIX]
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
        run_command(main)
    assert caught.value.code == "error: my.csv, row 3: price 'x' is no number"


def test_a_user_who_is_no_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_AS", "root")
    with pytest.raises(UserError, match="RUN_AS is 'root'"):
        give_up_root()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_image_s_user_who_owns_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "model/old").mkdir(parents=True)
    (tmp_path / "model/link").symlink_to("/")
    (tmp_path / "secret").touch(mode=0o600)
    # The folders above are root's alone, so the names are relative.
    tmp_path.chmod(0o755)
    script = """
import os, pathlib
from categoriser.io.privileges import give_up_root
give_up_root(pathlib.Path("model"), pathlib.Path("output/data"))
print(*os.getresuid(), *os.getresgid(), os.getgroups(), os.access("secret", os.R_OK))
pathlib.Path("model/old/file").touch()
pathlib.Path("output/data/file").touch()
os.setuid(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"RUN_AS": "10001"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{'10001 ' * 6}[] False\n"
    assert done.stderr.endswith("PermissionError: [Errno 1] Operation not permitted\n")
    owners = {path: path.lstat().st_uid for path in tmp_path.rglob("*")}
    roots = {path.name for path, owner in owners.items() if owner == 0}
    assert roots == {"output", "secret"}
    assert Path("/").stat().st_uid == 0


@pytest.mark.parametrize(
    ("user", "started_by", "said"),
    [("10001", 0, True), ("10001", 1000, False), ("0", 0, False), (None, 0, False)],
)
def test_who_is_not_root_in_the_image_or_may_not_goes_on_as_before(
    user: str | None,
    started_by: int,
    said: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no capability")

    for name in ("chown", "setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(os, "geteuid", lambda: started_by)
    monkeypatch.setenv("RUN_AS", user) if user else monkeypatch.delenv("RUN_AS", raising=False)
    give_up_root(tmp_path)
    assert caplog.messages == ["this runs as root: no capability"] * said


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("[1, 2]", "holds no sections, but list"),
    ],
)
def test_a_file_without_sections_is_named_with_the_way_back(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    for use in (read_params, lambda path: set_params(path, {"data.path": "x"})):
        with pytest.raises(UserError, match=rf"params\.yaml {message}.*git checkout"):
            use(path)
    assert path.read_text() == content


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
COMMAND = "exec python -m "


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


def imported(module: str) -> set[str]:
    """Return a module's file, and those of all in the package that it imports."""
    found, left = set[str](), {module.replace(".", "/")}
    while left:
        name = left.pop()
        found.add(f"src/{name}.py")
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
        needed = imported(stage["cmd"].removeprefix(COMMAND)) - apart
        assert needed <= {*stage["deps"]}, name


def test_no_shell_stands_between_dvc_and_a_stage() -> None:
    assert all(stage["cmd"].startswith(COMMAND) for stage in STAGES.values())


def test_outputs_are_where_the_code_writes_them() -> None:
    known = {path.as_posix() for path in vars(paths).values() if isinstance(path, Path)}
    for name, stage in STAGES.items():
        assert outputs(stage) <= known, name


def test_every_section_of_params_has_a_stage() -> None:
    read = [name for stage in STAGES.values() for name in stage.get("params", [])]
    known = {field.alias or name for name, field in Params.model_fields.items()}
    assert {name.partition(".")[0] for name in read if isinstance(name, str)} == known


def test_the_monitors_settings_that_a_stage_reads_are_those_of_the_file() -> None:
    [read] = [
        p for stage in STAGES.values() for p in stage.get("params", []) if isinstance(p, dict)
    ]
    [(file, sections)] = read.items()
    assert file == paths.MONITORING.as_posix()
    assert set(sections) < set(MonitorSettings.model_fields)


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
    expected = yaml.safe_load(copy.params())
    expected["train"]["classifier"]["epoch"] = 1
    tried = copy.run("dvc", "exp", "run", "evaluate", "-S", "train.classifier.epoch=1")
    assert tried.returncode == 0, tried.stderr
    assert yaml.safe_load(copy.params()) == expected
    assert "# Every knob of the pipeline." in copy.params()
    # All that stands is the try's, as the README says to commit it.
    standing = digest(copy.folder / paths.MODEL)
    assert json.loads((copy.folder / paths.VERDICT).read_text())["model"] == standing
    for page in (paths.REPORT, paths.MODEL_CARD):
        assert standing[:12] in (copy.folder / page).read_text(encoding="utf-8")
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
    assert copy.run("dvc", "repro").returncode == 0
    lock = (copy.folder / paths.LOCK).read_bytes()
    assert copy.run("dvc", "repro", "--force").returncode == 0
    assert (copy.folder / paths.LOCK).read_bytes() == lock


# categoriser.jobs, manifest, process and monitor.labels


COLUMNS = ["date", "text", "price", "category", "country"]
LIVE, DATA = (f"{PROJECT}-{part}-111122223333-ap-southeast-2" for part in ("live", "data"))
RELEASES = ("20261101-120000-0aaaaaa", "20261115-120000-0bbbbbb")
OLD, NEW = (f"{PROJECT}-{release}" for release in RELEASES)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILE: dict[str, Any] = {
    "uri": "s3://b/raw/own.csv",
    "version_id": "v1",
    "sha256": "0" * 64,
    "rows": 3000,
}
HASHES = [("data/b.csv", "2"), ("data/a.csv", "1")]


def released(made_by: str = "data-release", through: str = "") -> Manifest:
    return Manifest(made_by, (File(**FILE),), {"data/own.csv": "m"}, through)  # type: ignore[arg-type]


def transactions(folder: Path, made: Manifest, count: int = 3000) -> None:
    """Write a job's channel: two years of rows, and the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    days = [date(2024, 10, 1) + timedelta(days=n * 730 // count) for n in range(count)]
    table = rows(count, seed=1).with_columns(date=pl.Series(days))
    table.select(COLUMNS).write_csv(folder / "transactions.csv")
    (folder / "data.json").write_bytes(made.json())


@pytest.fixture(scope="module")
def settings_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the image's working directory, with settings for few rows and little time."""
    folder = tmp_path_factory.mktemp("image")
    shutil.copy(ROOT / paths.PARAMS, folder)
    shutil.copytree(ROOT / "monitoring", folder / "monitoring")
    (folder / paths.CHAMPION).mkdir()
    (folder / paths.CHAMPION_PROFILE).write_text("null\n")
    # Git's champion is another than the live model: the jobs must not want it.
    (folder / paths.CHAMPION_FACTS).write_text('{"digest": "of Git", "metrics": {}}\n')
    small = {f"train.classifier.{name}": value for name, value in FEW.items()}
    loose = {"gate.max_loss_to_reference": 1.0, "gate.max_slice_gap": 1.0, "evaluate.min_rows": 50}
    set_params(folder / paths.PARAMS, small | loose | {"evaluate.resamples": 100})
    quick = {"thresholds.weeks": 200, "thresholds.window_rows": [200, 600]}
    few = {"quality.min_rows": 40, "thresholds.min_rows": 40}
    set_params(folder / paths.MONITORING, quick | few)
    return folder


def trained(ml: Path, image: Path, **hyperparameters: str) -> subprocess.CompletedProcess[str]:
    """Run the command `train`, with another folder for /opt/ml."""
    config = ml / "input/config"
    config.mkdir(parents=True, exist_ok=True)
    (ml / "model").mkdir()
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from categoriser.command import run_command\n"
        "from categoriser.jobs import train_job\n"
        "run_command(lambda: train_job.fit(Path(sys.argv[1])))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(ml)],
        cwd=image,
        env={"PATH": "/bin", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def packed(model: Path, folder: Path) -> None:
    """Pack a model as SageMaker does."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for file in model.iterdir():
            archive.add(file, file.name)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory, settings_folder: Path) -> tuple[Path, str]:
    """Train once: the folder for /opt/ml, and what stood on stdout."""
    ml = tmp_path_factory.mktemp("training")
    transactions(ml / "input/data/data", released())
    done = trained(ml, settings_folder, epoch="7", lr="0.5", quantise="false")
    assert done.returncode == 0, done.stderr
    return ml, done.stdout


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, training: tuple[Path, str]) -> Path:
    """Make the folder for /opt/ml with an evaluation's inputs."""
    ml = tmp_path_factory.mktemp("evaluation")
    shutil.copytree(training[0] / "input/data/data", ml / "processing/input/data")
    (ml / "processing/output").mkdir()
    packed(training[0] / "model", ml / "processing/input/model")
    return ml


@pytest.fixture(scope="module")
def evaluated(given: Path, settings_folder: Path) -> tuple[Path, str]:
    """Evaluate once: the folder with the results, and the exit message."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(settings_folder)
        return given / "processing/output", evaluation_job.process(given)


# The manifest


def test_a_manifest_is_read_as_it_was_written_to_the_same_bytes() -> None:
    made = released("labels", "2026-11-01T00:00:00Z")
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
    text = json.dumps(json.loads(released().json()) | change)
    with pytest.raises(UserError, match=rf"^data\.zip: .*{told}.*make data-release"):
        manifest.parse(text, "data.zip")


@pytest.mark.parametrize("data", [b"", b"{}", Manifest.__doc__ and b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_with_a_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(UserError, match=r"releases/data\.zip is no zip with data\.json"):
        manifest.unzip(data, "releases/data.zip")


# Training


def test_training_leaves_the_model_where_sagemaker_takes_it_from(
    training: tuple[Path, str],
) -> None:
    ml, _ = training
    model = Categoriser.load(ml / "model")
    assert model.metadata["train_rows"] > 1000
    assert not (ml / "output/failure").exists()


def test_hyperparameters_are_texts_and_set_the_classifier_s_knobs(
    training: tuple[Path, str],
) -> None:
    knobs = Categoriser.load(training[0] / "model").metadata["classifier"]
    assert (knobs["epoch"], knobs["lr"], knobs["quantise"]) == (7, 0.5, False)
    assert knobs["dim"] == FEW["dim"]


def test_the_log_has_the_lines_that_the_metric_definitions_read(training: tuple[Path, str]) -> None:
    for name in ("temperature", "validation_accuracy", "validation_log_loss"):
        [value] = re.findall(rf"^{name}=([-+.e0-9]+)$", training[1], re.MULTILINE)
        assert float(value) > 0


def test_the_settings_of_the_image_stay_as_they_are(
    training: tuple[Path, str], settings_folder: Path
) -> None:
    assert sorted(path.name for path in settings_folder.iterdir()) == [
        "champion",
        "monitoring",
        "params.yaml",
    ]
    document = yaml.safe_load((settings_folder / paths.PARAMS).read_text())
    assert document["train"]["classifier"]["epoch"] == FEW["epoch"]


def test_a_training_that_fails_ends_in_one_line_and_a_status(
    tmp_path: Path, settings_folder: Path
) -> None:
    (tmp_path / "input/data/data").mkdir(parents=True)
    (tmp_path / "input/data/data/data.json").write_text("{}")
    done = trained(tmp_path, settings_folder)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line == f"error: {(tmp_path / 'output/failure').read_text()}"
    assert "data.json: Object missing required field" in line


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("no channel", "data.json"),
        ("no rows", "transactions.csv"),
        ("bad rows", "rows are bad"),
        ("unknown knob", "unknown field `epochs`"),
    ],
)
def test_a_training_that_fails_says_why_where_sagemaker_looks(
    tmp_path: Path, settings_folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str, told: str
) -> None:
    data = tmp_path / "input/data/data"
    transactions(data, released(), count=400)
    if fault == "no channel":
        shutil.rmtree(data)
    elif fault == "no rows":
        (data / "transactions.csv").unlink()
    elif fault == "bad rows":
        (data / "transactions.csv").write_text("date,text,price,category\n" + "x,y,z,\n" * 5000)
    config = tmp_path / "input/config"
    config.mkdir(parents=True)
    knobs = {"epochs": "5"} if fault == "unknown knob" else {}
    (config / "hyperparameters.json").write_text(json.dumps(knobs))
    monkeypatch.chdir(settings_folder)
    with pytest.raises(UserError, match=told):
        train_job.fit(tmp_path)
    said = (tmp_path / "output/failure").read_text()
    assert told in said
    assert len(said) <= 1024


# Evaluation


def test_the_evaluation_s_outputs_are_those_that_the_release_reads(
    evaluated: tuple[Path, str],
) -> None:
    output, message = evaluated
    assert message == "Completed: the model may go on"
    assert {path.name for path in output.iterdir()} == {
        "metrics.json",
        "evaluation.json",
        "gate.json",
        "report.html",
        "model_card.md",
        "golden.json",
        "baseline",
    }
    for name in ("facts.json", "thresholds.json", "statistics.json", "constraints.json"):
        assert (output / "baseline" / name).exists()
    gate = json.loads((output / "gate.json").read_text())
    assert (gate["passed"], gate["faults"]) == (True, [])
    assert json.loads((output / "evaluation.json").read_text())["champion"] is None


def test_golden_cases_are_what_the_model_answers_surely_two_a_class(
    evaluated: tuple[Path, str], training: tuple[Path, str]
) -> None:
    golden = json.loads((evaluated[0] / "golden.json").read_text())
    model = Categoriser.load(training[0] / "model")
    assert golden["classes"] == list(model.classes)
    names = [case["category"] for case in golden["cases"]]
    assert names == sorted(2 * model.classes)
    for case in golden["cases"]:
        [answer] = model.predict(contract.transactions([(case["text"], case["price"])]))
        assert answer.category == case["category"]
        assert not answer.review
        assert answer.probabilities == pytest.approx(case["probabilities"])
    assert len({case["text"] for case in golden["cases"]}) == len(names)


def test_a_model_that_the_gate_refuses_is_said_in_gate_json_and_fails_no_job(
    given: Path, settings_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(settings_folder, tmp_path / "image")
    shutil.copytree(given / "processing/input", tmp_path / "processing/input")
    (tmp_path / "processing/output").mkdir()
    monkeypatch.chdir(tmp_path / "image")
    set_params(paths.PARAMS, {"gate.min_accuracy": 0.9999})
    model = unpacked(given, tmp_path)
    champion = digest(model)
    packed(model, tmp_path / "processing/input/champion")
    # And one that is never sure enough: there is no golden case then.
    metadata = json.loads((model / "metadata.json").read_text()) | {"review_threshold": 1.0}
    (model / "metadata.json").write_text(json.dumps(metadata))
    packed(model, tmp_path / "processing/input/model")
    message = evaluation_job.process(tmp_path)
    assert message.startswith("Refused: min_accuracy (")
    output = tmp_path / "processing/output"
    gate = json.loads((output / "gate.json").read_text())
    assert not gate["passed"]
    assert message == f"Refused: {'; '.join(gate['faults'])}"
    # The champion is the one given, by its own digest, and is compared with.
    document = json.loads((output / "evaluation.json").read_text())
    assert document["champion"]["digest"] == champion != document["model"]["digest"]
    assert "champion" in {verdict["gate"] for verdict in gate["verdicts"]}
    assert json.loads((output / "golden.json").read_text())["cases"] == []


def metadata_of(*classes: str) -> Metadata:
    return Metadata([*classes], features_version=1, review_threshold=0.6, temperature=1.0)


@pytest.mark.parametrize(
    ("in_git", "compared"),
    [
        (None, False),
        ({"digest": "of Git", "classes": ["food", "fuel"]}, False),
        ({"digest": "of Git", "classes": ["food", "rent"]}, True),
        ({"digest": "of Git"}, True),
    ],
)
def test_a_live_model_of_other_classes_is_compared_unless_git_says_that_this_is_meant(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_git: dict[str, Any] | None,
    compared: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(paths.CHAMPION_FACTS, in_git)
    write_json(paths.MODEL / "metadata.json", metadata_of("food", "fuel"))
    write_json(Path("live/metadata.json"), metadata_of("food", "rent"))
    packed(Path("live"), tmp_path / "given")
    found = evaluation_job.crowned(tmp_path / "given/model.tar.gz")
    assert (found is not None) == compared
    if found:
        assert found.digest == digest(Path("live"))


def unpacked(given: Path, folder: Path) -> Path:
    shutil.unpack_archive(given / "processing/input/model/model.tar.gz", folder / "model")
    return folder / "model"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("other rows", "trained on other rows"),
        ("no model", "model.tar.gz"),
        ("a path outside", "outside"),
    ],
)
def test_an_evaluation_of_what_does_not_belong_together_fails(
    given: Path,
    settings_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    told: str,
) -> None:
    inputs = tmp_path / "processing/input"
    shutil.copytree(given / "processing/input", inputs)
    model = inputs / "model/model.tar.gz"
    if fault == "other rows":
        transactions(inputs / "data", released("labels"))
    else:
        model.unlink()
    if fault == "a path outside":
        with tarfile.open(model, "w:gz") as archive:
            archive.add(settings_folder / paths.PARAMS, "../../escaped.yaml")
    monkeypatch.chdir(settings_folder)
    monkeypatch.setattr(evaluation_job, "process", lambda: REAL(tmp_path))
    with pytest.raises(Exception, match=told):
        processing.process("evaluate", tmp_path / "message")
    assert (tmp_path / "message").read_text().startswith("Failed: ")
    assert not list(tmp_path.rglob("escaped.yaml"))


REAL = evaluation_job.process


def test_with_labels_in_the_manifest_the_newest_months_are_trained_on(
    tmp_path: Path, settings_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings_folder)
    newest = {}
    for made_by in ("data-release", "labels"):
        transactions(tmp_path / made_by, released(made_by))
        with channel.prepared(tmp_path / made_by, {}):
            parts = {p: pl.read_parquet(paths.PREPARED / f"{p}.parquet") for p in ("time", "train")}
        newest[made_by] = parts["train"]["date"].max()
        assert parts["time"].is_empty() == (made_by == "labels")
    assert newest["data-release"] < date(2026, 8, 1)  # type: ignore[operator]
    assert newest["labels"] > date(2026, 9, 20)  # type: ignore[operator]


# Labels, and the check of every endpoint


class Account:
    """The two buckets, as a release leaves them."""

    def __init__(self, baseline: Path, model: Path) -> None:
        self.s3, self.model = boto3.client("s3"), Categoriser.load(model)
        for bucket in (LIVE, DATA):
            self.s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"}
            )
            self.s3.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        for release in RELEASES:
            for file in baseline.iterdir():
                key = f"runs/{release}/evaluation/baseline/{file.name}"
                self.s3.put_object(Bucket=DATA, Key=key, Body=file.read_bytes())
        self.s3.put_object(Bucket=DATA, Key="releases/data.zip", Body=released().zip())

    def capture(
        self, endpoint: str, frame: pl.DataFrame, time: datetime, name: str = "call"
    ) -> None:
        """Answer rows by the model, one a call; ids are `<name>-<number>`."""
        lines = []
        for number, row in enumerate(frame.select("text", "price").iter_rows(named=True)):
            [answer] = self.model.predict(contract.transactions([(row["text"], row["price"])]))
            said = render([answer], JSON, single=True)
            ids = {"event_id": f"event-{number}", "inference_id": f"{name}-{number}"}
            lines.append(record(json.dumps(row).encode(), said, JSON, time=time, **ids))
        key = f"captures/{endpoint}/main/{time:%Y/%m/%d/%H}/{name}.jsonl"
        self.s3.put_object(Bucket=LIVE, Key=key, Body=b"".join(lines))

    def label(self, categories: Sequence[str], time: datetime, name: str = "call") -> None:
        lines = [
            json.dumps(
                {
                    "groundTruthData": {"data": category, "encoding": "CSV"},
                    "eventMetadata": {"eventId": f"{name}-{number}"},
                    "eventVersion": "0",
                }
            )
            for number, category in enumerate(categories)
        ]
        key = f"ground-truth/{time:%Y/%m/%d/%H}/{name}.jsonl"
        self.s3.put_object(Bucket=LIVE, Key=key, Body="\n".join(lines).encode())

    def get(self, bucket: str, key: str, **version: Any) -> bytes:
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key, **version)["Body"].read()
        return body

    def candidate(self) -> Manifest:
        return manifest.unzip(self.get(DATA, "releases/labelled.zip"), "labelled.zip")


@pytest.fixture
def account(
    evaluated: tuple[Path, str],
    training: tuple[Path, str],
    settings_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    monkeypatch.chdir(settings_folder)
    environment = {
        "scheduled_time": "2026-11-22T13:00:00Z",
        "sagemaker_endpoint_datacapture_prefix": f"s3://{LIVE}/captures",
        "ground_truth_source": f"s3://{LIVE}/ground-truth",
        "labels": f"s3://{LIVE}/labels",
        "data_manifest": f"s3://{DATA}/releases/data.zip",
        "labelled_manifest": f"s3://{DATA}/releases/labelled.zip",
        "baseline": f"s3://{DATA}/runs/{RELEASES[1]}/evaluation/baseline",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield Account(evaluated[0] / "baseline", training[0] / "model")


LABELLED = rows(300, seed=8).with_columns(text=pl.format("{} shop {}", "text", "row"))


@pytest.mark.actor("monitor")
def test_labels_become_a_candidate_beside_what_is_released(account: Account) -> None:
    account.capture(OLD, LABELLED, NOON - timedelta(days=10))
    account.label(LABELLED["category"].to_list(), NOON - timedelta(days=3))
    message = labelling_job.process()
    made = account.candidate()
    base, train = made.files
    assert (base, made.dvc, made.made_by) == (released().files[0], released().dvc, "labels")
    assert made.labelled_through == "2026-11-19T12:00:00Z"
    assert train.uri == f"s3://{LIVE}/labels/train.csv"
    body = account.get(LIVE, "labels/train.csv", VersionId=train.version_id)
    kept = pl.read_csv(account.get(LIVE, "labels/holdout.csv"))
    found = pl.read_csv(body)
    assert found.columns[:4] == ["date", "text", "price", "category"]
    assert (train.rows, train.rows + kept.height) == (found.height, LABELLED.height)
    # The hold-out is in nothing that is trained on.
    assert not {*kept["text"]} & {*found["text"]}
    assert message.startswith(f"Completed: {train.rows} rows through 2026-11-19T12:00:00Z, ")


@pytest.mark.actor("monitor")
def test_the_next_labels_add_to_the_last_and_replace_their_file(account: Account) -> None:
    account.capture(OLD, LABELLED[:50], NOON - timedelta(days=10))
    account.label(LABELLED["category"].to_list()[:50], NOON - timedelta(days=9))
    labelling_job.process()
    first = account.candidate()
    # A retraining has released it; the labels come of another endpoint, for a class of their own.
    account.s3.put_object(Bucket=DATA, Key="releases/data.zip", Body=first.zip())
    account.capture(NEW, LABELLED[50:], NOON - timedelta(days=1), name="later")
    account.label(LABELLED["category"].to_list()[50:], NOON - timedelta(hours=3), name="later")
    labelling_job.process()
    second = account.candidate()
    assert [file.uri for file in second.files] == [file.uri for file in first.files]
    assert second.files[1].rows > first.files[1].rows
    assert second.files[1].version_id != first.files[1].version_id
    assert second.labelled_through == "2026-11-22T09:00:00Z" > first.labelled_through


@pytest.mark.actor("monitor")
def test_the_same_labels_again_are_no_newer(account: Account) -> None:
    account.capture(OLD, LABELLED, NOON - timedelta(days=10))
    account.label(LABELLED["category"].to_list(), NOON - timedelta(days=3))
    labelling_job.process()
    first = account.candidate()
    labelling_job.process()
    again = account.candidate()
    assert again.labelled_through == first.labelled_through
    assert again.files[1].sha256 == first.files[1].sha256


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no captures", "Completed: no data"),
        ("no labels", "Completed: no data"),
        ("probes", "Completed: no data"),
        ("too few", "Completed: 20 labelled rows can be exported"),
    ],
)
@pytest.mark.actor("monitor")
def test_where_there_is_not_enough_the_job_completes_and_writes_nothing(
    account: Account, fault: str, message: str
) -> None:
    name = "probe-1" if fault == "probes" else "call"
    if fault != "no captures":
        few = LABELLED[:20] if fault == "too few" else LABELLED
        account.capture(NEW, few, NOON - timedelta(days=3), name)
    if fault != "no labels":
        account.label(LABELLED["category"].to_list(), NOON - timedelta(days=1), name)
    assert labelling_job.process().startswith(message)
    assert not account.s3.list_objects_v2(Bucket=LIVE, Prefix="labels/")["KeyCount"]
    assert account.s3.list_objects_v2(Bucket=DATA, Prefix="releases/")["KeyCount"] == 1


@pytest.mark.actor("monitor")
def test_bad_labels_are_left_out_counted_and_sent_to_their_alarm(
    account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("publish_cloudwatch_metrics", "Enabled")
    monkeypatch.setenv("sagemaker_endpoint_name", NEW)
    monkeypatch.setenv("sagemaker_monitoring_schedule_name", f"{PROJECT}-labels")
    account.capture(OLD, LABELLED, NOON - timedelta(days=3))
    wrong = ["no such class"] * 40 + LABELLED["category"].to_list()[40:]
    account.label(wrong, NOON - timedelta(days=1))
    message = labelling_job.process()
    assert message.startswith("Completed: ")
    assert "40 of 300 labelled predictions have labels that differ, or" in message
    kept = [pl.read_csv(account.get(LIVE, f"labels/{part}.csv")) for part in FEEDBACK_PARTS]
    assert sum(frame.height for frame in kept) == 260
    assert "quality.max_bad_labels" in caplog.text
    assert figure("bad_labels", NEW, f"{PROJECT}-labels") == pytest.approx(40 / 300)


@pytest.mark.parametrize("name", ["labels", "data_manifest", "labelled_manifest"])
def test_a_missing_variable_of_the_labelling_job_is_named(
    account: Account, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(UserError, match=f"variable {name} is missing"):
        labelling_job.process()


@pytest.fixture
def watching(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    """Set what the scheduled check is given: no endpoint, and a baseline of each release."""
    monkeypatch.setenv("baseline", f"s3://{DATA}/runs/{{release}}/evaluation/baseline")
    monkeypatch.setenv("output_path", str(tmp_path / "output"))
    monkeypatch.setenv("publish_cloudwatch_metrics", "Enabled")
    monkeypatch.setenv("sagemaker_monitoring_schedule_name", f"{PROJECT}-check")
    return account


def reports(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the reports by endpoint."""
    found = {file: json.loads(file.read_text()) for file in folder.rglob("report.json")}
    return {str(file.relative_to(folder)).split("/")[0]: report for file, report in found.items()}


def sent(metric: str) -> set[str]:
    """Return the endpoints of which a metric was sent."""
    found = boto3.client("cloudwatch").list_metrics(MetricName=metric)["Metrics"]
    for one in found:
        assert one["Namespace"] == f"{PROJECT}/Monitor"
        assert one["Dimensions"][1] == {
            "Name": "MonitoringSchedule",
            "Value": f"{PROJECT}-check",
        }
    return {one["Dimensions"][0]["Value"] for one in found}


def figure(metric: str, endpoint: str, schedule: str) -> float:
    """Return the one value that was sent of a metric."""
    [found] = boto3.client("cloudwatch").get_metric_statistics(
        Namespace=f"{PROJECT}/Monitor",
        MetricName=metric,
        Dimensions=[
            {"Name": "Endpoint", "Value": endpoint},
            {"Name": "MonitoringSchedule", "Value": schedule},
        ],
        StartTime=NOON - timedelta(days=1),
        EndTime=NOON + timedelta(days=1),
        Period=3600,
        Statistics=["Maximum"],
    )["Datapoints"]
    return float(found["Maximum"])


def answered(endpoint: str, calls: int) -> None:
    """Let CloudWatch know of an endpoint's calls, as SageMaker does."""
    dimensions = [
        {"Name": "EndpointName", "Value": endpoint},
        {"Name": "VariantName", "Value": "main"},
    ]
    data: Any = {"MetricName": "Invocations", "Dimensions": dimensions}
    data |= {"Value": float(calls), "Timestamp": NOON - timedelta(days=1)}
    boto3.client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=[data])


@pytest.fixture
def counted(watching: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Set what else the scheduled check is given: how many captures there should be."""
    monkeypatch.setenv("live_endpoint", NEW)
    monkeypatch.setenv("endpoint_variant", "main")
    monkeypatch.setenv("capture_percent", "50")
    return watching


@pytest.mark.actor("monitor")
def test_where_nothing_is_captured_of_what_is_served_that_is_a_violation(
    counted: Account, tmp_path: Path
) -> None:
    answered(NEW, 500)
    processing.process("monitor", tmp_path / "message")
    message = (tmp_path / "message").read_text()
    assert message.startswith("CompletedWithViolations: 1 in no data")
    assert "missing_captures_check: captures" in message
    [found] = reports(tmp_path / "output")[NEW]["violations"]
    assert found["description"] == "Missing captures: 100% (0 of 250 came) exceed 10%"
    assert figure("missing_captures", NEW, f"{PROJECT}-check") == 1
    # It is no drift, and starts no retraining.
    assert figure("violations", NEW, f"{PROJECT}-check") == 0


@pytest.mark.actor("monitor")
def test_as_many_captures_as_calls_are_no_violation_and_a_quiet_night_is_none(
    counted: Account, tmp_path: Path
) -> None:
    processing.process("monitor", tmp_path / "message")
    assert (tmp_path / "message").read_text().startswith("Completed: no data")
    counted.capture(NEW, rows(200, seed=3), NOON - timedelta(days=1))
    answered(NEW, 420)
    processing.process("monitor", tmp_path / "message")
    assert (tmp_path / "message").read_text().startswith("Completed: no violations in 200 rows")
    missing = figure("missing_captures", NEW, f"{PROJECT}-check")
    assert missing == pytest.approx(10 / 210)


@pytest.mark.actor("monitor")
def test_after_a_release_the_old_endpoint_s_window_is_judged_too_and_by_itself(
    watching: Account, tmp_path: Path
) -> None:
    watching.capture(OLD, rows(200, seed=3), NOON - timedelta(days=2))
    drifted = rows(200, seed=4).with_columns(pl.col("price") * 30)
    watching.capture(NEW, drifted, NOON - timedelta(days=1))
    watching.capture(f"{PROJECT}-20250101-000000-0000000", rows(9, 1), datetime(2025, 2, 1))
    processing.process("monitor", tmp_path / "message")
    found = reports(tmp_path / "output")
    assert {*found} == {OLD, NEW}
    assert [found[name]["window"]["rows"] for name in (OLD, NEW)] == [200, 200]
    assert "price" in {one["feature_name"] for one in found[NEW]["violations"]}
    assert "price" not in {one["feature_name"] for one in found[OLD]["violations"]}
    message = (tmp_path / "message").read_text()
    assert message.startswith("CompletedWithViolations: ")
    assert NEW in message
    assert sent("violations") == sent("quality_violations") == {OLD, NEW}


@pytest.mark.actor("monitor")
def test_an_endpoint_that_cannot_be_judged_hides_no_other_s_result(
    watching: Account, tmp_path: Path
) -> None:
    unknown = f"{PROJECT}-20261109-120000-0cccccc"  # no baseline
    watching.capture(unknown, rows(60, seed=3), NOON - timedelta(days=1))
    watching.capture(OLD, rows(200, seed=3), NOON - timedelta(days=2))
    with pytest.raises(
        UserError, match=rf"facts\.json is missing.*\({unknown}\); Completed.*{OLD}"
    ):
        processing.process("monitor", tmp_path / "message")
    assert {*reports(tmp_path / "output")} == {OLD}
    assert sent("violations") == {OLD}


@pytest.mark.actor("monitor")
def test_labels_of_an_endpoint_that_is_gone_judge_its_own_answers(
    watching: Account, tmp_path: Path
) -> None:
    frame = rows(300, seed=5)
    watching.capture(OLD, frame, NOON - timedelta(days=9), name="old")
    watching.label(["transport"] * 300, NOON - timedelta(days=2), name="old")
    watching.capture(NEW, rows(200, seed=6), NOON - timedelta(days=1), name="new")
    processing.process("monitor", tmp_path / "message")
    found = reports(tmp_path / "output")
    assert found[OLD]["quality"]["joined"]["joined"] == 300
    assert "accuracy" in {one["feature_name"] for one in found[OLD]["violations"]}
    assert found[NEW]["quality"]["joined"]["joined"] == 0
    assert not {"accuracy"} & {one["feature_name"] for one in found[NEW]["violations"]}
    assert sent("quality_violations") == {OLD, NEW}


@pytest.mark.actor("monitor")
def test_without_captures_the_check_is_completed(watching: Account, tmp_path: Path) -> None:
    processing.process("monitor", tmp_path / "message")
    assert (tmp_path / "message").read_text() == (
        "Completed: no data from 2026-11-15T12:00Z to 2026-11-22T12:00Z"
    )


def test_one_endpoint_that_is_named_is_judged_alone(
    watching: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("sagemaker_endpoint_name", OLD)
    for endpoint in (OLD, NEW):
        watching.capture(endpoint, rows(100, seed=3), NOON - timedelta(days=1))
    processing.process("monitor", tmp_path / "message")
    assert {*reports(tmp_path / "output")} == {OLD}
