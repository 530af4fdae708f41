"""Captures to a summary of what is watched: by this machine's processes, or by Spark's workers.

A captured call counts once, by its event id: captures may lie twice under a source, and a copied
file would shift every distribution. A worker drops what it has met already. What two workers have
met is summarised again without it by the later one, so that nothing is read twice where nothing
lies twice.

The team's own scripts are called as Model Monitor calls them: before and after the analysis.
"""

import hashlib
import importlib.util
import inspect
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.io.digests import digest
from categoriser.io.documents import read_json
from categoriser.monitor.features import Seen, watch
from categoriser.monitor.formats import capture, statistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.statistics import Feature, Statistics
from categoriser.monitor.summary import Summary, summarise

FACTS = "facts.json"
MADE_BY = "dvc repro baseline"

# Fewer bytes of captures are read in less time than a second process takes to start.
WORTH_A_PROCESS = 20_000_000

# Rows among which examples of new texts are looked for.
SAMPLED = 50_000
UNSEEN = "unseen_tokens"
# Of an event id's digest: two of ten million ids meet by chance in one window of 400,000.
ID_BYTES = 8

log = logging.getLogger("categoriser.monitor")

Ids = NDArray[np.uint64]


class Share(NamedTuple):
    """A worker's files, and the digests of the event ids in them that another worker counts."""

    files: Sequence[str]
    elsewhere: bytes = b""


class Part(NamedTuple):
    """What a worker makes of its share, as bytes: a `Summary`, and the digests of its event ids."""

    summary: bytes
    problems: Problems
    ids: bytes


# Gives each share to `Watching.summarise`, wherever that is; returns the answers in order.
Workers = Callable[[Sequence[Share]], Iterable[bytes]]


@dataclass
class EventIds:
    """The event ids that have come, by their digests."""

    elsewhere: set[int]
    own: set[int] = field(default_factory=set)

    def fresh(self, event_id: str) -> bool:
        """Return whether an id comes for the first time; now it has come."""
        code = int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=ID_BYTES).digest())
        if code in self.elsewhere or code in self.own:
            return False
        self.own.add(code)
        return True


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
        self,
        files: Sequence[str],
        problems: Problems,
        fresh: Callable[[str], bool] | None = None,
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield captured rows (`capture.Batch.frame`), and as many rows of watched features.

        `fresh` is that of `capture.batches`.
        """
        script = load_preprocessor(self.preprocessor) if self.preprocessor else None
        if not self.baseline and not script:
            raise UserError(
                "captures are watched with what the training rows held: name the folder that "
                f"`{MADE_BY}` writes in the environment variable baseline, or a script that reads "
                "them in record_preprocessor_script"
            )
        facts = read_json(self.baseline / FACTS, MADE_BY) if self.baseline else {"classes": []}
        seen, classes = Seen.load(self.baseline) if self.baseline else None, facts["classes"]
        window = {"start": self.start, "end": self.end}
        for batch in capture.batches(
            files, classes, problems, **window, preprocess=script, fresh=fresh
        ):
            found = batch.extra if batch.extra is not None else pl.DataFrame()
            if seen:
                own = watch(batch.frame, seen, classes, facts["review_threshold"])
                found = own.with_columns(found.get_columns())
            yield batch.frame, found.drop(self.leave_out, strict=False)
        if not seen:
            for kinds in (problems.counts, problems.places):
                kinds.pop(capture.SCRIPT_ONLY, None)

    def summarise(self, share: Share) -> bytes:
        """Summarise a worker's share; the result, a `Part`, can be sent."""
        problems = Problems()
        ids = EventIds({*np.frombuffer(share.elsewhere, np.uint64).tolist()})
        frames = (features for _, features in self.batches(share.files, problems, ids.fresh))
        summary = summarise(batch for frame in frames for batch in frame.to_arrow().to_batches())
        own = np.fromiter(ids.own, np.uint64, len(ids.own))
        return msgspec.msgpack.encode(Part(summary.to_bytes(), problems, own.tobytes()))

    def new_texts(self, files: Sequence[str], most: int) -> list[dict[str, Any]]:
        """Return texts with words that training lacks: the most frequent wordings, an example each.

        A line has `text`, `answer`, `rows` (of the wording, among the first `SAMPLED`), and the
        share `unseen` of its words. These are people's own texts: they are for the one who looks,
        and for no report that is kept.
        """
        found, count = [], 0
        for frame, watched in self.batches(files, Problems()):
            if UNSEEN not in watched.columns or count >= SAMPLED:
                break
            count += frame.height
            rows = frame.select("text", answer="label").with_columns(unseen=watched[UNSEEN])
            found.append(rows.filter(pl.col("unseen").cast(pl.Float64) > 0))
        if not found:
            return []
        texts = pl.concat(found)
        wording = pl.Series("wording", normalise(texts["text"].to_list()), dtype=pl.String)
        grouped = texts.with_columns(wording).group_by("wording", maintain_order=True)
        lines = grouped.agg(pl.first("text", "answer", "unseen"), rows=pl.len())
        frequent = lines.sort("rows", "unseen", "wording", descending=[True, True, False])
        return frequent.head(most).drop("wording").to_dicts()

    def statistics(self, summary: Summary, problems: Problems) -> Statistics:
        """Return the statistics of a summary, with completeness by what was captured.

        Where only inputs are captured, a row has no answer that could be missing: features of the
        answer are complete by the rows whose output was captured, and without any such row they
        are not captured. So it is with inputs.
        """
        found = statistics.of_summary(summary)
        seen = problems.seen
        if not self.baseline or not (seen["without_input"] or seen["without_output"]):
            return found
        without: dict[str, int] = {}
        for side, names in sides(self.baseline).items():
            without |= dict.fromkeys(names, seen[f"without_{side}"])
        features: dict[str, Feature] = {}
        for name, feature in found.features.items():
            missing = max(0, feature.missing - without.get(name, 0))
            rows = feature.present + missing
            if rows:
                share = feature.present / rows
                features[name] = replace(feature, missing=missing, completeness=share)
        lost = tuple(name for name in found.features if name not in features)
        return replace(found, features=features, not_captured=lost)


def sides(baseline: Path) -> dict[str, list[str]]:
    """Return the watched features that have no value without an input, and without an output.

    Nothing lists them: the project's own `watch` is asked, with a row that lacks each.
    """
    facts = read_json(baseline / FACTS, MADE_BY)
    classes = facts["classes"]
    kind = pl.Array(pl.Float64, len(classes))
    rows = {
        "text": pl.Series([None, "a"], dtype=pl.String),
        "price": pl.Series([None, 1.0], dtype=pl.Float64),
        "label": pl.Series([classes[0], None], dtype=pl.String),
        "probabilities": pl.Series([[1 / len(classes)] * len(classes), None], dtype=kind),
    }
    threshold = facts["review_threshold"]
    watched = watch(pl.DataFrame(rows), Seen.load(baseline), classes, threshold)
    blank = watched.select(pl.all().is_null())
    return {
        side: [name for name in blank.columns if blank[name][row]]
        for row, side in enumerate(("input", "output"))
    }


def gather(parts: Iterable[Part]) -> tuple[Summary, Problems]:
    """Add up what workers found."""
    summary, problems = Summary(), Problems()
    for part in parts:
        summary.merge(Summary.from_bytes(part.summary))
        problems.merge(part.problems)
    return summary, problems


def summarise_shares(files: Sequence[Sequence[str]], run: Workers) -> tuple[Summary, Problems]:
    """Summarise the workers' files, each event id once.

    Of each id `ID_BYTES` come to this process.
    """
    parts = [_part(data) for data in run([Share(own) for own in files])]
    ids = [np.frombuffer(part.ids, np.uint64) for part in parts]
    again = {number: Share(files[number], known) for number, known in _repeated(ids).items()}
    if again:
        for number, data in zip(again, run([*again.values()]), strict=True):
            parts[number] = _part(data)
    return gather(parts)


def _part(data: bytes) -> Part:
    return msgspec.msgpack.decode(data, type=Part)


def _repeated(ids: Sequence[Ids]) -> dict[int, bytes]:
    """Return, by the places of those lists that have any, the ids that an earlier list has too."""
    if not ids:
        return {}
    together = np.concatenate(ids)
    owner = np.repeat(np.arange(len(ids)), [len(own) for own in ids])
    order = np.argsort(together, kind="stable")
    in_order = together[order]
    later = order[1:][in_order[1:] == in_order[:-1]]
    return {
        int(number): together[later[owner[later] == number]].tobytes()
        for number in np.unique(owner[later])
    }


def summarise_captures(files: Sequence[str], watching: Watching) -> tuple[Summary, Problems]:
    """Summarise captures on this machine's cores."""
    size = sum(Path(file).stat().st_size if Path(file).exists() else 10**6 for file in files)
    workers = min(os.cpu_count() or 1, len(files))
    if workers < 2 or size < WORTH_A_PROCESS:
        return summarise_shares([files], lambda shares: map(watching.summarise, shares))
    # Few files a task, so that the processes end together. They are spawned, since Polars' threads
    # do not survive a fork.
    step = max(1, len(files) // (workers * 8))
    tasks = [files[at : at + step] for at in range(0, len(files), step)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return summarise_shares(tasks, lambda shares: pool.map(watching.summarise, shares))


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
