"""The lines of captures and ground truth, as SageMaker writes them: JSON, an event in each."""

import codecs
import io
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import msgspec

from categoriser.errors import UserError
from categoriser.io.storage import open_file, read_failures
from categoriser.io.unpacking import Unpacked
from categoriser.monitor.formats.problems import EMPTY_FILE, Place, Problems
from categoriser.serving.capture import LONGEST_CAPTURE

PROBE_PREFIX = "probe-"


class EventSide(msgspec.Struct, rename="camel"):
    data: str
    encoding: str
    observed_content_type: str | None = None


class EventSides(msgspec.Struct, rename="camel"):
    endpoint_input: EventSide | None = None
    endpoint_output: EventSide | None = None
    batch_transform_output: EventSide | None = None


class EventMetadata(msgspec.Struct, rename="camel"):
    event_id: str
    inference_id: str | None = None
    inference_time: Any = None


class Event(msgspec.Struct, rename="camel"):
    """A line: a captured call, or ground truth."""

    event_metadata: EventMetadata
    capture_data: EventSides = msgspec.field(default_factory=EventSides)
    ground_truth_data: EventSide | None = None


EVENT_DECODER = msgspec.json.Decoder(Event)


class RecordError(Exception):
    """A record that cannot be read: the kind of fault, and a detail that holds none of its data."""


def read_events(files: Iterable[str], problems: Problems) -> Iterator[tuple[Place, bytes, Event]]:
    for place, line in _lines(files, problems):
        try:
            event = EVENT_DECODER.decode(line)
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
            with open_file(file) as (raw, size):
                stream: Any = raw
                if file.endswith(".gz"):
                    stream = io.BufferedReader(Unpacked(raw, size, file))
                for line in iter(partial(stream.readline, LONGEST_CAPTURE), b""):
                    number += 1
                    if _is_cut(line):
                        problems.add((file, number), "line too long", lost=True)
                        _skip_rest(stream)
                    elif not line.isspace():
                        yield (
                            (file, number),
                            line if number > 1 else line.removeprefix(codecs.BOM_UTF8),
                        )
            if not number:
                problems.add((file, 1), EMPTY_FILE)
        except read_failures(file) as error:
            place = (file, number + 1)
            problems.add(place, "file not readable", type(error).__name__, lost=True)
        except UserError:
            problems.add((file, number + 1), "file not readable", "unpacks to too much", lost=True)


def _is_cut(line: bytes) -> bool:
    return len(line) == LONGEST_CAPTURE and not line.endswith(b"\n")


def _skip_rest(stream: Any) -> None:
    """Read on to the end of a line."""
    line = b"-"
    while line and not line.endswith(b"\n"):
        line = stream.readline(LONGEST_CAPTURE)
