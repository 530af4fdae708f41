"""`make review`: the page over captured rows, for this machine alone."""

import socket
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from categoriser.errors import UserError
from categoriser.params import read_params
from categoriser.review.loopback_guard import LoopbackGuard, new_token
from categoriser.review.opening import open_worklist, print_line
from categoriser.review.review_page import make_application

LOOPBACK = "127.0.0.1"


def review_captures(captures: str, labels: Path, port: int) -> None:
    """Show the page until Ctrl-C, and say where it is.

    `captures` is a folder or `s3://bucket/prefix`; `labels` is the folder of the labels, and port 0
    takes any free one. Raises `UserError` as what it calls.
    """
    page = make_application(open_worklist(captures, labels), read_params().about.project)
    with listen_here(port) as listener:
        server, address = serve_page(page, listener)
        print_line(f"The page: {address}")
        print_line("It answers this machine alone, until Ctrl-C.")
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def serve_page(page: Starlette, listener: socket.socket) -> tuple[uvicorn.Server, str]:
    """Return a server of the page behind its guard, and the address that leads to it."""
    port = listener.getsockname()[1]
    token = new_token()
    # The log of requests would hold the token.
    config = uvicorn.Config(
        LoopbackGuard(page, token, port), access_log=False, log_level="warning", lifespan="off"
    )
    return uvicorn.Server(config), f"http://{LOOPBACK}:{port}/?token={token}"


def listen_here(port: int) -> socket.socket:
    """Listen on a port of this machine alone. Raises `UserError` where that cannot be."""
    try:
        return socket.create_server((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        raise UserError(
            f"port {port} of {LOOPBACK} cannot be used ({error}): name another, or leave PORT "
            "out to take any free one"
        ) from None
