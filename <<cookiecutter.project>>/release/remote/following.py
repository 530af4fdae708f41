"""A job that runs on SageMaker, followed on this terminal: how it goes, and what it logs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from categoriser.errors import UserError
from release.console import ask_consent, console

POLL_SECONDS = 15
# For how long AWS may be out of reach before a job is followed no more.
OUTAGE_SECONDS = 30 * 60
OUT_OF_REACH = (exceptions.ConnectionError, exceptions.HTTPClientError)
AWS_FAULTS = (BotoCoreError, ClientError)
ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class JobState:
    """A job's status, how far it is in words, and why it failed."""

    status: str
    words: str = ""
    reason: str = ""


class JobLog:
    """The lines of a job's containers: streams of a log group whose names begin with the job's."""

    def __init__(self, session: boto3.Session, group: str, job: str) -> None:
        self._logs = session.client("logs")
        self._group = group
        self._job = job
        self._next: dict[str, str] = {}
        self._refused = False

    def new_lines(self) -> list[str]:
        """Return the lines since the last call; that a log may not be read is said once."""
        if self._refused:
            return []
        try:
            pages = self._logs.get_paginator("describe_log_streams").paginate(
                logGroupName=self._group, logStreamNamePrefix=f"{self._job}/"
            )
            streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
            return [line for stream in streams for line in self._lines_of(stream)]
        except self._logs.exceptions.ResourceNotFoundException:
            # Before the account's first job there is no group.
            return []
        except OUT_OF_REACH:
            # The next call gives these lines too.
            return []
        except AWS_FAULTS as error:
            self._refused = True
            return [f"(its log is not shown: {error})"]

    def _lines_of(self, stream: str) -> list[str]:
        lines: list[str] = []
        while True:
            token = self._next.get(stream)
            after: Any = {"nextToken": token} if token else {}
            page = self._logs.get_log_events(
                logGroupName=self._group, logStreamName=stream, startFromHead=True, **after
            )
            lines += [event["message"] for event in page["events"]]
            self._next[stream] = page["nextForwardToken"]
            # The same token again: the end, for now.
            if page["nextForwardToken"] == token:
                return lines


@dataclass(frozen=True, kw_only=True)
class FollowedJob:
    """A job by its name, and how it is asked, read and stopped.

    `command` is what a person stops it with, and `follow_command`, where there is one, what they
    follow it with again. Without the `needs_this` process its results are of no use, and it is
    stopped with it. With `is_of_use_when_stopped`, a job that was stopped is one that has ended
    well: what it has done until then counts. It is stopped after `minutes` where AWS itself has no
    bound.
    """

    name: str
    describe: Callable[[], JobState]
    stop: Callable[[], object]
    command: str
    follow_command: str = ""
    new_lines: Callable[[], list[str]] = field(default=lambda: [])
    needs_this: bool = False
    is_of_use_when_stopped: bool = False
    minutes: int | None = None


def follow(job: FollowedJob) -> None:
    """Print how a job goes until it ends. Raises `UserError` where it does not complete.

    Where the person interrupts it, the job is stopped if they say so or if it needs this process.
    Where AWS answers no more, or this process is ended, it is stopped only if it needs it.
    """
    try:
        state = follow_to_its_end(job)
    except KeyboardInterrupt:
        raise UserError(interrupted(job)) from None
    except AWS_FAULTS as error:
        raise UserError(f"{left(job)} (it is followed no more: {error})") from None
    except SystemExit:
        # What `run_command` makes of the signal that ends a process.
        console.print(left(job))
        raise
    ended_well = ("Completed", "Stopped") if job.is_of_use_when_stopped else ("Completed",)
    if state.status not in ended_well:
        reason = state.reason or "no reason is given"
        raise UserError(f"{job.name} {state.status.lower()}: {reason}")


def follow_to_its_end(job: FollowedJob) -> JobState:
    """Print a job's states and lines; return the last state."""
    # The time of day, which goes on while a laptop sleeps.
    end = time.time() + 60 * job.minutes if job.minutes else None
    answered = time.monotonic()
    said = ""
    while True:
        lines: list[str] = []
        try:
            state = job.describe()
            lines = job.new_lines()
            answered = time.monotonic()
        except OUT_OF_REACH as error:
            if time.monotonic() - answered > OUTAGE_SECONDS:
                raise
            state = JobState("", f"AWS is out of reach, and is asked again: {error}")
        if state.words != said:
            said = state.words
            console.print(f"{job.name}: {said}")
        for line in lines:
            console.print(f"  {line}")
        if state.status in ENDED:
            return state
        if end is not None and time.time() > end:
            job.stop()
            return JobState("Stopped", reason=f"it had its {job.minutes} minutes (MINUTES=...)")
        time.sleep(POLL_SECONDS)


def interrupted(job: FollowedJob) -> str:
    """Ask whether a job is to be stopped, if it can go on alone; return what became of it."""
    if job.needs_this:
        return left(job)
    try:
        ask_consent(f"stop {job.name} on AWS too?")
    except (EOFError, KeyboardInterrupt, UserError):
        return goes_on(job)
    return stopped(job)


def left(job: FollowedJob) -> str:
    """Stop a job if it is of no use without this process; return what became of it."""
    return stopped(job) if job.needs_this else goes_on(job)


def stopped(job: FollowedJob) -> str:
    """Stop a job; return what became of it."""
    try:
        job.stop()
    except AWS_FAULTS as error:
        return f"{goes_on(job)} ({error})"
    return f"{job.name} is stopped"


def goes_on(job: FollowedJob) -> str:
    """Say that a job is left alone, and what can be done about it."""
    again = f"; follow it with `{job.follow_command}`" if job.follow_command else ""
    return f"{job.name} goes on, and is billed; stop it with `{job.command}`{again}"
