"""The HTTP server: granian worker processes around the application."""

import gc
import socket
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, partial
from threading import Thread

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from service import audit, metrics
from service.app import create_app
from service.settings import Settings
from service.store import Store

# A worker that has not finished its calls by then is ended.
GRACE_SECONDS = 10
POLL_SECONDS = 0.2


def serve(settings: Settings, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``started`` is called once the port answers."""
    with metrics.shared() if settings.metrics else nullcontext():
        run(settings, partial(load, settings), started)


def run(settings: Settings, build: Callable[[], Flask], started: Callable[[], None]) -> None:
    """Serve the application that ``build`` returns."""
    _check_free(settings)
    _built(build)  # here, so that a fault stops the start and the workers share the tables
    server = Granian(
        "service.app:create_app",  # a name for messages; the loader gives the application
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=settings.workers,
        blocking_threads=settings.threads,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE_SECONDS,
    )
    Thread(target=_announce, args=(settings, started), daemon=True).start()
    server.serve(target_loader=partial(_built, build), wrap_loader=False)


def load(settings: Settings) -> Flask:
    """Build the application as it is served: with its log and its database."""
    audit.configure(settings.log_level, as_json=_wants_json(settings))
    return create_app(settings, store=open_store(settings))


def open_store(settings: Settings) -> Store | None:
    """Return the database that the settings name, or None."""
    if not settings.stores:
        return None
    secret = settings.patient_key_secret.get_secret_value().encode()
    return Store(settings.database_url.get_secret_value(), secret)


def settle_memory() -> None:
    """Take what is loaded out of garbage collection.

    Tables and models live as long as the worker; scanning them again and again while large
    bodies are parsed halves the throughput.
    """
    gc.collect()
    gc.freeze()


@cache
def _built(build: Callable[[], Flask]) -> Flask:
    """Build once: forked workers inherit it; where they are spawned, each builds its own."""
    app = build()
    settle_memory()
    return app


def _wants_json(settings: Settings) -> bool:
    if settings.log_format == "auto":
        return not sys.stderr.isatty()
    return settings.log_format == "json"


def _check_free(settings: Settings) -> None:
    """Raise OSError when the port is taken: granian would share it with the other server."""
    family, kind, _, _, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _announce(settings: Settings, started: Callable[[], None]) -> None:
    """Wait until a worker accepts connections: granian itself reports before that."""
    while True:
        time.sleep(POLL_SECONDS)  # first, so that workers are forked while nothing is held
        try:
            socket.create_connection((settings.host, settings.port), timeout=1).close()
        except OSError:
            continue
        return started()
