"""What the release in hand is called: its endpoint, its function's version, its alarms."""

from __future__ import annotations

from categoriser.release_names import api_function, endpoint_name
from prove.example import ACCOUNT, PROJECT, REGION, RELEASE
from release.alarms import release_alarms


def candidate() -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{api_function(PROJECT)}:1"


def live_endpoint() -> str:
    return endpoint_name(PROJECT, RELEASE)


ALARMS = release_alarms(PROJECT, RELEASE)
