"""`make drift`: a month that drifts is generated, served, captured, labelled, and judged.

Only the rows are made up: the server of `make serve` answers over HTTP and captures, the labels
come back as ground truth, and the monitor reads both as it does in production.
"""

import csv
import datetime
import http.client
import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import polars as pl
from rich.console import Console

from categoriser import paths
from categoriser.command import run_command
from categoriser.contract import FIELDS
from categoriser.data.generate import generate
from categoriser.data.generated_facts import read_generated_facts
from categoriser.data.generation.world import Drift
from categoriser.errors import UserError
from categoriser.io.replacing import write_text
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.ground_truth import ground_truth_line, row_name
from categoriser.monitor.monitor_settings import read_monitor_settings
from categoriser.monitor.reporting.terminal_report import SAMPLE_TEXTS
from categoriser.params import read_params

MONTH_DRIFT = Drift(new_merchants=0.2, price_scale=1.5, mix={"travel": 2}, new_bank=0.15)
DRIFT_IN_WORDS = (
    "a fifth from new merchants, prices half as high again, travel doubled, a new bank's wording"
)
ROWS_SERVED = 5000
# Requests of so many rows; most clients send one.
ROWS_OF_REQUESTS = (1, 1, 1, 1, 20)
ENDPOINT_HERE = "local"


def month(last: str) -> pl.DataFrame:
    """Return the rows of the month after `last` (YYYY-MM), drifted."""
    settings = read_params().generate
    start = datetime.date.fromisoformat(f"{last}-01") + datetime.timedelta(days=31)
    later = {
        "rows": ROWS_SERVED,
        "start": start.replace(day=1),
        "months": 1,
        "seed": settings.seed + 1,
    }
    return generate(settings.model_copy(update=later), MONTH_DRIFT)[0]


@contextmanager
def serving(model: Path, folder: Path) -> Iterator[int]:
    """Start the server with captures into `folder`, yield its port, stop it as SageMaker does."""
    log = folder / "server.log"
    command = ["categoriser.serving", "--model", str(model), "--port", "0"]
    capture = ["--capture", str(folder / "captures"), "--endpoint-name", ENDPOINT_HERE]
    with log.open("wb") as stream:
        server = subprocess.Popen([sys.executable, "-m", *command, *capture], stderr=stream)
    try:
        yield _port_told(server, log)
    finally:
        server.terminate()
        server.wait()


def _port_told(server: subprocess.Popen[bytes], log: Path) -> int:
    """Wait for the first line of the server's log, which says its port."""
    while True:
        has_ended = server.poll() is not None
        first, end_of_line, _ = log.read_text(encoding="utf-8").partition("\n")
        if end_of_line:
            return int(json.loads(first)["port"])
        if has_ended:
            raise UserError(f"the server did not start: {first}")
        time.sleep(0.05)


def send(rows: pl.DataFrame, port: int) -> list[str]:
    """Send the rows as requests of `ROWS_OF_REQUESTS`; return each row's ground truth as a line."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    labels: list[str] = []
    sizes = cycle(ROWS_OF_REQUESTS)
    at = 0
    while at < rows.height:
        size = next(sizes)
        batch = rows.slice(at, size)
        identity = f"drift-{at}"
        body = io.StringIO(newline="")
        csv.writer(body).writerows(batch.select(FIELDS).iter_rows())
        headers = {"content-type": "text/csv", "x-amzn-sagemaker-inference-id": identity}
        connection.request("POST", "/invocations", body.getvalue().encode(), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise UserError(f"the server answered {answer.status}: {said.decode()}")
        for row, label in enumerate(batch["category"]):
            labels.append(ground_truth_line(row_name(identity, row, size), label))
        at += size
    connection.close()
    return labels


def main() -> None:
    if read_params().data.path != paths.GENERATED:
        raise UserError(
            f"make drift serves generated rows, and the model is of {read_params().data.path}: "
            "it would call everything drift"
        )
    settings = read_monitor_settings()
    facts = read_generated_facts(paths.GENERATED_FACTS)
    rows = month(facts.months[1])
    shutil.rmtree(paths.DRIFT, ignore_errors=True)
    paths.DRIFT.mkdir(parents=True)
    with serving(paths.MODEL, paths.DRIFT) as port:
        labels = send(rows, port)
    hour = datetime.datetime.now(datetime.UTC).strftime("%Y/%m/%d/%H")
    write_text(paths.DRIFT / "truth" / hour / "labels.jsonl", "".join(labels))
    console = Console()
    console.print(f"{rows.height:,} rows served: {DRIFT_IN_WORDS}", highlight=False)
    job = MonitorRequest(
        source=str(paths.DRIFT / "captures"),
        output=paths.DRIFT,
        baseline=str(paths.BASELINE),
        truth=str(paths.DRIFT / "truth"),
        endpoint=ENDPOINT_HERE,
        preprocessor=settings.features.preprocessor,
        postprocessor=settings.features.postprocessor,
        samples=SAMPLE_TEXTS,
    )
    check_window(job, settings, console)


if __name__ == "__main__":
    run_command(main)
