"""Connections to FHIR servers, each made to an IP address that was judged just before.

The name of the server stays the one that TLS checks and that the Host header tells.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import urllib3
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

from service.addresses import Lookup, Reach, resolve


class _Thread(threading.local):
    """What a thread does with the connection that it is about to use."""

    note: Callable[[HTTPConnection], None] | None = None


this_thread = _Thread()


@cache
def trust() -> ssl.SSLContext:
    """Return whom TLS trusts: the authorities of the system, and those that requests brings.

    Loaded once, because it takes longer than a read.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class JudgedAdapter(HTTPAdapter):
    """Keeps connections that were made to judged addresses only.

    Used without a session, so that there are no redirects, cookies, proxies or ``.netrc``.
    """

    def __init__(
        self, reach: Reach, lookup: Lookup, context: ssl.SSLContext, size: int
    ) -> None:
        self._context = context
        super().__init__(pool_maxsize=size)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(reach, lookup)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Give every connection the same trust."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, *_: object) -> None:
        """Leave the certificates to the context; they would be read for every connection."""


def _pool_classes(reach: Reach, lookup: Lookup) -> dict[str, Any]:
    """Return urllib3 connections that look up, judge, and connect to what they judged."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, reach, lookup)

        def request(self, *args: Any, **kwargs: Any) -> None:
            if this_thread.note:
                this_thread.note(self)
            super().request(*args, **kwargs)

    class Secure(Plain, HTTPSConnection):
        pass

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connect(connection: HTTPConnection, reach: Reach, lookup: Lookup) -> socket.socket:
    """Connect to the first address that answers; its name is looked up and judged each time."""
    end = time.monotonic() + (connection.timeout or 0)
    fault: OSError = TimeoutError()
    try:
        addresses = resolve(connection.host, connection.port, reach, lookup)
    except OSError as error:  # no such name
        raise NewConnectionError(connection, type(error).__name__) from None
    for address in addresses:
        left = end - time.monotonic()
        if left <= 0:
            break
        try:
            return create_connection(
                (address, connection.port), left, socket_options=connection.socket_options
            )
        except OSError as error:
            fault = error
    if isinstance(fault, TimeoutError):
        raise ConnectTimeoutError(connection, "timed out")
    raise NewConnectionError(connection, type(fault).__name__)
