"""A filtered listening socket lets nobody new in, and loses nobody who was in."""

from __future__ import annotations

import socket
import sys

import pytest

from categoriser.serving.syn_filter import refuse_new_connections

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the filter of packets is Linux's, and nothing elsewhere"
)


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_who_is_in_is_served_and_nobody_else_comes_in(
    host: str, family: socket.AddressFamily
) -> None:
    with socket.create_server((host, 0), family=family) as listener:
        address = (host, listener.getsockname()[1])
        with socket.create_connection(address, timeout=60) as client:
            refuse_new_connections(listener)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.2)
            accepted, _ = listener.accept()
            with accepted:
                client.sendall(b"question")
                assert accepted.recv(8) == b"question"
                accepted.sendall(b"answer")
                assert client.recv(6) == b"answer"
                client.close()
                assert accepted.recv(1) == b""


def test_who_comes_late_is_refused_once_the_socket_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        refuse_new_connections(listener)
        late = socket.socket()
        late.settimeout(60)
        late.setblocking(False)
        assert late.connect_ex(address) != 0
    late.setblocking(True)
    with late, pytest.raises(ConnectionError):
        late.connect(address)
