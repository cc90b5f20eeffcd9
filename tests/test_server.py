"""The command really serves: starts, answers over HTTP, refuses, and stops when told to."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.live import clients_file, served

ORIGIN = {"Origin": "https://sandbox.example.org", "Content-Type": "application/json"}
SIGN = "/cds-services/back-pain-order-sign"


@dataclass(frozen=True)
class Server:
    """A server of its own process."""

    process: subprocess.Popen[str]
    port: int
    announced: str

    def ask(self, method: str, path: str, body: bytes | None = None) -> "Answer":
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection):
            connection.request(method, path, body, ORIGIN)
            response = connection.getresponse()
            return Answer(response.status, response.headers, json.load(response))


class Answer(NamedTuple):
    """What came back, read to its end."""

    status: int
    headers: Message
    body: Any


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--workers", "1", "--threads", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Server(process, port, process.stdout.readline())
        process.kill()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_start_says_where_it_listens(server: Server) -> None:
    assert server.announced == (
        f"Listening on http://127.0.0.1:{server.port}/cds-services (1 worker, 2 threads each)\n"
    )


def test_health_and_discovery_are_answered(server: Server) -> None:
    assert server.ask("GET", "/health").body["status"] == "ok"
    assert len(server.ask("GET", "/cds-services").body["services"]) == 3


def test_call_is_answered(server: Server) -> None:
    call = {"hook": "order-sign", "hookInstance": "1", "context": {"patientId": "p1"}}

    response = server.ask("POST", SIGN, json.dumps(call).encode())

    assert (response.status, response.body["cards"]) == (200, [])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "/nothing", None, 404, id="not-found"),
        pytest.param("DELETE", SIGN, None, 405, id="method"),
        pytest.param("POST", SIGN, b"0" * 11_000_000, 413, id="too-large"),
    ],
)
def test_refusals_reach_the_browser(
    server: Server, method: str, path: str, body: bytes | None, status: int
) -> None:
    response = server.ask(method, path, body)

    assert response.status == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.body["resourceType"] == "OperationOutcome"


def test_taken_port_is_refused(server: Server) -> None:
    result = CliRunner().invoke(main, ["serve", "--port", str(server.port)])

    assert result.exit_code == 1
    assert f"Cannot listen on http://127.0.0.1:{server.port}" in result.output


def test_address_that_others_reach_is_refused_without_consent() -> None:
    result = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0"])  # noqa: S104

    assert result.exit_code == 1
    assert "--allow-unauthenticated" in result.output


def test_pages_without_a_token_are_not_opened_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_CLIENTS_FILE", str(clients_file(tmp_path)))
    monkeypatch.setenv("BACK_PAIN_CDS_PUBLIC_BASE_URLS", "https://cds.example.org")
    monkeypatch.setenv("BACK_PAIN_CDS_WORKBENCH", "true")
    result = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0"])  # noqa: S104

    assert result.exit_code == 1
    assert "Leave BACK_PAIN_CDS_WORKBENCH out, or listen on 127.0.0.1." in result.output


def test_start_says_how_many_clients_may_call(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "clients_file": clients_file(tmp_path),
        "database_url": "none",
    }
    with served(tmp_path, **settings) as service:
        assert service.process.stdout is not None
        told = service.process.stdout.readline()

    assert told == "Callers are authenticated: 1 client.\n"


@pytest.mark.parametrize("option", ["--port=0", "--workers=0", "--threads=0"])
def test_option_out_of_range_is_refused(option: str) -> None:
    result = CliRunner().invoke(main, ["serve", option])

    assert result.exit_code == 1
    name = option.strip("-").partition("=")[0].upper()
    assert f"BACK_PAIN_CDS_{name}: " in result.output


def test_sigterm_stops_the_server(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(timeout=15) == 0
