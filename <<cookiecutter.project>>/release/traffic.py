"""Which release has which share of production's traffic."""

from typing import NamedTuple

import boto3

from categoriser.release_names import LIVE_ALIAS, api_function


class LiveRelease(NamedTuple):
    """A release that the alias names: its id, its endpoint, its share of the requests (0 to 1)."""

    release: str
    endpoint: str
    share: float


def live_releases(session: boto3.Session, project: str) -> list[LiveRelease]:
    """Return the releases that the API's alias names; none before the first."""
    functions = session.client("lambda")
    api = api_function(project)
    try:
        alias = functions.get_alias(FunctionName=api, Name=LIVE_ALIAS)
    except functions.exceptions.ResourceNotFoundException:
        return []
    others = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    shares = {alias["FunctionVersion"]: 1 - sum(others.values()), **others}
    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=api)
    variables = {
        version["Version"]: version["Environment"]["Variables"]
        for page in pages
        for version in page.get("Versions", [])
    }
    return [
        LiveRelease(variables[number]["RELEASE_ID"], variables[number]["ENDPOINT_NAME"], share)
        for number, share in shares.items()
    ]
