"""The Train stage's last action: what the training workflow has registered, for the stages after.

Whichever engine runs the workflow, it leaves a package in the registry, whose description is
`Release <id>`, and in the release's run the gates' verdict and what the rules of the diagnostics
find. The number of findings is a metric.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Tracer
from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.data_classes import CodePipelineJobEvent, event_source
from pipeline_action import answer_action
from s3_documents import read_content

from categoriser.diagnostics.findings import Diagnostics, in_words, parse_diagnostics
from categoriser.evaluation.verdict import Verdict, parse_verdict, why_stopped
from categoriser.jobs.registry import package_of
from categoriser.jobs.spec.artifact_keys import RUN_DIAGNOSTICS, RUN_VERDICT, run_prefix

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# CodePipeline takes 1,000 characters of all that the approval says.
SUMMARY_CHARACTERS = 500
metrics = EphemeralMetrics()
tracer = Tracer()
sagemaker = boto3.client("sagemaker")


@tracer.capture_lambda_handler
@metrics.log_metrics
@event_source(data_class=CodePipelineJobEvent)
def handler(event: CodePipelineJobEvent, context: LambdaContext) -> None:
    """Answer CodePipeline's Invoke action: UserParameters are `release` in JSON."""
    answer_action(event, registered_model)


def registered_model(release: str) -> dict[str, str]:
    """Return the release's package, the place of its model, and its figures for the approver.

    Raises `LookupError` where no package was registered, with what the gates say.
    """
    run = f"s3://{os.environ['DATA_BUCKET']}/{run_prefix(release)}"
    found = f"{run}/{RUN_DIAGNOSTICS}"
    diagnostics = parse_diagnostics(read_content(found), found)
    metrics.add_metric("Findings", "Count", sum(diagnostics.counts.values()))
    gate = f"{run}/{RUN_VERDICT}"
    verdict = parse_verdict(read_content(gate), gate)
    group = os.environ["MODEL_PACKAGE_GROUP"]
    package = package_of(sagemaker, group, f"Release {release}")
    if not package:
        why = "the gate lets it pass" if verdict.passed else why_stopped(verdict)
        raise LookupError(f"the workflow has registered no model of {release}; {gate}: {why}")
    known = sagemaker.describe_model_package(ModelPackageName=package)
    [container] = known["InferenceSpecification"]["Containers"]
    return {
        "ModelPackageArn": package,
        "ModelDataUrl": container["ModelDataUrl"],
        "Summary": approvers_summary(verdict, diagnostics),
    }


def approvers_summary(verdict: Verdict, diagnostics: Diagnostics) -> str:
    """Return the figures beside the champion's, for the person who approves.

    Before them is who accepted that there is too little evidence, and why, if anybody did. After
    them are the findings of the diagnostics, if there are any.
    """
    accepted = ""
    if verdict.decision:
        accepted = f"too little evidence, accepted by {verdict.decision.who}: "
        accepted += f"{verdict.decision.why}; "
    figures = [
        f"{lead.figure} ({lead.part}) {lead.value:+.4f}"
        for lead in verdict.verdicts
        if lead.gate == "champion" and lead.value is not None
    ]
    compared = "; ".join(figures) or "no live model to compare with"
    findings = f"; {in_words(diagnostics.findings)}" if diagnostics.findings else ""
    return f"{accepted}{compared}{findings}"[:SUMMARY_CHARACTERS]
