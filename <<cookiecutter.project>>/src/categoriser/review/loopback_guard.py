"""What stands before the review's page: it answers its own person, on this machine, alone.

- Whoever has not the token, which is in the address that the person was told, is answered 403. The
  address is exchanged for a cookie, so that the token is in no later address.
- A request for another host is answered 421: a page elsewhere whose name leads to this machine
  (DNS rebinding) cannot read this one.
- A change must be JSON, and where the browser says from where it comes, from this page: no other
  page can make a browser send it (cross-site request forgery), as the cookie is `SameSite=Strict`.
- No answer is kept by a browser, shown in another's frame, or runs code but the page's own file.

Nothing of a request is logged: of a fault its kind and its place in the code.
"""

import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from categoriser.contract import JSON

TOKEN_BYTES = 32
UNSAFE_METHODS = ("POST",)
SAFE_METHODS = ("GET", "HEAD")
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
EXPIRED = (
    "This address is not, or no longer, of a running review. Open the one that `make review` "
    "printed when it started."
)

log = logging.getLogger("categoriser.review")
Answering = Callable[[Message], Awaitable[None]]


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


class LoopbackGuard:
    """The application behind the checks. `port` is the one that the server listens on."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app = app
        self.token = token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        # Cookies do not tell ports apart, and two reviews may run on one machine.
        self.cookie = f"review-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answering = _with_security_headers(send)
        refusal = self._refusal(Request(scope))
        if refusal is not None:
            await refusal(scope, receive, answering)
            return
        try:
            await self.app(scope, receive, answering)
        except Exception as error:  # noqa: BLE001  # Starlette has answered 500, and raised it again
            log.error("a request failed: %s", fault_in_code(error))

    def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that goes no further; None for one that does."""
        headers = request.headers
        if headers.getlist("host") not in [[host] for host in self.hosts]:
            return PlainTextResponse(
                "This page is for this machine alone.", HTTPStatus.MISDIRECTED_REQUEST
            )
        given = request.query_params.get("token")
        if given is not None and request.url.path == "/":
            return self._exchange(given)
        if not _same(request.cookies.get(self.cookie, ""), self.token):
            return PlainTextResponse(EXPIRED, HTTPStatus.FORBIDDEN)
        if request.method in SAFE_METHODS:
            return None
        if request.method not in UNSAFE_METHODS:
            return PlainTextResponse("No such method.", HTTPStatus.METHOD_NOT_ALLOWED)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            return PlainTextResponse("A change is JSON.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        own = {f"http://{host}" for host in self.hosts}
        is_own_origin = headers.get("origin") in own | {None}
        if not is_own_origin or headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return PlainTextResponse("Another page asks for this.", HTTPStatus.FORBIDDEN)
        return None

    def _exchange(self, given: str) -> Response:
        """Answer the address that holds the token: with a cookie, if it is the right one."""
        if not _same(given, self.token):
            return PlainTextResponse(EXPIRED, HTTPStatus.FORBIDDEN)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
        return answer


def fault_in_code(error: Exception) -> str:
    """Return an exception's kind and where it was raised, not its words, which may hold data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _same(given: str, secret: str) -> bool:
    """Compare in a time that does not depend on how much is right."""
    return secrets.compare_digest(given.encode(), secret.encode())


def _with_security_headers(send: Send) -> Answering:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(SECURITY_HEADERS)
        await send(message)

    return send_with_headers
