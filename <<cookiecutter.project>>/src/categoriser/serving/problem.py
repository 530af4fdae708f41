"""What is wrong with a request, as RFC 9457's problem."""

import json
from http import HTTPStatus


class RequestError(Exception):
    """A request that cannot be answered; `row` (from 1, the header apart) and `field` say where."""

    def __init__(
        self, status: int, detail: str, row: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.row, self.field = status, detail, row, field

    def body(self) -> bytes:
        """Return the problem as RFC 9457's `application/problem+json`."""
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
        }
        members = problem | {"detail": self.detail, "row": self.row, "field": self.field}
        return json.dumps(
            {name: value for name, value in members.items() if value is not None}
        ).encode()
