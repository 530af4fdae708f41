"""`make ui`: the port is looked at before MLflow is started."""

from __future__ import annotations

import socket

import pytest

from categoriser.errors import UserError
from categoriser.tracking.ui import HOST, check_free


def test_a_port_that_is_in_use_is_named_with_another() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} .*in use.*make ui PORT=5001"):
            check_free(port)
    check_free(port)


@pytest.mark.parametrize("port", [70_000, -1])
def test_a_port_that_there_is_not_is_named(port: int) -> None:
    with pytest.raises(UserError, match=f"port {port} "):
        check_free(port)
