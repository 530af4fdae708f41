"""The page's requests, as the browser sends them."""

from __future__ import annotations

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from review_helpers.reviewed_project import CAPTURES, labels_read
from review_helpers.running_page import served
from rules_helpers.made_rules import made_rule

from categoriser.paths import RULES
from categoriser.review.journal import Turn
from categoriser.review.opening import open_worklist
from categoriser.review.review_page import CLASS_KEYS, MOST_REQUEST_BYTES, OTHER_KEYS
from categoriser.review.worklist import Worklist
from categoriser.rules import rules_file
from categoriser.rules.rules_file import read_rules, write_rules


def post(browser: httpx.Client, path: str, **document: Any) -> dict[str, Any]:
    answer = browser.post(path, json=document)
    assert answer.status_code == HTTPStatus.OK, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_page_names_each_class_with_its_key(browser: httpx.Client) -> None:
    text = browser.get("/").text
    for key, name in (("1", "bills"), ("2", "food"), ("3", "travel")):
        assert f'data-category="{name}" data-key="{key}"' in text
        assert f"<dt><kbd>{key}</kbd></dt><dd>{name}</dd>" in text
    assert not {*CLASS_KEYS} & {*OTHER_KEYS}
    assert len({*CLASS_KEYS}) == len(CLASS_KEYS)


def test_groups_rows_labels_and_undo(browser: httpx.Client, labels: Path) -> None:
    page = browser.get("/groups", params={"count": 1}).json()
    [state] = page["groups"]
    assert (state["group"]["text"], state["open"], page["next"]) == ("zorgo 1", 2, 1)
    rows = browser.get("/groups/0/rows").json()["rows"]
    assert [row["price"] for row in rows] == [5.0, -2.0]

    changed = post(browser, "/labels", group=0, category="food", seen=0, rows=[rows[1]["row"]])
    assert changed["progress"]["last"]["rows"] == 1
    changed = post(browser, "/labels", group=0, category="bills", seen=1)
    assert changed["groups"][0]["labels"] == {"food": 1, "bills": 1}
    assert labels_read(labels) == {("call-3", 0): "bills", ("call-3", 1): "food"}

    assert post(browser, "/undo")["progress"]["last"]["category"] == "food"
    assert labels_read(labels) == {("call-3", 1): "food"}
    progress = browser.get("/progress").json()
    assert (progress["rows_done"], progress["entries"]) == (1, 3)


def test_a_label_outlives_the_page_and_the_server_and_can_be_undone_after(
    browser: httpx.Client, labels: Path
) -> None:
    post(browser, "/labels", group=0, category="food", seen=0)
    assert browser.get("/groups").json()["groups"][0]["group"]["text"] != "zorgo 1"
    with (
        served(open_worklist(CAPTURES, labels)) as again,
        httpx.Client(base_url=again.partition("?")[0], cookies=browser.cookies) as same,
    ):
        same.get(again, follow_redirects=True)
        assert same.get("/progress").json()["last"]["category"] == "food"
        post(same, "/undo")
    assert labels_read(labels) == {}


def test_two_browsers_at_one_server_undo_their_own(
    browser: httpx.Client, address: str, labels: Path
) -> None:
    with httpx.Client(base_url=browser.base_url) as other:
        other.get(address, follow_redirects=True)
        post(browser, "/labels", group=0, category="food", seen=0)
        # Neither has seen the other's word; the last one counts.
        post(other, "/labels", group=0, category="travel", seen=0)
        post(other, "/labels", group=1, category="travel", seen=2)
        assert browser.get("/progress").json()["entries"] == 3
        post(browser, "/undo")
        assert {*labels_read(labels).values()} == {"travel"}
        post(other, "/undo")
        post(other, "/undo")
        assert labels_read(labels) == {}
        answer = other.post("/undo", json={})
        assert answer.status_code == HTTPStatus.CONFLICT
        assert answer.json() == {"detail": "there is nothing to undo."}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"group": 0, "category": "none", "seen": 0}', HTTPStatus.CONFLICT),
        ('{"group": 99, "category": "food", "seen": 0}', HTTPStatus.CONFLICT),
        ('{"group": 0, "category": "food"}', HTTPStatus.BAD_REQUEST),
        ('{"group": 0, "category": "food", "seen": -1}', HTTPStatus.BAD_REQUEST),
        ('{"group": 0, "category": "food", "seen": 0, "who": "x"}', HTTPStatus.BAD_REQUEST),
        ('{"group": "0", "category": "food", "seen": 0}', HTTPStatus.BAD_REQUEST),
        ("[" * 100_000, HTTPStatus.BAD_REQUEST),
        ("\udcff", HTTPStatus.BAD_REQUEST),
        ("", HTTPStatus.BAD_REQUEST),
    ],
    ids=["class", "group", "no seen", "negative", "more", "text", "deep", "not UTF-8", "empty"],
)
def test_a_wrong_request_is_told_and_changes_nothing(
    browser: httpx.Client, labels: Path, body: str, status: HTTPStatus
) -> None:
    content = body.encode(errors="surrogateescape")
    headers = {"content-type": "application/json"}
    answer = browser.post("/labels", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")
    assert labels_read(labels) == {}


def test_a_rule_is_offered_with_the_groups_words_and_made(browser: httpx.Client) -> None:
    assert browser.get("/groups/0/rule").json() == {"pattern": "zorgo"}
    assert browser.get("/groups/99/rule").status_code == HTTPStatus.CONFLICT
    made = post(browser, "/rules", pattern="zorgo", category="food", why="a grocer", price_from="1")
    [rule] = read_rules(RULES)
    assert (rule.pattern, rule.price_from, rule.category) == ("zorgo", 1.0, "food")
    assert (rule.who, rule.why) == ("Ann", "a grocer")
    assert made["pattern"] == "zorgo"


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"pattern": ""}, HTTPStatus.CONFLICT, "pattern: is empty"),
        ({"category": "cars"}, HTTPStatus.CONFLICT, "the category is not a class of the model."),
        ({"pattern": "shell"}, HTTPStatus.CONFLICT, "rules/merchants.csv has a rule for 'shell'"),
        ({"price_from": 5}, HTTPStatus.BAD_REQUEST, "not of the page's form"),
        ({"who": "Ben"}, HTTPStatus.BAD_REQUEST, "not of the page's form"),
    ],
    ids=["no words", "class", "there already", "number", "more"],
)
def test_a_rule_that_is_not_one_is_told_and_not_written(
    browser: httpx.Client, changes: dict[str, Any], status: HTTPStatus, words: str
) -> None:
    write_rules(RULES, [made_rule("shell")])
    before = RULES.read_bytes()
    document = {"pattern": "zorgo", "category": "food", "why": "a grocer"} | changes
    answer = browser.post("/rules", json=document)
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert RULES.read_bytes() == before


def test_a_rule_on_a_full_disk_is_told_in_a_sentence(
    browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rules_file, "write_text", full)
    rule = {"pattern": "zorgo", "category": "food", "why": "a grocer"}
    answer = browser.post("/rules", json=rule)
    assert answer.status_code == HTTPStatus.INSUFFICIENT_STORAGE
    words = "The rule cannot be written (No space left on device). Nothing was changed."
    assert answer.json() == {"detail": words}


@pytest.mark.parametrize("path", ["/labels", "/rules", "/undo"])
def test_a_request_has_a_bound(browser: httpx.Client, labels: Path, path: str) -> None:
    before = RULES.read_bytes()
    headers = {"content-type": "application/json"}
    answer = browser.post(path, content=b" " * (MOST_REQUEST_BYTES + 1), headers=headers)
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert labels_read(labels) == {}
    assert RULES.read_bytes() == before


def test_a_browser_whose_id_is_not_one_gets_another(browser: httpx.Client) -> None:
    before = browser.cookies["review-browser"]
    assert "review-browser" not in browser.get("/").cookies
    browser.cookies.set("review-browser", "x" * 5000, domain="127.0.0.1", path="/")
    post(browser, "/labels", group=0, category="food", seen=0)
    assert browser.get("/progress").json()["last"] is None
    given = browser.get("/").cookies["review-browser"]
    assert len(given) == len(before) == 32


@pytest.mark.parametrize("query", ["start=x", "count=0", "count=-1", "done=maybe"])
def test_a_wrong_query_is_told(browser: httpx.Client, query: str) -> None:
    assert browser.get(f"/groups?{query}").status_code == HTTPStatus.BAD_REQUEST


def test_a_full_disk_is_told_in_a_sentence(
    browser: httpx.Client, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Turn, "append", full)
    answer = browser.post("/labels", json={"group": 0, "category": "food", "seen": 0})
    assert answer.status_code == HTTPStatus.INSUFFICIENT_STORAGE
    words = "The labels cannot be written (No space left on device). Nothing was changed."
    assert answer.json() == {"detail": words}
    assert labels_read(labels) == {}


def test_nothing_of_a_transaction_and_no_token_is_logged(
    browser: httpx.Client,
    worklist: Worklist,
    address: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    capfd.readouterr()
    with caplog.at_level(logging.DEBUG, "uvicorn"), caplog.at_level(logging.DEBUG, "categoriser"):
        post(browser, "/labels", group=0, category="food", seen=0)
        browser.get("/groups/0/rows")
        browser.get(address)
        browser.get("/groups?start=aldi")
    said = capfd.readouterr()
    token = address.partition("token=")[2]
    records = [each for each in caplog.records if each.name.startswith(("uvicorn", "categoriser"))]
    for text in (said.out, said.err, *(record.getMessage() for record in records)):
        assert token not in text
        assert not any(name.lower() in text.lower() for name in worklist.names)
        assert "zorgo" not in text
