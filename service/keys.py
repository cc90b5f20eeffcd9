"""The public keys of CDS clients: fetched or read from a file, checked, cached, refreshed."""

import ipaddress
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests
from jwt import PyJWK
from jwt.exceptions import PyJWTError
from urllib3.exceptions import HTTPError

# Which key serves an algorithm: JWK "kty" and "crv" (RFC 7518 6, RFC 8037 2). The asymmetric
# algorithms only: "none" and HMAC are no choice anywhere in this service.
KEY_KINDS: Mapping[str, tuple[str, str | None]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "EdDSA": ("OKP", "Ed25519"),
}

MAX_BYTES = 65_536  # of a JWK Set; real ones hold a few keys of under 1 kB
TIMEOUT = (1.0, 2.0)  # seconds to connect, and between two reads
BUDGET = 3.0  # seconds for the body as a whole
MAX_AGE = 600.0  # seconds until a set is read again, so that a withdrawn key stops working
COOLDOWN = 30.0  # seconds between two attempts: unknown kids cost strangers nothing to send
LONGEST_UNREAD = 86_400.0  # seconds for which keys outlive a set that cannot be read
PATIENCE = 1.0  # seconds to wait while another thread reads the same set

Location = str | Path  # a web address or a file
KeySet = Mapping[tuple[str, str], PyJWK]  # by kid and algorithm

log = logging.getLogger("back_pain_cds")


class JwksError(ValueError):
    """A JWK Set cannot be had or used; the text says why."""


class KeyCache:
    """Finds keys by location, kid and algorithm; threads may share it.

    A set is read when first asked for, when it is old, and when a kid is unknown, but never
    twice within COOLDOWN. When that fails the keys read before stay in use, but not for
    ever: whoever withdraws a stolen key may be kept from saying so. A set that came and holds
    fewer keys, or none, withdraws the others.
    """

    def __init__(
        self,
        read: Callable[[Location], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
        longest_unread: float = LONGEST_UNREAD,
    ) -> None:
        self._read = read or read_location
        self._clock = clock
        self._longest_unread = longest_unread
        self._sources: dict[Location, _Source] = {}
        self._lock = threading.Lock()

    def find(self, location: Location, kid: str, algorithm: str) -> PyJWK | None:
        """Return the key, or None when there is no such key for this algorithm."""
        with self._lock:
            source = self._sources.get(location)
            if source is None:
                source = _Source(location, self._read, self._clock, self._longest_unread)
                self._sources[location] = source
        return source.find(kid, algorithm)


class _Source:
    """One place where keys come from, and what was last read there."""

    def __init__(
        self,
        location: Location,
        read: Callable[[Location], bytes],
        clock: Callable[[], float],
        longest_unread: float,
    ) -> None:
        self._location = location
        self._read = read
        self._clock = clock
        self._longest_unread = longest_unread
        self._lock = threading.Lock()
        self._keys: KeySet = {}
        self._read_at = self._tried_at = float("-inf")

    def find(self, kid: str, algorithm: str) -> PyJWK | None:
        if self._clock() - self._read_at > MAX_AGE:
            self._refresh(0 if self._usable() else PATIENCE)
        key = self._usable().get((kid, algorithm))
        if key is None:
            self._refresh(PATIENCE)
            key = self._usable().get((kid, algorithm))
        return key

    def _usable(self) -> KeySet:
        """Return the keys, unless they were last read too long ago."""
        return self._keys if self._clock() - self._read_at <= self._longest_unread else {}

    def _refresh(self, patience: float) -> None:
        if not self._lock.acquire(timeout=patience):
            return
        try:
            if self._clock() - self._tried_at >= COOLDOWN:
                self._tried_at = self._clock()
                self._keys = read_keys(self._read(self._location))
                self._read_at = self._clock()
        except (JwksError, OSError) as fault:
            reason = fault if isinstance(fault, JwksError) else type(fault).__name__
            log.warning("jwks_unavailable location=%s reason=%s", self._location, reason)
        finally:
            self._lock.release()


def read_keys(document: bytes) -> KeySet:
    """Return the public signature keys of a JWK Set (RFC 7517); other keys are passed over."""
    try:
        jwks = json.loads(document)["keys"]
    except (ValueError, RecursionError, TypeError, KeyError):
        jwks = None
    if not isinstance(jwks, list):
        raise JwksError('not a JWK Set, an object with a list "keys"')
    found: dict[tuple[str, str], PyJWK] = {}
    for jwk in jwks:
        for algorithm in _algorithms(jwk):
            key = _public_key(jwk, algorithm)
            if key is not None:
                found.setdefault((jwk["kid"], algorithm), key)
    return found


def is_https_or_loopback(url: str) -> bool:
    """Say whether the address is https, or http to this very machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # raises when it is no port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def read_location(location: Location) -> bytes:
    """Return the bytes of a JWK Set, from its file or its web address."""
    if isinstance(location, str):
        return _fetch(location)
    with location.open("rb") as file:
        return _limited(file.read(MAX_BYTES + 1))


def _algorithms(jwk: object) -> tuple[str, ...]:
    """Return the algorithms that the key may verify, by its own word and by its kind."""
    if not isinstance(jwk, dict) or not _is_public_signature_key(jwk):
        return ()
    kind = (jwk.get("kty"), jwk.get("crv"))
    said = jwk.get("alg")
    return tuple(
        name for name, needs in KEY_KINDS.items() if needs == kind and said in (None, name)
    )


def _is_public_signature_key(jwk: Mapping[str, object]) -> bool:
    """Say whether the key may check signatures; a published private key proves nothing."""
    kid, operations = jwk.get("kid"), jwk.get("key_ops", ["verify"])
    return (
        isinstance(kid, str)
        and kid != ""
        and "d" not in jwk
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _public_key(jwk: dict[str, object], algorithm: str) -> PyJWK | None:
    try:
        key = PyJWK(jwk, algorithm)
    except PyJWTError:  # a point off the curve, an exponent of 1, text where bytes are due
        return None
    too_short = key.Algorithm.check_key_length(key.key)
    return None if too_short else key


def _fetch(url: str) -> bytes:
    if not is_https_or_loopback(url):
        raise JwksError("neither https nor loopback")
    try:
        with requests.get(
            url,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code != HTTPStatus.OK:
                raise JwksError(f"status {response.status_code}")
            return _body(response)
    except (requests.RequestException, HTTPError) as fault:
        raise JwksError(type(fault).__name__) from None


def _body(response: requests.Response) -> bytes:
    """Read the body as it comes: at most MAX_BYTES, and no longer than BUDGET."""
    deadline = time.monotonic() + BUDGET
    body = b""
    while chunk := response.raw.read1(MAX_BYTES):
        body = _limited(body + chunk)
        if time.monotonic() > deadline:
            raise JwksError("too slow")
    return body


def _limited(body: bytes) -> bytes:
    if len(body) > MAX_BYTES:
        raise JwksError(f"larger than {MAX_BYTES} bytes")
    return body


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
