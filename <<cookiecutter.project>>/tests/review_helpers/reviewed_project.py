"""A project with a baseline and captures, some of whose answers ask for a review."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import polars as pl
from monitor_helpers.made_labels import CLASSES, FACTS, NOON, ROOT

from categoriser.contract import CSV
from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.formats.baseline_facts import write_baseline_facts
from categoriser.monitor.formats.constraints import write_constraints
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.watching.watched_features import SeenInTraining
from categoriser.params import set_params
from categoriser.paths import RULES
from categoriser.rules.rules_file import write_rules
from categoriser.serving.capture import capture_line

# A text, a price, the answer and its probability; two thirds of the rest go to the next class.
Answered = tuple[str, float, str, float]
CALLS: dict[str, list[Answered]] = {
    # Three uncertain rows of a merchant that training knows, and a sure one.
    "call-1": [
        ("aldi 12 sydney au", 10.5, "food", 0.4),
        ("ALDI 99 Sydney AU", 20.0, "food", 0.5),
        ("aldi 7 sydney au", 30.0, "food", 0.95),
    ],
    "call-2": [("aldi 5 sydney au", 40.0, "travel", 0.4)],
    # Two of a merchant that it does not know.
    "call-3": [("zorgo 1", 5.0, "bills", 0.45), ("zorgo 2", -2.0, "bills", 0.45)],
    # A text that says nothing, whose answer is sure all the same.
    "call-4": [("...", 1.0, "travel", 0.99)],
    # Its id ends as if it named a row.
    "order#3": [("shell gore nz", 60.0, "travel", 0.5)],
}
CAPTURES = "captures"


def make_project(folder: Path, calls: dict[str, list[Answered]] | None = None) -> Path:
    """Write settings, no rules, a baseline and captures into a project's folder, and return it."""
    for name in ("params.yaml", "monitoring/monitoring.yaml"):
        file = folder / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes((ROOT / name).read_bytes())
    set_params(folder / "monitoring/monitoring.yaml", {"quality.min_rows": 2})
    write_rules(folder / RULES, [])
    baseline = folder / "baseline"
    baseline.mkdir()
    train = pl.DataFrame(
        {
            "text": ["aldi sydney au", "shell gore nz"],
            "key": ["aldi", "shell"],
            "country": ["AU", "NZ"],
        }
    )
    SeenInTraining.learn(train).save(baseline)
    write_baseline_facts(baseline, FACTS)
    bounds = suggest_quality_constraints({"accuracy": 0.95})
    write_constraints(baseline / "model_quality_constraints.json", bounds)
    write_captures(folder, CALLS if calls is None else calls)
    return folder


def write_captures(folder: Path, calls: dict[str, list[Answered]], name: str = "0") -> None:
    lines = [captured_call(call, rows) for call, rows in calls.items()]
    file = folder / CAPTURES / f"local/main/{NOON:%Y/%m/%d/%H}/{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(lines))


def captured_call(call: str, rows: Iterable[Answered]) -> bytes:
    """Return a call as it is captured: its id is the client's own."""
    request = "".join(f"{text},{price}\n" for text, price, _, _ in rows)
    answer = ""
    for _, _, category, probability in rows:
        rest = (1 - probability) / (len(CLASSES) - 1)
        values = [probability if name == category else rest for name in CLASSES]
        answer += f"__label__{category},{','.join(map(repr, values))}\n"
    return capture_line(
        request.encode(),
        answer.encode(),
        CSV,
        event_id=f"event-of-{call}",
        time=NOON,
        inference_id=call,
    )


def labels_read(folder: Path) -> dict[tuple[str, int], str]:
    """Return the labels that the monitor reads in a folder, by call and row; each is there once."""
    problems = Problems()
    files = event_files(str(folder), None, None, problems)
    rows = [
        row
        for frame in ground_truth_rows(files, problems)
        for row in frame.select("id", "row", "label").iter_rows()
    ]
    assert problems.counts == {}
    found = {(call, row): label for call, row, label in rows}
    assert len(found) == len(rows)
    return found


def journal_of(folder: Path) -> list[dict[str, object]]:
    """Return the entries of a labels' folder."""
    lines = (folder / ".review-journal").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
