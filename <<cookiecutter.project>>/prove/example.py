"""The example that the proofs are about: the project, one release of it, and its parameters.

Each parameter has another value, so that a test sees where one is used in place of another.
"""

from __future__ import annotations

from typing import Any

import yaml

from prove import project_files
from prove.workflow_facts import WORKFLOW_GIVEN

# The values of a template's parameters by name. Each parameter has its own type, text or number.
Parameters = dict[str, Any]

REGION = "ap-southeast-2"
ACCOUNT = "111122223333"
# Production's, or the tools', where they are two.
OTHER_ACCOUNT = "444455556666"
# The project's own name, since some of its files have it where the tests read them.
PROJECT: str = yaml.safe_load(project_files.text("cloudformation/settings.yaml"))["project"]
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
RELEASE = "20261122-101500-abcdef1"
DIGEST = "sha256:" + "0123456789abcdef" * 4
REGISTRY = f"111122223333.dkr.ecr.ap-southeast-2.amazonaws.com/{PROJECT}"
GIVEN: Parameters = {
    "AlarmsViolations": 1,
    "AlarmsWindows": 2,
    "ApprovalMinutes": 4320,
    "ArtifactBucket": f"{PROJECT}-artifacts-111122223333-ap-southeast-2",
    "BaseImage": "registry.example.com/python:3.13-slim",
    "BudgetUsd": 300,
    "CapturesMaxMissing": 0.1,
    "CapturesMaxUnread": 0.05,
    "DataBucket": f"{PROJECT}-data-111122223333-ap-southeast-2",
    "DevInstance": "ml.t2.medium",
    "DevKind": "instance",
    "Email": "team@example.com",
    "JobImage": f"{REGISTRY}@{DIGEST}",
    "LambdaKey": f"lambdas/{DIGEST[7:]}.zip",
    "LambdaPython": "3.13",
    "LiveBucket": f"{PROJECT}-live-111122223333-ap-southeast-2",
    "LogDays": 90,
    "ModelDataUrl": (
        f"s3://{PROJECT}-data-111122223333-ap-southeast-2/runs/{RELEASE}/training/x/output/model.tar.gz"
    ),
    "ModelPackageArn": (f"arn:aws:sagemaker:ap-southeast-2:111122223333:model-package/{PROJECT}/7"),
    "MonitorInstance": "ml.t3.medium",
    "Network": "none",
    "Part": "all",
    "PermissionsBoundary": "",
    "ProdAccountId": "",
    "ProdAuth": "iam",
    "ProdCanaryPercent": 10,
    "ProdCanaryMinutes": 5,
    "ProdBakeMinutes": 10,
    "ProdBurst": 40,
    "ProdCapturePercent": 100,
    "ProdDailyQuota": 100_000,
    "ProdInstance": "ml.m5.large",
    "ProdLatencyMs": 500,
    "ProdMaximum": 4,
    "ProdMinimum": 3,
    "ProdRate": 20,
    "ProdRequestsPerInstance": 700,
    "QualityMaxBadLabels": 0.04,
    "Project": PROJECT,
    "ReleaseId": RELEASE,
    "RetrainCoolDownHours": 72,
    "RetrainMonthly": "false",
    "Run": f"s3://{PROJECT}-data-111122223333-ap-southeast-2/runs/{RELEASE}",
    "ScheduleEveryHours": "24",
    "ServeImage": f"{REGISTRY}@{DIGEST[:-1]}0",
    "SourceBranch": "main",
    "SourceHost": "GitHub",
    "SourceRepository": "team/bank",
    "ToolsAccountId": "111122223333",
    **WORKFLOW_GIVEN,
}
