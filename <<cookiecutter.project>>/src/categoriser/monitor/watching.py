"""Captures to a summary of what is watched: by this machine's processes, or by Spark's workers.

The team's own scripts are called as Model Monitor calls them: before and after the analysis.
"""

import importlib.util
import inspect
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import polars as pl

from categoriser.errors import UserError
from categoriser.files import digest, read_json
from categoriser.monitor.features import Seen, watch
from categoriser.monitor.formats import capture
from categoriser.monitor.formats.capture import Problems
from categoriser.monitor.summary import Summary, summarise

FACTS = "facts.json"
MADE_BY = "dvc repro baseline"

# Fewer bytes of captures are read in less time than a second process takes to start.
WORTH_A_PROCESS = 20_000_000

log = logging.getLogger("categoriser.monitor")


def in_common(leave_out: Sequence[str], preprocessor: Path | None) -> dict[str, Any]:
    """Return what of the settings a baseline and the captures must have in common."""
    script = digest(preprocessor) if preprocessor and preprocessor.is_file() else None
    return {"leave_out": sorted(leave_out), "preprocessor": script}


@dataclass(frozen=True)
class Watching:
    """How captures are watched: what a process or a worker needs to know, and can be sent.

    `baseline` is the folder that the stage `baseline` writes, `preprocessor` the team's script.
    Without a baseline only the script's features are watched: so any captures can be read.
    """

    baseline: Path | None
    start: datetime | None = None
    end: datetime | None = None
    preprocessor: Path | None = None
    leave_out: tuple[str, ...] = ()

    def batches(
        self, files: Sequence[str], problems: Problems
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield captured rows (`capture.Batch.frame`), and as many rows of watched features."""
        script = load_preprocessor(self.preprocessor) if self.preprocessor else None
        if not self.baseline and not script:
            raise UserError(
                "captures are watched with what the training rows held: name the folder that "
                f"`{MADE_BY}` writes in the environment variable baseline, or a script that reads "
                "them in record_preprocessor_script"
            )
        facts = read_json(self.baseline / FACTS, MADE_BY) if self.baseline else {"classes": []}
        seen, classes = Seen.load(self.baseline) if self.baseline else None, facts["classes"]
        for batch in capture.batches(
            files, classes, problems, start=self.start, end=self.end, preprocess=script
        ):
            found = batch.extra if batch.extra is not None else pl.DataFrame()
            if seen:
                own = watch(batch.frame, seen, classes, facts["review_threshold"])
                found = own.with_columns(found.get_columns())
            yield batch.frame, found.drop(self.leave_out, strict=False)
        if not seen:
            for kinds in (problems.counts, problems.places):
                kinds.pop(capture.SCRIPT_ONLY, None)

    def summarise(self, files: Sequence[str]) -> bytes:
        """Summarise files; the result can be sent, and `gather` adds it up."""
        problems = Problems()
        frames = (features for _, features in self.batches(files, problems))
        summary = summarise(batch for frame in frames for batch in frame.to_arrow().to_batches())
        return msgspec.msgpack.encode((summary.to_bytes(), problems))


def gather(parts: Iterable[bytes]) -> tuple[Summary, Problems]:
    """Add up what `Watching.summarise` returned."""
    summary, problems = Summary(), Problems()
    for part in parts:
        data, found = msgspec.msgpack.decode(part, type=tuple[bytes, Problems])
        summary.merge(Summary.from_bytes(data))
        problems.merge(found)
    return summary, problems


def summarise_captures(files: Sequence[str], watching: Watching) -> tuple[Summary, Problems]:
    """Summarise captures on this machine's cores."""
    size = sum(Path(file).stat().st_size if Path(file).exists() else 10**6 for file in files)
    workers = min(os.cpu_count() or 1, len(files))
    if workers < 2 or size < WORTH_A_PROCESS:
        return gather([watching.summarise(files)])
    # Few files a task, so that the processes end together. They are spawned, since Polars' threads
    # do not survive a fork.
    step = max(1, len(files) // (workers * 8))
    tasks = [files[at : at + step] for at in range(0, len(files), step)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return gather(pool.map(watching.summarise, tasks))


# The team's scripts.


def load_preprocessor(path: Path) -> Callable[[dict[str, Any]], Any]:
    """Return a script's `preprocess_handler(inference_record[, logger])`, to be given a line.

    Raises `UserError` for a script that cannot be imported or has no such function.
    """
    handler = _handler(path, "preprocess_handler", (1, 2))
    more = (log,) if len(inspect.signature(handler).parameters) > 1 else ()
    return lambda event: handler(inference_record(event), *more)


def load_postprocessor(path: Path) -> Callable[[], Any]:
    """Return a script's `postprocess_handler()`. Loading and calling raise `UserError`."""
    handler = _handler(path, "postprocess_handler", (0,))

    def call() -> None:
        try:
            handler()
        except (Exception, SystemExit) as error:
            raise UserError(f"{path}: postprocess_handler failed: {error!r}") from error

    return call


def _handler(path: Path, name: str, arguments: tuple[int, ...]) -> Callable[..., Any]:
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError("it is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path} cannot be imported: {error!r}") from error
    handler = getattr(module, name, None)
    if not callable(handler):
        raise UserError(f"{path} has no function {name}")
    if len(inspect.signature(handler).parameters) not in arguments:
        raise UserError(f"{path}: {name} must take {' or '.join(map(str, arguments))} arguments")
    return handler  # type: ignore[no-any-return]


def inference_record(event: dict[str, Any]) -> SimpleNamespace:
    """Return a captured record with the attributes that the prebuilt container's has.

    They are those of the class on AWS's page "Preprocessing and Postprocessing"; `inference_id`,
    `custom_attributes`, and `observed_content_type` are there beside them.
    """
    metadata, sides = event["eventMetadata"], event["captureData"]
    attributes = metadata.get("customAttributes")
    return SimpleNamespace(
        event_metadata=SimpleNamespace(
            event_id=metadata["eventId"],
            event_time=metadata["inferenceTime"],
            inference_id=metadata.get("inferenceId"),
            custom_attribute=attributes,
            custom_attributes=attributes,
        ),
        endpoint_input=_side(sides.get("endpointInput")),
        endpoint_output=_side(sides.get("endpointOutput")),
        batch_transform_output=_side(sides.get("batchTransformOutput")),
        ground_truth=_side(event.get("groundTruthData")),
        event_version=event.get("eventVersion"),
        event_dict=event,
        as_dict=lambda: event,
    )


def _side(side: Any) -> SimpleNamespace | None:
    if not isinstance(side, dict):
        return None
    names = ("data", "encoding", "mode", "observedContentType")
    values = {name: side.get(name) for name in names}
    return SimpleNamespace(**values, observed_content_type=values["observedContentType"])
