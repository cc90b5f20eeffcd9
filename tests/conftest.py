"""What every test starts from: no network, no settings of the machine, a client."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings

from service import audit
from service.app import create_app
from service.settings import PREFIX, Settings

# A slow machine is no fault of what is tested.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Session-wide: both hold from the first test to the last, and property tests may not
# depend on fixtures that are made anew for each test.


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Take the settings of the machine away, and its time zone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        for name in list(os.environ):
            if name.startswith(PREFIX):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_judge(clean_environment: None) -> Iterator[None]:
    """Judge nothing behind the answers: it would be logged into whichever test comes next."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFORMANCE_FIRST", "CONFORMANCE_EVERY"):
            patch.setenv(PREFIX + name, "0")
        yield


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _local_only(getattr(socket.socket, name)))
        yield


class StrictLog(logging.Handler):
    """Makes the test fail that has something logged which is not on the list."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(audit.LogLine(strict=True))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, to nowhere."""
        self.format(record)


@pytest.fixture(scope="session", autouse=True)
def strict_log() -> Iterator[None]:
    """Format every record as the service does."""
    handler, logger = StrictLog(), logging.getLogger(audit.LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield
    logger.removeHandler(handler)


LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


def _local_only(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and address[0] not in LOCAL:
            raise RuntimeError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    return guarded


@pytest.fixture(scope="session")
def app() -> Flask:
    """Return the service as it is installed, with its whole rulebook."""
    return create_app(Settings())


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a client of the service."""
    return app.test_client()
