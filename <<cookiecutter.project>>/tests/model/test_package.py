"""The model as everything else sees it: its folder, training, answers, their reasons, features."""

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
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from verbs import run_verb

from categoriser import paths
from categoriser.contract import FIELDS, transactions
from categoriser.data import generate, prepare, validate
from categoriser.errors import UserError
from categoriser.features import EDGES, LONGEST, VERSION, features, lines_of, normalise
from categoriser.io.digests import digest
from categoriser.model import explain as explain_command
from categoriser.model import train as train_stage
from categoriser.model.batch import predict_file
from categoriser.model.explain import class_tokens, explain
from categoriser.model.package import COLDEST, HOTTEST, Categoriser, calibrate
from categoriser.model.train import fit_temperature, train
from categoriser.params import Train, set_params

# categoriser.model.package


TEXTS = ["aldi no 7 sydney", "overdrawn fee", "something else"]
PRICES = [12.5, 3.0, -80.0]
ASKED = transactions(zip(TEXTS, PRICES, strict=True))


def spoil(folder: Path, **facts: Any) -> None:
    path = folder / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


@pytest.fixture
def copy(categoriser: Categoriser, tmp_path: Path) -> Path:
    categoriser.save(tmp_path / "model")
    return tmp_path / "model"


def test_saving_and_loading_changes_nothing(
    categoriser: Categoriser, model: Path, copy: Path
) -> None:
    assert digest(copy) == digest(model)
    loaded = Categoriser.load(copy)
    assert loaded.metadata == categoriser.metadata
    before, after = (one.predict_proba(ASKED) for one in (categoriser, loaded))
    assert np.array_equal(before, after)


def test_text_and_price_are_answered_as_their_features(categoriser: Categoriser) -> None:
    direct = categoriser.predict_proba(ASKED)
    assert np.array_equal(direct, categoriser.predict_features(features(ASKED)))
    raw = categoriser.classifier.predict_proba(features(ASKED))
    assert np.array_equal(direct, calibrate(raw, categoriser.temperature))
    assert not np.array_equal(direct, raw)


def test_predict_says_what_the_probabilities_say(categoriser: Categoriser) -> None:
    rows = categoriser.predict_proba(ASKED)
    for row, answer in zip(rows, categoriser.predict(ASKED), strict=True):
        assert answer.probabilities == dict(zip(categoriser.classes, row, strict=True))
        assert answer.category == categoriser.classes[row.argmax()]
        assert answer.probability == row.max()


def test_review_is_under_the_threshold_and_not_at_it(categoriser: Categoriser) -> None:
    sure = categoriser.predict(ASKED[:1])[0].probability
    for threshold, expected in ((sure, False), (np.nextafter(sure, 1), True)):
        strict = Categoriser(
            categoriser.classifier, categoriser.metadata | {"review_threshold": threshold}
        )
        assert strict.predict(ASKED[:1])[0].review is expected


def test_no_rows_have_no_answers(categoriser: Categoriser) -> None:
    assert categoriser.predict_proba([]).shape == (0, len(categoriser.classes))
    assert categoriser.predict([]) == []


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda row: sum(row) > 0.1),
    st.floats(0.05, 20),
)
@checks(deadline=None)
def test_calibration_is_the_softmax_of_the_logarithms_over_t(row: list[float], t: float) -> None:
    probabilities = np.array([row]) / sum(row)
    with np.errstate(divide="ignore"):
        scores = np.log(probabilities) / t
    expected = np.exp(scores - np.logaddexp.reduce(scores, axis=1))
    np.testing.assert_allclose(calibrate(probabilities, t), expected, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["temperature", "review_threshold", "classes", "classifier_digest", "features_version"]
)
def test_metadata_that_lack_something_are_refused(copy: Path, name: str) -> None:
    path = copy / "metadata.json"
    facts = json.loads(path.read_text())
    del facts[name]
    for spoilt, why in ((facts, f"{name} is missing"), ([], "is no object")):
        path.write_text(json.dumps(spoilt))
        with pytest.raises(UserError, match=why):
            Categoriser.load(copy)


def test_a_missing_folder_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none/metadata.json is missing; `dvc repro`"):
        Categoriser.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        *(
            ({"temperature": value}, "temperature is .*, and must be a number from 0.05 to 20")
            for value in (None, "1", True, -1, 0, 1e-300, 21, math.inf, math.nan)
        ),
        *(
            (
                {"review_threshold": value},
                "review_threshold is .*, and must be a number from 0 to 1",
            )
            for value in (None, "0.6", -0.1, 1.1, math.nan, -math.inf)
        ),
        ({"classes": ["a", "b", "c"]}, "names other classes"),
        ({"classes": None}, "names other classes"),
        ({"features_version": -1}, "features of version -1"),
        ({"classifier_digest": "0"}, "digest"),
    ],
)
def test_spoilt_metadata_is_refused(copy: Path, facts: dict[str, Any], message: str) -> None:
    spoil(copy, **facts)
    with pytest.raises(UserError, match=message):
        Categoriser.load(copy)


def test_metadata_of_another_kind_is_refused(copy: Path) -> None:
    (copy / "metadata.json").write_text("[]")
    with pytest.raises(UserError, match="not a model's metadata"):
        Categoriser.load(copy)


def test_a_file_cut_off_is_an_error_and_no_crash(copy: Path) -> None:
    for file in (copy / "classifier").iterdir():
        file.write_bytes(file.read_bytes()[:60])
    # In a process of its own: fastText would divide by zero, or never return.
    program = (
        "import pathlib, sys; from categoriser.command import run_command;"
        "from categoriser.model.package import Categoriser;"
        "run_command(lambda: Categoriser.load(pathlib.Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(copy)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "classifier is incomplete or changed" in done.stderr


def test_a_missing_classifier_is_refused(copy: Path) -> None:
    (copy / "classifier").rename(copy / "elsewhere")
    with pytest.raises(UserError, match="classifier is incomplete"):
        Categoriser.load(copy)


# categoriser.model.train


def loss(probabilities: np.ndarray, truth: np.ndarray, temperature: float) -> float:
    calibrated = calibrate(probabilities, temperature)
    return float(-np.log(calibrated[np.arange(len(truth)), truth]).mean())


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(true_temperature: float) -> None:
    random = np.random.default_rng(0)
    said = random.dirichlet([0.4] * 4, size=20_000)
    honest = calibrate(said, true_temperature)
    truth = (honest.cumsum(axis=1) < random.random((len(said), 1))).sum(axis=1).clip(0, 3)
    found = fit_temperature(said, truth)
    assert found == pytest.approx(true_temperature, rel=0.05)
    for other in (found * 0.97, found * 1.03):
        assert loss(said, truth, found) < loss(said, truth, other)


def test_an_answer_of_probability_nought_that_is_true_is_borne() -> None:
    certain = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert fit_temperature(certain, np.array([0, 1, 1])) == HOTTEST
    assert fit_temperature(certain, np.array([0, 1, 0])) == COLDEST


def test_the_metadata_says_what_was_done(model: Path, prepared: Path, settings: Train) -> None:
    metadata = json.loads((model / "metadata.json").read_text())
    assert metadata["classes"] == ["fees & interest", "groceries", "transport"]
    assert metadata["features_version"] == VERSION
    assert metadata["train_rows"] == 900
    assert metadata["validation_rows"] == 300
    assert metadata["train_digest"] == digest(prepared / "train.parquet")
    assert metadata["classifier"] == settings.classifier
    assert set(metadata["libraries"]) >= {"numpy"}


def test_the_validation_figures_are_the_saved_models(model: Path, prepared: Path) -> None:
    categoriser = Categoriser.load(model)
    rows = pl.read_parquet(prepared / "validation.parquet")
    truth = np.array([categoriser.classes.index(label) for label in rows["category"]])
    said = categoriser.predict_features(rows["features"].to_list())
    metadata = categoriser.metadata
    assert metadata["validation_accuracy"] == pytest.approx((said.argmax(1) == truth).mean())
    assert metadata["validation_accuracy"] > 0.75  # one label in five is drawn at random
    assert metadata["validation_log_loss"] == pytest.approx(loss(said, truth, 1), abs=1e-5)


def test_the_log_has_the_form_that_sagemaker_reads(prepared: Path, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "params.yaml", tmp_path)
    set_params(tmp_path / "params.yaml", {"train.classifier.bucket": 1000})
    shutil.copytree(prepared, tmp_path / "data" / "prepared")
    done = subprocess.run(
        [sys.executable, "-m", "categoriser.model.train"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    metadata = json.loads((tmp_path / "model" / "metadata.json").read_text())
    names = ["train_rows", "temperature", "validation_rows"]
    names += ["validation_accuracy", "validation_log_loss"]
    assert done.stdout.splitlines() == [f"{name}={metadata[name]}" for name in names]
    assert done.stderr == ""


def test_twice_the_same_rows_are_the_same_folder(
    prepared: Path, model: Path, tmp_path: Path, settings: Train
) -> None:
    train(prepared, tmp_path / "model", settings)
    assert digest(tmp_path / "model") == digest(model)


@pytest.mark.parametrize("validation", [[], ["unheard of"]])
def test_without_validation_rows_of_trained_classes_the_temperature_is_1(
    prepared: Path, tmp_path: Path, settings: Train, validation: list[str]
) -> None:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    pl.DataFrame(
        {"features": ["aldi"] * len(validation), "category": validation},
        schema={"features": pl.String, "category": pl.String},
    ).write_parquet(tmp_path / "validation.parquet")
    metadata = train(tmp_path, tmp_path / "model", settings).metadata
    assert (metadata["temperature"], metadata["validation_rows"]) == (1.0, 0)
    assert "validation_accuracy" not in metadata


def test_a_fault_leaves_the_model_of_before(
    prepared: Path, tmp_path: Path, settings: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(prepared, tmp_path / "model", settings)
    before = digest(tmp_path)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("categoriser.model.package.write_json", fail)
    with pytest.raises(KeyboardInterrupt):
        train(prepared, tmp_path / "model", settings)
    assert digest(tmp_path) == before


def test_missing_and_damaged_rows_are_named(tmp_path: Path, settings: Train) -> None:
    with pytest.raises(UserError, match=r"train.parquet is missing; `dvc repro prepare`"):
        train(tmp_path, tmp_path / "model", settings)
    (tmp_path / "train.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UserError, match=r"train.parquet is damaged"):
        train(tmp_path, tmp_path / "model", settings)


# categoriser.model.explain


def test_each_change_is_the_answer_without_the_token(categoriser: Categoriser) -> None:
    explanation = explain(categoriser, "ALDI no. 7 sydney", {"price": 12.5})
    [line] = features(transactions([("ALDI no. 7 sydney", 12.5)]))
    price = line.removeprefix("aldi no 7 sydney ")
    shorter = [
        f"no 7 sydney {price}",
        f"aldi 7 sydney {price}",
        f"aldi no sydney {price}",
        f"aldi no 7 {price}",
        "aldi no 7 sydney",
    ]
    column = categoriser.classes.index("groceries")
    assert explanation.category == "groceries"
    assert explanation.probability == categoriser.predict_features([line])[0, column]
    assert [token for token, _ in explanation.changes] == ["aldi", "no", "7", "sydney", price]
    expected = categoriser.predict_features(shorter)[:, column] - explanation.probability
    assert [change for _, change in explanation.changes] == pytest.approx(expected.tolist())
    assert min(explanation.changes, key=lambda item: item[1])[0] == "aldi"


def test_without_a_price_there_is_no_price_token(categoriser: Categoriser) -> None:
    assert [token for token, _ in explain(categoriser, "Aldi", {}).changes] == ["aldi"]


def test_a_text_of_nothing_needs_a_price(categoriser: Categoriser) -> None:
    assert len(explain(categoriser, "***", {"price": 3.0}).changes) == 1
    with pytest.raises(UserError, match="no word is left"):
        explain(categoriser, "***", {})


def test_the_words_of_a_class_weigh_most(categoriser: Categoriser, prepared: Path) -> None:
    lines = pl.read_parquet(prepared / "train.parquet")["features"].to_list()
    heaviest = class_tokens(categoriser, lines, top=4)
    assert {name: {token for token, _ in tokens} for name, tokens in heaviest.items()} == {
        "fees & interest": {"bank", "fee", "overdrawn", "interest"},
        "groceries": {"aldi", "coles", "market", "butcher"},
        "transport": {"shell", "metro", "parking", "tolls"},
    }
    for tokens in heaviest.values():
        weights = [weight for _, weight in tokens]
        assert weights == sorted(weights, reverse=True)
        assert weights[-1] > 0
    assert class_tokens(categoriser, lines, top=4) == heaviest


def test_a_weight_is_the_mean_loss_over_the_classs_lines(categoriser: Categoriser) -> None:
    lines = features(transactions([("aldi", 5.0), ("aldi coles", 5.0), ("shell", 5.0)]))
    changes = [
        change
        for text in ("aldi", "aldi coles")
        for token, change in explain_line(categoriser, text)
        if token == "aldi"
    ]
    weights = dict(class_tokens(categoriser, lines)["groceries"])
    assert weights["aldi"] == pytest.approx(-sum(changes) / 2)


def explain_line(categoriser: Categoriser, text: str) -> list[tuple[str, float]]:
    return explain(categoriser, text, {"price": 5.0}).changes


def test_only_evenly_spaced_lines_of_a_large_class_are_looked_at(
    categoriser: Categoriser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_command, "LINES_OF_A_CLASS", 2)
    lines = features(transactions((text, 5.0) for text in ("aldi", "coles", "market", "butcher")))
    tokens = {token for token, _ in class_tokens(categoriser, lines)["groceries"]}
    assert tokens & {"aldi", "coles", "market", "butcher"} == {"aldi", "market"}


def test_a_class_that_is_never_predicted_has_no_tokens(categoriser: Categoriser) -> None:
    tokens = class_tokens(categoriser, features(transactions([("aldi", 5.0)])))
    assert tokens["transport"] == []
    assert class_tokens(categoriser, []) == {name: [] for name in categoriser.classes}


def test_the_command_prints_each_token(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(explain_command, "MODEL", model)
    assert run_verb("explain", "--price", "-3", "--", "aldi sydney") == 0
    printed = capsys.readouterr().out
    for part in ("groceries", "aldi", "sydney", "the price (-3)"):
        assert part in printed


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


@checks(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_normalising_again_changes_nothing(texts: list[str]) -> None:
    once = normalise(texts)
    assert normalise(once) == once


@pytest.mark.parametrize("sign", [*map(chr, range(128))])
def test_ascii_alone_is_read_as_beside_other_letters(sign: str) -> None:
    alone, beside = normalise([f"a{sign}B", f"a{sign}B é"])
    assert beside == f"{alone} e"


def test_no_text_becomes_longer_than_the_longest() -> None:
    (normal,) = normalise(["\ufdfa" * LONGEST])
    assert len(normal) <= LONGEST
    assert normalise([normal]) == [normal]


@checks(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_texts_do_not_depend_on_their_neighbours(texts: list[str]) -> None:
    assert normalise(texts) == [normalise([text])[0] for text in texts]


@checks(deadline=None)
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


@checks(deadline=None)
@given(st.lists(st.tuples(TEXT, PRICE), max_size=8))
def test_a_line_is_the_text_then_the_price(rows: list[tuple[str, float]]) -> None:
    texts, prices = [text for text, _ in rows], [price for _, price in rows]
    asked = transactions(rows)
    lines = features(asked)
    assert lines == lines_of(normalise(texts), asked)
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
    assert features(transactions([("", price)])) == [tokens]


def test_bands_rise_and_are_all_different() -> None:
    inside = [0, *EDGES]
    lines = features(transactions(("", price) for price in inside))
    assert list(EDGES) == sorted(set(EDGES))
    assert len({line.split()[1] for line in lines}) == len(inside)
    assert [line.split()[1] for line in lines] == sorted(line.split()[1] for line in lines)


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, 10**400])
def test_a_price_that_is_no_finite_number_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        features(transactions([("a", 1), ("b", price)]))


def test_texts_and_prices_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        lines_of(["a", "b"], transactions([("a", 1)]))


def test_nothing_in_nothing_out() -> None:
    assert normalise([]) == features([]) == []


# Training, batch and server


ROOT = Path(__file__).parents[2]
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
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
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
        train_stage.main()
        yield folder


@pytest.fixture(scope="module")
def staged_rows(staged: Path) -> pl.DataFrame:
    parts = sorted((staged / paths.PREPARED).glob("*.parquet"))
    return pl.concat([pl.read_parquet(part) for part in parts])


@pytest.fixture(scope="module")
def in_training(staged: Path, staged_rows: pl.DataFrame) -> tuple[Categoriser, np.ndarray]:
    """Return the model, and the probabilities of the lines that training and evaluation read."""
    categoriser = Categoriser.load(staged / paths.MODEL)
    return categoriser, categoriser.predict_features(staged_rows["features"].to_list())


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
    assert np.array_equal(categoriser.predict_proba(asked), expected)
    source, target = staged / "rows.csv", staged / "answers.csv"
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


def test_the_server_answers_as_training(
    staged: Path, staged_rows: pl.DataFrame, in_training: tuple[Categoriser, np.ndarray]
) -> None:
    categoriser, expected = in_training
    rows = staged_rows.select("text", "price")
    model = str(staged / paths.MODEL)
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
