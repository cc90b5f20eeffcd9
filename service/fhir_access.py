"""Which FHIR server a call may have read, and with which permission.

Known clients name their servers in the file of trusted clients. While the service answers
this machine only, and knows no clients, a FHIR server on this machine may be read.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.addresses import AddressRefused, Reach, ServerAddress, read_server
from service.catalogue import PREFETCH
from service.clients import UNAUTHENTICATED, Client
from service.envelope import HookRequest
from service.fhir_client import (
    Allowance,
    FhirClient,
    FhirLimits,
    FhirServer,
    Outcome,
    Pages,
    Query,
)
from service.settings import Settings

MOST_THREADS = 128  # of a worker, for reads

# Visible ASCII, as RFC 6750 has it and more; anything else could end the header.
_TOKEN = re.compile(r"[!-~]{1,16384}", re.ASCII)

log = logging.getLogger("back_pain_cds")


class NotAllowed(ValueError):
    """A FHIR server is not read for this call; the text says why, without the address."""


@dataclass(frozen=True, slots=True)
class FhirSource:
    """One server, to be read for one call."""

    reader: FhirClient
    server: FhirServer
    allowance: Allowance
    client: str  # its name, for the log
    count: Callable[[str], None]  # called with what came of each HTTP call

    def read(self, queries: Mapping[str, Query]) -> Mapping[str, Pages]:
        """Read all queries; each fault is logged once, with the keys that it hit."""
        found = self.reader.read(self.server, queries, self.allowance)
        faults: dict[Outcome, list[str]] = {}
        for key, pages in found.items():
            for outcome in pages.calls:
                self.count(outcome)
            if pages.fault is not None:
                faults.setdefault(pages.fault, []).append(key if key in PREFETCH else "other")
        for fault, keys in faults.items():
            names = ",".join(dict.fromkeys(keys))
            log.warning(
                "fhir_not_read client=%s fault=%s missing=%s", self.client, fault, names
            )
        return found


@dataclass(frozen=True, slots=True)
class ClosedSource:
    """A server that is not read for this call; the log hears of it when something is missed."""

    client: str
    reason: str

    def read(self, _queries: Mapping[str, Query]) -> Mapping[str, Pages]:
        """Read nothing."""
        log.warning("fhir_server_refused client=%s reason=%s", self.client, self.reason)
        return {}


class FhirAccess:
    """Decides for each call; holds the connections of a worker."""

    def __init__(
        self,
        settings: Settings,
        count: Callable[[str], None] = lambda _outcome: None,
        reader: FhirClient | None = None,
    ) -> None:
        self._count = count
        self._reader = reader or FhirClient(
            FhirLimits(
                seconds=settings.fhir_budget_seconds,
                connect_seconds=settings.fhir_connect_seconds,
                octets=settings.max_body_bytes,
                resources=settings.most_resources,
            ),
            min(settings.threads * len(PREFETCH), MOST_THREADS),
        )
        self._trusts_this_machine = (
            settings.clients_file is None and settings.serves_loopback_only
        )

    def source(
        self, request: HookRequest, client: Client, seconds: float = float("inf")
    ) -> FhirSource | ClosedSource | None:
        """Return what may be read for this call, within ``seconds``; None if no server."""
        if request.fhir_server is None:
            return None
        try:
            server = self._server(request.fhir_server, request, client)
        except (NotAllowed, AddressRefused) as refusal:
            return ClosedSource(client.name, str(refusal))
        return FhirSource(
            self._reader, server, self._reader.allow(seconds), client.name, self._count
        )

    def _server(self, url: str, request: HookRequest, client: Client) -> FhirServer:
        token = _token(request)
        if client is UNAUTHENTICATED:
            return FhirServer(self._on_this_machine(url), Reach.LOOPBACK, token)
        if not client.allows_fhir_server(url):
            raise NotAllowed("not on the list of the client")
        if token is None and not client.fhir_without_token:
            raise NotAllowed("no fhirAuthorization")
        address = read_server(url.rstrip("/"))
        if address.is_loopback:
            return FhirServer(address, Reach.LOOPBACK, token)
        reach = Reach.PRIVATE if client.private_network else Reach.PUBLIC
        return FhirServer(address, reach, token)

    def _on_this_machine(self, url: str) -> ServerAddress:
        if not self._trusts_this_machine:
            raise NotAllowed("the client is not known")
        address = read_server(url)
        if not address.is_loopback:
            raise NotAllowed("not on this machine, and the client is not known")
        return address


def _token(request: HookRequest) -> str | None:
    if request.fhir_authorization is None:
        return None
    token = request.fhir_authorization.access_token
    if not _TOKEN.fullmatch(token):
        raise NotAllowed("a token that is no token")
    return token
