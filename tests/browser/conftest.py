"""The demo as a person starts it, and a browser on it; skipped where there is no Chromium."""

import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import takewhile
from typing import IO, Any, NamedTuple

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",  # tests run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Demo(NamedTuple):
    """Where the demo answers, and what it printed."""

    service: str
    fhir: str
    printed: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none."""
    absent = pytest.mark.skip(reason="there is no Chromium")
    for item in items:
        if item.get_closest_marker("browser") and not CHROMIUM:
            item.add_marker(absent)


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    port, fhir_port = free_port(), free_port()
    command = [sys.executable, "-m", "service.cli", "demo"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--port", str(port), "--fhir-port", str(fhir_port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = _printed(process.stdout)
        yield Demo(f"http://localhost:{port}", f"http://localhost:{fhir_port}/fhir", printed)
        process.terminate()


def _printed(output: IO[str]) -> str:
    """Return what is printed until both servers answer."""
    lines = list(takewhile(lambda line: not line.startswith("Stop with"), output))
    assert lines, "the demo did not start"
    return "".join(lines)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the demo's own
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, demo: Demo) -> Iterator[Any]:
    """Return a page whose every message of the console is an error."""
    with _opened(chromium, demo) as (opened, told):
        yield opened
    assert told == []


@pytest.fixture
def troubled(chromium: Any, demo: Demo) -> Iterator[Any]:
    """Return a page that may fail to load something, which the browser tells its console."""
    with _opened(chromium, demo) as (opened, told):
        yield opened
    assert [one for one in told if not one.startswith("Failed to load resource")] == []


@contextmanager
def _opened(chromium: Any, demo: Demo) -> Iterator[tuple[Any, list[str]]]:
    context = chromium.new_context(
        base_url=demo.service,
        viewport={"width": 1500, "height": 1000},
        reduced_motion="reduce",
        accept_downloads=True,
    )
    opened = context.new_page()
    told: list[str] = []
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.set_default_timeout(10_000)
    yield opened, told
    context.close()
