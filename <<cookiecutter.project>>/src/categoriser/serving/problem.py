"""What is wrong with a request, as RFC 9457's problem."""

import json
from http import HTTPStatus


class RequestError(Exception):
    """A request that cannot be answered; `row` (from 1, after a header) and `field` say where."""

    def __init__(
        self, status: int, detail: str, row: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.row = row
        self.field = field

    def body(self) -> bytes:
        """Return the problem as RFC 9457's `application/problem+json`."""
        problem: dict[str, str | int] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.row is not None:
            problem["row"] = self.row
        if self.field is not None:
            problem["field"] = self.field
        return json.dumps(problem).encode()
