from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.model import predict as command
from categoriser.model.package import Categoriser
from categoriser.model.predict import predict_file


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    rows = ['"aldi, sydney",12.50,x', "shell,-3,y", '"bank ""fee""",1e2,z'] * 3
    path.write_text("text,price,other\n" + "\n".join(rows) + "\n", encoding="utf-8-sig")
    return path


def test_a_file_is_answered_row_by_row_in_chunks(
    categoriser: Categoriser, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "CHUNK", 2)
    assert predict_file(categoriser, source, tmp_path / "out.csv") == 9
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    texts, prices = ["aldi, sydney", "shell", 'bank "fee"'] * 3, [12.5, -3.0, 100.0] * 3
    answers = categoriser.predict(texts, prices)
    assert rows == [
        {
            "text": text,
            "price": str(price),
            "category": answer.category,
            "probability": f"{answer.probability:.6f}",
            "review": "true" if answer.review else "false",
        }
        for text, price, answer in zip(texts, prices, answers, strict=True)
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"header has no column text"),
        (b"text,amount\na,1\n", r"header has no column price"),
        (b"text,price\na,1\nb,dear\n", r"row 2: price 'dear' is not a number"),
        (b"text,price\na,nan\n", r"row 1: price 'nan' is not a number"),
        (b"text,price\na,\n", r"row 1: price '' is not a number"),
        (b"text,price\na,1\nb\n", r"row 2 has more or fewer fields"),
        (b"text,price\na,b,1\n", r"row 1 has more or fewer fields"),
        (b"text,price\n\xff,1\n", r"not a CSV file in UTF-8"),
        (b'text,price\n"a"b,1\n', r"not a CSV file in UTF-8"),
    ],
)
def test_a_bad_file_is_refused_and_nothing_is_written(
    categoriser: Categoriser, tmp_path: Path, content: bytes, message: str
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(content)
    with pytest.raises(UserError, match=rf"in.csv.*{message}"):
        predict_file(categoriser, source, tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == [source]


def test_a_missing_file_is_named(categoriser: Categoriser, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.csv is missing"):
        predict_file(categoriser, tmp_path / "none.csv", tmp_path / "out.csv")


def test_the_command_answers_one_text_or_a_file(
    model: Path,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["predict", *arguments])
        command.main()
        return capsys.readouterr().out

    monkeypatch.setattr(command, "MODEL", model)
    monkeypatch.setenv("COLUMNS", "200")
    one = run("--price", "-12.5", "--", "aldi sydney")
    assert "groceries: accept" in one
    assert "transport" in one
    assert "9 rows" in run(str(source), "--output", str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").exists()
    with pytest.raises(SystemExit):
        run("--price", "inf", "x")
    assert "invalid price value: 'inf'" in capsys.readouterr().err


def test_a_missing_model_names_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "categoriser.model.predict", "--price", "1", "x"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == "error: model/metadata.json is missing; `dvc repro` makes it\n"
