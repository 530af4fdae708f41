"""AWS for the verbs that run on SageMaker: S3 as moto has it, the rest as a table of answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from botocore.client import BaseClient

from release_helpers.fake_aws import TOOLS, FakeAws, refused
from release_helpers.settings import PROJECT, REGION

REPOSITORY = f"{TOOLS}.dkr.ecr.{REGION}.amazonaws.com/{PROJECT}"
NEWEST_JOB = "sha256:" + "2" * 64
NEWEST_SERVE = "sha256:" + "3" * 64


class RemoteAws(FakeAws):
    """What the table does not answer goes to moto."""

    def __init__(self) -> None:
        super().__init__()
        self.moto: Any = BaseClient.__dict__["_make_api_call"]
        self.answers |= {
            "DescribeImages": {"imageDetails": pushed_images()},
            "DescribeRepositories": {"repositories": [{"repositoryUri": REPOSITORY}]},
            "GetProducts": {"PriceList": [product("Training", "0.1200")]},
            "DescribeLogStreams": refused("ResourceNotFoundException"),
        }

    def call(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in self.answers:
            return super().call(client, operation, parameters)
        return self.moto(client, operation, parameters)


def pushed_images() -> list[dict[str, Any]]:
    """Give the images of two commits, the older one first by its digest, last by its time."""
    days = {"old": 1, "new": 2}
    digests = {
        ("old", "job"): "sha256:" + "9" * 64,
        ("new", "job"): NEWEST_JOB,
        ("old", "serve"): "sha256:" + "8" * 64,
        ("new", "serve"): NEWEST_SERVE,
    }
    return [
        {
            "imageDigest": digest,
            "imageTags": [f"{commit}-{target}"],
            "imagePushedAt": datetime(2026, 11, days[commit], tzinfo=UTC),
        }
        for (commit, target), digest in digests.items()
    ]


def product(component: str, price: str, unit: str = "Hrs") -> str:
    """Write a product of the price list."""
    dimension = {"unit": unit, "pricePerUnit": {"USD": price}}
    return json.dumps(
        {
            "product": {"attributes": {"component": component}},
            "terms": {"OnDemand": {"term": {"priceDimensions": {"rate": dimension}}}},
        }
    )
