"""Keys serve what they are meant for, and stay in use while the key server fails."""

import json
import logging
import threading
import time

import pytest

from service import keys
from service.keys import (
    COOLDOWN,
    LONGEST_UNREAD,
    MAX_AGE,
    JwksError,
    KeyCache,
    Location,
    read_keys,
)
from tests.ehr import jwks, private_jwk, private_key, public_jwk

ES384 = public_jwk(private_key())
NEXT = public_jwk(private_key(owner="next"), "2026-04")
RSA = public_jwk(private_key("RSA"), "rsa")
URL = "https://ehr.example.org/jwks.json"


class Server:
    """A key server that counts what it is asked, and a clock to go with it."""

    def __init__(self, document: bytes) -> None:
        self.document: bytes | Exception = document
        self.asked = 0
        self.time = 1000.0

    def read(self, location: Location) -> bytes:
        """Answer with the document, or fail."""
        self.asked += 1
        if isinstance(self.document, Exception):
            raise self.document
        return self.document

    def cache(self) -> KeyCache:
        """Return a cache that reads here."""
        return KeyCache(read=self.read, clock=lambda: self.time)


def found(cache: KeyCache, kid: object, location: Location = URL) -> bool:
    return cache.find(location, str(kid), "ES384") is not None


def test_known_key_is_fetched_once() -> None:
    server = Server(jwks(ES384))
    cache = server.cache()

    assert [found(cache, ES384["kid"]) for _ in range(5)] == [True] * 5
    assert server.asked == 1


def test_unknown_kid_brings_the_new_key() -> None:
    server = Server(jwks(ES384))
    cache = server.cache()
    assert found(cache, ES384["kid"])

    server.document = jwks(ES384, NEXT)
    server.time += COOLDOWN

    assert found(cache, NEXT["kid"])
    assert found(cache, ES384["kid"])
    assert server.asked == 2


def test_unknown_kids_ask_the_server_once_in_a_while_only() -> None:
    server = Server(jwks(ES384))
    cache = server.cache()
    assert found(cache, ES384["kid"])

    for step in range(100):
        server.time += COOLDOWN / 10
        assert not found(cache, f"no-{step}")

    assert server.asked == 1 + 10


def test_other_algorithm_of_a_known_kid_is_unknown() -> None:
    cache = Server(jwks(ES384, RSA)).cache()

    assert cache.find(URL, "rsa", "RS384") is not None
    assert cache.find(URL, "rsa", "ES384") is None


@pytest.mark.parametrize(
    "fault",
    [OSError("no route"), JwksError("status 503"), b"<html>maintenance</html>", b'{"keys": 5}'],
    ids=["network", "status", "html", "no list"],
)
def test_keys_stay_in_use_while_the_server_fails(fault: bytes | Exception) -> None:
    server = Server(jwks(ES384))
    cache = server.cache()
    assert found(cache, ES384["kid"])

    server.document = fault
    server.time += 100 * MAX_AGE

    assert found(cache, ES384["kid"])
    assert not found(cache, NEXT["kid"])
    assert server.asked == 2


def test_keys_are_refused_when_their_set_could_not_be_read_for_too_long() -> None:
    server = Server(jwks(ES384))
    cache = server.cache()
    assert found(cache, ES384["kid"])
    server.document, document = OSError("no route"), server.document

    server.time += LONGEST_UNREAD
    assert found(cache, ES384["kid"])
    server.time += COOLDOWN
    assert not found(cache, ES384["kid"])

    server.document = document
    server.time += COOLDOWN
    assert found(cache, ES384["kid"])


def test_first_calls_after_a_long_pause_wait_for_the_keys() -> None:
    again = threading.Event()
    clock = [0.0]

    def read(location: Location) -> bytes:
        if clock[0]:
            again.set()
            time.sleep(0.2)
        return jwks(ES384)

    cache = KeyCache(read=read, clock=lambda: clock[0])
    assert found(cache, ES384["kid"])
    clock[0] = LONGEST_UNREAD + 1
    first: list[bool] = []
    caller = threading.Thread(target=lambda: first.append(found(cache, ES384["kid"])))
    caller.start()
    assert again.wait(5)

    assert found(cache, ES384["kid"])
    caller.join(5)
    assert first == [True]


def test_old_keys_are_read_again_and_withdrawn_ones_refused() -> None:
    server = Server(jwks(ES384, NEXT))
    cache = server.cache()
    assert found(cache, ES384["kid"])

    server.document = jwks(NEXT)
    server.time += MAX_AGE
    assert found(cache, ES384["kid"])
    server.time += 1

    assert not found(cache, ES384["kid"])
    assert found(cache, NEXT["kid"])


def test_empty_set_withdraws_all_keys() -> None:
    server = Server(jwks(ES384))
    cache = server.cache()
    assert found(cache, ES384["kid"])

    server.document = jwks()
    server.time += MAX_AGE + 1

    assert not found(cache, ES384["kid"])


def test_server_that_was_away_at_first_is_asked_again() -> None:
    server = Server(jwks(ES384))
    server.document, document = OSError(), server.document
    cache = server.cache()
    assert not found(cache, ES384["kid"])

    server.document = document
    server.time += COOLDOWN - 1
    assert not found(cache, ES384["kid"])
    server.time += 1

    assert found(cache, ES384["kid"])


def test_one_location_never_answers_for_another() -> None:
    documents: dict[Location, bytes] = {URL: jwks(ES384), "https://other.example": jwks(NEXT)}
    cache = KeyCache(read=documents.__getitem__, clock=lambda: 0.0)

    assert found(cache, ES384["kid"], URL)
    assert not found(cache, NEXT["kid"], URL)
    assert found(cache, NEXT["kid"], "https://other.example")


def test_failure_is_logged_without_what_the_server_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(b"Qwertzuiop")

    with caplog.at_level(logging.WARNING):
        found(server.cache(), "any")

    assert caplog.messages == [
        f'jwks_unavailable location={URL} reason=not a JWK Set, an object with a list "keys"'
    ]


def test_threads_share_one_fetch() -> None:
    start, fetching = threading.Barrier(9), threading.Event()
    asked: list[Location] = []

    def read(location: Location) -> bytes:
        asked.append(location)
        fetching.wait(5)
        return jwks(ES384)

    cache = KeyCache(read=read, clock=lambda: 0.0)
    results: list[bool] = []

    def ask() -> None:
        start.wait(5)
        results.append(found(cache, ES384["kid"]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    start.wait(5)
    fetching.set()
    for thread in threads:
        thread.join(5)

    assert results == [True] * 8
    assert asked == [URL]


def test_thread_does_not_wait_for_a_slow_refresh_of_keys_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keys, "PATIENCE", 60.0)
    fetching, release = threading.Event(), threading.Event()
    clock = [0.0]

    def read(location: Location) -> bytes:
        if clock[0]:
            fetching.set()
            release.wait(5)
        return jwks(ES384)

    cache = KeyCache(read=read, clock=lambda: clock[0])
    assert found(cache, ES384["kid"])
    clock[0] = MAX_AGE + 1
    slow = threading.Thread(target=found, args=(cache, ES384["kid"]))
    slow.start()
    assert fetching.wait(5)

    assert found(cache, ES384["kid"])

    assert slow.is_alive()
    release.set()
    slow.join(5)


@pytest.mark.parametrize(
    ("jwk", "algorithms"),
    [
        (ES384, {"ES384"}),
        (ES384 | {"alg": "ES384"}, {"ES384"}),
        (ES384 | {"alg": None}, {"ES384"}),
        (ES384 | {"key_ops": ["verify"]}, {"ES384"}),
        ({k: v for k, v in ES384.items() if k != "use"}, {"ES384"}),
        (RSA, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (RSA | {"alg": "PS384"}, {"PS384"}),
        (public_jwk(private_key("EdDSA")), {"EdDSA"}),
        (ES384 | {"alg": "ES256"}, set()),
        (ES384 | {"alg": "HS256"}, set()),
        (ES384 | {"use": "enc"}, set()),
        (ES384 | {"key_ops": ["sign"]}, set()),
        (ES384 | {"key_ops": "verify"}, set()),
        (ES384 | {"kid": ""}, set()),
        (ES384 | {"kid": 5}, set()),
        ({k: v for k, v in ES384.items() if k != "kid"}, set()),
        (private_jwk(private_key()), set()),
        (ES384 | {"x": ES384["y"]}, set()),
        (ES384 | {"x": 5}, set()),
        (ES384 | {"crv": "P-256"}, set()),
        (ES384 | {"crv": "secp256k1"}, set()),
        (ES384 | {"kty": "oct", "k": "c2VjcmV0"}, set()),
        (RSA | {"e": "AQ"}, set()),
        (public_jwk(private_key("RSA-1024")), set()),
        ("key", set()),
        (None, set()),
    ],
    ids=lambda value: json.dumps(value)[-40:] if isinstance(value, dict) else None,
)
def test_key_serves_what_it_is_meant_for(jwk: object, algorithms: set[str]) -> None:
    document = json.dumps({"keys": [jwk]}).encode()

    assert {algorithm for _, algorithm in read_keys(document)} == algorithms


def test_unusable_key_does_not_hide_the_others() -> None:
    assert set(read_keys(jwks(ES384 | {"use": "enc"}, NEXT, {}))) == {("2026-04", "ES384")}


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"[]", b"5", b'"keys"', b"{}", b'{"keys": {}}', b"\xff", b"[" * 60_000],
    ids=lambda document: document[:10],
)
def test_what_is_no_set_is_refused(document: bytes) -> None:
    with pytest.raises(JwksError, match="not a JWK Set"):
        read_keys(document)
