"""Two further input columns, added to a copy of the sources as the README says: in two files.

The copy runs the pipeline on data that have the columns, serves the model and reads what was
captured. It needs nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from categoriser.contract import CSV, JSON, JSON_LINES
from categoriser.paths import MERCHANT_GROUPS, RULES
from categoriser.rules.rules_file import write_rules

# One process runs the pipeline for all of these tests.
pytestmark = pytest.mark.xdist_group("further columns")

ROOT = Path(__file__).parents[1]

DECLARED = """
    country: Annotated[
        str, Meta(max_length=2, description="Where it was.", examples=["AU", "GB"])
    ]
    balance: Annotated[float, Meta(description="What is left.", examples=[100, -20.5])]


class Prediction("""
USED = """
TOKENS |= {
    "country": lambda countries: [f"IN_{country.upper()}" for country in countries],
    "balance": lambda balances: [f"OWES {balance < 0}".upper() for balance in balances],
}
"""
# The generated data have a country, and no balance.
GENERATE = """
from categoriser.data import generate
from categoriser.params import set_params
from pathlib import Path

set_params(Path("params.yaml"), SETTINGS)
generate.main()
"""
# Few rows, and a verdict that lets what they train pass.
SETTINGS = {
    "generate.rows": 2000,
    "train.candidates.fasttext_svm.epoch": 3,
    "gate.min_gain_over_majority": None,
    "evaluate.min_rows": 1,
    "gate.max_loss_to_reference": 1.0,
    "gate.widest_loss": 1.0,
    "gate.max_slice_gap": 1.0,
}
ADD_BALANCE = """
import polars as pl
from categoriser.paths import GENERATED

balance = pl.int_range(pl.len()) % 200 - 100
pl.read_csv(GENERATED).with_columns(balance=balance.cast(pl.Float64)).write_csv("own.csv")
"""
MONITOR = """
import sys
import polars as pl
from categoriser.model.package import Categoriser
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.watching.watched_features import SeenInTraining, watch
from categoriser.paths import MODEL
from pathlib import Path

model = Categoriser.load(MODEL)
problems = Problems()
files = [str(path) for path in Path("captures").rglob("*.jsonl")]
frame = pl.concat(rows.frame for rows in captured_rows(files, model.classes, problems))
assert not problems.counts, problems.counts
seen = SeenInTraining.learn(pl.read_parquet("data/prepared/train.parquet"))
watched = watch(frame, seen, model.classes, model.review_threshold)
found = frame.select("text", "price", "country", "balance").hstack(
    watched.select("input_country", "input_balance")
)
print(found.write_json())
"""
# What a run has left in the project's folders.
LEFT_OUT = ("cache", "tmp", "model", "model.dvc", "thresholds.json")
ROW = {"text": "spotify p0d3d89b19 sydney", "price": 11.99, "country": "AU", "balance": -20.5}


@dataclass(frozen=True)
class Copy:
    """A folder with the project's settings, and the sources with the further columns."""

    folder: Path

    def environment(self) -> dict[str, str]:
        # The stages' commands say `python`.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PATH": path, "PYTHONPATH": str(self.folder / "src")}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
        )

    def check(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Declare and use the columns, and generate data that lack one of them."""
    folder = tmp_path_factory.mktemp("further")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("behaviour", "champion", "monitoring", ".dvc"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in ("params.yaml", "dvc.yaml", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    write_rules(folder / RULES, [])
    (folder / MERCHANT_GROUPS).write_text("key,group\n")
    for name in ("champion.json", "decision.json", "profile.json"):
        (folder / "champion" / name).write_text("null\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    package = folder / "src/categoriser"
    edit(package / "contract.py", "\n\nclass Prediction(", DECLARED)
    with (package / "features.py").open("a", encoding="utf-8") as stream:
        stream.write(USED)
    made = Copy(folder)
    made.check("-c", GENERATE.replace("SETTINGS", repr(SETTINGS)))
    return made


@pytest.fixture(scope="module")
def lacking(copy: Copy) -> subprocess.CompletedProcess[str]:
    """Validate the data before they bring the column."""
    return copy.run("-m", "categoriser.data.validate")


@pytest.fixture(scope="module")
def trained(copy: Copy, lacking: subprocess.CompletedProcess[str]) -> Copy:
    """Take data that have both, and run the whole pipeline on them."""
    copy.check("-c", ADD_BALANCE)
    copy.check("-m", "categoriser", "data", "--", "own.csv")
    copy.check("-m", "dvc", "repro")
    return copy


@pytest.fixture(scope="module")
def url(trained: Copy) -> Iterator[str]:
    """Serve the model, and capture what is answered."""
    command = [sys.executable, "-m", "categoriser", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(
        [*command, "--capture", "captures"],
        cwd=trained.folder,
        env=trained.environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr
        port = json.loads(server.stderr.readline())["port"]
        yield f"http://127.0.0.1:{port}"
        server.terminate()
        server.communicate()


def ask(url: str, kind: str, body: str) -> httpx.Response:
    return httpx.post(f"{url}/invocations", content=body, headers={"content-type": kind})


def in_csv(row: dict[str, Any]) -> str:
    return ",".join(str(value) for value in row.values())


def test_data_without_the_column_are_refused_by_its_name(
    lacking: subprocess.CompletedProcess[str],
) -> None:
    assert lacking.returncode == 1
    assert "column balance is missing" in lacking.stderr


def test_the_pipeline_learns_and_watches_the_columns(trained: Copy) -> None:
    lines = pl.read_parquet(trained.folder / "data/prepared/train.parquet")["features"]
    assert lines.str.contains(r" IN_[A-Z]{2} OWES (TRUE|FALSE)$").all()
    gate = json.loads((trained.folder / "reports/gate.json").read_text(encoding="utf-8"))
    assert gate["passed"]
    statistics = json.loads(
        (trained.folder / "baseline/statistics.json").read_text(encoding="utf-8")
    )
    watched = {feature["name"] for feature in statistics["features"]}
    assert {"input_country", "input_balance"} <= watched


def test_the_server_answers_with_the_columns_in_every_form(url: str) -> None:
    answer = ask(url, JSON, json.dumps(ROW))
    assert answer.status_code == 200, answer.text
    category = answer.json()["category"]
    lines = ask(url, JSON_LINES, json.dumps(ROW))
    assert json.loads(lines.text) == answer.json()
    sheet = ask(url, CSV, f"{','.join(ROW)}\n{in_csv(ROW)}\n")
    assert sheet.text.startswith(f"__label__{category},")


@pytest.mark.parametrize("name", ["country", "balance"])
def test_a_request_without_a_column_is_refused_by_its_name(url: str, name: str) -> None:
    row = {key: value for key, value in ROW.items() if key != name}
    for kind in (JSON, JSON_LINES):
        answer = ask(url, kind, json.dumps(row))
        assert answer.status_code == 400
        assert answer.json()["field"] == name
        assert f"{name} is missing" in answer.json()["detail"]
    answer = ask(url, CSV, in_csv(row))
    assert answer.status_code == 400
    assert "it needs text,price,country,balance" in answer.json()["detail"]


def test_a_value_beyond_the_declaration_is_refused(url: str) -> None:
    answer = ask(url, JSON, json.dumps(ROW | {"country": "AUS"}))
    assert answer.json()["detail"] == "row 1: country is longer than 2 characters"


def test_the_description_has_the_columns(url: str) -> None:
    found = httpx.get(f"{url}/openapi.json").json()
    properties = found["components"]["schemas"]["Transaction"]["properties"]
    assert [*properties] == [*ROW]
    assert properties["country"]["maxLength"] == 2


def test_the_command_takes_the_columns(trained: Copy) -> None:
    asked = ("-m", "categoriser", "predict", "--price", "11.99", "spotify sydney")
    lacking = trained.run(*asked)
    assert lacking.returncode == 1
    assert "the country is missing: give it as --with country=…" in lacking.stderr
    assert "category" in trained.check(*asked, "--with", "country=AU balance=-20.5")


def test_the_monitor_reads_and_watches_what_was_captured(trained: Copy, url: str) -> None:
    strange = ROW | {"country": "ZZ"}
    assert ask(url, CSV, in_csv(strange)).status_code == 200
    # The writer pauses between two writes.
    for _ in range(100):
        found = json.loads(trained.check("-c", MONITOR))
        if strange in [{name: row[name] for name in ROW} for row in found]:
            break
    [row] = [row for row in found if row["country"] == "ZZ"]
    assert (row["input_country"], row["input_balance"]) == ("other", -20.5)
    known = {row["input_country"] for row in found if row["country"] == "AU"}
    assert known <= {"AU"}
