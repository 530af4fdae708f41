"""`process label`: what people said of predictions becomes data that the next model is trained on.

A scheduled job joins ground truth to captures and adds the rows to `train.csv` and `holdout.csv` in
S3, as `make feedback` does on a laptop. Labels that contradict each other, and those of no class,
are left out; their share is a metric with an alarm, so that someone who labels so
stops nobody's labels but their own. Then it writes a candidate for the next training: a
manifest of the released files and of `train.csv`. Nothing starts by that; a retraining takes it.
The hold-out is in no manifest, so that no model has seen it.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from categoriser.io.digests import digest
from categoriser.io.storage import fetch, put
from categoriser.manifest import File, Manifest, unzip
from categoriser.monitor.checks.baseline_folder import local_baseline, needed_baseline
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.request_environment import request_from_environment
from categoriser.monitor.formats.baseline_facts import read_baseline_facts
from categoriser.monitor.formats.event_files import event_files, find_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.labels.bad_labels import BadLabels, bad_labels_warning, count_bad_labels
from categoriser.monitor.labels.export import FEEDBACK_PARTS, TooFewRowsError, export_labelled
from categoriser.monitor.labels.label_join import join_labels
from categoriser.monitor.monitor_settings import MonitorSettings, read_monitor_settings
from categoriser.monitor.reporting.cloudwatch_metrics import (
    BAD_LABELS_METRIC,
    metrics_of_alarms,
    send_metrics,
    stamped,
)
from categoriser.monitor.watching.watched_captures import Watching, with_country

log = logging.getLogger("categoriser.monitor")

# The environment variables that name the job's own places.
LABELLING_PLACES = ("labels", "data_manifest", "labelled_manifest")
NEWEST_LABEL = 'SELECT max(labelled.time) FROM labelled SEMI JOIN answered USING (id, "row")'


@dataclass(frozen=True)
class AddedLabels:
    """What a run added: rows by file's name, the newest label's time, and the bad labels."""

    counts: Mapping[str, int]
    newest: datetime | None
    bad: BadLabels


def label_data() -> str:
    """Run the job that the environment describes, and return the exit message.

    The environment is the check's, and names the prefix `labels` of the two files, the
    `data_manifest` of what is released, and the `labelled_manifest` to write. The captures are
    those of the window and of the time in which labels are awaited: each run sees most of them
    again, and adds what is new. Raises `UserError` for what cannot be read or written.
    """
    given = dict(os.environ)
    settings = read_monitor_settings()
    with TemporaryDirectory(prefix="categoriser-") as name:
        labels = Path(name) / "labels"
        job = request_from_environment({**given, "output_path": name}, settings, *LABELLING_PLACES)
        prefix, released, candidate = (given[place].rstrip("/") for place in LABELLING_PLACES)
        try:
            added = add_labels(job, settings, prefix, labels)
        except TooFewRowsError as error:
            return f"Completed: {error}"
        if added is None:
            return "Completed: no data"
        # train.csv comes last: the version is its own.
        for part in reversed(FEEDBACK_PARTS):
            version = put(labels / f"{part}.csv", f"{prefix}/{part}.csv")
        rows = added.counts["train"]
        train = File(f"{prefix}/train.csv", version, digest(labels / "train.csv"), rows)
        through = f"{added.newest or job.end:%Y-%m-%dT%H:%M:%SZ}"
        put_candidate(train, through, released, candidate, Path(name) / "data.zip")
    kept_apart = added.counts["holdout"]
    message = f"Completed: {rows:,} rows through {through}, {kept_apart:,} kept apart"
    return f"{message}; {added.bad}" if added.bad.count else message


def add_labels(
    job: MonitorRequest, settings: MonitorSettings, prefix: str, labels: Path
) -> AddedLabels | None:
    """Add what people said of predictions to the files under `prefix`, in the folder `labels`.

    Returns None where no label belongs to a prediction. Raises `UserError` for what cannot be read,
    and `TooFewRowsError`.
    """
    problems = Problems()
    start = job.start - job.label_lag if job.start else None
    captures = event_files(job.history, start, job.end, problems)
    # A label is never older than its prediction.
    given_labels = event_files(job.truth or "", start, None, problems)
    truths = ground_truth_rows(given_labels, problems)
    for file in find_files(prefix):
        fetch(file, labels / Path(file).name)
    with local_baseline(job.baseline) as folder:
        watching = Watching(needed_baseline(folder), start, job.end, job.preprocessor)
        frames = with_country(watching, captures, problems)
        facts = read_baseline_facts(needed_baseline(folder))
        with join_labels(frames, truths, facts.classes, settings.quality) as labelled:
            bad = count_bad_labels(labelled)
            report_bad(job, bad, settings)
            if not labelled.counts.joined:
                return None
            slices = facts.evaluate.slices
            counts = export_labelled(labelled, settings.quality, labels, slices)
            [[newest]] = labelled.connection.execute(NEWEST_LABEL).fetchall()
    return AddedLabels(counts, newest, bad)


def put_candidate(train: File, through: str, released: str, candidate: str, archive: Path) -> None:
    """Write the manifest of the released files and of `train` to `candidate`."""
    fetch(released, archive)
    base = unzip(archive.read_bytes(), released)
    files = [file for file in base.files if file.uri != train.uri]
    archive.write_bytes(Manifest("labels", (*files, train), base.dvc, through).zip())
    put(archive, candidate)


def report_bad(job: MonitorRequest, bad: BadLabels, settings: MonitorSettings) -> None:
    """Send the share of bad labels, which an alarm watches, and log the first where it is high."""
    if bad.labelled and job.namespaces:
        data = metrics_of_alarms({BAD_LABELS_METRIC: bad.share})
        at = job.end or datetime.now(UTC)
        send_metrics(stamped(data, job.endpoint, job.schedule, at), job.namespaces[0])
    warning = bad_labels_warning(bad, settings.quality)
    if warning:
        log.warning("%s", warning)
