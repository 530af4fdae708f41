"""A job that is followed: what is said, how it ends, and what an interruption does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from release_helpers.consent import answered
from release_helpers.fake_aws import refused
from release_helpers.remote_aws import RemoteAws
from release_helpers.settings import tools_session

from categoriser.errors import UserError
from release.remote import following
from release.remote.following import FollowedJob, JobLog, JobState, follow


def job(states: Iterator[JobState], stop: Callable[[], object], **more: Any) -> FollowedJob:
    def describe() -> JobState:
        state = next(states, None)
        if state is None:
            raise KeyboardInterrupt
        return state

    return FollowedJob(name="job-1", describe=describe, stop=stop, command="aws stop", **more)


def test_each_change_is_said_once_and_lines_as_they_come(
    remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    states = iter(
        [
            JobState("InProgress", "Starting"),
            JobState("InProgress", "Training"),
            JobState("InProgress", "Training"),
            JobState("Completed", "Completed"),
        ]
    )
    lines = iter([[], ["a=1"], [], ["b=2"]])

    follow(job(states, lambda: None, new_lines=lambda: next(lines)))

    assert capsys.readouterr().out.splitlines() == [
        "job-1: Starting",
        "job-1: Training",
        "  a=1",
        "job-1: Completed",
        "  b=2",
    ]


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_does_not_complete_is_an_error_with_its_reason(
    status: str, remote: RemoteAws
) -> None:
    with pytest.raises(UserError, match=f"job-1 {status.lower()}: AlgorithmError: rows are bad"):
        follow(job(iter([JobState(status, "", "AlgorithmError: rows are bad")]), lambda: None))


@pytest.mark.parametrize(
    ("answer", "stopped", "said"),
    [("y", True, "job-1 is stopped"), ("n", False, "goes on, and is billed; stop it with `aws")],
)
def test_an_interruption_asks_whether_the_job_is_stopped_too(
    answer: str, stopped: bool, said: str, remote: RemoteAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answered(monkeypatch, answer)
    stops: list[int] = []

    with pytest.raises(UserError, match=said):
        follow(job(iter([JobState("InProgress")]), lambda: stops.append(1)))

    assert len(asked) == 1
    assert bool(stops) is stopped


def test_where_nobody_can_be_asked_it_goes_on_and_that_is_said(remote: RemoteAws) -> None:
    stops: list[int] = []

    with pytest.raises(UserError, match="goes on, and is billed"):
        follow(job(iter([JobState("InProgress")]), lambda: stops.append(1)))

    assert stops == []


def test_a_job_that_cannot_be_stopped_is_said_to_go_on(remote: RemoteAws) -> None:
    def stop() -> None:
        raise refused("AccessDeniedException", "may not stop")

    with pytest.raises(UserError, match=r"goes on.*may not stop"):
        follow(job(iter([JobState("InProgress")]), stop, needs_this=True))


@pytest.mark.parametrize(
    ("needs_this", "said"),
    [(True, "job-1 is stopped"), (False, "goes on, .*`aws stop`; follow it with `make it JOB=1`")],
)
def test_a_job_that_cannot_be_asked_for_any_more_is_stopped_only_if_it_needs_this_process(
    remote: RemoteAws, needs_this: bool, said: str
) -> None:
    def describe() -> JobState:
        raise refused("ExpiredTokenException", "the sign-in has run out")

    stops: list[int] = []
    lost = FollowedJob(
        name="job-1",
        describe=describe,
        stop=lambda: stops.append(1),
        command="aws stop",
        follow_command="make it JOB=1",
        needs_this=needs_this,
    )

    with pytest.raises(UserError, match=f"{said}.*the sign-in has run out"):
        follow(lost)

    assert bool(stops) is needs_this


def test_a_process_that_is_ended_says_what_becomes_of_its_job(
    remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    def describe() -> JobState:
        raise SystemExit(143)

    stops: list[int] = []
    ended = replace(job(iter(()), lambda: stops.append(1)), describe=describe)

    with pytest.raises(SystemExit):
        follow(replace(ended, needs_this=True))
    assert stops == [1]
    with pytest.raises(SystemExit):
        follow(ended)
    assert stops == [1]
    assert capsys.readouterr().out.splitlines() == [
        "job-1 is stopped",
        "job-1 goes on, and is billed; stop it with `aws stop`",
    ]


def test_while_aws_is_out_of_reach_it_is_asked_again(
    remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    out_of_reach = EndpointConnectionError(endpoint_url="https://sagemaker")
    answers: Iterator[JobState | EndpointConnectionError] = iter(
        [out_of_reach, out_of_reach, JobState("Completed", "Completed")]
    )

    follow(replace(job(iter(()), lambda: None), describe=lambda: answer(next(answers))))

    out, end = capsys.readouterr().out.splitlines()
    assert out.startswith("job-1: AWS is out of reach, and is asked again: ")
    assert end == "job-1: Completed"


def test_out_of_reach_for_too_long_it_is_followed_no_more(
    remote: RemoteAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "OUTAGE_SECONDS", -1)
    out_of_reach = EndpointConnectionError(endpoint_url="https://sagemaker")

    with pytest.raises(UserError, match=r"goes on, and is billed.*Could not connect"):
        follow(replace(job(iter(()), lambda: None), describe=lambda: answer(out_of_reach)))


def answer(given: JobState | EndpointConnectionError) -> JobState:
    if isinstance(given, JobState):
        return given
    raise given


def test_the_log_gives_the_new_lines_of_all_the_job_s_streams(remote: RemoteAws) -> None:
    pages = {
        None: {"events": [{"message": "one"}], "nextForwardToken": "f/1"},
        "f/1": {"events": [], "nextForwardToken": "f/1"},
    }
    remote.answers |= {
        "DescribeLogStreams": {"logStreams": [{"logStreamName": "job-1/algo-1"}]},
        "GetLogEvents": lambda given: pages[given.get("nextToken")],
    }
    log = JobLog(tools_session(), "/aws/sagemaker/TrainingJobs", "job-1")

    assert log.new_lines() == ["one"]
    pages["f/1"] = {"events": [{"message": "two"}], "nextForwardToken": "f/2"}
    pages["f/2"] = {"events": [], "nextForwardToken": "f/2"}
    assert log.new_lines() == ["two"]
    assert {call["logStreamNamePrefix"] for call in remote.made("DescribeLogStreams")} == {"job-1/"}


def test_before_the_first_job_there_is_no_log(remote: RemoteAws) -> None:
    assert JobLog(tools_session(), "group", "job-1").new_lines() == []


def test_a_log_that_may_not_be_read_is_said_once(remote: RemoteAws) -> None:
    remote.answers["DescribeLogStreams"] = refused("AccessDeniedException", "not authorized")
    log = JobLog(tools_session(), "group", "job-1")

    [said] = log.new_lines()
    assert "not authorized" in said
    assert log.new_lines() == []
