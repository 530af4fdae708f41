"""An export has the project's columns, adds to what is there, and loses no row."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitor_helpers.made_labels import (
    CLASSES,
    NOON,
    ROOT,
    SETTINGS,
    captures,
    exported,
    joined,
    many,
    truths,
)

from categoriser.errors import UserError
from categoriser.monitor.labels.export import FEEDBACK_PARTS, TooFewRowsError, export_labelled
from categoriser.params import read_params


def test_an_export_has_the_projects_columns_and_loses_no_row(tmp_path: Path) -> None:
    frames = exported(tmp_path / "out", *many(500))
    rows = pl.concat(frames.values())
    assert rows.columns == ["date", "text", "price", "category", "country"]
    assert rows.height == 500
    assert rows.filter(pl.col("text") == 'shop "7", Sydney').rows() == [
        ("2026-11-01", 'shop "7", Sydney', "0.07", "food", "AU")
    ]
    assert 60 < frames["holdout"].height < 140


def test_an_export_does_not_depend_on_order_and_a_row_stays_on_its_side(tmp_path: Path) -> None:
    captured, labels = many(300)
    frames = exported(tmp_path / "a", captured, labels)
    parts = [captured[200:].reverse(), captured[:200]]
    exported(tmp_path / "b", parts, [labels[250:], labels[:250].reverse()])
    for part in FEEDBACK_PARTS:
        assert (tmp_path / f"a/{part}.csv").read_bytes() == (
            tmp_path / f"b/{part}.csv"
        ).read_bytes()

    more = [pl.concat(two) for two in zip(many(300), many(300, first=300), strict=True)]
    relabelled = more[1].with_columns(label=pl.lit("travel"))
    later = exported(tmp_path / "a", more[0], relabelled)
    for part in FEEDBACK_PARTS:
        assert set(frames[part]["text"]) < set(later[part]["text"])


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_export_adds_to_what_is_there(tmp_path: Path) -> None:
    captured, labels = many(400)
    exported(tmp_path / "whole", captured, labels)
    exported(tmp_path / "out", captured[:250], labels[:250])
    (tmp_path / "out" / "notes").write_text("a team's own")
    how = SETTINGS.model_copy(update={"min_rows": 201})
    first = everything(tmp_path / "out")
    with pytest.raises(UserError, match="200 labelled rows can be exported"):
        exported(tmp_path / "out", captured[200:], labels[200:], how)
    assert everything(tmp_path / "out") == first
    exported(tmp_path / "out", captured[200:], labels[200:])
    assert everything(tmp_path / "out") == everything(tmp_path / "whole") | {
        "notes": b"a team's own"
    }


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), max_size=9),
            st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0),
            st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
        ),
        min_size=1,
    )
)
def test_an_export_made_again_changes_nothing(rows: list[tuple[str, float, str | None]]) -> None:
    texts, prices, accounts = zip(*[*rows, ('a, "b"', 1e-7, "")], strict=True)
    names = [f"id{n}" for n in range(len(texts))]
    captured = captures(
        *((name, 0, "food") for name in names),
        text=pl.Series(texts),
        price=pl.Series(prices),
        account=pl.Series(accounts, dtype=pl.String),
        old=pl.Series(range(len(texts))),
    )
    labels = truths(*((name, 0, "food", NOON) for name in names))
    with TemporaryDirectory() as folder, joined(captured, labels) as labelled:
        counts = export_labelled(labelled, SETTINGS, Path(folder) / "out")
        before = everything(Path(folder) / "out")
        assert export_labelled(labelled, SETTINGS, Path(folder) / "out") == counts
        assert everything(Path(folder) / "out") == before


def test_a_corrected_label_goes_before_the_one_exported_earlier(tmp_path: Path) -> None:
    captured, labels = many(20)
    exported(tmp_path / "out", captured, labels)
    corrected = labels.with_columns(label=pl.lit("travel"))
    frames = exported(tmp_path / "out", captured[5:], corrected[5:])
    rows = pl.concat(frames.values()).sort(pl.col("price").cast(float))
    assert rows["category"].to_list() == [CLASSES[n % 3] for n in range(5)] + ["travel"] * 15


def test_columns_that_only_one_export_has_are_unknown_in_the_others_rows(tmp_path: Path) -> None:
    captured, labels = many(20)
    exported(tmp_path / "a", captured[:10].drop("country"), labels[:10])
    account = captured[10:].with_columns(account=pl.col("row") + 7)
    frames = exported(tmp_path / "a", account, labels[10:])
    rows = pl.concat(frames.values()).sort(pl.col("price").cast(float))
    assert rows.columns == ["date", "text", "price", "category", "account", "country"]
    assert rows["account"].to_list() == ["unknown"] * 10 + ["7"] * 10
    assert rows["country"].to_list() == ["unknown"] * 11 + ["AU", "unknown"] * 4 + ["AU"]

    exported(tmp_path / "b", account, labels[10:])
    exported(tmp_path / "b", captured[:10].drop("country"), labels[:10])
    assert everything(tmp_path / "a") == everything(tmp_path / "b")

    exported(tmp_path / "b", account.with_columns(account=pl.lit("x")), labels[10:])
    frames = exported(tmp_path / "b", account, labels[10:])
    accounts = pl.concat(frames.values())["account"].to_list()
    assert sorted(accounts) == ["7"] * 10 + ["unknown"] * 10 + ["x"] * 10


def test_an_earlier_export_with_empty_columns_is_filled_and_not_doubled(tmp_path: Path) -> None:
    captured, labels = many(20)
    exported(tmp_path / "a", captured, labels)
    for part in FEEDBACK_PARTS:
        file = tmp_path / f"a/{part}.csv"
        file.write_text(file.read_text().replace("unknown", ""))
    again = pl.concat(exported(tmp_path / "a", captured, labels).values())
    assert again.height == 20
    assert "unknown" in again["country"].to_list()
    assert again["country"].null_count() == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"date,text,price\n2026-11-01,a,1\n",
        b"date,text,price,category\nyesterday,a,1,food\n",
        b"date,text,price,category\n2026-11-01,a,dear,food\n",
        b"date,text,price,category\n2026-11-01,\xff,1,food\n",
        b"date,text,price,category\n2026-11-01,a,1,food\n2026-11-01,a\n",
    ],
)
def test_an_earlier_export_that_cannot_be_read_is_named_and_kept(
    content: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    exported(folder, *many(50))
    (folder / "holdout.csv").write_bytes(content)
    before = everything(folder)
    with pytest.raises(UserError, match=r"out/holdout\.csv, an earlier export .* cannot be read"):
        exported(folder, *many(60))
    assert everything(folder) == before


def test_the_sides_have_nothing_to_do_with_the_pipelines_own(tmp_path: Path) -> None:
    """Else the prepared part `random`, drawn by the same hash, would get none of the rows."""
    from categoriser.data.prepare import prepare

    train = exported(tmp_path / "out", *many(500))["train"].select(
        pl.col("date").str.to_date(), "text", pl.col("price").cast(float), "category"
    )
    settings = read_params(ROOT / "params.yaml").prepare
    only = settings.model_copy(update={"months": 0, "merchants": 0.0, "random": 0.2})
    assert prepare(train, only)[0]["random"].height > 0.1 * train.height


def test_rows_that_cannot_be_trained_on_are_left_out(tmp_path: Path) -> None:
    names = ("good", "lines", "alike", "alike too", "textless", "blank", "nul", "free", "odd")
    captured = captures(
        *((name, 0, "food") for name in names),
        text=pl.Series(["a", "b\r\nc", "d", "d", None, " ", "e\0f", "g", "h"]),
        price=pl.Series([1, 1, 1, 1, 1, 1, 1, None, 1], dtype=pl.Float64),
    )
    labels = truths(*((name, 0, "pets" if name == "odd" else "food", NOON) for name in names))
    rows = pl.concat(exported(tmp_path / "out", captured, labels).values())
    assert sorted(rows["text"]) == ["a", "b c", "d"]


def test_too_few_rows_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    captured, labels = many(50)
    how = SETTINGS.model_copy(update={"min_rows": 51})
    with pytest.raises(TooFewRowsError, match=r"50 labelled rows .* asks for 51"):
        exported(tmp_path / "out", captured, labels, how)
    assert not list(tmp_path.iterdir())


def test_what_capture_and_label_cannot_know_is_unknown_and_never_empty(tmp_path: Path) -> None:
    captured, labels = many(50)
    countries = pl.Series(["AU", None, " ", "unknown", "NZ"] * 10)
    captured = captured.with_columns(country=countries)
    slices = ["country", "price_band", "account"]
    with joined(captured, labels) as labelled:
        export_labelled(labelled, SETTINGS, tmp_path / "out", slices)
    rows = pl.concat(pl.read_csv(tmp_path / f"out/{part}.csv") for part in FEEDBACK_PARTS)
    assert rows.columns == ["date", "text", "price", "category", "account", "country"]
    counts = dict(rows["country"].value_counts().iter_rows())
    assert counts == {"AU": 10, "NZ": 10, "unknown": 30}
    assert {*rows["account"]} == {"unknown"}
