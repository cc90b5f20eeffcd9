"""The HTTP server: granian worker processes around the application."""

import gc
import logging
import socket
import time
from collections.abc import Callable
from functools import cache, partial
from threading import Thread

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from service.app import create_app
from service.settings import Settings

# A worker that has not finished its calls by then is ended.
GRACE_SECONDS = 10
POLL_SECONDS = 0.2


def serve(settings: Settings, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``started`` is called once the port answers."""
    _check_free(settings)
    load(settings)  # here, so that a fault stops the start and the workers share the tables
    server = Granian(
        "service.app:create_app",  # a name for messages; load() builds the application
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
    server.serve(target_loader=partial(load, settings), wrap_loader=False)


@cache
def load(settings: Settings) -> Flask:
    """Build the application, once, and take what is loaded out of garbage collection.

    Forked workers inherit it; where workers are spawned, each builds its own.
    """
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    app = create_app(settings)
    # Tables and models live as long as the worker; scanning them again and again while
    # large bodies are parsed halves the throughput.
    gc.collect()
    gc.freeze()
    return app


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
