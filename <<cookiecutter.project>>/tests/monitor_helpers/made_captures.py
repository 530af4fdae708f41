"""Captured calls as SageMaker writes them, and what reading them gives."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from categoriser.contract import CSV, JSON, Prediction
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.problems import Problems

CLASSES = ["eating, out", "groceries"]
TIME = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ASKED = "aldi 12 perth,12.5"
ANSWERED = '"__label__eating, out",0.75,0.25\n'
# As SageMaker wrote it, but for the names of the classes.
VERBATIM = (
    '{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":'
    '"spotify p0d3d89b19 sydney au,11.99","encoding":"CSV"},"endpointOutput":'
    '{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT","data":'
    '"__label__groceries,0.0000068826,0.9999931174\\n","encoding":"CSV"}},"eventMetadata":'
    '{"eventId":"feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9","inferenceId":"order-7",'
    '"customAttributes":["a=b"],"inferenceTime":"2026-11-22T00:00:00Z"},"eventVersion":"0"}'
)


def answers(*probabilities: float) -> list[Prediction]:
    return [
        Prediction(
            CLASSES[first < 0.5],
            max(first, 1 - first),
            dict(zip(CLASSES, (first, 1 - first), strict=True)),
            review=False,
        )
        for first in probabilities
    ]


def side(data: str, kind: str, encoding: str, mode: str) -> dict[str, Any]:
    if encoding == "BASE64":
        data = base64.b64encode(data.encode()).decode()
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}


def line(
    asked: str = ASKED,
    answered: str = ANSWERED,
    *,
    kind: str = CSV,
    encoding: str = "CSV",
    name: str = "e-1",
    time: Any = "2026-11-22T09:30:00Z",
) -> dict[str, Any]:
    return {
        "captureData": {
            "endpointInput": side(asked, kind, encoding, "INPUT"),
            "endpointOutput": side(answered, kind, encoding, "OUTPUT"),
        },
        "eventMetadata": {"eventId": name, "inferenceTime": time},
        "eventVersion": "0",
    }


def change(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Change one side: `input_data="x"` or `output_encoding="y"`; None takes it away."""
    for name, value in changes.items():
        which, _, key = name.partition("_")
        of_side = event["captureData"]["endpoint" + which.capitalize()]
        of_side[key] = value
    return event


def write(folder: Path, *events: Any, name: str = "0.jsonl") -> str:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    file.write_bytes(b"\n".join(lines))
    return str(file)


def read_captures(*files: str, **options: Any) -> tuple[pl.DataFrame, Problems]:
    problems = Problems()
    frames = [batch.frame for batch in captured_rows(files, CLASSES, problems, **options)]
    return pl.concat(frames) if frames else pl.DataFrame(), problems


def json_line(asked: Any, answered: Any = None) -> dict[str, Any]:
    said = {"category": "groceries", "probabilities": dict.fromkeys(CLASSES, 0.5)}
    answered = said if answered is None else answered
    return line(json.dumps(asked), json.dumps(answered), kind=JSON, encoding="JSON")
