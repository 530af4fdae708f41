"""Bad and contradicting labels are counted and left out."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from monitor_helpers.made_labels import DAY, NOON, SETTINGS, exported, joined, many, truths

from categoriser.monitor.labels.bad_labels import bad_labels_warning, count_bad_labels
from categoriser.monitor.labels.export import TooFewRowsError, export_labelled


def test_bad_and_contradicting_labels_are_left_out_and_the_honest_rest_goes_on(
    tmp_path: Path,
) -> None:
    captured, labels = many(50)
    bad = pl.concat(
        [
            labels,
            # A correction, a contradiction, a class that there is not.
            truths(("id3", 0, "food", NOON + DAY), ("id4", 0, "pets", NOON)),
        ]
    )
    bad = bad.with_columns(
        label=pl.when(pl.col("id") == "id9").then(pl.lit("cars")).otherwise("label")
    )
    strict = SETTINGS.model_copy(update={"max_bad_labels": 0.05, "min_rows": 48})
    with joined(captured, bad) as labelled:
        found = count_bad_labels(labelled)
        counts = export_labelled(labelled, strict, tmp_path / "out")
    assert sum(counts.values()) == 48
    assert (found.count, found.labelled, found.share) == (3, 50, 0.06)
    assert bad_labels_warning(found, strict).splitlines()[1:] == [
        "    id3 row 0: bills / food",
        "    id4 row 0: pets / food",
        "    id9 row 0: cars",
    ]
    assert "is 5.00%" in bad_labels_warning(found, strict)
    assert bad_labels_warning(found, strict.model_copy(update={"max_bad_labels": 0.06})) == ""


def test_nonsense_labels_of_one_stop_nobody_elses(tmp_path: Path) -> None:
    """Forty labels of no class, against six hundred honest ones."""
    captured, labels = many(640)
    nonsense = pl.int_range(pl.len()) < 40
    labels = labels.with_columns(
        label=pl.when(nonsense).then(pl.lit("'; DROP TABLE")).otherwise("label")
    )
    rows = pl.concat(exported(tmp_path / "out", captured, labels).values())
    assert rows.height == 600
    assert not rows["category"].str.contains("DROP").any()


def test_of_very_many_bad_labels_the_first_are_read(tmp_path: Path) -> None:
    captured, labels = many(300)
    with joined(captured, labels.with_columns(label=pl.lit("pets"))) as labelled:
        found = count_bad_labels(labelled)
        assert found.cases == [(f"id{n}", 0, "pets") for n in (0, 1, 10, 100, 101)]
        assert str(found).startswith("300 of 300 labelled predictions have labels that differ")
        with pytest.raises(TooFewRowsError):
            export_labelled(labelled, SETTINGS, tmp_path / "out")
