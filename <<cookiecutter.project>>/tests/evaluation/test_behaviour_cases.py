"""The team's file of cases: what each row asks, and what is wrong with one that asks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from categoriser.contract import transactions
from categoriser.errors import UserError
from categoriser.evaluation.behaviour_cases import KINDS, Case, read_cases, swapped

ROOT = Path(__file__).parents[2]
HEADER = "kind,text,price,category\n"


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    file = folder / "own.csv"
    file.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return file


def test_a_minimum_is_asked_alone_and_a_refund_beside_its_purchase(tmp_path: Path) -> None:
    file = written(tmp_path, "minimum,pharmacy,18.45,health", 'refund,"BUNNINGS, 7",54.3,')
    assert read_cases(file) == [
        Case(2, "minimum", "health", tuple(transactions([("pharmacy", 18.45)]))),
        Case(3, "refund", "", tuple(transactions([("BUNNINGS, 7", 54.3), ("BUNNINGS, 7", -54.3)]))),
    ]


def test_the_first_filler_takes_a_place_that_is_not_swapped(tmp_path: Path) -> None:
    [case] = read_cases(written(tmp_path, "minimum,AMPOL {store} {city},54.3,transport"))
    assert [row.text for row in case.asked] == ["AMPOL 1041 Adelaide"]


def test_invariance_swaps_each_place_and_the_case_of_the_letters(tmp_path: Path) -> None:
    [case] = read_cases(written(tmp_path, "invariance,Bp {store} {city} AU,54.3,"))
    texts = [row.text for row in case.asked]
    assert texts[0] == "Bp 1041 Adelaide AU"
    assert {"Bp #382 Adelaide AU", "Bp 1041 Perth AU", "bp 1041 adelaide au"} <= {*texts}
    assert len(texts) == len({*texts}) > 100
    assert {row.price for row in case.asked} == {54.3}


def test_a_text_without_places_is_asked_in_each_case_of_letters() -> None:
    assert swapped("bp Perth") == ["bp Perth", "BP PERTH", "bp perth", "Bp Perth"]


def test_a_byte_order_mark_and_columns_of_the_teams_own_are_taken(tmp_path: Path) -> None:
    header = "\ufeffkind,text,price,category,why\n"
    [case] = read_cases(written(tmp_path, "minimum,gym,30,health,asked by Ann", header=header))
    assert case.category == "health"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("minimal,gym,30,health", "column kind: 'minimal' is not one of minimum, refund, inv"),
        ("minimum,gym,30,", "column category: it is empty"),
        ("invariance,gym,30,health", "column category: leave it empty"),
        ("refund,gym,30,health", "column category: leave it empty"),
        ("minimum, ,30,health", "column text: it is empty"),
        ("minimum,gym,thirty,health", "column price: it is not a number"),
        ("refund,gym,-30,", "column price: it must be over 0"),
        ("minimum,gym {town},30,health", r"column text: \{town\} is not one of \{city\}, "),
        (f"minimum,{'g' * 257},30,health", "column text: it is longer than 256 characters"),
        ("minimum,gym,30", "another number of fields"),
        ("minimum,gym,30,health,1", "another number of fields"),
        ("minimum,first,30,health", "repeats line 2"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_column(
    tmp_path: Path, row: str, fault: str
) -> None:
    file = written(tmp_path, "minimum,first,30,health", row)
    with pytest.raises(UserError, match=rf"own\.csv, line 3.*{fault}"):
        read_cases(file)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    file = written(tmp_path, header="kind,text,categry\n")
    with pytest.raises(UserError, match=r"line 1: the columns price, category are missing"):
        read_cases(file)


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"kind,text\xff", "is not UTF-8"), (b'kind,"text', "is not CSV"), (b"", "are missing")],
)
def test_what_is_not_such_a_file_is_said(tmp_path: Path, content: bytes, fault: str) -> None:
    file = tmp_path / "own.csv"
    file.write_bytes(content)
    with pytest.raises(UserError, match=fault):
        read_cases(file)


def test_the_starter_file_has_every_kind() -> None:
    cases = read_cases(ROOT / "behaviour/generated.csv")
    assert {case.kind for case in cases} == {*KINDS}
