"""What a job will cost: the price by the hour from AWS's price list, and how much at most.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from categoriser.plural import plural
from release.console import ask_consent, console
from release.settings import ReleaseSettings

# A region that answers for all of them.
PRICE_LIST_REGION = "us-east-1"
PRICE_PAGE = "https://aws.amazon.com/sagemaker/ai/pricing/"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What will be billed: so many jobs of instances, each for so many minutes at most.

    `component` is what the price list calls the use of an instance, such as `Training`.
    """

    component: str
    instance: str
    minutes: int
    jobs: int = 1
    instances: int = 1

    @property
    def hours(self) -> float:
        """The most hours of an instance that are billed."""
        return self.jobs * self.instances * self.minutes / 60


def ask_cost(
    settings: ReleaseSettings, session: boto3.Session, work: Work, *, yes: bool = False
) -> None:
    """Say what work will cost, and ask. Raises `UserError` where nobody consents."""
    for line in cost_lines(settings, session, work):
        console.print(line)
    ask_consent("start it, and pay for it?", yes=yes)


def cost_lines(settings: ReleaseSettings, session: boto3.Session, work: Work) -> list[str]:
    """Return what work costs by the hour, and at most; where that is not known, why."""
    price, fault = hourly_price(session, settings.region, work)
    use = f"{work.instance} in {settings.region}, {work.component.lower()}"
    bound = (
        f"{plural(work.jobs, 'job')} of {plural(work.instances, 'instance')} and "
        f"{plural(work.minutes, 'minute')}: {work.hours:.2f} hours"
    )
    if price is None:
        return [
            f"{use}: the price is not known here ({fault}); it is on {PRICE_PAGE}",
            f"at most {bound}; S3, logs and data transfer come on top",
        ]
    return [
        f"{use}: {price:.4f} USD an hour, by AWS's price list",
        f"at most {price * work.hours:.2f} USD ({bound}); S3, logs and data transfer come on top",
    ]


def hourly_price(session: boto3.Session, region: str, work: Work) -> tuple[float | None, str]:
    """Return the price of an instance in USD an hour, or None and why there is none.

    The highest where the list has several, so that nothing costs more than is said.
    """
    # Not one of the services whose types are installed.
    pricing: Any = session.client("pricing", region_name=PRICE_LIST_REGION)
    wanted = {"regionCode": region, "instanceName": work.instance}
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()
    ]
    try:
        pages = pricing.get_paginator("get_products").paginate(
            ServiceCode="AmazonSageMaker", Filters=filters
        )
        products = [json.loads(text) for page in pages for text in page["PriceList"]]
    except (BotoCoreError, ClientError) as error:
        return None, f"AWS's price list: {error}"
    prices = [price for product in products for price in hourly_prices(product, work.component)]
    if not prices:
        return None, f"AWS's price list has none of {work.instance} for {work.component.lower()}"
    return max(prices), ""


def hourly_prices(product: dict[str, Any], component: str) -> list[float]:
    """Return a product's prices on demand in USD an hour, where it is of the component."""
    if letters(product["product"]["attributes"].get("component", "")) != letters(component):
        return []
    return [
        float(dimension["pricePerUnit"]["USD"])
        for term in product["terms"].get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
        if dimension["unit"].lower() in ("hrs", "hours") and "USD" in dimension["pricePerUnit"]
    ]


def letters(name: str) -> str:
    """Return a name's letters: the price list is not of one mind on blanks and capitals."""
    return "".join(letter for letter in name.lower() if letter.isalpha())
