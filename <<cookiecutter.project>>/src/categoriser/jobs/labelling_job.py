"""`process label`: what people said of predictions becomes data that the next model is trained on.

A scheduled job joins ground truth to captures and adds the rows to `train.csv` and `holdout.csv` in
S3, as `make feedback` does on a laptop. Labels that contradict each other, and those of no class,
are left out; their share is a metric with an alarm, so that who labels so stops nobody's labels but
their own. Then it writes a candidate for the next training: a
manifest of the released files and of `train.csv`. Nothing starts by that; a retraining takes it.
The hold-out is in no manifest, so that no model has seen it.
"""

import logging
import os
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

PLACES = ("labels", "data_manifest", "labelled_manifest")
NEWEST = 'SELECT max(labelled.time) FROM labelled SEMI JOIN answered USING (id, "row")'


def process() -> str:
    """Run the job that the environment describes, and return the exit message.

    The environment is the check's, and names the prefix `labels` of the two files, the
    `data_manifest` of what is released, and the `labelled_manifest` to write. The captures are
    those of the window and of the time in which labels are awaited: each run sees most of them
    again, and adds what is new. Raises `UserError` for what cannot be read or written.
    """
    given, settings, problems = dict(os.environ), read_monitor_settings(), Problems()
    with TemporaryDirectory(prefix="categoriser-") as name:
        labels, archive = Path(name) / "labels", Path(name) / "data.zip"
        job = request_from_environment({**given, "output_path": name}, settings, *PLACES)
        prefix, released, candidate = (given[place].rstrip("/") for place in PLACES)
        start = job.start and job.start - job.label_lag
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
                    return "Completed: no data"
                try:
                    slices = facts.evaluate.slices
                    counts = export_labelled(labelled, settings.quality, labels, slices)
                except TooFewRowsError as error:
                    return f"Completed: {error}"
                [[newest]] = labelled.connection.execute(NEWEST).fetchall()
        # train.csv comes last: the version is its own.
        for part in reversed(FEEDBACK_PARTS):
            version = put(labels / f"{part}.csv", f"{prefix}/{part}.csv")
        train = File(f"{prefix}/train.csv", version, digest(labels / "train.csv"), counts["train"])
        fetch(released, archive)
        base = unzip(archive.read_bytes(), released)
        files = (*(file for file in base.files if file.uri != train.uri), train)
        through = f"{newest or job.end:%Y-%m-%dT%H:%M:%SZ}"
        archive.write_bytes(Manifest("labels", files, base.dvc, through).zip())
        put(archive, candidate)
    said = f"Completed: {train.rows:,} rows through {through}, {counts['holdout']:,} kept apart"
    return f"{said}; {bad}" if bad.count else said


def report_bad(job: MonitorRequest, bad: BadLabels, settings: MonitorSettings) -> None:
    """Send the share of bad labels, which an alarm watches, and log the first where it is high."""
    if bad.labelled and job.namespaces:
        data = metrics_of_alarms({BAD_LABELS_METRIC: bad.share})
        at = job.end or datetime.now(UTC)
        send_metrics(stamped(data, job.endpoint, job.schedule, at), job.namespaces[0])
    if said := bad_labels_warning(bad, settings.quality):
        log.warning("%s", said)
