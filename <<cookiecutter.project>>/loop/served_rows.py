"""Rows that the server of `make serve` answers over HTTP and captures, and their labels."""

import csv
import datetime
import http.client
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import polars as pl

from categoriser.contract import FIELDS
from categoriser.errors import UserError
from categoriser.io.replacing import write_text
from categoriser.monitor.formats.ground_truth import ground_truth_line, row_name

# Requests of so many rows; most clients send one.
ROWS_OF_REQUESTS = (1, 1, 1, 1, 20)
ENDPOINT_HERE = "local"
CAPTURES = "captures"
TRUTH = "truth"


def serve_rows(rows: pl.DataFrame, model: Path, folder: Path, calls: str) -> dict[str, str]:
    """Have a model answer the rows, captured into `captures` of a folder that exists.

    Returns each row's category by the name that a label gives the row, in the rows' order. `calls`
    is how the calls' identifiers begin. Raises `UserError` where the server does not answer.
    """
    with serving(model, folder) as port:
        return send(rows, port, calls)


def write_labels(labels: dict[str, str], folder: Path) -> None:
    """Write the rows' categories as ground truth of this hour, one file."""
    hour = datetime.datetime.now(datetime.UTC).strftime("%Y/%m/%d/%H")
    lines = (ground_truth_line(name, category) for name, category in labels.items())
    write_text(folder / hour / "labels.jsonl", "".join(lines))


@contextmanager
def serving(model: Path, folder: Path) -> Iterator[int]:
    """Start the server with captures into `folder`, yield its port, stop it as SageMaker does."""
    log = folder / "server.log"
    command = ["categoriser.serving", "--model", str(model), "--port", "0"]
    capture = ["--capture", str(folder / CAPTURES), "--endpoint-name", ENDPOINT_HERE]
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


def send(rows: pl.DataFrame, port: int, calls: str) -> dict[str, str]:
    """Send the rows as requests of `ROWS_OF_REQUESTS`; return what `serve_rows` does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    labels: dict[str, str] = {}
    sizes = cycle(ROWS_OF_REQUESTS)
    at = 0
    while at < rows.height:
        batch = rows.slice(at, next(sizes))
        identity = f"{calls}-{at}"
        body = io.StringIO(newline="")
        csv.writer(body).writerows(batch.select(FIELDS).iter_rows())
        headers = {"content-type": "text/csv", "x-amzn-sagemaker-inference-id": identity}
        connection.request("POST", "/invocations", body.getvalue().encode(), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise UserError(f"the server answered {answer.status}: {said.decode()}")
        for row, category in enumerate(batch["category"]):
            labels[row_name(identity, row, batch.height)] = category
        at += batch.height
    connection.close()
    return labels
