"""Data capture and ground truth as SageMaker writes them: JSON lines.

Capture: `{destination}/{endpoint}/{variant}/yyyy/mm/dd/hh/mm-ss-mmm-<uuid>.jsonl`; ground truth:
`{prefix}/yyyy/mm/dd/hh/`, the hour in which the label was collected. Nothing that a file holds
raises: what cannot be read is counted in `Problems`, and the rest goes on.
"""

import base64
import codecs
import csv
import functools
import io
import logging
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import polars as pl

from categoriser.contract import CSV, FIELDS, JSON, JSON_LINES, read_number
from categoriser.errors import UserError
from categoriser.io.replacing import replacing
from categoriser.io.s3_uri import S3Uri, is_s3
from categoriser.io.unpacking import Unpacked
from categoriser.monitor.formats.problems import EMPTY_FILE, Place, Problems
from categoriser.serving.capture import ENCODINGS, LONGEST_LINE
from categoriser.serving.json_rows import BLANK

LABEL = "__label__"
PROBE = "probe-"
SCRIPT_ONLY = "readable by the preprocessor only"
BATCH = 10_000
# What is no such file is none of SageMaker's: a `_SUCCESS`, a checksum, somebody's notes.
SUFFIXES = (".jsonl", ".jsonl.gz")
# The last such folders of a path; hours may be missing.
HOUR = re.compile(r".*/(2[0-9]{3})/([0-9]{2})/([0-9]{2})(?:/([0-9]{2}))?(?:/|$)", re.DOTALL)
ROW = re.compile(r"(.+)#([0-9]{1,9})", re.DOTALL)
PLACED = {"id": pl.String, "row": pl.Int64, "rows": pl.Int64, "time": pl.Datetime("us")}
CAPTURES = PLACED | {"text": pl.String, "price": pl.Float64, "label": pl.String}
TRUTHS = {name: CAPTURES[name] for name in ("id", "row", "label", "time")}

Texts = dict[str, str | None]
log = logging.getLogger("categoriser.monitor")


class Side(msgspec.Struct, rename="camel"):
    data: str
    encoding: str
    observed_content_type: str | None = None


class Sides(msgspec.Struct, rename="camel"):
    endpoint_input: Side | None = None
    endpoint_output: Side | None = None
    batch_transform_output: Side | None = None


class Metadata(msgspec.Struct, rename="camel"):
    event_id: str
    inference_id: str | None = None
    inference_time: Any = None


class Event(msgspec.Struct, rename="camel"):
    """A line: a captured call, or ground truth."""

    event_metadata: Metadata
    capture_data: Sides = msgspec.field(default_factory=Sides)
    ground_truth_data: Side | None = None


EVENT = msgspec.json.Decoder(Event)
PROBABILITIES = msgspec.json.Decoder(list[Annotated[float, msgspec.Meta(ge=0, le=1)]])


class RecordError(Exception):
    """A record that cannot be read: the kind of fault, and a detail that holds none of its data."""


@dataclass(frozen=True)
class Batch:
    """Rows of captures, and what the team's preprocessor gave for the same rows, if anything.

    Columns of `frame`: id (inferenceId where there is one, else eventId), row (0-based in its
    record), rows (in the record), time (UTC), text, price, label, probabilities (in the classes'
    order). A text or a price that is missing is null; label and probabilities are where only inputs
    were captured, and all four where only the preprocessor could read the record. Columns of
    `extra` are strings, numbers spelt out.
    """

    frame: pl.DataFrame
    extra: pl.DataFrame | None


def find(source: str, start: datetime | None = None, end: datetime | None = None) -> list[str]:
    """Return the files under a folder or an `s3://bucket/prefix`, sorted.

    Folders `yyyy/mm/dd/hh`, at any depth below it, are looked into where they are within an hour
    of [start, end): a file may hold records from beside its own hour. Raises `UserError` where the
    source cannot be listed.
    """
    margin = timedelta(hours=1)

    def wanted(below: str) -> bool:
        hour, found = _hour(below), HOUR.match(below)
        if hour is None or found is None:
            return True
        last = hour + timedelta(hours=1 if found[4] else 24) + margin
        return not ((start and last <= _utc(start)) or (end and hour - margin >= _utc(end)))

    def refuse(error: Exception) -> None:
        raise UserError(f"the files in {source} cannot be listed: {error}") from None

    if is_s3(source):
        place = S3Uri.parse(source)
        prefix = place.key.rstrip("/")
        root = f"{prefix}/" if prefix else ""
        try:
            keys = _keys(place.bucket, root, lambda folder: wanted(f"/{folder.removeprefix(root)}"))
            return sorted(str(S3Uri(place.bucket, key)) for key in keys)
        except _failures(source) as error:
            refuse(error)
    if Path(source).is_file():
        return [source]
    files = []
    for folder, folders, names in os.walk(source, onerror=refuse):
        below = folder.removeprefix(source).strip("/")
        folders[:] = [name for name in folders if wanted(f"/{below}/{name}")]
        files += [f"{folder}/{name}" for name in names if not name.startswith(".")]
    return sorted(files)


def listed(
    source: str, start: datetime | None, end: datetime | None, problems: Problems
) -> list[str]:
    """Return `find`'s files that can hold captures or labels; the others are `passed over`.

    A source that is a file is taken by whatever name. Raises `UserError` as `find` does.
    """
    files = find(source, start, end)
    if files == [source]:
        return files
    for file in files:
        if not file.endswith(SUFFIXES):
            problems.pass_over(file)
    return [file for file in files if file.endswith(SUFFIXES)]


def _keys(bucket: str, prefix: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    pages = _s3().get_paginator("list_objects_v2").paginate
    for page in pages(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        keys = (item["Key"] for item in page.get("Contents", ()))
        yield from (key for key in keys if not key.endswith("/"))
        for folder in page.get("CommonPrefixes", ()):
            if wanted(folder["Prefix"]):
                yield from _keys(bucket, folder["Prefix"], wanted)


@functools.cache
def _s3() -> Any:
    import boto3

    return boto3.client("s3")


def _failures(source: str) -> tuple[type[Exception], ...]:
    """Return the exceptions of reading it."""
    if not is_s3(source):
        return OSError, EOFError, zlib.error
    from botocore.exceptions import BotoCoreError, ClientError

    return OSError, EOFError, zlib.error, BotoCoreError, ClientError


def _hour(path: str) -> datetime | None:
    """Return the hour (or the day) that a path's folders name."""
    found = HOUR.match(path)
    try:
        return datetime(*(int(part or 0) for part in found.groups())) if found else None  # type: ignore[arg-type]
    except ValueError:
        return None


def _utc(time: datetime) -> datetime:
    """Return a time, UTC unless it says otherwise, as UTC without saying so."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _events(files: Iterable[str], problems: Problems) -> Iterator[tuple[Place, bytes, Event]]:
    for place, line in _lines(files, problems):
        try:
            event = EVENT.decode(line)
        except msgspec.ValidationError as error:
            problems.add(place, "not of the format", str(error), lost=True)
        except (ValueError, RecursionError) as error:
            problems.add(place, "not JSON", type(error).__name__, lost=True)
        else:
            yield place, line, event


def _lines(files: Iterable[str], problems: Problems) -> Iterator[tuple[Place, bytes]]:
    """Yield the lines that are not blank; hold one at a time."""
    for file in files:
        number = 0
        try:
            with _open(file) as (raw, size):
                stream: Any = raw
                if file.endswith(".gz"):
                    stream = io.BufferedReader(Unpacked(raw, size, file))
                while line := stream.readline(LONGEST_LINE):
                    number += 1
                    if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                        problems.add((file, number), "line too long", lost=True)
                        while line and not line.endswith(b"\n"):
                            line = stream.readline(LONGEST_LINE)
                    elif not line.isspace():
                        yield (file, number), line.removeprefix(codecs.BOM_UTF8 * (number == 1))
            if not number:
                problems.add((file, 1), EMPTY_FILE)
        except _failures(file) as error:
            place = (file, number + 1)
            problems.add(place, "file not readable", type(error).__name__, lost=True)
        except UserError:
            problems.add((file, number + 1), "file not readable", "unpacks to too much", lost=True)


@contextmanager
def _open(file: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file to read it; give its size in bytes too."""
    if not is_s3(file):
        with Path(file).open("rb") as stream:
            yield stream, Path(file).stat().st_size
        return
    place = S3Uri.parse(file)
    found = _s3().get_object(Bucket=place.bucket, Key=place.key)
    with io.BufferedReader(found["Body"]) as stream:
        yield stream, found["ContentLength"]


def fetch(file: str, target: Path) -> None:
    """Copy a file that `find` named. Raises `UserError` where it cannot be read."""
    try:
        with _open(file) as (stream, _), replacing(target) as aside, aside.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
    except _failures(file) as error:
        raise UserError(f"{file} cannot be read: {error}") from None


def put(file: Path, uri: str) -> str:
    """Copy a file to S3 and return its version there. Raises `UserError` where it has none."""
    place = S3Uri.parse(uri)
    try:
        answer = _s3().put_object(Bucket=place.bucket, Key=place.key, Body=file.read_bytes())
        return str(answer["VersionId"])
    except _failures(uri) as error:
        raise UserError(f"{uri} cannot be written, with versions kept: {error!r}") from None


def batches(
    files: Iterable[str],
    classes: Sequence[str],
    problems: Problems,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    preprocess: Callable[[Any], Any] | None = None,
    fresh: Callable[[str], bool] | None = None,
) -> Iterator[Batch]:
    """Yield the captured rows with `inferenceTime` in [start, end), about `BATCH` a batch.

    `preprocess` takes a decoded line and returns a dict for each of its rows, a list of dicts (one
    a row), or [] to drop it; what else it returns or raises is a problem. `fresh` says of an event
    id whether its record counts: a record whose id is not fresh is left out as repeated.
    """
    since, until = _utc(start or datetime.min), _utc(end or datetime.max)
    rows: list[tuple[Any, ...]] = []
    probabilities: list[float] = []
    extra: list[Texts] = []
    for place, line, event in _events(files, problems):
        try:
            time = _time(event, start)
            name = event.event_metadata.inference_id or event.event_metadata.event_id
            if time and not since <= time < until:
                problems.seen["outside"] += 1
            elif name.startswith(PROBE):
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
        if len(rows) >= BATCH:
            yield _batch(rows, probabilities, extra)
            rows, probabilities, extra = [], [], []
    if rows:
        yield _batch(rows, probabilities, extra)


def _batch(rows: list[tuple[Any, ...]], probabilities: list[float], extra: list[Texts]) -> Batch:
    shape = (len(rows), len(probabilities) // len(rows))
    table = pl.Series(probabilities, dtype=pl.Float64).reshape(shape)
    answered = pl.when(pl.col("label").is_not_null())
    frame = _framed(rows, CAPTURES).with_columns(probabilities=answered.then(table))
    names = dict.fromkeys(name for row in extra for name in row)
    given = pl.DataFrame(extra, dict.fromkeys(names, pl.String))
    return Batch(frame, given if names else None)


def _texts(row: dict[Any, Any]) -> Texts:
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
        return _utc(start) if start else None
    try:
        return _utc(datetime.fromisoformat(event.event_metadata.inference_time.removesuffix("Z")))
    except (AttributeError, ValueError, OverflowError):
        raise RecordError("no readable inferenceTime") from None


def _preprocessed(
    preprocess: Callable[[Any], Any], line: bytes, problems: Problems, place: Place
) -> Texts | list[Texts] | None:
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


def _aligned(given: Any, count: int, problems: Problems, place: Place) -> list[Texts]:
    """Return a dict a row: a list's own, or the one dict for each."""
    if not isinstance(given, list):
        return [given or {}] * count
    if len(given) == count:
        return given
    problems.add(place, "preprocessor gave another number of rows", f"{len(given)} for {count}")
    return [{}] * count


def _read(
    event: Event, classes: Sequence[str], given: Any, problems: Problems, place: Place
) -> tuple[list[tuple[str | None, float | None, str | None]], list[float]]:
    """Return text, price and label of each row, and the probabilities of row after row."""
    blank = [0.0] * len(classes)
    answered: list[tuple[str | None, list[float]]]
    questions: list[tuple[str | None, float | None]]
    try:
        asked, answers = _sides(event.capture_data)
        count = len(asked if asked is not None else answers or [])
        answered = [(None, blank)] * count
        if answers is not None:
            answered = [*(_answer(row, classes) for row in answers)]
    except RecordError as error:
        if not given:
            raise
        problems.add(place, SCRIPT_ONLY, error.args[0])
        count = len(given) if isinstance(given, list) else 1
        return [(None, None, None)] * count, blank * count
    questions = [(None, None)] * count
    if asked is not None:
        questions = [*(_asked(row, problems, place) for row in asked)]
    problems.seen["without_input"] += count * (asked is None)
    problems.seen["without_output"] += count * (answers is None)
    rows = [(*question, label) for question, (label, _) in zip(questions, answered, strict=True)]
    return rows, [number for _, numbers in answered for number in numbers]


def _sides(sides: Sides) -> tuple[list[Any] | None, list[Any] | None]:
    """Return the rows of input and output, as many of the one as of the other.

    A capture may be of one side only; the other one is None.
    """
    output = sides.endpoint_output or sides.batch_transform_output
    asked = answers = None
    kinds = []
    if sides.endpoint_input is not None:
        kind, asked = _rows(sides.endpoint_input, "input")
        kinds.append(kind)
        if kind == CSV:
            _check_fields(asked)
    if output is not None:
        kind, answers = _rows(output, "output")
        kinds.append(kind)
    if not kinds:
        raise RecordError("neither input nor output")
    if len({kind == CSV for kind in kinds}) > 1:
        raise RecordError("input and output of different encodings", ", ".join(kinds))
    counts = {len(rows) for rows in (asked, answers) if rows is not None}
    if len(counts) > 1 or 0 in counts:
        detail = " and ".join(str(len(rows or [])) for rows in (asked, answers))
        raise RecordError("input and output of different row counts", detail)
    return asked, answers


def _check_fields(rows: list[list[str]]) -> None:
    """Take away a header, and raise `RecordError` for a row that is not text and price."""
    if rows and rows[0] == [*FIELDS]:
        del rows[0]
    if any(len(row) != len(FIELDS) for row in rows):
        raise RecordError("unreadable input", "a row is not text,price")


def _rows(side: Side, name: str) -> tuple[str, list[Any]]:
    """Return the media type of an input or output, and its rows: fields of CSV, or objects."""
    kind, data = (side.observed_content_type or "").partition(";")[0].strip().lower(), side.data
    if side.encoding == "CSV":
        kind = CSV
    elif side.encoding == "JSON":
        kind = JSON_LINES if kind == JSON_LINES else JSON
    elif side.encoding != "BASE64" or kind not in ENCODINGS:
        raise RecordError("unknown encoding", name)
    try:
        if side.encoding == "BASE64":
            data = base64.b64decode(data, validate=True).decode()
        data = data.removeprefix("\ufeff").rstrip(BLANK)
        if kind == CSV:
            return kind, _fields(data)
        if kind == JSON_LINES:
            rows = [msgspec.json.decode(row) for row in data.split("\n") if row.strip()]
        else:
            rows = msgspec.json.decode(data)
            rows = rows if isinstance(rows, list) else [rows]
    except csv.Error as error:
        # Its words hold none of the data: "field larger than field limit (131072)".
        raise RecordError(f"unreadable {name}", str(error)) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"unreadable {name}", type(error).__name__) from None
    if not all(isinstance(row, dict) for row in rows):
        raise RecordError(f"unreadable {name}", "a row is no object")
    return kind, rows


def _fields(data: str) -> list[list[str]]:
    """Return the fields of each line that is not blank. Raises `csv.Error`."""
    if '"' not in data and "\r" not in data:
        # Most are so, and csv.reader takes three times as long.
        return [row.split(",") for row in data.split("\n") if row]
    return [row for row in csv.reader(io.StringIO(data, newline=""), strict=True) if row]


def _asked(row: Any, problems: Problems, place: Place) -> tuple[str | None, float | None]:
    """Return a text and a price, null where they are missing or no such thing."""
    text, price = row if isinstance(row, list) else (row.get("text"), row.get("price"))
    if text is not None and not isinstance(text, str):
        problems.add(place, "text is not a string")
        text = None
    if price is None or price == "":
        return text or None, None
    try:
        if isinstance(price, (str, float, int)) and not isinstance(price, bool):
            return text or None, read_number(price)
    except (ValueError, OverflowError):
        pass
    problems.add(place, "price is not a number")
    return text or None, None


def _answer(row: Any, classes: Sequence[str]) -> tuple[str, list[float]]:
    """Return a label, and the probabilities in the order of the classes."""
    try:
        if isinstance(row, list):
            label, *given = row
            numbers = PROBABILITIES.decode(f"[{','.join(given)}]")
        else:
            label, given = row["category"], row["probabilities"]
            values = [given[name] for name in classes if name in given]
            numbers = PROBABILITIES.decode(msgspec.json.encode(values))
    except (ValueError, OverflowError, RecursionError) as error:
        detail = type(error).__name__
        raise RecordError("probabilities are not numbers in 0..1", detail) from None
    except (KeyError, TypeError):
        raise RecordError("unreadable output", "no category or no probabilities") from None
    if not isinstance(label, str):
        raise RecordError("unreadable output", "a category is no string")
    if len(given) != len(classes):
        raise RecordError("wrong number of probabilities", f"{len(given)} for {len(classes)}")
    if not isinstance(row, list) and not isinstance(given, dict):
        raise RecordError("wrong number of probabilities", "they have no names")
    if len(numbers) != len(classes):
        lacking = next(name for name in classes if name not in given)
        raise RecordError("answers of other classes", f"no probability of {lacking!r}")
    return label.removeprefix(LABEL), numbers


def truths(files: Iterable[str], problems: Problems) -> Iterator[pl.DataFrame]:
    """Yield frames of ground truth, about `BATCH` rows each, identifiers given twice too.

    Columns: id, row (what follows an id's `#`, else 0), label, time (UTC: the hour that the file's
    folder names, else null).
    """
    rows: list[tuple[Any, ...]] = []
    for place, _, event in _events(files, problems):
        try:
            label = _label(event.ground_truth_data)
        except RecordError as error:
            problems.add(place, *error.args, lost=True)
            continue
        name = event.event_metadata.inference_id or event.event_metadata.event_id
        if name.startswith(PROBE):
            problems.seen["probes"] += 1
            continue
        problems.seen["records"] += 1
        found = ROW.fullmatch(name)
        name, row = (found[1], int(found[2])) if found else (name, 0)
        rows.append((name, row, label, _hour(place[0])))
        if len(rows) >= BATCH:
            yield _framed(rows, TRUTHS)
            rows = []
    if rows:
        yield _framed(rows, TRUTHS)


def _framed(rows: list[tuple[Any, ...]], columns: dict[str, Any]) -> pl.DataFrame:
    cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return pl.DataFrame(cells, columns).with_columns(pl.col("time").dt.replace_time_zone("UTC"))


def _label(side: Side | None) -> str:
    """Return the one value of ground truth: CSV, or JSON's string."""
    try:
        if side is not None and side.encoding == "CSV":
            ((label,),) = _fields(side.data)
        elif side is not None and side.encoding == "JSON":
            label = msgspec.json.decode(side.data, type=str)
        else:
            raise RecordError("unknown encoding", "label")
    except (ValueError, csv.Error, RecursionError) as error:
        raise RecordError("unreadable label", type(error).__name__) from None
    if not label.strip():
        raise RecordError("unreadable label", "it is empty")
    return label.removeprefix(LABEL)
