"""Every verb after every other: what is live, what the registry says, who approved, what fails.

The registry and the pipeline's history are kept here as AWS keeps them; what decides is the code:
`make rollback` which execution goes back, the function `approve` what a package becomes, and Build
which model is the champion. CodePipeline's own part is that a failed stage goes back by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from lambda_helpers.world import imported_functions, run
from release_helpers.fake_aws import TOOLS, FakeAws, cached_session
from release_helpers.settings import PROJECT, changed

from categoriser.errors import UserError
from release.build import champion_model
from release.rollback import roll_back

GROUP = f"arn:aws:sagemaker:ap-southeast-2:{TOOLS}:model-package/{PROJECT}"
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
JOB_ID = "11111111-2222-3333-4444-555555555555"


def execution(number: int) -> str:
    return f"{number:08d}-0000-0000-0000-000000000000"


class Ledger:
    """One account's releases, called A, B, C in their order."""

    def __init__(self, cloud: FakeAws, function: ModuleType) -> None:
        self.function = function
        self.packages: dict[str, dict[str, Any]] = {}
        # Of each execution, the release whose artifacts it deploys, and who approved it.
        self.releases: dict[str, str] = {}
        self.approvals: dict[str, str] = {}
        # What passed the stage, the newest first.
        self.passed: list[dict[str, Any]] = []
        self.failed = ""
        self.words = ""
        cloud.answers |= {
            "DescribeModelPackage": lambda asked: self.packages[asked["ModelPackageName"]],
            "UpdateModelPackage": self.update,
            "ListModelPackages": self.listed,
            "ListPipelineExecutions": lambda _: {"pipelineExecutionSummaries": [*self.passed]},
            "ListActionExecutions": self.actions,
            "GetPipeline": {
                "pipeline": {"name": PROJECT, "roleArn": "arn", "stages": [], "version": 1}
            },
            "RollbackStage": self.rolled,
            "PutJobFailureResult": self.refused,
        }

    # AWS's part.

    def update(self, asked: dict[str, Any]) -> Any:
        package = self.packages[asked["ModelPackageArn"]]
        package |= {name: asked[name] for name in ("ModelApprovalStatus", "ApprovalDescription")}
        package["CustomerMetadataProperties"] |= asked.get("CustomerMetadataProperties", {})
        for name in asked.get("CustomerMetadataPropertiesToRemove", []):
            package["CustomerMetadataProperties"].pop(name)
        return {"ModelPackageArn": asked["ModelPackageArn"]}

    def listed(self, asked: dict[str, Any]) -> Any:
        names = ("ModelPackageArn", "CreationTime", "ModelPackageStatus", "ModelApprovalStatus")
        found = [
            {name: package[name] for name in names}
            for package in reversed(self.packages.values())
            if package["ModelApprovalStatus"] == asked["ModelApprovalStatus"]
            and package["CreationTime"] >= asked.get("CreationTimeAfter", BEGIN)
        ]
        return {"ModelPackageSummaryList": found}

    def actions(self, asked: dict[str, Any]) -> Any:
        name = asked["filter"]["pipelineExecutionId"]
        kind = {"owner": "AWS", "provider": "any", "version": "1"}
        found: list[dict[str, Any]] = [
            {
                "stageName": "DeployProd",
                "pipelineVersion": 1,
                "status": "Succeeded",
                "input": {"actionTypeId": kind | {"category": "Deploy"}},
            }
        ]
        if name in self.approvals:
            approval = {"actionTypeId": kind | {"category": "Approval"}}
            found.append(
                found[0]
                | {"stageName": "Approval", "input": approval, "updatedBy": self.approvals[name]}
            )
        return {"actionExecutionDetails": found}

    def refused(self, asked: dict[str, Any]) -> Any:
        self.words = asked["failureDetails"]["message"]
        return {}

    def begun(self, release: str) -> str:
        name = execution(len(self.releases))
        self.releases[name] = release
        return name

    def rolled(self, asked: dict[str, Any]) -> Any:
        target = asked["targetPipelineExecutionId"]
        name = self.begun(self.releases[target])
        self.stage(name, {"rollbackTargetPipelineExecutionId": target})
        return {"pipelineExecutionId": name}

    def stage(self, name: str, back: dict[str, str], works: bool = True) -> None:
        """Deploy to production: the function `approve`, then CloudFormation, which works or not."""
        self.words = ""
        given = f'{{"package": "{GROUP}/{self.releases[name]}", "execution": "{name}"}}'
        data = {"actionConfiguration": {"configuration": {"UserParameters": given}}}
        run(self.function.handler, {"CodePipeline.job": {"id": JOB_ID, "data": data}})
        if works and not self.words:
            kind = "ROLLBACK" if back else "STANDARD"
            summary = {"pipelineExecutionId": name, "executionType": kind}
            self.passed.insert(0, summary | ({"rollbackMetadata": back} if back else {}))
            return
        if back:
            return
        self.failed = name
        if self.passed:
            last = self.passed[0].get("rollbackMetadata", {})
            target = last.get("rollbackTargetPipelineExecutionId")
            last_live = target or self.passed[0]["pipelineExecutionId"]
            self.rolled({"targetPipelineExecutionId": last_live})

    # The verbs. Each raises UserError where it is refused.

    def release(self, works: bool = True) -> None:
        letter = "ABCDEFGH"[len(self.packages)]
        name = self.begun(letter)
        self.approvals[name] = f"arn:aws:sts::{TOOLS}:assumed-role/releases/who-approved-{letter}"
        self.packages[f"{GROUP}/{letter}"] = {
            "ModelPackageArn": f"{GROUP}/{letter}",
            "ModelPackageGroupName": PROJECT,
            "CreationTime": BEGIN + timedelta(days=len(self.packages)),
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "PendingManualApproval",
            "CustomerMetadataProperties": {"Execution": name, "Release": letter},
            "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": letter}]},
        }
        self.stage(name, {}, works)

    def failing(self) -> None:
        self.release(works=False)

    def back(self, target: str = "") -> None:
        roll_back(changed(), cached_session(), target, yes=True)

    def forward(self) -> None:
        """Put the newest release that was ever live, and is not, live again."""
        runs = [run["pipelineExecutionId"] for run in self.passed]
        names = [name for name in runs if name in self.approvals]
        rest = [name for name in names if self.releases[name] != self.live]
        if not rest:
            raise UserError("nothing was taken away")
        self.back(max(rest))

    def retry(self) -> None:
        """Retry the stage of the last release that failed, with the cause mended."""
        if not self.failed:
            raise UserError("nothing failed")
        name = self.failed
        self.failed = ""
        self.stage(name, {})

    @property
    def live(self) -> str:
        return self.releases[self.passed[0]["pipelineExecutionId"]] if self.passed else ""

    @property
    def champion(self) -> str:
        return champion_model(changed(), cached_session())

    def statuses(self) -> str:
        """Give the releases as letters: capital where Approved, small where Rejected."""
        words = {"Approved": str.upper, "Rejected": str.lower, "PendingManualApproval": "?".join}
        found = self.packages.values()
        return "".join(words[one["ModelApprovalStatus"]](name(one)) for one in found)

    def play(self, script: str) -> list[str]:
        """Act out verbs; return those that were refused."""
        refused = []
        for verb in script.split():
            try:
                getattr(self, verb)()
            except UserError:
                refused.append(verb)
        return refused


def name(package: dict[str, Any]) -> str:
    return str(package["CustomerMetadataProperties"]["Release"])


@pytest.fixture(scope="module")
def approval() -> Iterator[ModuleType]:
    with imported_functions() as functions:
        yield functions["approval"]


@pytest.fixture
def ledger(cloud: FakeAws, root: None, approval: ModuleType) -> Ledger:
    return Ledger(cloud, approval)


# The verbs; the packages (capital: Approved, small: Rejected); what is live; what was refused.
STATES = [
    ("release", "A", "A", []),
    ("release back", "A", "A", ["back"]),
    ("release forward", "A", "A", ["forward"]),
    ("release retry", "A", "A", ["retry"]),
    ("release release", "AB", "B", []),
    ("release failing", "Ab", "A", []),
    ("release failing retry", "AB", "B", []),
    ("release failing back", "Ab", "A", ["back"]),
    ("release failing forward", "Ab", "A", ["forward"]),
    ("release failing release", "AbC", "C", []),
    ("release failing release back", "Abc", "A", []),
    ("release release back", "Ab", "A", []),
    ("release release back back", "Ab", "A", ["back"]),
    ("release release back retry", "Ab", "A", ["retry"]),
    ("release release back forward", "AB", "B", []),
    ("release release back forward back", "Ab", "A", []),
    ("release release back forward back forward", "AB", "B", []),
    ("release release back release", "AbC", "C", []),
    # Not B, which somebody has taken away: what was live before C is A.
    ("release release back release back", "Abc", "A", []),
    ("release release back failing", "Abc", "A", []),
    ("release release back failing retry", "AbC", "C", []),
    ("release release release back", "ABc", "B", []),
    ("release release release back back", "Abc", "A", []),
    ("release release release back back forward", "AbC", "C", []),
    ("release release release back release", "ABcD", "D", []),
    ("release release release back release back", "ABcd", "B", []),
    ("release release release back forward release", "ABCD", "D", []),
    # Nothing was live before it that could be put back.
    ("failing", "A", "", []),
    ("failing retry", "A", "A", []),
    ("failing back", "A", "", ["back"]),
    ("failing release", "AB", "B", []),
]


@pytest.mark.parametrize(("script", "packages", "live", "refused"), STATES, ids=lambda v: str(v))
def test_a_verb_after_another_leaves_the_registry_and_production_in_step(
    ledger: Ledger, script: str, packages: str, live: str, refused: list[str]
) -> None:
    assert ledger.play(script) == refused
    assert (ledger.statuses(), ledger.live) == (packages, live)
    assert ledger.champion == (live or "A")


VERBS = ("release", "failing", "back", "forward", "retry")


def test_whatever_was_done_the_champion_is_live_and_approved_by_who_approved_it(
    ledger: Ledger, cloud: FakeAws
) -> None:
    for verbs in itertools.product(VERBS, repeat=3):
        script = " ".join(("release", *verbs))
        other = Ledger(cloud, ledger.function)
        other.play(script)
        assert other.words == "", script
        assert other.champion == other.live, script
        for package in other.packages.values():
            metadata = package["CustomerMetadataProperties"]
            assert metadata["Approver"].endswith(f"who-approved-{name(package)}"), script
            approved = package["ModelApprovalStatus"] == "Approved"
            assert approved == ("PutBack" not in metadata), script
            said = package["ApprovalDescription"]
            assert (metadata["Approver"] in said) == approved, script
            assert ("put back to" in said) != approved, script


def test_an_older_release_that_was_taken_away_can_be_put_live_under_a_newer(
    ledger: Ledger,
) -> None:
    ledger.play("release release back release")

    ledger.back(execution(1))

    assert (ledger.statuses(), ledger.live, ledger.champion) == ("ABc", "B", "B")


def test_what_a_person_has_rejected_is_not_put_back_until_a_person_approves_it(
    ledger: Ledger,
) -> None:
    ledger.play("release release")
    package = ledger.packages[f"{GROUP}/A"]
    package |= {"ModelApprovalStatus": "Rejected", "ApprovalDescription": "it leaks a name"}

    ledger.back()

    assert "A was rejected in the registry (it leaks a name): approve it there" in ledger.words
    assert (ledger.statuses(), ledger.live) == ("aB", "B")
    package["ModelApprovalStatus"] = "Approved"
    ledger.back()
    assert (ledger.statuses(), ledger.live) == ("Ab", "A")


def test_what_a_person_approved_in_the_registry_needs_no_approver_to_be_put_back(
    ledger: Ledger,
) -> None:
    ledger.play("release release")
    for package in ledger.packages.values():
        package["CustomerMetadataProperties"].pop("Approver")
    ledger.approvals = {one: who for one, who in ledger.approvals.items() if one == execution(1)}

    ledger.back(execution(0))

    assert ledger.statuses() == "Ab"


def test_an_approver_is_kept_in_the_characters_that_the_registry_takes(
    ledger: Ledger,
) -> None:
    ledger.play("release")
    ledger.approvals[execution(1)] = "arn:aws:sts::1:assumed-role/x/" + "Ann,O'Neil@x" * 40
    ledger.packages[f"{GROUP}/A"]["CustomerMetadataProperties"] = {"Execution": execution(1)}
    ledger.packages[f"{GROUP}/A"]["ModelApprovalStatus"] = "PendingManualApproval"

    ledger.function.mark(f"{GROUP}/A", execution(1))

    kept = ledger.packages[f"{GROUP}/A"]["CustomerMetadataProperties"]["Approver"]
    assert kept.startswith("arn:aws:sts::1:assumed-role/x/Ann_O_Neil@xAnn_O_Neil@x")
    assert len(kept) == 256
