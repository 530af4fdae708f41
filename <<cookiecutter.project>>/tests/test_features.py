"""Features, and that training, batch and server make the same of the same 10,000 rows."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser import paths
from categoriser.data import generate, prepare, validate
from categoriser.features import EDGES, features, normalise, with_prices
from categoriser.model import predict, train
from categoriser.model.package import Categoriser
from categoriser.params import set_params

# categoriser.features


# What breaks lines or words, and what fastText or the price tokens could be taken for.
AWKWARD = st.sampled_from(
    [
        *("\u2028", "\u0085", "\0", "\v", "\f", "\r", "\n", "\t", "\u00a0", "İ", "_", "'"),
        "__label__x",
        "</s>",
        "AA AW ZA REFUND",
        "ΑΣ",
        "ſ",
        "ﬁ",
        "Ⅷ",
        "１２３４",
        "e\u0301",
        "\u0301",
        "’",
        "xx",
        "12",
        "a1b2c3",
    ]
)
TEXT = st.lists(st.one_of(st.text(max_size=12), AWKWARD), max_size=6).map("".join)
PRICE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("spotify p0d3d89b19 sydney au", "spotify sydney au"),
        ("SQ *CAFÉ  Zürich", "sq cafe zurich"),
        ("7-ELEVEN 24", "7 eleven 24"),
        ("TESCO STORES 5504", "tesco stores"),
        ("McDonald's", "mcdonalds"),
        ("McDonald’s", "mcdonalds"),
        ("card xxxx1234", "card"),
        ("CARD 4929 1234 5678 9012", "card"),
        ("shell 12/03/2026 14:05:11", "shell"),
        ("uber 12JAN26 trip", "uber trip"),
        ("motel6 studio54", "motel6 studio54"),
        ("xxl exxon xx", "xxl exxon"),
        ("__label__groceries </s>", "label groceries s"),
        ("a\nb\u2028c\0d\ve", "a b c d e"),
        ("ＡＭＡＺＯＮ", "amazon"),
        ("12 p0d3d89b19 34 shop", "shop"),
        ("p0d3d89b19", ""),
        ("", ""),
    ],
)
def test_a_text_becomes_words(text: str, normal: str) -> None:
    assert normalise([text]) == [normal]


@settings(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_normalising_again_changes_nothing(texts: list[str]) -> None:
    once = normalise(texts)
    assert normalise(once) == once


@settings(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_texts_do_not_depend_on_their_neighbours(texts: list[str]) -> None:
    assert normalise(texts) == [normalise([text])[0] for text in texts]


@settings(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_a_text_holds_no_command_and_no_price(texts: list[str]) -> None:
    for text in normalise(texts):
        assert text == " ".join(text.split())
        assert all(character.isalnum() or not character.isascii() for character in text.split())
        assert not set(text) & set(string.ascii_uppercase + string.punctuation)


def test_every_character_is_safe_and_stable() -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = normalise([f"{character}a{character}B" for character in characters])
    assert normalise(texts) == texts
    assert not set("".join(texts)) & set(
        string.ascii_uppercase + string.punctuation + "\n\r\t\v\f\0"
    )


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, PRICE), max_size=8))
def test_a_line_is_the_text_then_the_price(rows: list[tuple[str, float]]) -> None:
    texts, prices = [text for text, _ in rows], [price for _, price in rows]
    lines = features(texts, prices)
    assert lines == with_prices(normalise(texts), prices)
    for line, text, price in zip(lines, normalise(texts), prices, strict=True):
        words = line.split(" ")
        tokens = words[len(text.split()) :]
        assert words[: len(text.split())] == text.split()
        assert len(tokens) == (4 if price < 0 else 3)
        assert set("".join(tokens)) <= set(string.ascii_uppercase)


@pytest.mark.parametrize(
    ("price", "tokens"),
    [
        (0, "AA AW ZA"),
        (-0.0, "AA AW ZA"),
        (0.2, "AA AX ZD"),
        (11.99, "GG GW ZB"),
        (-11.99, "GG GW ZB REFUND"),
        (4.5, "EE EY ZC"),
        (4.95, "EE EZ ZB"),
        (4.05, "EE EY ZD"),
        (4.01, "EE EY ZE"),
        (4.999999, "EE EZ ZA"),
        (1e308, "WW WY ZA"),
        (10**300, "WW WY ZA"),
    ],
)
def test_prices_fall_into_bands(price: float, tokens: str) -> None:
    assert features([""], [price]) == [tokens]


def test_bands_rise_and_are_all_different() -> None:
    inside = [0, *EDGES]
    lines = features([""] * len(inside), inside)
    assert list(EDGES) == sorted(set(EDGES))
    assert len({line.split()[1] for line in lines}) == len(inside)
    assert [line.split()[1] for line in lines] == sorted(line.split()[1] for line in lines)


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, 10**400])
def test_a_price_that_is_no_finite_number_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        features(["a", "b"], [1, price])


def test_texts_and_prices_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        features(["a", "b"], [1])


def test_nothing_in_nothing_out() -> None:
    assert normalise([]) == features([], []) == []


# Training, batch and server


ROOT = Path(__file__).parents[1]
ROWS = 10_000
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
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the stages up to `train` on generated rows, the odd texts among them."""
    folder = tmp_path_factory.mktemp("skew")
    copies = 10
    few = ROWS - copies * len(ODD)
    shutil.copy(ROOT / paths.PARAMS, folder)
    own = {"data.path": paths.GENERATED.as_posix(), "generate.rows": few}
    set_params(folder / paths.PARAMS, own)
    (folder / "champion").mkdir()
    (folder / paths.CHAMPION_PROFILE).write_text("null")
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
        train.main()
        yield folder


@pytest.fixture(scope="module")
def prepared(project: Path) -> pl.DataFrame:
    parts = sorted((project / paths.PREPARED).glob("*.parquet"))
    return pl.concat([pl.read_parquet(part) for part in parts])


@pytest.fixture(scope="module")
def in_training(project: Path, prepared: pl.DataFrame) -> tuple[Categoriser, np.ndarray]:
    """Return the model, and the probabilities of the lines that training and evaluation read."""
    categoriser = Categoriser.load(project / paths.MODEL)
    return categoriser, categoriser.predict_features(prepared["features"].to_list())


def test_all_rows_are_there(prepared: pl.DataFrame) -> None:
    assert len(prepared) == ROWS
    assert set(ODD) <= set(prepared["text"])


def test_features_are_the_same(prepared: pl.DataFrame) -> None:
    texts, prices = prepared["text"].to_list(), prepared["price"].to_list()
    assert features(texts, prices) == prepared["features"].to_list()


def test_batch_answers_as_training(
    project: Path, prepared: pl.DataFrame, in_training: tuple[Categoriser, np.ndarray]
) -> None:
    categoriser, expected = in_training
    texts, prices = prepared["text"].to_list(), prepared["price"].to_list()
    assert np.array_equal(categoriser.predict_proba(texts, prices), expected)
    source, target = project / "rows.csv", project / "answers.csv"
    prepared.select("text", "price").write_csv(source)
    predict.predict_file(categoriser, source, target)
    with target.open(encoding="utf-8", newline="") as stream:
        answers = list(csv.DictReader(stream))
    best = expected.argmax(axis=1)
    assert [answer["text"] for answer in answers] == texts
    assert [answer["category"] for answer in answers] == [categoriser.classes[n] for n in best]
    assert [answer["probability"] for answer in answers] == [
        f"{probability:.6f}" for probability in expected.max(axis=1)
    ]


def test_the_server_answers_as_training(
    project: Path, prepared: pl.DataFrame, in_training: tuple[Categoriser, np.ndarray]
) -> None:
    categoriser, expected = in_training
    rows = prepared.select("text", "price")
    model = str(project / paths.MODEL)
    command = [sys.executable, "-m", "categoriser.serving.app", "--port", "0", "--model", model]
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
