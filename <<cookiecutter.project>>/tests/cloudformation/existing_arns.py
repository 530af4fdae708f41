"""The ARN of everything that there is in an account."""

from __future__ import annotations

from account_resources import ACCOUNTS, IN, everything
from train_stage import TRAIN_STAGE

from categoriser.contract import VARIANT
from categoriser.jobs.spec.artifact_keys import BASE_SOURCE, DATA_MANIFEST
from prove import example, resolver, templates
from prove.example import ACCOUNT, PROJECT, REGION, RELEASE
from prove.resource_types import NAMINGS, UNNAMED

# What is in each bucket: an object of each kind.
OBJECTS = {
    "artifacts": (f"{PROJECT}/Built/x", BASE_SOURCE, example.GIVEN["LambdaKey"]),
    "data": (
        "raw/own.csv",
        DATA_MANIFEST,
        "releases/labelled.zip",
        "retraining/x.json",
        *(
            f"runs/{RELEASE}/{name}"
            for name in (
                "data/transactions.csv",
                "requests.json",
                "batch/answers/00000-00000.jsonl.out",
                "evaluation/baseline/facts.json",
                "evaluation/diagnostics.json",
                "evaluation/gate.json",
                "evaluation/golden.json",
                "evaluation/model_card.md",
                f"training/{PROJECT}-{RELEASE}-training/output/model.tar.gz",
            )
        ),
    ),
    "live": (
        f"captures/{PROJECT}-{RELEASE}/{VARIANT}/2026/11/22/10/x.jsonl",
        "ground-truth/2026/11/22/10/x.jsonl",
        "labels/train.csv",
        f"reports/{PROJECT}-{RELEASE}/x",
    ),
}


def arns(part: str) -> set[str]:
    """Give the ARN of all that there is in an account, or what stands for it."""
    account = ACCOUNTS[part].get("AWS::AccountId", ACCOUNT)
    place = f"{REGION}:{account}"
    known = {f"arn:aws:{each.replace(ACCOUNT, account)}" for each in TRAIN_STAGE.arns}
    for name in IN[part]:
        given = ACCOUNTS[part] | {"ProdAuth": "api-key"}
        for key, item in resolver.present(name, given).items():
            if NAMINGS.get(item["Type"], UNNAMED).arn:
                known.add(resolver.arn(name, key, given))
    for item in everything("AWS::S3::Bucket", part).values():
        kind = item["BucketName"].removeprefix(f"{PROJECT}-").split("-")[0]
        known |= {f"arn:aws:s3:::{item['BucketName']}/{key}" for key in OBJECTS.get(kind, ())}
    for group in [each for each in known if ":log-group:" in each]:
        known |= {group.removesuffix(":*"), f"{group.removesuffix('*')}log-stream:x"}
    ends = [f"Endpoints/{PROJECT}-{RELEASE}", f"Endpoints/{PROJECT}-dev-{RELEASE}"]
    for kind in ("TrainingJobs", "ProcessingJobs", "TransformJobs", *ends):
        group = f"arn:aws:logs:{place}:log-group:/aws/sagemaker/{kind}"
        known |= {group, f"{group}:log-stream:x"}
    known |= {f"arn:aws:cloudformation:{place}:stack/{PROJECT}-{name}/0" for name in IN[part]}
    job = f"{PROJECT}-{RELEASE}"
    sagemaker = [*TRAIN_STAGE.resources]
    sagemaker += [f"processing-job/{PROJECT}-{kind}-x" for kind in ("check", "label")]
    sagemaker += [f"model-package/{PROJECT}/7"]
    known |= {f"arn:aws:sagemaker:{place}:{each}" for each in sagemaker}
    # crhelper's rules, of the custom resources that it polls for.
    polled = [key for key, item in templates.resources("train").items() if "Custom" in item["Type"]]
    known |= {f"arn:aws:events:{place}:rule/{key}ab12CD34" for key in polled}
    known |= {f"arn:aws:lambda:{place}:function:{PROJECT}-api:{each}" for each in ("7", "live")}
    known |= {
        f"arn:aws:codedeploy:{place}:deploymentgroup:{PROJECT}/{PROJECT}",
        f"arn:aws:codedeploy:{place}:deploymentconfig:CodeDeployDefault.LambdaAllAtOnce",
        f"arn:aws:codestar-connections:{place}:connection/x",
        f"arn:aws:events:{place}:event-bus/default",
        f"arn:aws:cloudwatch:{place}:alarm:TargetTracking-endpoint/{job}/variant/main-x",
        f"arn:aws:application-autoscaling:{place}:scalable-target/x",
        f"arn:aws:iam::{account}:role/aws-service-role/sagemaker.application-autoscaling.x/x",
    }
    known |= TRAIN_STAGE.elsewhere.keys()
    known |= {f"arn:aws:ec2:{place}:{each}/x" for each in ("subnet", "security-group")}
    known |= {f"arn:aws:ec2:{place}:network-interface/x"}
    for each in ("restapis", "apikeys", "usageplans", "tags"):
        known |= {f"arn:aws:apigateway:{REGION}::/{each}{end}" for end in ("", "/x")}
    return known


def pair(part: str) -> set[str]:
    """Give what there is in an account, and where there are two in the other as well."""
    return arns(part) if part == "all" else arns("tools") | arns("prod")
