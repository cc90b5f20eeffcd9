"""The service in a process of its own, and a CDS client that calls it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

from service.settings import PREFIX
from tests.ehr import KID, bearer, jwks, private_key, public_jwk

ROOT = Path(__file__).parent.parent
START_SECONDS = 20
SIGN = "/cds-services/back-pain-order-sign"
FEEDBACK = f"{SIGN}/feedback"
REQUEST = (
    ROOT / "fixtures/opioid-on-buprenorphine"
) / "oxycodone-prescribed-to-a-patient-on-buprenorphine.request.json"


class Answer(NamedTuple):
    """What came back, read to its end."""

    status: int
    headers: Message
    text: str

    @property
    def body(self) -> Any:
        """The JSON of the answer."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Service:
    """A running service."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def base(self) -> str:
        """The address that tokens are meant for."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, token: str | None = None
    ) -> Answer:
        """Send one request on a connection of its own."""
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": token} if token else {}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as line:
            line.request(method, path, body, headers)
            response = line.getresponse()
            return Answer(response.status, response.headers, response.read().decode())

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        pid = self.process.pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]


@contextmanager
def served(directory: Path, port: int | None = None, **settings: object) -> Iterator[Service]:
    """Run the service with these settings until the block is left."""
    port = port or free_port()
    chosen = {"PORT": port, "WORKERS": 1, "THREADS": 2, **_upper(settings)}
    environment = {f"{PREFIX}{name}": str(value) for name, value in chosen.items()}
    path = directory / f"log-{port}"
    with path.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"],
            cwd=directory,
            env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("Listening on "), _log(directory, port)
        yield Service(process, port, path)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)
        process.stdout.close()


def log_lines(directory: Path, port: int) -> list[dict[str, Any]]:
    """Return what a service logged."""
    return [json.loads(line) for line in _log(directory, port).splitlines()]


def clients_file(directory: Path) -> Path:
    """Write the registration of the test's client, with its keys, and return its path."""
    (directory / "jwks.json").write_bytes(jwks(public_jwk(private_key(), KID)))
    path = directory / "clients.toml"
    path.write_text(
        '[[client]]\nname = "example-ehr"\nissuer = "https://ehr.example.org"\n'
        'jwks_file = "jwks.json"\n'
    )
    return path


def token_for(url: str, **changes: object) -> str:
    """Return an Authorization header that is good now, for this address."""
    now = int(time.time())
    good: dict[str, object] = {
        "aud": url,
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid.uuid4()),
    }
    return bearer(**good | changes)


def feedback_on(*cards: str) -> bytes:
    """Return feedback that overrides these cards."""
    item = {"outcome": "overridden", "outcomeTimestamp": "2026-06-30T14:07:31Z"}
    return json.dumps({"feedback": [{"card": card, **item} for card in cards]}).encode()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(seconds: float, true: Any) -> bool:
    """Wait until this becomes true; say whether it did in time."""
    deadline = time.monotonic() + seconds
    while not (met := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(met)


def _upper(settings: Mapping[str, object]) -> dict[str, object]:
    return {name.upper(): value for name, value in settings.items()}


def _log(directory: Path, port: int) -> str:
    return (directory / f"log-{port}").read_text("utf-8")
