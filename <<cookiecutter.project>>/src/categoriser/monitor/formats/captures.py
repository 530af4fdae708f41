"""Data capture as SageMaker writes it, read into frames: a row for each row of a captured call.

Nothing that a file holds raises: what cannot be read is counted in `Problems`, and the rest goes
on.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from categoriser.contract import FIELDS, Value
from categoriser.monitor.formats import event_frames
from categoriser.monitor.formats.captured_sides import read_answer, read_question, rows_of_sides
from categoriser.monitor.formats.event_files import plain_utc
from categoriser.monitor.formats.event_frames import CAPTURE_COLUMNS, to_frame
from categoriser.monitor.formats.event_lines import PROBE_PREFIX, Event, RecordError, read_events
from categoriser.monitor.formats.problems import Place, Problems

NO_INPUT = (None,) * len(FIELDS)
SCRIPT_ONLY = "readable by the preprocessor only"

ScriptValues = dict[str, str | None]
log = logging.getLogger("categoriser.monitor")


@dataclass(frozen=True)
class CapturedRows:
    """Rows of captures, and what the team's preprocessor gave for the same rows, if anything.

    Columns of `frame`: id (inferenceId where there is one, else eventId), row (0-based in its
    record), rows (in the record), time (UTC), `FIELDS`, label, probabilities (in the classes'
    order). An input that is missing is null; label and probabilities are where only inputs
    were captured, and all of them where only the preprocessor could read the record. Columns of
    `extra` are strings, numbers spelt out.
    """

    frame: pl.DataFrame
    extra: pl.DataFrame | None


def captured_rows(
    files: Iterable[str],
    classes: Sequence[str],
    problems: Problems,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    preprocess: Callable[[Any], Any] | None = None,
    fresh: Callable[[str], bool] | None = None,
) -> Iterator[CapturedRows]:
    """Yield the captured rows with `inferenceTime` in [start, end), about `BATCH` a batch.

    `preprocess` takes a decoded line and returns a dict for each of its rows, a list of dicts (one
    a row), or [] to drop it; what else it returns or raises is a problem. `fresh` says of an event
    id whether its record counts: a record whose id is not fresh is left out as repeated.
    """
    since, until = plain_utc(start or datetime.min), plain_utc(end or datetime.max)
    rows: list[tuple[Any, ...]] = []
    probabilities: list[float] = []
    extra: list[ScriptValues] = []
    for place, line, event in read_events(files, problems):
        try:
            time = _time(event, start)
            name = event.event_metadata.inference_id or event.event_metadata.event_id
            if time and not since <= time < until:
                problems.seen["outside"] += 1
            elif name.startswith(PROBE_PREFIX):
                problems.seen["probes"] += 1
            elif fresh and not fresh(event.event_metadata.event_id):
                problems.seen["repeated"] += 1
            else:
                given = _preprocessed(preprocess, line, problems, place) if preprocess else None
                if given == []:
                    problems.seen["records"] += 1
                    problems.seen["dropped"] += 1
                    continue
                values, numbers = _read(event, classes, given, problems, place)
                problems.seen["records"] += 1
                for row, value in enumerate(values):
                    rows.append((name, row, len(values), time, *value))
                probabilities += numbers
                extra += _aligned(given, len(values), problems, place)
        except RecordError as error:
            problems.add(place, *error.args, lost=True)
        if len(rows) >= event_frames.ROWS_IN_FRAME:
            yield _batch(rows, probabilities, extra)
            rows, probabilities, extra = [], [], []
    if rows:
        yield _batch(rows, probabilities, extra)


def _batch(
    rows: list[tuple[Any, ...]], probabilities: list[float], extra: list[ScriptValues]
) -> CapturedRows:
    shape = (len(rows), len(probabilities) // len(rows))
    table = pl.Series(probabilities, dtype=pl.Float64).reshape(shape)
    answered = pl.when(pl.col("label").is_not_null())
    frame = to_frame(rows, CAPTURE_COLUMNS).with_columns(probabilities=answered.then(table))
    names = dict.fromkeys(name for row in extra for name in row)
    given = pl.DataFrame(extra, dict.fromkeys(names, pl.String))
    return CapturedRows(frame, given if names else None)


def _texts(row: dict[Any, Any]) -> ScriptValues:
    """Return how values are written; half a surrogate pair, which no file can hold, is a ?."""

    def text(value: Any) -> str:
        return str(value).encode(errors="replace").decode()

    return {text(name): None if value is None else text(value) for name, value in row.items()}


def _time(event: Event, start: datetime | None) -> datetime | None:
    """Return when a call was answered.

    Model Monitor's merge job leaves a batch's records without a time: theirs is the window, which
    that job was given, and stands here as its start. Raises `RecordError`.
    """
    if event.ground_truth_data is not None and event.event_metadata.inference_time is None:
        return plain_utc(start) if start else None
    try:
        return plain_utc(
            datetime.fromisoformat(event.event_metadata.inference_time.removesuffix("Z"))
        )
    except (AttributeError, ValueError, OverflowError):
        raise RecordError("no readable inferenceTime") from None


def _preprocessed(
    preprocess: Callable[[Any], Any], line: bytes, problems: Problems, place: Place
) -> ScriptValues | list[ScriptValues] | None:
    """Return what a script gives for a record, as text; None where it fails."""
    failed = "preprocessor failed"
    try:
        given = preprocess(msgspec.json.decode(line))
        if isinstance(given, dict):
            return _texts(given)
        if isinstance(given, list) and all(isinstance(row, dict) for row in given):
            return [_texts(row) for row in given]
        problems.add(place, "preprocessor gave no dict", type(given).__name__)
    except (Exception, SystemExit) as error:
        if failed not in problems.counts:
            log.exception("the preprocessor failed at %s:%d", *place)
        problems.add(place, failed, type(error).__name__)
    return None


def _aligned(given: Any, count: int, problems: Problems, place: Place) -> list[ScriptValues]:
    """Return a dict a row: a list's own, or the one dict for each."""
    if not isinstance(given, list):
        return [given or {}] * count
    if len(given) == count:
        return given
    problems.add(place, "preprocessor gave another number of rows", f"{len(given)} for {count}")
    return [{}] * count


def _read(
    event: Event, classes: Sequence[str], given: Any, problems: Problems, place: Place
) -> tuple[list[tuple[Value | None, ...]], list[float]]:
    """Return the inputs and the label of each row, and the probabilities of row after row."""
    blank = [0.0] * len(classes)
    answered: list[tuple[str | None, list[float]]]
    questions: list[tuple[Value | None, ...]]
    try:
        asked, answers = rows_of_sides(event.capture_data)
        count = len(asked if asked is not None else answers or [])
        answered = [(None, blank)] * count
        if answers is not None:
            answered = [*(read_answer(row, classes) for row in answers)]
    except RecordError as error:
        if not given:
            raise
        problems.add(place, SCRIPT_ONLY, error.args[0])
        count = len(given) if isinstance(given, list) else 1
        return [(*NO_INPUT, None)] * count, blank * count
    questions = [NO_INPUT] * count
    if asked is not None:
        questions = [*(read_question(row, problems, place) for row in asked)]
    problems.seen["without_input"] += count * (asked is None)
    problems.seen["without_output"] += count * (answers is None)
    rows = [(*question, label) for question, (label, _) in zip(questions, answered, strict=True)]
    return rows, [number for _, numbers in answered for number in numbers]
