"""Which form a file is read by: the project's own, or the one of data/intake.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_helpers.banks import BANKS, Bank
from data_helpers.taking import make_data, taken

from categoriser.errors import UserError
from categoriser.paths import INTAKE, OWN


@pytest.mark.usefixtures("tracked")
def test_a_file_in_the_own_form_is_taken_as_it_stands_and_nothing_is_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Bank().write(project / "my.csv")
    make_data(monkeypatch, source)
    assert OWN.read_bytes() == source.read_bytes()
    assert not INTAKE.exists()


@pytest.mark.usefixtures("tracked")
def test_a_form_that_stands_and_does_not_fit_is_a_refusal(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = BANKS["dd.mm.yyyy"][0].write(project / "first.csv")
    other = BANKS["mm/dd/yyyy"][0].write(project / "other.csv")
    make_data(monkeypatch, first, accept="1")
    stands = INTAKE.read_bytes()
    rows = OWN.read_bytes()
    for accept in ("", "1"):
        with pytest.raises(UserError, match=r"intake\.yaml does not fit .*other\.csv: none of its"):
            make_data(monkeypatch, other, accept=accept)
    assert (INTAKE.read_bytes(), OWN.read_bytes()) == (stands, rows)
    # A file in the own form needs none.
    own_form = Bank().write(project / "my.csv")
    make_data(monkeypatch, own_form)
    assert OWN.read_bytes() == own_form.read_bytes()
    # Nor do the project's own files, beside a bank's.
    INTAKE.unlink()
    Path("feedback").mkdir()
    fed_back = Bank().write(Path("feedback/train.csv"))
    make_data(monkeypatch, first, fed_back, accept="1")
    assert taken() == Bank().rows() * 2
