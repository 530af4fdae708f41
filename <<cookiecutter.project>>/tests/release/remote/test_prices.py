"""What is said of a job's cost: AWS's price list, or that it is not known."""

from __future__ import annotations

from typing import Any

import pytest
from release_helpers.fake_aws import refused
from release_helpers.remote_aws import RemoteAws, product
from release_helpers.settings import changed, tools_session

from categoriser.errors import UserError
from release.remote.prices import PRICE_PAGE, Work, ask_cost, cost_lines

WORK = Work(component="Training", instance="ml.m5.large", minutes=30, jobs=10)


def said(work: Work = WORK) -> str:
    return "\n".join(cost_lines(changed(), tools_session(), work))


def test_the_price_by_the_hour_and_at_most_are_said(remote: RemoteAws) -> None:
    assert said() == (
        "ml.m5.large in ap-southeast-2, training: 0.1200 USD an hour, by AWS's price list\n"
        "at most 0.60 USD (10 jobs of 1 instance and 30 minutes: 5.00 hours); "
        "S3, logs and data transfer come on top"
    )
    [asked] = remote.made("GetProducts")
    assert asked["ServiceCode"] == "AmazonSageMaker"
    assert {each["Field"]: each["Value"] for each in asked["Filters"]} == {
        "regionCode": "ap-southeast-2",
        "instanceName": "ml.m5.large",
    }


def test_the_highest_of_several_prices_of_the_use_by_the_hour_counts(remote: RemoteAws) -> None:
    remote.answers["GetProducts"] = {
        "PriceList": [
            product("Hosting", "9"),
            product("training", "0.1"),
            product("Training", "0.2"),
            product("Training", "5", unit="GB-Mo"),
        ]
    }

    assert "0.2000 USD an hour" in said()


@pytest.mark.parametrize("spelling", ["Batch Transform", "BatchTransform", "batch-transform"])
def test_the_use_is_known_by_its_letters(spelling: str, remote: RemoteAws) -> None:
    remote.answers["GetProducts"] = {"PriceList": [product(spelling, "0.3")]}

    work = Work(component="Batch Transform", instance="ml.m5.large", minutes=60)
    assert "0.3000 USD" in said(work)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"PriceList": []}, "has none of ml.m5.large for training"),
        ({"PriceList": [product("Hosting", "9")]}, "has none of ml.m5.large for training"),
        (refused("AccessDeniedException", "not authorized"), "not authorized"),
    ],
    ids=["empty", "another use", "refused"],
)
def test_a_price_that_is_not_known_is_never_guessed(
    answer: Any, why: str, remote: RemoteAws
) -> None:
    remote.answers["GetProducts"] = answer

    words = said()
    assert why in words
    assert PRICE_PAGE in words
    assert "at most 10 jobs of 1 instance and 30 minutes: 5.00 hours" in words
    assert "USD" not in words


def test_nothing_starts_without_a_consent(remote: RemoteAws) -> None:
    with pytest.raises(UserError, match="nobody consented"):
        ask_cost(changed(), tools_session(), WORK)
    ask_cost(changed(), tools_session(), WORK, yes=True)
