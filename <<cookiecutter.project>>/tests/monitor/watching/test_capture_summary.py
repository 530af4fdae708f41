"""A copied file counts once, and two processes find what one does."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured import rows
from monitor_helpers.made_checks import captured, looked, made

from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching import capture_summary
from categoriser.monitor.watching.capture_shares import summarise_shares
from categoriser.monitor.watching.capture_summary import summarise_captures
from categoriser.monitor.watching.watched_captures import Watching


def test_a_copied_file_counts_once(tmp_path: Path) -> None:
    folder = captured(tmp_path / "captures", rows(400, seed=5), files=4)
    once = looked(tmp_path)
    [first, *others] = sorted(map(str, folder.rglob("*.jsonl")))
    copy = Path(first).with_name("copy of it.jsonl")
    copy.write_bytes(Path(first).read_bytes())
    twice = looked(tmp_path)
    assert twice.current.item_count == 400
    assert "100 captures left out, whose event id came before" in twice.message
    for name, drift in twice.drifts.items():
        assert drift.distance == pytest.approx(once.drifts[name].distance, abs=1e-3)
    # Nor where another worker has the copy, or the copy's copy.
    shares = [[first, others[0]], [str(copy), *others[1:]], [first]]
    how = Watching(made())
    summary, problems = summarise_shares(shares, lambda given_: map(how.summarise, given_))
    assert summary.rows == 400
    assert problems.seen["records"] == 400
    assert problems.seen["repeated"] == 200


def test_two_processes_find_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = captured(tmp_path / "captures", rows(600, seed=5), files=5)
    how = Watching(made(), leave_out=("entropy",))
    files = sorted(map(str, folder.rglob("*.jsonl")))
    alone, problems = summarise_captures(files, how)
    monkeypatch.setattr(capture_summary, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together, same = summarise_captures(files, how)
    one, other = (statistics_of(summary) for summary in (alone, together))
    assert problems == same
    assert one.features.keys() == other.features.keys()
    assert "entropy" not in one.features
    for name, feature in one.features.items():
        assert other.features[name].present == feature.present == 600
        if feature.mean is not None:
            assert other.features[name].mean == pytest.approx(feature.mean, rel=1e-9, abs=1e-12)
        assert other.features[name].categories == feature.categories
