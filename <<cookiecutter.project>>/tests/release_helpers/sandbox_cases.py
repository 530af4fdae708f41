"""The steps of the proof on AWS as cases: where a claim holds, and faults for which it does not."""

from __future__ import annotations

from typing import Any

from release_helpers.settings import PROJECT

SAID = "Release 20261122-101500-abcdef1 Commit ServeImage JobImage DataVersion approved by someone"


# A step: how many releases are live before it, and what of the world it wants.
HOLDS: dict[str, tuple[int, dict[str, Any]]] = {
    "preflight": (0, {}),
    "deploy": (0, {}),
    "connection": (0, {"job": "AVAILABLE"}),
    "first-release": (0, {}),
    "api": (1, {}),
    "bad-requests": (1, {}),
    "canary": (1, {}),
    "broken-candidate": (1, {}),
    "wrong-answers": (1, {}),
    "why": (1, {"said": SAID}),
    "monitor": (1, {}),
    "retrain": (1, {}),
    "rollback": (2, {}),
    "teardown": (0, {}),
    "cost": (0, {}),
}


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("connection", {"job": ""}, "PENDING"),
    ("first-release", {"outcome": "Failed"}, "Failed"),
    ("first-release", {"approval": "Superseded"}, "Superseded before its approval"),
    ("first-release", {"code": "x"}, "d-1"),
    ("api", {"status": 502}, "prediction_id"),
    ("api", {"labels": 0}, "[]"),
    ("api", {"labels": 2}, "jsonl"),
    ("bad-requests", {"status": 502}, "502"),
    ("bad-requests", {"red": [f"{PROJECT}-release"]}, "now"),
    ("canary", {"minutes": 0}, "no moment"),
    ("canary", {"minutes": 2.0}, "datetime"),
    ("canary", {"minutes": 8.0}, "datetime"),
    ("canary", {"share": 0.5}, "0.5"),
    ("canary", {"status": 502}, "502"),
    ("canary", {"outcome": "Failed"}, "Failed"),
    ("broken-candidate", {"minutes": 0}, "Succeeded"),
    ("broken-candidate", {"code": "TIMEOUT"}, "TIMEOUT"),
    ("broken-candidate", {"back": "Failed"}, "the rollback is Failed"),
    ("broken-candidate", {"back": ""}, "did not go back"),
    ("broken-candidate", {"status": 502}, "prediction_id"),
    ("wrong-answers", {"back": ""}, "did not go back"),
    ("wrong-answers", {"weights": {"2": 0.1}}, "0.1"),
    ("why", {"said": SAID.replace("approved", "none")}, "none"),
    ("why", {"said": SAID.replace("JobImage", "")}, "Commit"),
    ("monitor", {"job": "Failed"}, "Failed"),
    ("retrain", {"status": 500}, "null"),
    ("retrain", {"labels": 0}, "set()"),
    ("retrain", {"labels": 2}, "retraining/"),
    ("retrain", {"retraining": {"started": "e-9"}}, "e-"),
    ("rollback", {"back": "Failed"}, "the rollback is Failed"),
    ("rollback", {"back": ""}, "did not go back"),
    ("rollback", {"status": 502}, "prediction_id"),
    ("teardown", {"deleted": 10_000}, "endpoint/1"),
]
