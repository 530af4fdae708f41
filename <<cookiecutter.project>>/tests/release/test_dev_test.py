"""The test of dev's endpoint: golden cases, and a malformed request."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from release_helpers.fake_aws import FakeAws
from release_helpers.settings import (
    DATA,
    PROJECT,
    RELEASE,
)
from release_helpers.verbs import run_verb

from categoriser.errors import UserError

CASE = {"text": "aldi", "price": 2.5, "category": "groceries", "probabilities": {"groceries": 0.9}}
ANSWER = CASE | {"probability": 0.9, "review": False}


@pytest.fixture
def dev(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """Let dev's endpoint answer rightly, and refuse what is malformed."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    monkeypatch.setenv("ENDPOINT", f"{PROJECT}-dev-{RELEASE}")
    monkeypatch.setenv("GOLDEN", f"s3://{DATA}/runs/{RELEASE}/evaluation/golden.json")
    known = {"classes": ["groceries"], "cases": [CASE]}

    def invoke(asked: dict[str, Any]) -> Any:
        try:
            json.loads(asked["Body"])
        except ValueError:
            error: Any = {
                "Error": {"Code": "ModelError", "Message": "400"},
                "OriginalStatusCode": 400,
            }
            return ClientError(error, "InvokeEndpoint")
        return {"Body": io.BytesIO(json.dumps(ANSWER).encode())}

    cloud.answers |= {
        "GetObject": lambda _: {"Body": io.BytesIO(json.dumps(known).encode())},
        "InvokeEndpoint": invoke,
    }
    return cloud


def proved() -> None:
    run_verb("ask-dev")


@pytest.mark.actor("test")
def test_devs_endpoint_is_asked_the_golden_cases_and_one_malformed_request(dev: FakeAws) -> None:
    proved()

    assert len(dev.made("InvokeEndpoint")) == 2


@pytest.mark.actor("test")
def test_a_wrong_answer_fails_the_test_of_dev(dev: FakeAws) -> None:
    wrong = json.dumps(ANSWER | {"category": "transport"}).encode()
    dev.answers["InvokeEndpoint"] = lambda _: {"Body": io.BytesIO(wrong)}

    with pytest.raises(RuntimeError, match="another category"):
        proved()


@pytest.mark.actor("test")
@pytest.mark.parametrize("status", [500, None])
def test_an_endpoint_that_breaks_on_a_malformed_request_fails_the_test_of_dev(
    dev: FakeAws, status: int | None
) -> None:
    right = dev.answers["InvokeEndpoint"]

    def breaks(asked: dict[str, Any]) -> Any:
        answer = right(asked)
        if isinstance(answer, ClientError) and status:
            response: Any = answer.response
            response["OriginalStatusCode"] = status
            return answer
        return {"Body": io.BytesIO(json.dumps(ANSWER).encode())}

    dev.answers["InvokeEndpoint"] = breaks

    with pytest.raises(UserError, match="otherwise than with 400"):
        proved()
