"""The server in the place of an endpoint: boto3 asks it, and the API's function."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from serving_helpers.running_server import Server

from categoriser.contract import (
    JSON,
    VARIANT,
)


def endpoint(running: Server) -> Any:
    return boto3.client(
        "sagemaker-runtime",
        region_name="ap-southeast-2",
        endpoint_url=f"http://127.0.0.1:{running.port}",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_boto3_asks_it_as_an_endpoint(running: Server) -> None:
    body = '{"text": "aldi", "price": 1}'
    reply = endpoint(running).invoke_endpoint(
        EndpointName="shop", Body=body, ContentType=JSON, Accept=JSON
    )
    assert reply["Body"].read() == running.request(body, JSON).content
    assert (reply["ContentType"], reply["InvokedProductionVariant"]) == (JSON, VARIANT)
    with pytest.raises(ClientError) as caught:
        endpoint(running).invoke_endpoint(EndpointName="shop", Body="{}", ContentType=JSON)
    response: dict[str, Any] = {**caught.value.response}
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 400
    problem = json.loads(response["OriginalMessage"])
    assert (problem["row"], problem["field"]) == (1, "text")


def test_the_apis_lambda_runs_against_it_unchanged(running: Server) -> None:
    program = """
import json, sys, prediction_api
for body in sys.argv[1:]:
    event = {"path": "/predict", "httpMethod": "POST", "body": body}
    class Context:
        function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"
    print(json.dumps(prediction_api.handler(event, Context())))
"""
    good = '{"text": "aldi", "price": 1}'
    bad = '[{"text": "aldi", "price": "1"}]'
    settings = {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": f"http://127.0.0.1:{running.port}",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "ap-southeast-2",
        "ENDPOINT_NAME": "shop",
        "RELEASE_ID": "r1",
        "LIVE_BUCKET": "none",
        "POWERTOOLS_METRICS_NAMESPACE": "shop",
        "POWERTOOLS_SERVICE_NAME": "api",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, good, bad],
        env={**os.environ, **settings},
        cwd=Path(__file__).resolve().parents[2] / "lambdas",
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if "statusCode" in line]
    assert [answer["statusCode"] for answer in answers] == [200, 400]
    predicted = running.request(good, JSON).json()
    assert predicted.items() <= json.loads(answers[0]["body"]).items()
    problem = json.loads(answers[1]["body"])
    assert (problem["row"], problem["field"]) == (1, "price")
