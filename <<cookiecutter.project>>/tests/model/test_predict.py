from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.model import predict as command
from categoriser.model.package import Categoriser
from categoriser.model.predict import predict_file, read_rows
from categoriser.serving.protocol import CSV, RequestError, parse


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
        (b"text,price\na,\xd9\xa1\n", r"row 1: price '١' is not a number"),
        (b"text,price\na,1_0\n", r"row 1: price '1_0' is not a number"),
        (b"text,price\na,1e999\n", r"row 1: price '1e999' must be a finite number"),
        (b"text,price\na,1\n ,1\n", r"row 2: text ' ' is empty"),
        (b"text,price\na\0,1\n", r"row 1"),
        (b"text\xff,price\n", r"the header is not CSV in UTF-8"),
        (b"text,price\n\xff,1\n", r"row 1 is not CSV in UTF-8"),
        (b"text,price\na,1\nb,1\n\xff,1\n", r"row 3 is not CSV in UTF-8"),
        (b'text,price\na,1\n"a"b,1\n', r"row 2 is not CSV in UTF-8"),
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


def test_a_gzipped_file_is_answered_alike(
    categoriser: Categoriser, source: Path, tmp_path: Path
) -> None:
    zipped = tmp_path / "in.csv.gz"
    zipped.write_bytes(gzip.compress(source.read_bytes()))
    plain, same = tmp_path / "plain.csv", tmp_path / "same.csv"
    assert predict_file(categoriser, source, plain) == predict_file(categoriser, zipped, same)
    assert plain.read_bytes() == same.read_bytes()


# What the server refuses or takes, `predict` does too.
@pytest.mark.parametrize("text", ["a", " ", "é", "\u2028", "\x1c"])
@pytest.mark.parametrize("price", ["1", " -.5e1 ", "1_0", "", "nan", "1e999", "٣", "0x1", "+2."])
def test_a_file_is_judged_as_the_server_judges_it(tmp_path: Path, text: str, price: str) -> None:
    source = tmp_path / "in.csv"
    body = f"text,price\n{text},{price}\n".encode()
    source.write_bytes(body)
    try:
        rows = parse(body, CSV)
    except RequestError:
        with pytest.raises(UserError, match=r"row 1: (text|price)"):
            list(read_rows(source))
    else:
        assert list(read_rows(source)) == list(zip(rows.texts, rows.prices, strict=True))


def test_a_folder_cannot_be_read(categoriser: Categoriser, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read: .*directory"):
        predict_file(categoriser, tmp_path, tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


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
    with pytest.raises(UserError, match="the text is empty"):
        run("--price", "1", " ")
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
