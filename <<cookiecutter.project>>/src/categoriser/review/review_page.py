"""The review's page: an application of Starlette over a worklist.

Its requests are answered one after the other, on one thread: what they read and change is of one
process, and each takes milliseconds. Two people may use one server, or one server each.
"""

import re
import uuid
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from categoriser.contract import JSON
from categoriser.errors import UserError
from categoriser.evaluation.rendering import render
from categoriser.paths import RULES
from categoriser.review.page_documents import RuleOffer
from categoriser.review.rule_making import RuleRequest, make_rule
from categoriser.review.worklist import Worklist

STATIC_FILES = Path(__file__).with_name("static")
# What a request may hold: the numbers of many rows.
MOST_REQUEST_BYTES = 2**20
# Keys of the page that are not a class's: decide by a rule, the model's answer, rows, skip, undo.
OTHER_KEYS = "dmrsu"
CLASS_KEYS = [*digits[1:], digits[0], *(key for key in ascii_lowercase if key not in OTHER_KEYS)]
# A browser keeps its own id, by which it can undo what it did, for so long.
BROWSER_COOKIE = "review-browser"
BROWSER_ID = re.compile("[0-9a-f]{32}")
BROWSER_SECONDS = 365 * 24 * 3600

Handler = Callable[[Request], Awaitable[Response]]


class LabelRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A label: of chosen rows of a group, or, where none is chosen, of the group."""

    group: int
    category: str
    seen: Annotated[int, Meta(ge=0)]
    rows: list[int] = []


class GroupsRequest(msgspec.Struct):
    """Which groups a page shows."""

    start: int = 0
    count: Annotated[int, Meta(ge=1)] = 50
    done: bool = False


class RowsRequest(msgspec.Struct):
    """Which rows of a group a page shows."""

    start: int = 0


class RequestFault(msgspec.Struct):
    """What is wrong, in a sentence for the person at the page."""

    detail: str


Query = TypeVar("Query", bound=msgspec.Struct)


def make_application(worklist: Worklist, title: str) -> Starlette:
    """Return the application; `title` is the project's name."""
    page = ReviewPage(worklist, title)
    routes = [
        Route("/", page.show),
        Route("/groups", _told(page.groups)),
        Route("/groups/{group:int}/rows", _told(page.rows)),
        Route("/groups/{group:int}/rule", _told(page.offer_rule)),
        Route("/progress", _told(page.progress)),
        Route("/labels", _told(page.label), methods=["POST"]),
        Route("/undo", _told(page.undo), methods=["POST"]),
        Route("/rules", _told(page.make_rule, written="The rule"), methods=["POST"]),
        Mount("/static", StaticFiles(directory=STATIC_FILES)),
    ]
    return Starlette(routes=routes, max_body_size=MOST_REQUEST_BYTES)


class ReviewPage:
    """What the page's requests are answered with."""

    def __init__(self, worklist: Worklist, title: str) -> None:
        self.worklist = worklist
        self.title = title

    async def show(self, request: Request) -> Response:
        """Answer with the page, which asks for all else itself."""
        classes = self.worklist.classes
        keys = dict(zip(classes, CLASS_KEYS, strict=False))
        text = render(
            "review.html",
            "categoriser.review",
            title=self.title,
            classes=[(name, keys.get(name, "")) for name in classes],
        )
        answer = HTMLResponse(text)
        if not _browser(request):
            answer.set_cookie(
                BROWSER_COOKIE,
                uuid.uuid4().hex,
                max_age=BROWSER_SECONDS,
                httponly=True,
                samesite="strict",
            )
        return answer

    async def groups(self, request: Request) -> Response:
        asked = _read_query(request, GroupsRequest)
        return _answer(
            self.worklist.page(asked.start, asked.count, done=asked.done, browser=_browser(request))
        )

    async def rows(self, request: Request) -> Response:
        asked = _read_query(request, RowsRequest)
        return _answer(self.worklist.rows_of(request.path_params["group"], asked.start))

    async def progress(self, request: Request) -> Response:
        return _answer(self.worklist.news(_browser(request)))

    async def label(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=LabelRequest)
        return _answer(
            self.worklist.label(
                asked.group,
                asked.rows,
                asked.category,
                seen=asked.seen,
                browser=_browser(request),
            )
        )

    async def undo(self, request: Request) -> Response:
        return _answer(self.worklist.undo(_browser(request)))

    async def offer_rule(self, request: Request) -> Response:
        return _answer(RuleOffer(self.worklist.shared_words(request.path_params["group"])))

    async def make_rule(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=RuleRequest)
        return _answer(make_rule(RULES, asked, self.worklist.classes))


def _told(handler: Handler, written: str = "The labels") -> Handler:
    """Answer what goes wrong in a request with a sentence; `written` is what it would write."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except UserError as error:
            return _answer(RequestFault(f"{error}."), HTTPStatus.CONFLICT)
        except OSError as error:
            words = f"{written} cannot be written ({error.strerror}). Nothing was changed."
            return _answer(RequestFault(words), HTTPStatus.INSUFFICIENT_STORAGE)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _answer(
                RequestFault("The request is not of the page's form."), HTTPStatus.BAD_REQUEST
            )

    return answer


def _answer(document: msgspec.Struct, status: int = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(document), status, media_type=JSON)


def _read_query(request: Request, form: type[Query]) -> Query:
    """Read the values after an address's question mark. Raises `ValidationError`."""
    given: dict[str, Any] = dict(request.query_params)
    return msgspec.convert(given, form, strict=False)


def _browser(request: Request) -> str:
    """Return the browser's own id; "" where it has none, and can undo nothing."""
    given = request.cookies.get(BROWSER_COOKIE, "")
    return given if BROWSER_ID.fullmatch(given) else ""
