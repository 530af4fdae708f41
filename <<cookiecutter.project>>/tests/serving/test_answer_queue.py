"""The answers that a queue gives, with rules before the model."""

from __future__ import annotations

import asyncio
import json

import pytest
from rules_helpers.made_rules import made_rule

from categoriser.contract import CSV, JSON, JSON_LINES
from categoriser.model.package import Categoriser
from categoriser.rules.rule_book import RuleBook
from categoriser.serving.answer_queue import SMALL_BODY, AnswerQueue

ROWS = [{"text": "aldi sydney", "price": 3.0}, {"text": "shell", "price": 3.0}]


@pytest.fixture(scope="module")
def ruled(categoriser: Categoriser) -> Categoriser:
    book = RuleBook([made_rule("aldi", "transport")])
    return Categoriser(categoriser.classifier, categoriser.metadata, book)


def answer(model: Categoriser, body: str, kind: str) -> str:
    async def asked() -> bytes:
        return await AnswerQueue(model).answer(body.encode(), kind)

    return asyncio.run(asked()).decode()


@pytest.mark.parametrize("times", [1, 200])
def test_rules_answer_in_small_bodies_and_large_ones(ruled: Categoriser, times: int) -> None:
    body = json.dumps(ROWS * times)
    assert (len(body) > SMALL_BODY) is (times > 1)
    sources = [row["source"] for row in json.loads(answer(ruled, body, JSON))]
    assert sources == ["rule", "model"] * times
    lines = answer(ruled, "\n".join(map(json.dumps, ROWS * times)), JSON_LINES)
    assert [json.loads(line)["source"] for line in lines.splitlines()] == sources


def test_a_line_of_csv_has_the_rules_label_and_probabilities_alone(ruled: Categoriser) -> None:
    [first, second] = answer(ruled, "aldi sydney,3\nshell,3\n", CSV).splitlines()
    sure = [f"{float(name == 'transport'):.10f}" for name in ruled.classes]
    assert first == ",".join(["__label__transport", *sure])
    assert "1.0000000000" not in second
