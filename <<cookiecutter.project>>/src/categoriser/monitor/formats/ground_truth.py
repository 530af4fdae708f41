"""Ground truth as SageMaker's merge job takes it: labels are read into frames, and written."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import polars as pl

from categoriser.contract import LABEL_PREFIX
from categoriser.monitor.formats import event_frames
from categoriser.monitor.formats.captured_sides import csv_fields
from categoriser.monitor.formats.event_files import hour_of
from categoriser.monitor.formats.event_frames import TRUTH_COLUMNS, to_frame
from categoriser.monitor.formats.event_lines import (
    PROBE_PREFIX,
    EventSide,
    RecordError,
    read_events,
)
from categoriser.monitor.formats.problems import Problems

ROW_OF_A_CALL = re.compile(r"(.+)#([0-9]{1,9})", re.DOTALL)


def ground_truth_rows(files: Iterable[str], problems: Problems) -> Iterator[pl.DataFrame]:
    """Yield frames of ground truth, about `ROWS_IN_FRAME` rows each, identifiers given twice too.

    Columns: id, row (what follows an id's `#`, else 0), label, time (UTC: the hour that the file's
    folder names, else null).
    """
    rows: list[tuple[Any, ...]] = []
    for place, _, event in read_events(files, problems):
        try:
            label = _read_label(event.ground_truth_data)
        except RecordError as error:
            problems.add(place, *error.args, lost=True)
            continue
        name = event.event_metadata.inference_id or event.event_metadata.event_id
        if name.startswith(PROBE_PREFIX):
            problems.seen["probes"] += 1
            continue
        problems.seen["records"] += 1
        file, _ = place
        rows.append((*_row_of_call(name), label, hour_of(file)))
        if len(rows) >= event_frames.ROWS_IN_FRAME:
            yield to_frame(rows, TRUTH_COLUMNS)
            rows = []
    if rows:
        yield to_frame(rows, TRUTH_COLUMNS)


def row_name(call: str, row: int, rows: int) -> str:
    """Return how a label names the row of a captured call that has so many rows.

    It is the call's identifier, with `#` and the row, from 0, where the call has several rows. The
    row is there too where the identifier itself ends so, which readers would take for a row.
    """
    if rows == 1 and not ROW_OF_A_CALL.fullmatch(call):
        return call
    return f"{call}#{row}"


def ground_truth_line(name: str, label: str) -> str:
    """Return the label of a row (see `row_name`) as the API's `/feedback` writes it, a line."""
    data = io.StringIO()
    csv.writer(data, lineterminator="").writerow([label])
    event = {
        "groundTruthData": {"data": data.getvalue(), "encoding": "CSV"},
        "eventMetadata": {"eventId": name},
        "eventVersion": "0",
    }
    return json.dumps(event) + "\n"


def _row_of_call(name: str) -> tuple[str, int]:
    """Return the call's identifier, and the row that follows it after `#`."""
    found = ROW_OF_A_CALL.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, 0)


def _read_label(side: EventSide | None) -> str:
    """Return the one value of ground truth: CSV, or JSON's string. Raises `RecordError`."""
    try:
        if side is not None and side.encoding == "CSV":
            ((label,),) = csv_fields(side.data)
        elif side is not None and side.encoding == "JSON":
            label = msgspec.json.decode(side.data, type=str)
        else:
            raise RecordError("unknown encoding", "label")
    except (ValueError, csv.Error, RecursionError) as error:
        raise RecordError("unreadable label", type(error).__name__) from None
    if not label.strip():
        raise RecordError("unreadable label", "it is empty")
    return label.removeprefix(LABEL_PREFIX)
