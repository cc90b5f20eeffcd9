"""Who may call: the CDS client's JWT, verified as CDS Hooks "Trusting CDS Clients" says."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Literal, Protocol
from urllib.parse import urlsplit

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from service.clients import Client, Clients, TrustedClient
from service.errors import Issue, ServiceError
from service.keys import KeyCache

MAX_TOKEN = 8192  # characters; real ones have about 600
MAX_TEXT = 255  # characters of a jti or a tenant: both are stored
ROOT = "cds-services"

# Header parameters that bring a key of their own, or change how the token is to be read.
FORBIDDEN = frozenset({"b64", "crit", "enc", "jwk", "x5c", "x5u", "zip"})

_JWS = PyJWS()
_TOKEN = re.compile(r"bearer +([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII | re.IGNORECASE)

Reason = Literal[
    "missing",  # no Authorization header
    "oversized",
    "malformed",  # not "Bearer" and a JWT in compact form
    "issuer",  # nobody we trust
    "type",
    "header",  # a parameter that is not to be there
    "algorithm",
    "jku",
    "key",  # no such key for this algorithm, or none could be had
    "signature",
    "claims",  # exp, iat or nbf missing, or no number
    "expired",
    "future",  # issued, or valid, only later
    "lifetime",
    "audience",
    "tenant",
    "nonce",  # no usable jti
    "replayed",
]


class Unauthorised(ServiceError):
    """The caller is not a client we trust; the reason is for the log, not for the caller."""

    status = HTTPStatus.UNAUTHORIZED
    code = "login"
    headers: Mapping[str, str] = MappingProxyType({"WWW-Authenticate": "Bearer"})

    def __init__(self, reason: Reason) -> None:
        remedy = "Send a token as agreed; the operator's log has the reason."
        super().__init__(Issue("The call is not authorised.", remedy=remedy))
        self.reason = reason
        self.client = ""  # the name of the trusted client that the token claims to be of


class NonceStoreUnavailable(Exception):
    """The store cannot say now whether a token was used before."""


class NonceStore(Protocol):
    """Remembers which tokens were used."""

    def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """Return True when this pair is new, and keep it until then; False when it is known.

        Of two calls at once, in any threads, processes or replicas, one gets True.
        Raises NonceStoreUnavailable when it cannot tell.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How old and how far ahead a token may be."""

    leeway: timedelta = timedelta(seconds=60)  # by which clocks may differ
    lifetime: timedelta = timedelta(hours=1)  # from iat to exp


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Checks the token of every call; threads may share it."""

    clients: Clients
    keys: KeyCache
    nonces: NonceStore
    base_urls: Sequence[str]  # public addresses, each without "/cds-services"
    limits: Limits = DEFAULT_LIMITS

    def authenticate(self, authorization: str | None, url: str, now: datetime) -> Client:
        """Return who calls ``url`` with this Authorization header, or raise Unauthorised."""
        token = _read_token(authorization)
        trusted = self.clients.trusted(token.claims.get("iss"))
        if trusted is None:
            raise Unauthorised("issuer")
        try:
            return self._verified(token, trusted, url, now)
        except Unauthorised as refusal:
            refusal.client = trusted.name
            raise

    def _verified(
        self, token: "_Token", trusted: TrustedClient, url: str, now: datetime
    ) -> Client:
        self._check_signature(token, trusted)
        expiry = _check_times(token.claims, now.timestamp(), self.limits)
        if not _audience(token.claims) & accepted_audiences(url, self.base_urls):
            raise Unauthorised("audience")
        tenant = _tenant(token.claims, trusted)
        jti = token.claims.get("jti")
        if not _is_name(jti):
            raise Unauthorised("nonce")
        # Last, so that only a token that is good in every other respect is used up.
        if not self.nonces.remember(trusted.issuer, str(jti), expiry):
            raise Unauthorised("replayed")
        return trusted.caller(tenant)

    def _check_signature(self, token: "_Token", trusted: TrustedClient) -> None:
        algorithm, kid, jku = _check_header(token.header, trusted)
        key = self.keys.find(trusted.key_location(jku), kid, algorithm)
        if key is None:
            raise Unauthorised("key")
        try:
            _JWS.decode(token.text, key, algorithms=[algorithm])
        except PyJWTError:
            raise Unauthorised("signature") from None


def accepted_audiences(url: str, base_urls: Sequence[str]) -> frozenset[str]:
    """Return what "aud" may be for a call of this address, given our public addresses.

    Only the path counts, from "cds-services" on: host and prefix are those of the proxy.
    A client that knows discovery with a slash at the end, as the CDS Hooks sandbox allows,
    calls "cds-services//id". Feedback may carry the address of its service.
    """
    match _steps_below_root(url):
        case []:
            ends = ["", "/"]
        case [service]:
            ends = [f"/{service}", f"//{service}"]
        case [service, "feedback"]:
            called = (f"/{service}", f"//{service}")
            ends = [*called, *(f"{end}/feedback" for end in called)]
        case _:
            ends = []
    return frozenset(f"{base.rstrip('/')}/{ROOT}{end}" for base in base_urls for end in ends)


def _steps_below_root(url: str) -> list[str] | None:
    try:
        steps = [step for step in urlsplit(url).path.split("/") if step]
        return steps[steps.index(ROOT) + 1 :]
    except ValueError:  # no address at all, or not one of ours
        return None


@dataclass(frozen=True, slots=True)
class _Token:
    header: Mapping[str, object]
    claims: Mapping[str, object]
    text: str = field(repr=False)


def _read_token(authorization: str | None) -> _Token:
    """Take the token apart, believing nothing it says."""
    if not authorization:
        raise Unauthorised("missing")
    if len(authorization) > MAX_TOKEN + len("Bearer "):
        raise Unauthorised("oversized")
    found = _TOKEN.fullmatch(authorization)
    if found is None:
        raise Unauthorised("malformed")
    header, claims, _ = found[1].split(".")
    return _Token(_object(header), _object(claims), found[1])


def _object(segment: str) -> dict[str, object]:
    padding = "=" * (-len(segment) % 4)
    try:
        text = base64.urlsafe_b64decode(segment + padding).decode("utf-8")
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Unauthorised("malformed") from None
    if not isinstance(value, dict):
        raise Unauthorised("malformed")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a name that stands twice: two readers could take two different values."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _check_header(
    header: Mapping[str, object], trusted: TrustedClient
) -> tuple[str, str, str | None]:
    """Return algorithm, kid and jku of the header, if this client may use them."""
    algorithm, kid, jku = header.get("alg"), header.get("kid"), header.get("jku")
    if FORBIDDEN & header.keys():
        raise Unauthorised("header")
    if str(header.get("typ")).upper() != "JWT":
        raise Unauthorised("type")
    if not isinstance(algorithm, str) or algorithm not in trusted.algorithms:
        raise Unauthorised("algorithm")
    if "jku" in header and not trusted.accepts_jku(jku):
        raise Unauthorised("jku")
    if not isinstance(kid, str):
        raise Unauthorised("key")
    return algorithm, kid, str(jku) if jku is not None else None


def _check_times(claims: Mapping[str, object], now: float, limits: Limits) -> datetime:
    """Return until when the token could be used, leeway and all; times in seconds."""
    leeway = limits.leeway.total_seconds()
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    starts = max(issued, _seconds(claims, "nbf")) if "nbf" in claims else issued
    if starts > now + leeway:
        raise Unauthorised("future")
    if expires + leeway <= now:
        raise Unauthorised("expired")
    if not 0 < expires - issued <= limits.lifetime.total_seconds():
        raise Unauthorised("lifetime")
    return datetime.fromtimestamp(math.ceil(expires + leeway), UTC)


def _seconds(claims: Mapping[str, object], name: str) -> float:
    """Return a claim in seconds since 1970: a number, and not beyond all calendars."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthorised("claims")
    if not 0 <= value < 2**40:
        raise Unauthorised("claims")
    return value


def _audience(claims: Mapping[str, object]) -> frozenset[str]:
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(one, str) for one in several):
        raise Unauthorised("audience")
    return frozenset(several)


def _tenant(claims: Mapping[str, object], trusted: TrustedClient) -> str | None:
    tenant = claims.get("tenant")
    if "tenant" in claims and not _is_name(tenant):
        raise Unauthorised("tenant")
    if trusted.tenants and tenant not in trusted.tenants:
        raise Unauthorised("tenant")
    return str(tenant) if tenant is not None else None


def _is_name(value: object) -> bool:
    """Say whether this is text that can be stored and logged."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()
