"""Data capture as SageMaker writes it, read into frames: a row for each row of a captured call.

Nothing that a file holds raises: what cannot be read is counted in `Problems`, and the rest goes
on.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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
    order). An input that is missing is null. Label and probabilities are null where only inputs
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
    """Yield the captured rows with `inferenceTime` in [start, end), about `ROWS_IN_FRAME` a frame.

    `preprocess` takes a decoded line and returns a dict for each of its rows, a list of dicts (one
    a row), or [] to drop it; what else it returns or raises is a problem. `fresh` says of an event
    id whether its record counts: a record whose id is not fresh is left out as repeated.
    """
    reader = _CaptureReader(classes, problems, start, end, preprocess, fresh)
    rows = _Rows()
    for place, line, event in read_events(files, problems):
        try:
            found = reader.read(place, line, event)
        except RecordError as error:
            problems.add(place, *error.args, lost=True)
            continue
        if found:
            rows.add(found)
        if len(rows.cells) >= event_frames.ROWS_IN_FRAME:
            yield rows.frames()
            rows = _Rows()
    if rows.cells:
        yield rows.frames()


@dataclass
class _Rows:
    """Rows for frames: cells of `CAPTURE_COLUMNS`, probabilities in one list, a script's values."""

    cells: list[tuple[Any, ...]] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    extra: list[ScriptValues] = field(default_factory=list)

    def add(self, other: "_Rows") -> None:
        self.cells += other.cells
        self.probabilities += other.probabilities
        self.extra += other.extra

    def frames(self) -> CapturedRows:
        shape = (len(self.cells), len(self.probabilities) // len(self.cells))
        table = pl.Series(self.probabilities, dtype=pl.Float64).reshape(shape)
        is_answered = pl.when(pl.col("label").is_not_null())
        frame = to_frame(self.cells, CAPTURE_COLUMNS)
        frame = frame.with_columns(probabilities=is_answered.then(table))
        names = dict.fromkeys(name for row in self.extra for name in row)
        given = pl.DataFrame(self.extra, dict.fromkeys(names, pl.String))
        return CapturedRows(frame, given if names else None)


class _CaptureReader:
    """Reads captured calls one at a time, and counts in `problems` what is not used."""

    def __init__(
        self,
        classes: Sequence[str],
        problems: Problems,
        start: datetime | None,
        end: datetime | None,
        preprocess: Callable[[Any], Any] | None,
        fresh: Callable[[str], bool] | None,
    ) -> None:
        self.classes = classes
        self.problems = problems
        self.start = start
        self.since = plain_utc(start or datetime.min)
        self.until = plain_utc(end or datetime.max)
        self.preprocess = preprocess
        self.fresh = fresh

    def read(self, place: Place, line: bytes, event: Event) -> _Rows | None:
        """Return a call's rows; None where it is left out. Raises `RecordError`."""
        time = _time(event, self.start)
        name = event.event_metadata.inference_id or event.event_metadata.event_id
        if self._is_left_out(event, name, time):
            return None
        given = None
        if self.preprocess:
            given = _preprocessed(self.preprocess, line, self.problems, place)
        if given == []:
            self.problems.seen["records"] += 1
            self.problems.seen["dropped"] += 1
            return None
        values, numbers = _read_sides(event, self.classes, given, self.problems, place)
        self.problems.seen["records"] += 1
        return _Rows(
            [(name, row, len(values), time, *value) for row, value in enumerate(values)],
            numbers,
            _aligned(given, len(values), self.problems, place),
        )

    def _is_left_out(self, event: Event, name: str, time: datetime | None) -> bool:
        """Count a call that is of another time, a probe, or repeated."""
        reason = None
        if time and not self.since <= time < self.until:
            reason = "outside"
        elif name.startswith(PROBE_PREFIX):
            reason = "probes"
        elif self.fresh and not self.fresh(event.event_metadata.event_id):
            reason = "repeated"
        if reason:
            self.problems.seen[reason] += 1
        return reason is not None


def _script_values(row: dict[Any, Any]) -> ScriptValues:
    return {
        _text_of(name): None if value is None else _text_of(value) for name, value in row.items()
    }


def _text_of(value: Any) -> str:
    """Return how a value is written; half a surrogate pair, which no file can hold, is a ?."""
    return str(value).encode(errors="replace").decode()


def _time(event: Event, start: datetime | None) -> datetime | None:
    """Return when a call was answered.

    Model Monitor's merge job leaves a batch's records without a time: theirs is the start of the
    window that the job was given. Raises `RecordError`.
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
            return _script_values(given)
        if isinstance(given, list) and all(isinstance(row, dict) for row in given):
            return [_script_values(row) for row in given]
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


def _read_sides(
    event: Event, classes: Sequence[str], given: Any, problems: Problems, place: Place
) -> tuple[list[tuple[Value | None, ...]], list[float]]:
    """Return the inputs and the label of each row, and the probabilities of row after row.

    What only the team's script could read has no values. Raises `RecordError`.
    """
    blank = [0.0] * len(classes)
    try:
        asked, answers = rows_of_sides(event.capture_data)
        count = len(asked if asked is not None else answers or [])
        answered: list[tuple[str | None, list[float]]] = [(None, blank)] * count
        if answers is not None:
            answered = [*(read_answer(row, classes) for row in answers)]
    except RecordError as error:
        if not given:
            raise
        problems.add(place, SCRIPT_ONLY, error.args[0])
        count = len(given) if isinstance(given, list) else 1
        return [(*NO_INPUT, None)] * count, blank * count
    if asked is None:
        questions: list[tuple[Value | None, ...]] = [NO_INPUT] * count
        problems.seen["without_input"] += count
    else:
        questions = [read_question(row, problems, place) for row in asked]
    if answers is None:
        problems.seen["without_output"] += count
    rows = [(*question, label) for question, (label, _) in zip(questions, answered, strict=True)]
    return rows, [number for _, numbers in answered for number in numbers]
