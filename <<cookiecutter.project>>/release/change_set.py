"""A change of a stack: a change set that is shown, asked for, executed, and read back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import WaiterError

from categoriser.errors import UserError
from release.cloudformation import STUCK, find_stack, stack_name, stack_status, template_text
from release.console import ask_consent, console, print_table
from release.parameters import stack_parameters
from release.settings import ReleaseSettings

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import ParameterTypeDef

SHOWN_FIELDS = ("Action", "LogicalResourceId", "ResourceType", "Replacement")
# How CloudFormation says that a change set changes nothing.
UNCHANGED = ("didn't contain changes", "No updates are to be performed")
# The status of a stack that was never made: there was a change set only.
NEVER_CREATED = ("", "REVIEW_IN_PROGRESS")


def change_stack(
    cloudformation: CloudFormationClient,
    settings: ReleaseSettings,
    template: str,
    others: Mapping[str, str],
    *,
    dry: bool,
    yes: bool,
) -> None:
    """Make a stack what its template and the settings say, if somebody consents.

    If `dry`, the change is shown and dropped; a stack that does not exist is said to be new. Raises
    `UserError` where the stack is stuck, fails, is not consented to, or ends as something else.
    """
    name = stack_name(settings, template)
    status = stack_status(cloudformation, name)
    if status in STUCK:
        mend = f"`aws cloudformation delete-stack --stack-name {name}`, then deploy again"
        raise UserError(f"{name} is {status}: mend what its events name, {mend}")
    creates = status in NEVER_CREATED
    if dry and creates:
        console.print(f"{name}: is new")
        return
    change = ChangeSet(cloudformation, name, creates, stack_parameters(settings, template, others))
    change.create(template_text(template), settings.project)
    if not change.has_changes():
        console.print(f"{name}: nothing to change")
        return
    change.show()
    if dry:
        change.drop()
        return
    try:
        ask_consent(f"Change {name}?", yes=yes)
    except BaseException:
        change.drop()
        raise
    change.execute()


def change_set_name() -> str:
    return f"deploy-{time.time_ns()}"


@dataclass
class ChangeSet:
    """A change set of a stack, which it `creates`, or updates, with parameters by name."""

    cloudformation: CloudFormationClient
    stack: str
    creates: bool
    parameters: dict[str, str]
    name: str = field(default_factory=change_set_name)

    def create(self, template: str, project: str) -> None:
        self.cloudformation.create_change_set(
            StackName=self.stack,
            ChangeSetName=self.name,
            ChangeSetType="CREATE" if self.creates else "UPDATE",
            TemplateBody=template,
            Parameters=self._listed_parameters(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Tags=[{"Key": "Project", "Value": project}],
        )

    def has_changes(self) -> bool:
        """Wait until the change set is made; drop it where it failed.

        Raises `UserError` where it failed for another reason than that nothing changes.
        """
        waiter = self.cloudformation.get_waiter("change_set_create_complete")
        try:
            waiter.wait(StackName=self.stack, ChangeSetName=self.name)
        except WaiterError as error:
            reason = error.last_response.get("StatusReason", str(error))
            self.drop()
            if not any(words in reason for words in UNCHANGED):
                raise UserError(f"{self.stack}: {reason}") from None
            return False
        return True

    def show(self) -> None:
        pages = self.cloudformation.get_paginator("describe_change_set").paginate(
            StackName=self.stack, ChangeSetName=self.name
        )
        changes = [change["ResourceChange"] for page in pages for change in page.get("Changes", [])]
        rows = [[str(change.get(column, "")) for column in SHOWN_FIELDS] for change in changes]
        print_table(self.stack, SHOWN_FIELDS, rows)

    def drop(self) -> None:
        """Leave nothing of it: neither the change set, nor the empty stack that it was to make."""
        self.cloudformation.delete_change_set(StackName=self.stack, ChangeSetName=self.name)
        if self.creates:
            self.cloudformation.delete_stack(StackName=self.stack)

    def execute(self) -> None:
        """Execute it, wait for its end, and read back that its parameters are the stack's.

        Raises `UserError` where it fails, or the stack has other parameters.
        """
        begun = datetime.now(UTC)
        self.cloudformation.execute_change_set(
            StackName=self.stack, ChangeSetName=self.name, RetainExceptOnCreate=True
        )
        try:
            if self.creates:
                self.cloudformation.get_waiter("stack_create_complete").wait(StackName=self.stack)
            else:
                self.cloudformation.get_waiter("stack_update_complete").wait(StackName=self.stack)
        except WaiterError:
            reasons = self._failures_since(begun)
            raise UserError(f"{self.stack} failed; mend {reasons[-1:]} and deploy again") from None
        stack = find_stack(self.cloudformation, self.stack)
        live = stack["Parameters"] if stack else []
        others = [given["ParameterKey"] for given in self._listed_parameters() if given not in live]
        if others:
            words = f"{self.stack} is there, but with another {', '.join(others)}"
            raise UserError(f"{words}: who changes it too?")

    def _listed_parameters(self) -> list[ParameterTypeDef]:
        return [
            {"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()
        ]

    def _failures_since(self, begun: datetime) -> list[str]:
        """Return what failed, and why: the newest first, so the cause is the last."""
        pages = self.cloudformation.get_paginator("describe_events").paginate(
            StackName=self.stack, Filters={"FailedEvents": True}
        )
        events = [event for page in pages for event in page.get("OperationEvents", [])]
        return [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events
            if event["Timestamp"] > begun
        ]
