"""Which FHIR server a call may have read, and with which permission.

Known clients name their servers in the file of trusted clients. While the service answers
this machine only, and knows no clients, a FHIR server on this machine may be read.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from service.addresses import AddressRefused, Reach, ServerAddress, read_server
from service.catalogue import PREFETCH
from service.clients import Client
from service.envelope import FhirAuthorization, HookRequest
from service.errors import Issue
from service.fhir_client import (
    Allowance,
    FhirClient,
    FhirLimits,
    FhirServer,
    Outcome,
    Pages,
    Query,
)
from service.fhir_scopes import Coverage, Grant, coverage, read_scopes
from service.settings import ANY_ORIGIN, Settings

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
    grants: tuple[Grant, ...] | None = None  # what the token is good for; None: not known

    def read(self, queries: Mapping[str, Query]) -> Mapping[str, Pages]:
        """Read what the scopes cover; each fault is logged once, with the keys it hit."""
        found = self._covered(queries)
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

    def _covered(self, queries: Mapping[str, Query]) -> dict[str, Pages]:
        covered = {key: coverage(self.grants, each.target) for key, each in queries.items()}
        asked = {key: queries[key] for key in queries if covered[key] is not Coverage.NONE}
        found = dict(self.reader.read(self.server, asked, self.allowance))
        for key, extent in covered.items():
            if extent is Coverage.NONE:
                found[key] = Pages(fault="scope")
            elif extent is Coverage.PART and found[key].fault is None:
                found[key] = replace(found[key], fault="narrowed")
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


def unread_because(source: FhirSource | ClosedSource | None) -> Issue | None:
    """Tell the client why nothing was read for it; None when it was tried."""
    if source is None:
        return Issue(
            "No fhirServer came with the call, so nothing was read from one.",
            "fhirServer",
            "Send fhirServer with fhirAuthorization, if the operator agreed to read it.",
        )
    if isinstance(source, FhirSource):
        return None
    return Issue(
        f"The fhirServer was not read: {source.reason}.",
        "fhirServer",
        "Compare it, and its fhirAuthorization, with what the operator registered.",
    )


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
        self._trusted_pages = frozenset(settings.cors_origins) - {ANY_ORIGIN}

    def source(
        self, request: HookRequest, client: Client, seconds: float = float("inf")
    ) -> FhirSource | ClosedSource | None:
        """Return what may be read for this call, within ``seconds``; None if no server."""
        if request.fhir_server is None:
            return None
        try:
            _check_authorization(request.fhir_authorization, request.patient_id)
            server = self._server(request.fhir_server, request, client)
        except (NotAllowed, AddressRefused) as refusal:
            return ClosedSource(client.name, str(refusal))
        allowance = self._reader.allow(seconds)
        grants = _grants(request.fhir_authorization)
        return FhirSource(self._reader, server, allowance, client.name, self._count, grants)

    def _server(self, url: str, request: HookRequest, client: Client) -> FhirServer:
        token = _token(request)
        if not client.is_known:
            return FhirServer(self._on_this_machine(url, client), Reach.LOOPBACK, token)
        if not client.allows_fhir_server(url):
            raise NotAllowed("not on the list of the client")
        if token is None and not client.fhir_without_token:
            raise NotAllowed("no fhirAuthorization")
        address = read_server(url.rstrip("/"))
        if address.is_loopback:
            return FhirServer(address, Reach.LOOPBACK, token)
        reach = Reach.PRIVATE if client.private_network else Reach.PUBLIC
        return FhirServer(address, reach, token)

    def _on_this_machine(self, url: str, client: Client) -> ServerAddress:
        if not self._trusts_this_machine:
            raise NotAllowed("the client is not known")
        if client.origin and not self._trusts_page(client.origin.lower()):
            raise NotAllowed("a web page of another site asked, and the client is not known")
        address = read_server(url)
        if not address.is_loopback:
            raise NotAllowed("not on this machine, and the client is not known")
        return address

    def _trusts_page(self, origin: str) -> bool:
        """Say whether a page may have this machine read: any site's could ask otherwise."""
        try:
            return origin in self._trusted_pages or read_server(origin).is_loopback
        except AddressRefused:  # "null", for one
            return False


def _check_authorization(given: FhirAuthorization | None, patient_id: str) -> None:
    """Raise unless the permission is a bearer's, still good, and for this patient."""
    if given is None:
        return
    if given.token_type and str(given.token_type).lower() != "bearer":
        raise NotAllowed("the token_type of fhirAuthorization is not Bearer")
    lifetime = given.expires_in
    if isinstance(lifetime, int | float) and lifetime <= 0:
        raise NotAllowed("fhirAuthorization has expired")
    patient = given.patient.strip() if isinstance(given.patient, str) else ""
    if patient and patient.rpartition("Patient/")[2] != patient_id:
        raise NotAllowed("fhirAuthorization is for another patient")


def _grants(given: FhirAuthorization | None) -> tuple[Grant, ...] | None:
    return None if given is None else read_scopes(given.scope)


def _token(request: HookRequest) -> str | None:
    if request.fhir_authorization is None:
        return None
    token = request.fhir_authorization.access_token
    if not _TOKEN.fullmatch(token):
        raise NotAllowed("a token that is no token")
    return token
