"""A CDS client over HTTP: discovery, calls and feedback, each signed when there is a key."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
import requests

from service.replay import Json, ReplayError, Reply
from service.signing import PrivateKey, sign

SECONDS = 30  # to wait for a service that is being tested
LIFETIME = 300  # seconds for which a token is good: the longest that CDS Hooks advises


@dataclass(frozen=True, slots=True)
class Offered:
    """One service of a discovery document."""

    id: str
    hook: str
    prefetch: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs each call as the client ``issuer``."""

    key: PrivateKey = field(repr=False)
    issuer: str
    alg: str = "ES384"
    kid: str = "replay"
    jku: str | None = None

    def authorization(self, url: str) -> str:
        """Return the header's value for one call of this address."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": url,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": str(uuid4()),
        }
        return f"Bearer {sign(claims, self.key, self.alg, self.kid, self.jku)}"


def service_base(text: str) -> str:
    """Return the address of a service, up to but without /cds-services.

    Raise `ReplayError` when it is no web address.
    """
    base = text.strip().rstrip("/").removesuffix("/cds-services")
    try:
        parts = urlsplit(base)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # brackets without an address, a port that is no number
        usable = False
    if not usable:
        raise ReplayError(f"{text} is no web address. Write it as http://127.0.0.1:8000.")
    return base


def reason(address: str, fault: requests.RequestException) -> str:
    """Return why a call failed, for a person who has to do something about it."""
    match fault:
        case requests.exceptions.SSLError():
            return f"The certificate of {address} is not accepted."
        case requests.Timeout():
            return f"{address} did not answer within {SECONDS} seconds."
        case requests.ConnectionError():
            return f"Nothing answers at {address}: is the service running?"
        case _:
            return f"{address} cannot be called ({type(fault).__name__})."


class HooksClient:
    """Calls one CDS service provider; threads may share it."""

    def __init__(self, base: str, signer: Signer | None = None) -> None:
        self._root = f"{service_base(base)}/cds-services"
        self._signer = signer
        self._own = threading.local()  # a session for each thread: they are not shared safely
        self.services = self._discover()

    def service(self, hook: str) -> Offered:
        """Return the first service offered at the hook."""
        if hook not in self.services:
            raise ReplayError(f"the service offers nothing at the hook {hook}")
        return self.services[hook]

    def call(self, request: Json) -> Reply:
        """Send a request to the service of its hook."""
        offered = self.service(str(request.get("hook")))
        return self._json("POST", f"{self._root}/{offered.id}", request)

    def give_feedback(self, hook: str, items: Sequence[Json]) -> int:
        """Send feedback and return the status; CDS Hooks asks for no body in the answer."""
        address = f"{self._root}/{self.service(hook).id}/feedback"
        return self._exchange("POST", address, {"feedback": list(items)}).status_code

    def said(self, status: int) -> str:
        """Return a status in words, with what to do about one that asks for a signature."""
        if status != HTTPStatus.UNAUTHORIZED:
            return f"status {status}"
        if self._signer is None:
            return f"status {status}: sign the calls with --sign-key, --issuer, --kid"
        return f"status {status}: does the service know this key, --issuer and --kid?"

    def _discover(self) -> Mapping[str, Offered]:
        reply = self._json("GET", self._root)
        match reply.body:
            case {"services": list(services)} if reply.status == HTTPStatus.OK:
                offered = [_offered(one) for one in reversed(services)]
                return {one.hook: one for one in offered if one.id}
            case _:
                told = f"not a CDS Hooks discovery answer ({self.said(reply.status)})"
                raise ReplayError(f"{self._root}: {told}")

    def _json(self, method: str, address: str, body: Json | None = None) -> Reply:
        response = self._exchange(method, address, body)
        try:
            answer: Any = response.json()
        except requests.JSONDecodeError:
            told = f"the answer is not JSON ({self.said(response.status_code)})"
            raise ReplayError(f"{address}: {told}") from None
        return Reply(response.status_code, answer)

    def _exchange(self, method: str, address: str, body: Json | None) -> requests.Response:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._signer:
            headers["Authorization"] = self._signer.authorization(address)
        data = None if body is None else orjson.dumps(body)
        try:
            return self._session().request(
                method,
                address,
                data=data,
                headers=headers,
                timeout=SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as fault:
            raise ReplayError(reason(address, fault)) from None

    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        session: requests.Session = self._own.session
        return session


def _offered(entry: object) -> Offered:
    """Return what a discovery document says of one service; without an id it is no service."""
    match entry:
        case {"id": str(id_), "hook": str(hook), "prefetch": dict(prefetch)}:
            templates = {k: v for k, v in prefetch.items() if isinstance(v, str)}
            return Offered(id_, hook, templates)
        case {"id": str(id_), "hook": str(hook)}:
            return Offered(id_, hook)
        case _:
            return Offered("", "")
