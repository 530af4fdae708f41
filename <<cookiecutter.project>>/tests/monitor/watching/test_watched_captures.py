"""Captures of one side, and captures whose country is not watched."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from monitor_helpers.made_labels import FACTS, NOON

from categoriser.contract import CSV
from categoriser.monitor.formats.baseline_facts import write_baseline_facts
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.watching.watched_captures import Watching, with_country
from categoriser.monitor.watching.watched_features import SeenInTraining
from categoriser.serving.capture import record


def test_captures_have_no_country_where_none_is_watched(project: Path) -> None:
    train = {"text": ["aldi sydney au"], "key": ["aldi"], "country": ["AU"]}
    SeenInTraining.learn(pl.DataFrame(train)).save(project / "baseline")
    write_baseline_facts(project / "baseline", FACTS)
    answer = b"__label__food,0.1,0.2,0.7\n"
    lines = [
        record(f"{text},1.5\n".encode(), answer, CSV, event_id=text, time=NOON)
        for text in ("aldi sydney au", "aldi sydney")
    ]
    (project / "captured.jsonl").write_bytes(b"".join(lines))

    def captured(leave_out: tuple[str, ...]) -> list[pl.DataFrame]:
        watching = Watching(project / "baseline", leave_out=leave_out)
        return [*with_country(watching, [str(project / "captured.jsonl")], Problems())]

    [frame], [without] = captured(()), captured(("country",))
    assert frame["country"].to_list() == ["AU", "unknown"]
    assert without.equals(frame.drop("country"))
