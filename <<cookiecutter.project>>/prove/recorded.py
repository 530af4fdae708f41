"""Records what code calls of AWS through botocore, and holds the calls against the actors' roles.

`recording("api")` says that the code in its block works with the role of the actor `api`. Calls to
moto, to a stub or to AWS itself are recorded alike. What a file of `arranging` calls, to arrange or
to look, does not count; nor does what boto's threads call for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from prove import roles
from prove.example import ACCOUNT, REGION
from prove.needs import Call, CallParameters, needs
from prove.policies import allows

MOTO_ACCOUNT = "123456789012"
# The frames between a call and the code that asked for it.
BETWEEN = re.compile(r"/(botocore|boto3|s3transfer|moto|unittest|concurrent|threading)[./]")
# Who acts now. It is the process's, and no thread's: boto's threads work for the same actor.
_acting: dict[str, str | None] = {"actor": None}


@contextmanager
def acting(actor: str | None) -> Iterator[None]:
    """Let what is called in the block be another actor's; with None nobody's.

    For code of the project that a test uses to see what happened, and for a function in place of
    what AWS would run with a role of its own. Threads that run meanwhile are that actor's too.
    """
    before = _acting["actor"]
    _acting["actor"] = actor
    try:
        yield
    finally:
        _acting["actor"] = before


@contextmanager
def recording(actor: str, arranging: tuple[str, ...] = ()) -> Iterator[list[Call]]:
    """Record the calls of the block, which an actor makes; give the list that they come into.

    Args:
        actor: whose role the code works with, until `acting` says otherwise.
        arranging: the folders of the code whose own calls do not count.

    """
    calls: list[Call] = []
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(client: Any, operation: str, parameters: CallParameters) -> Any:
        caller = None if asked_by(arranging) else _acting["actor"]
        if caller:
            region = client.meta.region_name or REGION
            service = client.meta.service_model.service_name
            calls.append(Call(caller, service, operation, in_example(parameters, region)))
        try:
            return original(client, operation, parameters)
        except ClientError as error:
            # S3 says that an object does not exist only to those who may list the bucket; to others
            # the access is denied.
            if caller and error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                calls.append(Call(caller, "s3", "HeadBucket", {"Bucket": parameters["Bucket"]}))
            raise

    BaseClient._make_api_call = recorded  # type: ignore[attr-defined]
    try:
        with acting(actor):
            yield calls
    finally:
        BaseClient._make_api_call = original  # type: ignore[attr-defined]


def asked_by(folders: tuple[str, ...]) -> bool:
    """Tell whether the nearest frame outside boto is of a file in these folders."""
    frame = sys._getframe(2)
    while frame:
        name = frame.f_code.co_filename
        if not BETWEEN.search(name):
            return name.startswith(folders)
        frame = frame.f_back  # type: ignore[assignment]
    return False


def in_example(value: Any, region: str) -> Any:
    """Give a parameter with moto's account and the client's region replaced by the example's."""
    if isinstance(value, dict):
        return {name: in_example(each, region) for name, each in value.items()}
    if isinstance(value, list):
        return [in_example(each, region) for each in value]
    if isinstance(value, str):
        text = value.replace(MOTO_ACCOUNT, ACCOUNT)
        return text.replace(f":{region}:", f":{REGION}:") if text.startswith("arn:") else text
    return value


# What explains a statement of a role: an actor, an action, and the resource that it was done to.
Used = tuple[str, str, str]


def used(calls: Iterable[Call]) -> set[Used]:
    """Give (actor, action, resource) of all that these calls need."""
    return {(call.actor, need.action, need.resource) for call in calls for need in needs(call)}


def refusals(calls: Iterable[Call]) -> Iterator[str]:
    """Yield, in words, what the actors' roles do not allow of their calls."""
    for call in calls:
        for need in needs(call):
            if not allows(roles.by_actor()[call.actor], need):
                context = "".join(f", {name} = {value}" for name, value in need.context.items())
                operation = f"{call.service}.{call.operation}"
                yield f"{call.actor} may not {need}{context} (asked by {operation})"
