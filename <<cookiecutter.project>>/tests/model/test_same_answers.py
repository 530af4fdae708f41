"""Training, batch and server read rows alike, and give the same answers."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest
from measured import CHOSEN
from rules_helpers.made_rules import made_rule

from categoriser import paths
from categoriser.contract import FIELDS, transactions
from categoriser.data import generate, prepare, validate
from categoriser.features import features
from categoriser.io.replacing import write_json
from categoriser.model import add_rules
from categoriser.model import train as train_stage
from categoriser.model.answers import Answers, write_answers
from categoriser.model.batch import predict_file
from categoriser.model.package import Categoriser
from categoriser.params import set_params
from categoriser.rules.rules_file import write_rules

ROOT = Path(__file__).parents[2]
ROWS = 10_000
TEAMS_RULES = [made_rule("spotify", "entertainment")]
# Texts that a form of file or a library could read in two ways.
ODD = [
    'SQ *CAFE "X", PERTH',
    "'QUOTED' 10% #4, ",
    "tab\tand  spaces ",
    "CAFÉ ﬁne ＷＩＤＥ ß İ",
    "__label__travel spotify",
    "</s> PAID AA AW",
    "text,price",
    "007 1e5 NaN",
    "\u00ad\u200bsoft\u2028line\x85next",
    "東京 大阪 №5",
]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the stages up to `add_rules` on generated rows, the odd texts among them."""
    folder = tmp_path_factory.mktemp("skew")
    copies = 10
    few = ROWS - copies * len(ODD)
    shutil.copy(ROOT / paths.PARAMS, folder)
    own = {"data.path": paths.GENERATED.as_posix(), "generate.rows": few}
    set_params(folder / paths.PARAMS, own)
    (folder / "champion").mkdir()
    (folder / paths.CHAMPION_PROFILE).write_text("null")
    (folder / "rules").mkdir()
    (folder / paths.MERCHANT_GROUPS).write_text("key,group\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        generate.main()
        rows = pl.read_csv(paths.GENERATED)
        odd = rows.head(copies * len(ODD)).with_columns(
            text=pl.Series(ODD * copies), price=pl.col("price") / 3
        )
        pl.concat([rows, odd]).write_csv(paths.GENERATED)
        validate.main()
        prepare.main()
        write_json(paths.CHOICE, CHOSEN)
        write_answers(paths.UNSEEN_ANSWERS, Answers.none(1))
        train_stage.main()
        write_rules(paths.RULES, TEAMS_RULES)
        add_rules.main()
        yield folder


@pytest.fixture(scope="module")
def staged_rows(staged: Path) -> pl.DataFrame:
    parts = sorted((staged / paths.PREPARED).glob("*.parquet"))
    return pl.concat([pl.read_parquet(part) for part in parts])


@pytest.fixture(scope="module")
def in_training(staged: Path, staged_rows: pl.DataFrame) -> tuple[Categoriser, np.ndarray]:
    """Return the model, and the probabilities of the lines that training and evaluation read."""
    categoriser = Categoriser.load(staged / paths.MODEL)
    lines = staged_rows["features"].to_list()
    return categoriser, categoriser.answer_features(lines, staged_rows["price"].to_list())


def test_all_rows_are_there(staged_rows: pl.DataFrame) -> None:
    assert len(staged_rows) == ROWS
    assert set(ODD) <= set(staged_rows["text"])


def test_features_are_the_same(staged_rows: pl.DataFrame) -> None:
    asked = transactions(staged_rows.select(FIELDS).iter_rows())
    assert features(asked) == staged_rows["features"].to_list()


def test_batch_answers_as_training(
    staged: Path, staged_rows: pl.DataFrame, in_training: tuple[Categoriser, np.ndarray]
) -> None:
    categoriser, expected = in_training
    texts = staged_rows["text"].to_list()
    asked = transactions(staged_rows.select(FIELDS).iter_rows())
    alone = categoriser.predict_features(staged_rows["features"].to_list())
    assert np.array_equal(categoriser.predict_proba(asked), alone)
    assert not np.array_equal(alone, expected)
    source = staged / "rows.csv"
    target = staged / "answers.csv"
    staged_rows.select("text", "price").write_csv(source)
    predict_file(categoriser, source, target)
    with target.open(encoding="utf-8", newline="") as stream:
        answers = list(csv.DictReader(stream))
    best = expected.argmax(axis=1)
    assert [answer["text"] for answer in answers] == texts
    assert [answer["category"] for answer in answers] == [categoriser.classes[n] for n in best]
    assert [answer["probability"] for answer in answers] == [
        f"{probability:.6f}" for probability in expected.max(axis=1)
    ]
    ruled = [f" {TEAMS_RULES[0].pattern} " in f" {line} " for line in staged_rows["features"]]
    assert [answer["source"] == "rule" for answer in answers] == ruled


def test_the_server_answers_as_training(
    staged: Path, staged_rows: pl.DataFrame, in_training: tuple[Categoriser, np.ndarray]
) -> None:
    categoriser, expected = in_training
    rows = staged_rows.select("text", "price")
    model = str(staged / paths.MODEL)
    command = [sys.executable, "-m", "categoriser.serving", "--port", "0", "--model", model]
    sources = Path(paths.__file__).parents[1]  # the same as this process has
    environment = os.environ | {"PYTHONPATH": str(sources)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        port = json.loads(server.stderr.readline())["port"]
        url = f"http://127.0.0.1:{port}/invocations"
        with httpx.Client(timeout=60) as client:
            in_csv = client.post(
                url, content=rows.write_csv(), headers={"content-type": "text/csv"}
            ).text
            in_json = client.post(url, json=rows.to_dicts()).json()
            # A row's answer does not depend on the rows beside it.
            alone = [client.post(url, json=row).json() for row in rows.tail(20).to_dicts()]
        server.terminate()
        server.communicate()
    assert [list(answer["probabilities"].values()) for answer in in_json] == expected.tolist()
    assert alone == in_json[-20:]
    answers = list(csv.reader(io.StringIO(in_csv, newline="")))
    assert [answer[1:] for answer in answers] == [[f"{p:.10f}" for p in row] for row in expected]
    assert [answer[0] for answer in answers] == [
        f"__label__{categoriser.classes[best]}" for best in expected.argmax(axis=1)
    ]
