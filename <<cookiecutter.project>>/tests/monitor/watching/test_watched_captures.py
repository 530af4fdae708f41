"""Captures of one side, captures with new words, and captures that only a script can read."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from measured import rows
from monitor_helpers.made_checks import ENVIRONMENT, NOON, SETTINGS, captured, looked, made
from monitor_helpers.made_labels import FACTS

from categoriser.contract import CSV
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.request_environment import request_from_environment
from categoriser.monitor.formats.baseline_facts import write_baseline_facts
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.statistics_file import dump_statistics, load_statistics
from categoriser.monitor.reporting.findings import check_state, not_judged
from categoriser.monitor.watching.watched_captures import Watching, with_country
from categoriser.monitor.watching.watched_features import SeenInTraining
from categoriser.serving.capture import capture_line


def test_captures_have_no_country_where_none_is_watched(project: Path) -> None:
    train = {"text": ["aldi sydney au"], "key": ["aldi"], "country": ["AU"]}
    SeenInTraining.learn(pl.DataFrame(train)).save(project / "baseline")
    write_baseline_facts(project / "baseline", FACTS)
    answer = b"__label__food,0.1,0.2,0.7\n"
    lines = [
        capture_line(f"{text},1.5\n".encode(), answer, CSV, event_id=text, time=NOON)
        for text in ("aldi sydney au", "aldi sydney")
    ]
    (project / "captured.jsonl").write_bytes(b"".join(lines))

    def captured(leave_out: tuple[str, ...]) -> list[pl.DataFrame]:
        watching = Watching(project / "baseline", leave_out=leave_out)
        return [*with_country(watching, [str(project / "captured.jsonl")], Problems())]

    [frame] = captured(())
    [without] = captured(("country",))
    assert frame["country"].to_list() == ["AU", "unknown"]
    assert without.equals(frame.drop("country"))


def one_sided(folder: Path, side: str) -> Path:
    """Take a side out of all captures."""
    for file in folder.rglob("*.jsonl"):
        lines = [json.loads(text) for text in file.read_text().splitlines()]
        for record_ in lines:
            del record_["captureData"][side]
        file.write_text("".join(json.dumps(record_) + "\n" for record_ in lines))
    return folder


@pytest.mark.parametrize(
    ("missing", "watched", "not_captured"),
    [
        ("endpointOutput", "price", {"class_predictions", "review", "entropy"}),
        ("endpointInput", "review", {"price", "refund", "text_length", "unseen_tokens"}),
    ],
)
def test_captures_of_one_side_are_judged_on_what_they_have(
    tmp_path: Path, missing: str, watched: str, not_captured: set[str]
) -> None:
    one_sided(captured(tmp_path / "captures", rows(600, seed=99), size=7), missing)
    found = looked(tmp_path)
    assert found.violations == []
    assert found.problems.counts == {}
    assert check_state(found) == "not-judged"
    assert any("what is not captured: " in why for why in not_judged(found))
    assert watched in found.current.features
    assert not found.current.features.keys() & not_captured
    # A Spark job's statistics say so too.
    again = load_statistics(dump_statistics(found.current))
    assert again.not_captured == found.current.not_captured
    # What there is is judged.
    drifted = rows(600, seed=99).with_columns(pl.col("price") * 10, text="ZZZZ " + pl.col("text"))
    one_sided(captured(tmp_path / "captures", drifted), missing)
    names = {one.feature_name for one in looked(tmp_path).violations}
    assert names
    assert not names & not_captured
    assert ("price" in names) == (missing == "endpointOutput")


def test_where_some_outputs_are_not_captured_completeness_is_of_the_others(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(400, seed=5), NOON - timedelta(hours=1))
    [file] = one_sided(tmp_path / "captures", "endpointOutput").rglob("*.jsonl")
    file.write_text(file.read_text().replace("event-", "other-"))
    captured(tmp_path / "captures", rows(400, seed=6), NOON)
    found = looked(tmp_path)
    assert found.current.item_count == 800
    assert found.current.features["review"].present == 400
    assert found.current.features["review"].completeness == 1
    assert "completeness_check" not in {one.constraint_check_type for one in found.violations}


def test_new_texts_are_found_for_the_one_who_looks_and_for_no_job(tmp_path: Path) -> None:
    new = pl.DataFrame({"text": ["GELATO BONDI x1"] * 30 + ["zzqk wyrm"], "price": [5.0] * 31})
    frame = pl.concat([rows(300, seed=5).select("text", "price"), new])
    files = [str(file) for file in captured(tmp_path / "captures", frame).rglob("*.jsonl")]
    [first, *others] = Watching(made()).new_texts(files, 50)
    assert (first.text, first.rows) == ("GELATO BONDI x1", 30)
    assert "zzqk wyrm" in {other.text for other in others}
    assert len(Watching(made()).new_texts(files, 1)) == 1
    assert Watching(made(), leave_out=("unseen_tokens",)).new_texts(files, 50) == []
    assert request_from_environment(ENVIRONMENT, SETTINGS).samples == 0


def test_another_model_s_captures_are_watched_by_a_script_alone(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    sides = [
        {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
        for mode, data in (("INPUT", "132,25,113.2,96"), ("OUTPUT", "0.01"))
    ]
    lines = [
        {
            "captureData": {"endpointInput": sides[0], "endpointOutput": sides[1]},
            "eventMetadata": {"eventId": f"e{number}", "inferenceTime": "2019-11-20T23:33:12Z"},
            "eventVersion": "0",
        }
        for number in range(9)
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    script = tmp_path / "preprocessor.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    data = record.endpoint_input.data.rstrip()\n"
        "    return {str(n).zfill(20): value for n, value in enumerate(data.split(','))}\n"
    )
    first = MonitorRequest(str(folder), tmp_path / "first", preprocessor=script)
    assert check_window(first, SETTINGS) == "Completed: a baseline of 9 rows is suggested"
    known = load_statistics(json.loads((tmp_path / "first/statistics.json").read_text()))
    assert list(known.features) == [str(n).zfill(20) for n in range(4)]
    again = MonitorRequest(
        str(folder),
        tmp_path / "again",
        preprocessor=script,
        statistics=tmp_path / "first/statistics.json",
        constraints=tmp_path / "first/constraints.json",
    )
    assert check_window(again, SETTINGS) == "Completed: no violations in 9 rows"
