"""What the release in hand is called: its endpoint, its function's version, its alarms."""

from __future__ import annotations

from categoriser.release_names import endpoint_name
from prove.example import ACCOUNT, PROJECT, REGION, RELEASE


def candidate() -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PROJECT}-api:1"


def live_endpoint() -> str:
    return endpoint_name(PROJECT, RELEASE)


ALARMS = [f"{PROJECT}-{kind}-{RELEASE}" for kind in ("errors", "5xx", "latency", "failures")]
