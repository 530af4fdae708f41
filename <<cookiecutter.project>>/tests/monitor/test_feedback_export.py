"""`make feedback` goes from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from monitor_helpers.made_labels import FACTS, NOON, ROOT

from categoriser.contract import CSV
from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.feedback_export import export_feedback
from categoriser.monitor.formats.baseline_facts import write_baseline_facts
from categoriser.monitor.formats.constraints import write_constraints
from categoriser.monitor.labels.export import FEEDBACK_PARTS
from categoriser.monitor.watching.watched_features import SeenInTraining
from categoriser.params import set_params
from categoriser.serving.capture import capture_line


def test_feedback_goes_from_files_to_files(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "monitoring").mkdir()
    settings_file = project / "monitoring/monitoring.yaml"
    settings_file.write_bytes((ROOT / "monitoring/monitoring.yaml").read_bytes())
    set_params(settings_file, {"quality.min_rows": 100, "quality.label_drift": 0.5})
    (project / "baseline").mkdir()
    train = pl.DataFrame(
        {
            "text": ["aldi sydney au", "shell gore nz"],
            "key": ["aldi", "shell"],
            "country": ["AU", "NZ"],
        }
    )
    SeenInTraining.learn(train).save(project / "baseline")
    write_baseline_facts(project / "baseline", FACTS)
    bounds = suggest_quality_constraints({"accuracy": 0.95})
    write_constraints(project / "baseline/model_quality_constraints.json", bounds)

    # Batches of three rows: the first two are labelled, one in ten as another class.
    hour = "2026/11/01/12"
    captured = b""
    labels = ""
    for n in range(100):
        texts = [f"aldi {n} sydney au", f"shell {n} gore nz", "bank fee"]
        request = "".join(f"{text},{n}.5\n" for text in texts)
        answer = "".join(f"__label__{c},0.1,0.2,0.7\n" for c in ("food", "travel", "bills"))
        captured += capture_line(
            request.encode(), answer.encode(), CSV, event_id=f"event-{n}", time=NOON
        )
        for row, label in enumerate(("bills" if n % 10 == 0 else "food", "travel")):
            truth = {
                "groundTruthData": {"data": label, "encoding": "CSV"},
                "eventMetadata": {"eventId": f"event-{n}#{row}"},
                "eventVersion": "0",
            }
            labels += json.dumps(truth) + "\n"
    for place, content in (("captured", captured), ("labels", labels.encode() + b"cut{\n")):
        (project / place / hour).mkdir(parents=True)
        (project / place / hour / "00-00-000-x.jsonl").write_bytes(content)

    export_feedback("captured", "labels")
    said = capsys.readouterr().out
    for line in ("predictions: 300", "joined: 200", "not JSON: 1", "accuracy: 0.9500 +/- "):
        assert line in said
    assert "exceeds threshold" not in said
    assert "was LessThanThreshold" not in said
    assert "Next: make data FILE='data/generated.csv feedback/train.csv'" in said
    frames = [pl.read_csv(project / f"feedback/{part}.csv") for part in FEEDBACK_PARTS]
    assert [frame.height > 0 for frame in frames] == [True, True]
    rows = pl.concat(frames).sort("price", "text")
    assert rows.columns == ["date", "text", "price", "category", "country"]
    assert rows.rows()[:2] == [
        ("2026-11-01", "aldi 0 sydney au", 0.5, "bills", "AU"),
        ("2026-11-01", "shell 0 gore nz", 0.5, "travel", "NZ"),
    ]

    bounds = suggest_quality_constraints({"accuracy": 0.96})
    write_constraints(project / "baseline/model_quality_constraints.json", bounds)
    export_feedback("captured", "labels")
    assert "accuracy: Metric accuracy with 0.95" in capsys.readouterr().out
