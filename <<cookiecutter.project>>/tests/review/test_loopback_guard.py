"""The page answers its own person, on this machine, alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from review_helpers.reviewed_project import labels_read

from categoriser.paths import RULES
from categoriser.review.loopback_guard import SECURITY_HEADERS, fault_in_code
from categoriser.review.worklist import Worklist

RULE = {"pattern": "zorgo", "category": "food", "why": "a grocer"}
LABEL = {"group": 0, "category": "food", "seen": 0}
PATIENCE_SECONDS = 10


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_address_is_exchanged_for_a_cookie_that_scripts_and_other_sites_do_not_get(
    address: str,
) -> None:
    answer = httpx.get(address)
    assert (answer.status_code, answer.headers["location"]) == (HTTPStatus.SEE_OTHER, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    # Two reviews on one machine have cookies of their own.
    assert cookie.startswith(f"review-{httpx.URL(address).port}=")


@pytest.mark.parametrize("path", ["/", "/groups", "/static/review.js", "/?token=", "/?token=x"])
def test_without_the_token_nothing_is_answered(address: str, path: str) -> None:
    answer = httpx.get(address.partition("/?")[0] + path)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "Open the one that `make review` printed" in answer.text


def test_a_cookie_of_another_start_is_worth_nothing(browser: httpx.Client, address: str) -> None:
    name = f"review-{httpx.URL(address).port}"
    plain = httpx.Client(base_url=browser.base_url, cookies={name: "x" * 43})
    assert plain.get("/groups").status_code == HTTPStatus.FORBIDDEN
    assert browser.get("/groups").status_code == HTTPStatus.OK


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1.evil.example:80", ""])
def test_a_request_for_another_host_is_refused(browser: httpx.Client, host: str) -> None:
    answer = browser.get("/groups", headers={"host": host})
    assert answer.status_code in (HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.BAD_REQUEST)
    assert "groups" not in answer.text


def test_localhost_is_this_machine_too(browser: httpx.Client, address: str) -> None:
    host = f"localhost:{httpx.URL(address).port}"
    assert browser.get("/groups", headers={"host": host}).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ({"content-type": "application/x-www-form-urlencoded"}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ({"origin": "http://evil.example"}, HTTPStatus.FORBIDDEN),
        ({"origin": "null"}, HTTPStatus.FORBIDDEN),
        ({"sec-fetch-site": "cross-site"}, HTTPStatus.FORBIDDEN),
        ({"sec-fetch-site": "same-site"}, HTTPStatus.FORBIDDEN),
    ],
    ids=str,
)
def test_no_other_page_can_change_anything(
    browser: httpx.Client, labels: Path, headers: dict[str, str], status: HTTPStatus
) -> None:
    given = {"content-type": "application/json"} | headers
    before = RULES.read_bytes()
    for path, document in (("/labels", LABEL), ("/undo", LABEL), ("/rules", RULE)):
        answer = browser.post(path, json=document, headers=given)
        assert answer.status_code == status
    assert labels_read(labels) == {}
    assert RULES.read_bytes() == before


def test_without_the_token_no_rule_is_made(browser: httpx.Client) -> None:
    before = RULES.read_bytes()
    answer = httpx.post(browser.base_url.join("/rules"), json=RULE)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert RULES.read_bytes() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(browser: httpx.Client, method: str) -> None:
    answer = browser.request(method, "/labels", json=LABEL)
    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("path", ["/", "/groups", "/nothing", "/static/review.js"])
def test_every_answer_has_the_security_headers(browser: httpx.Client, path: str) -> None:
    for answer in (browser.get(path), httpx.get(str(browser.base_url).rstrip("/") + path)):
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value


def test_the_page_runs_no_code_but_its_own_file(browser: httpx.Client) -> None:
    text = browser.get("/").text
    assert text.count("<script") == 1
    assert '<script src="/static/review.js" defer></script>' in text
    assert "style=" not in text
    assert "http" not in text.replace("http-equiv", "")
    policy = SECURITY_HEADERS["content-security-policy"]
    assert "unsafe" not in policy


def test_a_fault_is_logged_without_a_word_of_the_transaction(
    browser: httpx.Client,
    worklist: Worklist,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("aldi 12 sydney au")

    monkeypatch.setattr(worklist, "page", fail)
    with caplog.at_level(logging.DEBUG, "categoriser"):
        answer = browser.get("/groups")
        wait_for(lambda: "RuntimeError at " in caplog.text)  # it is logged after the answer
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "aldi" not in answer.text
    assert "aldi" not in caplog.text


def test_a_fault_that_was_raised_nowhere_is_named_alone() -> None:
    assert fault_in_code(ValueError("secret")) == "ValueError"
