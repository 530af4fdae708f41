"""The server in a container: ready soon, right in its answers, and gone in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from container_helpers.containers import (
    SINCE,
    WHO,
    Server,
    serving,
)
from container_helpers.engine import BARE, SMALL, docker
from container_helpers.images import RUN_AS

from categoriser.contract import CSV, JSON, JSON_LINES
from categoriser.io.documents import read_json

PROBLEM = "application/problem+json"


def test_the_server_is_soon_ready(server: Server, show: Callable[[str], None]) -> None:
    since = server.inside(SINCE)
    run = server.ready - server.begun
    begun = server.ready - since
    show(f"ready {run:.2f} s after docker run, {begun:.2f} s after its process began")
    assert 0 < begun < run < 30


def test_ping_answers(server: Server) -> None:
    assert server.ask(("GET", "/ping", "", ""))[0].status == 200


def test_the_first_process_outlives_what_others_leave_to_it(server: Server) -> None:
    docker("exec", server.container, "sh", "-c", "sleep 0.2 &")
    time.sleep(1)
    assert server.ask(("GET", "/ping", "", ""))[0].status == 200
    assert "error" not in docker("logs", server.container).stderr


def test_rows_are_answered_in_the_type_in_which_they_come(server: Server, model: Path) -> None:
    row = {"text": "spotify p0d3d89b19 sydney au", "price": 11.99}
    answer = server.post(CSV, "spotify p0d3d89b19 sydney au,11.99\n")
    label, *probabilities = answer.body.split(",")
    assert (answer.status, answer.kind, label[:9]) == (200, CSV, "__label__")
    assert sum(map(float, probabilities)) == pytest.approx(1, abs=1e-6)
    answer = server.post(JSON, json.dumps(row))
    assert (answer.status, answer.kind) == (200, JSON)
    assert f"__label__{json.loads(answer.body)['category']}" == label
    lines = server.post(JSON_LINES, f"{json.dumps(row)}\n" * 3)
    assert (lines.status, lines.kind) == (200, JSON_LINES)
    assert [json.loads(line) for line in lines.body.splitlines()] == [json.loads(answer.body)] * 3


@pytest.mark.parametrize(
    ("kind", "body", "status", "told"),
    [
        (CSV, "aldi sydney,cheap\n", 400, "price"),
        (JSON, '{"text": "aldi sydney"}', 400, "price is missing"),
        (JSON_LINES, '{"text": 1, "price": 2}', 400, "text must be"),
        (CSV, f"{'x' * 2**20}\n" * 7, 413, "larger"),
        ("image/png", "aldi sydney,1\n", 415, "text/csv"),
    ],
)
def test_a_bad_request_is_refused_with_a_problem(
    server: Server, kind: str, body: str, status: int, told: str
) -> None:
    answer = server.post(kind, body)
    assert (answer.status, answer.kind) == (status, PROBLEM)
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert told in problem["detail"]


def test_golden_cases_are_answered_as_the_evaluation_wrote_them(
    server: Server, evaluation: Path
) -> None:
    cases = read_json(evaluation / "result/golden.json", "evaluate")["cases"]
    rows = [{name: case[name] for name in ("text", "price")} for case in cases]
    answers = json.loads(server.post(JSON, json.dumps(rows)).body)
    assert len(answers) > 10
    assert [one["category"] for one in answers] == [case["category"] for case in cases]
    assert not any(one["review"] for one in answers)


def test_sigterm_ends_it_in_time_with_status_0(stopped: tuple[Path, float, int]) -> None:
    _, seconds, status = stopped
    assert status == 0
    assert seconds < 20


def test_a_server_that_is_started_as_root_is_another_user_s(model: Path) -> None:
    with serving(model, *SMALL) as server:
        processes = server.inside(WHO)
        answer = server.post(CSV, "aldi sydney,1\n")
    assert answer.status == 200
    assert len(processes) > 1
    user = [str(RUN_AS)] * 4
    assert all(found == [user, user, [], ["0" * 16]] for found in processes), processes


def test_root_that_may_become_no_other_says_so_and_serves(model: Path) -> None:
    with serving(model, *BARE) as server:
        assert server.post(CSV, "aldi sydney,1\n").status == 200
        assert "this runs as root" in docker("logs", server.container).stderr
