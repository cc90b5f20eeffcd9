"""Half-sent bodies of strangers hold neither the service nor its stop."""

import http.client
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.live import SIGN, clients_file, served

STATUSES = {SIGN: b"401", "/nothing": b"404", "/health": b"405"}
SOCKETS = 40  # more than two workers have threads
HALF = (
    "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "Content-Length: 1000\r\n\r\n{{"
)


@contextmanager
def half_sent(port: int) -> Iterator[list[tuple[str, socket.socket]]]:
    """Hold connections open whose bodies never end."""
    with ExitStack() as stack:
        held = [
            (path, stack.enter_context(socket.create_connection(("127.0.0.1", port))))
            for path in [*STATUSES] * (SOCKETS // len(STATUSES) + 1)
        ]
        for path, one in held:
            one.settimeout(5)
            one.sendall(HALF.format(path=path).encode())
        time.sleep(0.2)  # they are under way
        yield held


def test_half_sent_bodies_of_strangers_hold_nothing(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "clients_file": clients_file(tmp_path),
        "database_url": "none",
    }
    with (
        served(tmp_path, workers=2, threads=8, **settings) as service,
        half_sent(service.port) as held,
    ):
        started = time.monotonic()
        healthy = service.ask("GET", "/health").status
        answered = time.monotonic() - started
        heads = {(path, one.recv(4096).split(b" ")[1]) for path, one in held}

        stopped = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(20)
        stopping = time.monotonic() - stopped

    assert (healthy, heads) == (200, set(STATUSES.items()))
    assert answered < 2
    assert stopping < 5


def test_a_stranger_who_sends_much_hears_that_it_is_refused(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "clients_file": clients_file(tmp_path),
        "database_url": "none",
    }
    with served(tmp_path, **settings) as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        connection.request("POST", SIGN, b"0" * 100_000)
        status = connection.getresponse().status
        connection.close()

    assert status == 401
