"""The server's description of an answer."""

from __future__ import annotations

import json

import msgspec

from categoriser.contract import Prediction
from categoriser.serving.openapi import description


def test_an_answer_has_all_members_and_says_its_source() -> None:
    answer = json.loads(description())["components"]["schemas"]["Prediction"]
    assert answer["required"] == [field.name for field in msgspec.structs.fields(Prediction)]
    assert answer["properties"]["source"]["enum"] == ["model", "rule"]
