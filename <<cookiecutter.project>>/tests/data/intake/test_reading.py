"""Reading a file by its form: rows that cannot be read, and how much memory it takes."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from data_helpers.banks import Bank
from data_helpers.taking import make_data

from categoriser.data import own
from categoriser.params import set_params
from categoriser.paths import PARAMS

MEMORY = """
import resource, sys
from pathlib import Path
from categoriser.data.intake.form import Form
from categoriser.data.intake.reading import read_table
from categoriser.data.intake.recognise import recognise
source = Path(sys.argv[1])
form = recognise(source).form
print(sum(1 for _ in read_table(source, form).rows))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.usefixtures("tracked")
def test_a_row_that_cannot_be_read_is_set_aside_with_its_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(above=["Account,DE00"], date="{d:02}.{m:02}.{y}")
    source = bank.write(project / "bank.csv")
    lines = source.read_text().splitlines()
    lines[4] = '"wrong,31.02.2026,1,a'
    lines[6] = "31.02.2026,shop,1,a"
    lines[8] = "01.02.2026,shop,dear,a"
    source.write_text("\n".join([*lines, ""]))
    set_params(PARAMS, {"validate.tolerance": 0.1})
    make_data(monkeypatch, source, accept="1")
    with own.ASIDE.open(encoding="utf-8", newline="") as stream:
        aside = [(row["line"], row["reason"]) for row in csv.DictReader(stream)]
    assert aside == [
        ("5", "has a quote that is not closed"),
        ("7", "date is not a date written DD.MM.YYYY"),
        ("9", "price is not an amount such as 12.50"),
    ]


# In a process of its own, that a small one starts: a peak counts what the starter held.
def test_memory_does_not_grow_with_an_export(tmp_path: Path) -> None:
    source = tmp_path / "bank.csv"
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", MEMORY, str(source)]
    sizes = []
    peaks = []
    for count in (2_000, 15_000):
        with source.open("w", encoding="utf-8") as stream:
            stream.write("date;text;price;category\n")
            stream.writelines(f"05.01.2026;{n:_>3000};{n % 900},50;x\n" for n in range(count))
            stream.write("13.01.2026;last;1,50;x\n")
        sizes.append(source.stat().st_size / 2**20)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows, peak = done.stdout.split()
        assert int(rows) == count + 1
        peaks.append(int(peak) / (1024 if sys.platform != "darwin" else 1024**2))
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 2, (sizes, peaks)
