"""What the release in hand is called: its endpoint, its function's version, its alarms."""

from __future__ import annotations

from prove.example import ACCOUNT, PROJECT, REGION, RELEASE


def candidate() -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PROJECT}-api:1"


def live_endpoint() -> str:
    return f"{PROJECT}-{RELEASE}"


ALARMS = [f"{PROJECT}-{kind}-{RELEASE}" for kind in ("errors", "5xx", "latency", "failures")]
