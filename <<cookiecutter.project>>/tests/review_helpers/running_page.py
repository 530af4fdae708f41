"""The review's page, served on a free port of this machine by a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from categoriser.review.review_page import make_application
from categoriser.review.review_server import listen_here, serve_page
from categoriser.review.worklist import Worklist


@contextmanager
def served(worklist: Worklist) -> Iterator[str]:
    """Yield the address that the verb would print."""
    with listen_here(0) as listener:
        server, address = serve_page(make_application(worklist, "Bank of tests"), listener)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join()
