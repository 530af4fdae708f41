"""`make review` from captures to labels that the monitor and `make feedback` read."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import polars as pl
import pytest
from measured import rows
from monitor_helpers.made_checks import captured, checked, made
from review_helpers.reviewed_project import CAPTURES, labels_read

from categoriser.errors import UserError
from categoriser.monitor.feedback_export import export_feedback
from categoriser.monitor.labels.export import FEEDBACK_PARTS
from categoriser.paths import BASELINE
from categoriser.review.review_server import listen_here

LOG = "server.log"


@contextmanager
def reviewing(
    project: Path, *arguments: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Start the verb, open the page that it names, and end it as Ctrl-C does."""
    command = [sys.executable, "-m", "categoriser", "review", *arguments]
    with (
        (project / LOG).open("wb") as log,
        subprocess.Popen(
            command, cwd=project, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        assert server.stdout
        told = [server.stdout.readline() for _ in range(3)]
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", "".join(told))
        try:
            assert found, (project / LOG).read_text()
            with httpx.Client(base_url=found[0].partition("?")[0]) as browser:
                browser.get(found[0], follow_redirects=True)
                yield browser, server
        finally:
            server.send_signal(signal.SIGINT)


def label_all(browser: httpx.Client, categories: list[str]) -> int:
    """Label the groups with one category after the other; return how many rows have a label."""
    groups = browser.get("/groups", params={"count": 200}).json()["groups"]
    for place, state in enumerate(groups):
        body = {
            "group": state["group"]["number"],
            "category": categories[place % len(categories)],
            "seen": place,
        }
        assert browser.post("/labels", json=body).status_code == 200
    done: int = browser.get("/progress").json()["rows_done"]
    return done


def test_feedback_reads_what_the_page_has_written(
    reviewed: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with reviewing(reviewed, CAPTURES) as (browser, server):
        assert label_all(browser, ["food"]) == 7
    assert server.returncode in (0, -signal.SIGINT, 128 + signal.SIGINT)
    assert len(labels_read(labels)) == 7
    export_feedback(CAPTURES, "labels")
    said = capsys.readouterr().out
    for line in ("labels: 7", "joined: 7", "orphans: 0", "repeated: 0", "conflicting: 0"):
        assert f"{line}\n" in said
    # Two of the seven answers were food.
    assert "accuracy: 0.2857 +/- " in said
    frames = [pl.read_csv(reviewed / f"feedback/{part}.csv") for part in FEEDBACK_PARTS]
    exported = pl.concat(frame for frame in frames if frame.height)
    assert sorted(exported.select("text", "category").rows()) == [
        (text, "food")
        for text in sorted(
            [
                "...",
                "ALDI 99 Sydney AU",
                "aldi 12 sydney au",
                "aldi 5 sydney au",
                "shell gore nz",
                "zorgo 1",
                "zorgo 2",
            ]
        )
    ]


def test_the_monitor_judges_quality_by_what_the_page_has_written(reviewed: Path) -> None:
    shutil.rmtree(reviewed / CAPTURES)
    (reviewed / BASELINE).rename(reviewed / "other-baseline")
    (reviewed / BASELINE).symlink_to(made())
    # A word that training has not seen is for a person to look at.
    text = pl.when(pl.col("row") % 10 == 0).then(pl.lit("zyx")).otherwise("text")
    captured(reviewed / CAPTURES, rows(300, seed=7).with_columns(text=text), size=3)
    with reviewing(reviewed, CAPTURES, "--labels", "said") as (browser, _):
        done = label_all(browser, ["transport"])
    assert done > 0
    found = checked(reviewed, truth=str(reviewed / "said"))
    assert found["quality"]["joined"]["joined"] == done
    assert found["quality"]["joined"]["orphans"] == 0
    assert found["quality"]["labels"]["transport"] == done


def test_two_servers_over_a_folder_lose_nothing(reviewed: Path, labels: Path) -> None:
    with reviewing(reviewed, CAPTURES) as (one, _), reviewing(reviewed, CAPTURES) as (other, _):
        for browser, group, category in ((one, 0, "food"), (other, 1, "bills"), (one, 2, "travel")):
            body = {"group": group, "category": category, "seen": 0}
            assert browser.post("/labels", json=body).status_code == 200
        assert other.get("/progress").json()["entries"] == 3
    assert sorted(labels_read(labels).values()) == ["bills"] * 3 + ["food"] * 2 + ["travel"]


def test_a_killed_server_leaves_its_labels(reviewed: Path, labels: Path) -> None:
    with reviewing(reviewed, CAPTURES) as (browser, server):
        label_all(browser, ["food"])
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    assert len(labels_read(labels)) == 7
    with reviewing(reviewed, CAPTURES) as (browser, _):
        assert browser.get("/progress").json()["rows_done"] == 7


def test_the_log_is_empty(reviewed: Path) -> None:
    with reviewing(reviewed, CAPTURES) as (browser, _):
        label_all(browser, ["food"])
        browser.post("/labels", content=b"zorgo", headers={"content-type": "application/json"})
    assert (reviewed / LOG).read_text() == ""


def test_a_port_in_use_is_told() -> None:
    with listen_here(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 cannot be used"):
            listen_here(port)
    with pytest.raises(UserError, match="port 99999 of"):
        listen_here(99999)


def test_only_this_machine_is_listened_on() -> None:
    with listen_here(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_fault_is_one_line(reviewed: Path) -> None:
    command = [sys.executable, "-m", "categoriser", "review", "nowhere"]
    done = subprocess.run(command, cwd=reviewed, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the files in nowhere cannot be listed")
    assert json.dumps(done.stderr).count("\\n") == 1
