"""Bad rows are set aside, and data are held to the last accepted ones."""

from __future__ import annotations

import csv
import datetime
import gzip
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from categoriser.data import validate as validate_stage
from categoriser.data.profile import Profile, read_profile
from categoriser.data.validate import validate
from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.params import Validate, set_params
from categoriser.paths import (
    CHAMPION_PROFILE,
    GENERATED,
    PARAMS,
    PROFILE,
    SET_ASIDE,
    VALIDATED,
)

HEADER = "date,text,price,category,country"
GOOD = "2026-01-05,spotify p0d3d89b19 sydney au,11.99,entertainment,AU"


SETTINGS = {
    "tolerance": 0.01,
    "max_shift": 0.2,
    "max_price": 1_000_000,
    "first_date": "2000-01-01",
}


@pytest.fixture
def strict() -> Validate:
    return Validate.model_validate(SETTINGS)


@pytest.fixture
def lenient(strict: Validate) -> Validate:
    return strict.model_copy(update={"tolerance": 1.0})


class Folder:
    """A data file, and where its validation writes."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "my.csv"
        self.validated = folder / "out/validated.parquet"
        self.aside = folder / "out/set_aside.csv"

    def write(self, *lines: str, header: str = HEADER) -> Folder:
        self.source.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8", newline="")
        return self

    def validate(self, settings: Validate, accepted: Profile | None = None) -> Profile:
        return validate(self.source, settings, accepted, self.validated, self.aside)

    @property
    def rows(self) -> pl.DataFrame:
        return pl.read_parquet(self.validated)

    @property
    def set_aside(self) -> list[dict[str, str]]:
        with self.aside.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_good_rows_are_typed_and_numbered(folder: Folder, strict: Validate) -> None:
    found = folder.write(GOOD, "", "2026-01-06,  Bus ,-2,transport,").validate(strict)
    assert folder.rows.schema == {
        "row": pl.Int64,
        "date": pl.Date,
        "text": pl.String,
        "price": pl.Float64,
        "category": pl.String,
        "country": pl.String,
    }
    assert folder.rows.rows() == [
        (
            1,
            datetime.date(2026, 1, 5),
            "spotify p0d3d89b19 sydney au",
            11.99,
            "entertainment",
            "AU",
        ),
        (3, datetime.date(2026, 1, 6), "  Bus ", -2.0, "transport", ""),
    ]
    assert found.rows == 2
    assert found.set_aside == {}
    assert folder.set_aside == []


@pytest.mark.parametrize("gzipped", [False, True])
def test_other_forms_of_the_same_file_are_read(
    folder: Folder, strict: Validate, gzipped: bool
) -> None:
    header = 'category,"note, free",price,text,date'
    row = 'fees & co,"a ""b""",1e2,x,2026-01-05'
    text = f"\ufeff{header}\r\n{row}\r\n"
    folder.source.write_bytes(gzip.compress(text.encode()) if gzipped else text.encode())
    folder.validate(strict)
    assert folder.rows.columns == ["row", "date", "text", "price", "category", "note, free"]
    assert folder.rows.row(0)[2:] == ("x", 100.0, "fees & co", 'a "b"')


BAD = {
    "5/1/2026,a,1,x,AU": "date is not a date written YYYY-MM-DD",
    "2026-1-5,a,1,x,AU": "date is not a date written YYYY-MM-DD",
    "2026-02-30,a,1,x,AU": "date is not a date written YYYY-MM-DD",
    ",a,1,x,AU": "date is not a date written YYYY-MM-DD",
    "1999-12-31,a,1,x,AU": "date is before 2000-01-01",
    '2026-01-05," ",1,x,AU': "text is empty",
    f"2026-01-05,{'a' * 257},1,x,AU": "text is longer than 256 characters",
    '2026-01-05,a,"1,50",x,AU': "price is not a number such as -12.50",
    "2026-01-05,a,,x,AU": "price is not a number such as -12.50",
    "2026-01-05,a,nan,x,AU": "price is not a number such as -12.50",
    "2026-01-05,a,-inf,x,AU": "price is beyond 1e+06",
    "2026-01-05,a,1000000.01,x,AU": "price is beyond 1e+06",
    "2026-01-05,a,1, ,AU": "category is missing",
    "2026-01-05,a,1,x\x07y,AU": "category has control characters",
    "2026-01-05,a,1,x": "has another number of fields than the header",
    "2026-01-05,a,1,x,AU,": "has another number of fields than the header",
    '2026-01-05,"a,1,x,AU': "has wrong quotes, or a line break inside them",
    '2026-01-05,"a"b,1,x,AU': "has wrong quotes, or a line break inside them",
    "2026-01-05,a\0b,1,x,AU": "holds a NUL character",
}


@pytest.mark.parametrize(("line", "reason"), BAD.items())
def test_a_bad_row_is_set_aside(folder: Folder, lenient: Validate, line: str, reason: str) -> None:
    found = folder.write(GOOD, line, GOOD).validate(lenient)
    assert [(row["row"], row["reason"]) for row in folder.set_aside] == [("2", reason)]
    assert folder.set_aside[0]["line"] == line
    assert folder.rows["row"].to_list() == [1, 3]
    assert found.set_aside == {reason: 1}


def test_text_that_is_not_utf_8_is_set_aside(folder: Folder, lenient: Validate) -> None:
    folder.write(GOOD)
    with folder.source.open("ab") as stream:
        stream.write("2026-01-05,café,1,x,AU".encode("latin-1"))
    folder.validate(lenient)
    assert folder.set_aside == [
        {"row": "2", "reason": "is not UTF-8", "line": "2026-01-05,caf\ufffd,1,x,AU"}
    ]


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("2026-01-05,café,1,x,AU", r"'2026-01-05,caf\\xe9,1,x,AU'"),
        (f"2026-01-05,{'a' * 30}é{'b' * 30},1,x,AU", rf"'{'a' * 20}\\xe9{'b' * 20}'"),
    ],
)
def test_a_byte_that_is_not_utf_8_is_shown_with_what_is_around_it(
    folder: Folder, strict: Validate, line: str, near: str
) -> None:
    folder.source.write_bytes(f"{HEADER}\n{line}\n".encode("latin-1"))
    with pytest.raises(UserError) as caught:
        folder.validate(strict)
    assert f"    row 1: is not UTF-8: {near}\n" in str(caught.value)


def test_all_faults_of_a_row_are_named_and_rows_are_in_order(
    folder: Folder, lenient: Validate
) -> None:
    found = folder.write("x,,y,,AU", GOOD, "short", "2026-01-05,,1,x,AU").validate(lenient)
    assert [row["row"] for row in folder.set_aside] == ["1", "3", "4"]
    assert folder.set_aside[0]["reason"] == (
        "category is missing; date is not a date written YYYY-MM-DD; "
        "price is not a number such as -12.50; text is empty"
    )
    assert found.set_aside["text is empty"] == 2


def test_a_file_is_the_same_in_batches(
    folder: Folder, lenient: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(*[*BAD, GOOD] * 3)
    found = folder.validate(lenient)
    rows = folder.rows
    aside = folder.set_aside
    monkeypatch.setattr(validate_stage, "ROWS_AT_ONCE", 7)
    assert folder.validate(lenient) == found
    assert folder.rows.equals(rows)
    assert folder.set_aside == aside


def test_too_many_bad_rows_fail_and_leave_what_stood(folder: Folder, strict: Validate) -> None:
    folder.write(*[GOOD] * 99, "x,a,1,y,AU").validate(strict)
    stood = folder.validated.read_bytes()
    folder.write(*[GOOD] * 97, *["x,a,1,y,AU", "2026-01-05,a,b,y,AU"])
    with pytest.raises(UserError) as caught:
        folder.validate(strict)
    for words in (
        "my.csv: 2 of 99 rows are bad",
        "validate.tolerance in params.yaml allows 1.00%",
        "date is not a date written YYYY-MM-DD (1)",
        "row 98: date is not a date written YYYY-MM-DD: 'x'",
        "row 99: price is not a number such as -12.50: 'b'",
        str(folder.aside),
    ):
        assert words in str(caught.value)
    assert folder.validated.read_bytes() == stood
    assert len(folder.set_aside) == 2
    assert sorted(path.name for path in folder.aside.parent.iterdir()) == [
        "set_aside.csv",
        "validated.parquet",
    ]


def test_no_good_row_fails_at_any_tolerance(folder: Folder, lenient: Validate) -> None:
    with pytest.raises(UserError, match="1 of 1 rows"):
        folder.write("short").validate(lenient)


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("date,text,price", "column category is missing"),
        ("Date,text,price,category", "column date is missing"),
        ("date;text;price;category", "column text is missing"),
        ("date,text,price,category,text", "column text is there twice"),
        ("date,text,price,category,", "column 5 has no name"),
        ("date,text,price,category,key", "column key must have another name"),
        ('date,text,price,"category', "header has wrong quotes"),
    ],
)
def test_a_wrong_header_is_named(folder: Folder, strict: Validate, header: str, fault: str) -> None:
    with pytest.raises(UserError, match=rf"my\.csv, line 1: .*{fault}"):
        folder.write(GOOD, header=header).validate(strict)
    assert not folder.aside.exists()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (HEADER.encode(), "has a header and no rows"),
        (gzip.compress(f"{HEADER}\n{GOOD}".encode() * 99)[:-20], "cannot be read"),
        (b"\x1f\x8bnothing", "cannot be read"),
        (f"{HEADER}\n{'a' * 2**20}".encode(), "has a line of over"),
        (f"{HEADER}\n{GOOD}".encode("utf-16"), "header is not UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_named(
    folder: Folder, strict: Validate, content: bytes, fault: str
) -> None:
    folder.source.write_bytes(content)
    with pytest.raises(UserError, match=rf"my\.csv.*{fault}"):
        folder.validate(strict)


def test_a_missing_file_and_a_folder_are_named(folder: Folder, strict: Validate) -> None:
    with pytest.raises(UserError, match=r"my\.csv is missing"):
        folder.validate(strict)
    folder.source.mkdir()
    with pytest.raises(UserError, match=r"my\.csv cannot be read"):
        folder.validate(strict)


def test_a_category_that_accepted_data_lack_is_a_fault(folder: Folder, strict: Validate) -> None:
    accepted = folder.write(*[GOOD] * 200).validate(strict)
    typo = GOOD.replace("entertainment", "entertainmnet")
    found = folder.write(*[GOOD] * 200, typo).validate(strict, accepted)
    assert found.set_aside == {"category is not a category of the last accepted data": 1}
    with pytest.raises(
        UserError, match=r"(?s)is not a category of the last accepted data.*promote FORGET=data$"
    ):
        folder.write(*[GOOD] * 200, *[typo] * 20).validate(strict, accepted)
    with pytest.raises(UserError, match=r"raise the tolerance$"):
        folder.write(*[GOOD] * 200, *["short"] * 20).validate(strict, accepted)


def test_data_unlike_the_accepted_fail(folder: Folder, strict: Validate) -> None:
    def lines(count: int, price: float) -> list[str]:
        return [f"2026-01-05,shop {n},{price + n},x,AU" for n in range(count)]

    accepted = folder.write(*lines(1000, 10)).validate(strict)
    assert folder.validate(strict, accepted) == accepted
    stood = folder.validated.read_bytes()
    with pytest.raises(
        UserError, match=r"unlike .*: price by 0\.\d+; validate\.max_shift"
    ) as caught:
        folder.write(*lines(1000, 500)).validate(strict, accepted)
    assert "if the data are meant to differ: make promote FORGET=data" in str(caught.value)
    assert folder.validated.read_bytes() == stood
    with pytest.raises(UserError, match=r"accepted data: repeated rows by 0\.500;"):
        folder.write(*lines(1000, 10) * 2).validate(strict, accepted)
    with pytest.raises(UserError, match=r"accepted data: country by 1\.000;"):
        folder.write(*[line[:-3] for line in lines(1000, 10)], header=HEADER[:-8]).validate(
            strict, accepted
        )


def test_equal_rows_are_kept_and_counted(folder: Folder, strict: Validate) -> None:
    found = folder.write(GOOD, GOOD, GOOD.replace("AU", "NZ"), GOOD).validate(strict)
    assert found.rows == 4
    assert found.repeated == 0.5


MEMORY = """
import resource, sys
from pathlib import Path
from categoriser.data import validate as module
from categoriser.params import Validate
folder = Path(sys.argv[1])
module.ROWS_AT_ONCE = 500
settings = Validate.model_validate_json(sys.argv[2])
module.validate(folder / "my.csv", settings, None, folder / "v", folder / "s")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


# In a process of its own, that a small one starts: a peak counts what the starter held.
def test_memory_does_not_grow_with_the_file(folder: Folder, strict: Validate) -> None:
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", MEMORY]
    command += [str(folder.source.parent), strict.model_dump_json()]
    sizes = []
    peaks = []
    for count in (8_000, 30_000):
        with folder.source.open("w", encoding="utf-8") as stream:
            stream.write(f"{HEADER},note\n")
            note = "_" * 2750
            rows = (f"2026-01-05,{n:_>250},{n % 900},x,AU,{note}\n" for n in range(count))
            stream.writelines(rows)
        sizes.append(folder.source.stat().st_size / 2**20)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / (1024 if sys.platform != "darwin" else 1024**2))
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 2, (sizes, peaks)


def test_the_stage_writes_the_same_bytes_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {f"validate.{name}": value for name, value in SETTINGS.items()}
    set_params(PARAMS, {"data.path": GENERATED.as_posix()} | values)
    (project / "data").mkdir()
    GENERATED.write_text("\n".join([HEADER, *[GOOD] * 200, "short"]))
    validate_stage.main()
    said = capsys.readouterr().out
    assert "200 rows are good, 99.5% of them repeat another in full; 1 bad rows are in" in said
    outputs = (VALIDATED, SET_ASIDE, PROFILE)
    first = [path.read_bytes() for path in outputs]
    write_json(CHAMPION_PROFILE, read_profile(PROFILE))
    validate_stage.main()
    assert [path.read_bytes() for path in outputs] == first
