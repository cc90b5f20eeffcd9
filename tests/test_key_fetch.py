"""JWK Sets are fetched with care: how far, how much, how long; and read from files."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from service import keys
from service.keys import (
    COOLDOWN,
    MAX_AGE,
    JwksError,
    KeyCache,
    Location,
    is_https_or_loopback,
    read_location,
)
from tests.ehr import jwks, private_key, public_jwk

ES384 = public_jwk(private_key())
NEXT = public_jwk(private_key(owner="next"), "2026-04")


def found(cache: KeyCache, kid: object, location: Location) -> bool:
    return cache.find(location, str(kid), "ES384") is not None


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://ehr.example.org/jwks.json", True),
        ("https://ehr.example.org:8443/jwks.json", True),
        ("https://10.1.2.3/jwks.json", True),
        ("http://localhost:8100/jwks.json", True),
        ("http://127.0.0.1/jwks.json", True),
        ("http://[::1]:8100/jwks.json", True),
        ("http://ehr.example.org/jwks.json", False),
        ("http://localhost.example.org/", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://localhost@ehr.example.org/", False),
        ("https://user:secret@ehr.example.org/", False),
        ("https://:@ehr.example.org/", False),
        ("https:///jwks.json", False),
        ("https://ehr.example.org:port/", False),
        ("https://[::1/", False),
        ("file:///etc/passwd", False),
        ("ftp://localhost/jwks.json", False),
        ("ehr.example.org", False),
        ("", False),
    ],
)
def test_addresses_are_https_or_loopback(url: str, accepted: bool) -> None:
    assert is_https_or_loopback(url) is accepted


def test_set_is_fetched(httpserver: HTTPServer) -> None:
    httpserver.expect_oneshot_request("/jwks", method="GET").respond_with_data(jwks(ES384))

    assert read_location(httpserver.url_for("/jwks")) == jwks(ES384)
    sent = httpserver.log[0][0].headers
    assert (sent["Accept"], sent["Accept-Encoding"]) == ("application/json", "identity")


def test_set_in_chunks_is_fetched(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/jwks").respond_with_handler(
        lambda _: Response(iter([jwks(ES384)[:9], jwks(ES384)[9:]]))
    )

    assert read_location(httpserver.url_for("/jwks")) == jwks(ES384)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/jwks").respond_with_data(
        status=status, headers={"Location": httpserver.url_for("/elsewhere")}
    )
    httpserver.expect_request("/elsewhere").respond_with_data(jwks(ES384))

    with pytest.raises(JwksError, match=f"status {status}"):
        read_location(httpserver.url_for("/jwks"))
    assert [request.path for request, _ in httpserver.log] == ["/jwks"]


@pytest.mark.parametrize("status", [201, 204, 401, 404, 500, 503])
def test_other_status_is_refused(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/jwks").respond_with_data(jwks(ES384), status=status)

    with pytest.raises(JwksError, match=f"status {status}"):
        read_location(httpserver.url_for("/jwks"))


def of_size(size: int) -> bytes:
    document = jwks(ES384)
    return document + b" " * (size - len(document))


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_size_is_limited(httpserver: HTTPServer, chunked: bool) -> None:
    def respond(request: Request) -> Response:
        body = of_size(keys.MAX_BYTES + (request.path == "/large"))
        return Response(iter([body]) if chunked else body)

    httpserver.expect_request("/right").respond_with_handler(respond)
    httpserver.expect_request("/large").respond_with_handler(respond)

    assert len(read_location(httpserver.url_for("/right"))) == keys.MAX_BYTES
    with pytest.raises(JwksError, match="larger than 65536 bytes"):
        read_location(httpserver.url_for("/large"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time-outs, so that the tests of them are short."""
    monkeypatch.setattr(keys, "TIMEOUT", (0.2, 0.2))
    monkeypatch.setattr(keys, "BUDGET", 0.2)


@pytest.mark.usefixtures("impatient")
def test_silent_server_is_left(httpserver: HTTPServer) -> None:
    done = threading.Event()

    def wait(_: Request) -> Response:
        done.wait(5)
        return Response(jwks(ES384))

    httpserver.expect_request("/jwks").respond_with_handler(wait)

    with pytest.raises(JwksError, match="ReadTimeout"):
        read_location(httpserver.url_for("/jwks"))
    done.set()


@pytest.mark.usefixtures("impatient")
def test_server_that_drips_is_left(httpserver: HTTPServer) -> None:
    done = threading.Event()

    def bites() -> Iterator[bytes]:
        for _ in range(40):  # two seconds, should nobody leave
            done.wait(0.05)
            yield b" "

    def drip(_: Request) -> Response:
        return Response(bites())

    httpserver.expect_request("/jwks").respond_with_handler(drip)

    with pytest.raises(JwksError, match="too slow"):
        read_location(httpserver.url_for("/jwks"))
    done.set()


def test_absent_server_is_named_by_its_fault() -> None:
    with pytest.raises(JwksError, match="ConnectionError"):
        read_location("http://127.0.0.1:9/jwks.json")


def test_nothing_is_fetched_by_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object, **__: object) -> None:
        pytest.fail("a connection was made")

    monkeypatch.setattr("requests.get", connect)

    with pytest.raises(JwksError, match="neither https nor loopback"):
        read_location("http://ehr.example.org/jwks.json")


def test_key_server_may_rotate_and_then_go_away(httpserver: HTTPServer) -> None:
    time = [0.0]
    cache = KeyCache(clock=lambda: time[0])
    url = httpserver.url_for("/jwks")
    httpserver.expect_oneshot_request("/jwks").respond_with_data(jwks(ES384))
    assert found(cache, ES384["kid"], url)

    time[0] = COOLDOWN
    httpserver.expect_oneshot_request("/jwks").respond_with_data(jwks(NEXT))
    assert found(cache, NEXT["kid"], url)
    assert not found(cache, ES384["kid"], url)

    time[0] = 10 * MAX_AGE
    httpserver.expect_request("/jwks").respond_with_data("down", status=503)
    assert found(cache, NEXT["kid"], url)
    assert len(httpserver.log) == 3


def test_file_is_read_again_when_it_was_replaced(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks(ES384))
    time = [0.0]
    cache = KeyCache(clock=lambda: time[0])
    assert found(cache, ES384["kid"], file)

    file.write_bytes(jwks(NEXT))
    time[0] = COOLDOWN

    assert found(cache, NEXT["kid"], file)
    file.unlink()
    time[0] = 10 * MAX_AGE
    assert found(cache, NEXT["kid"], file)


def test_file_is_limited_in_size(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(of_size(keys.MAX_BYTES + 1))

    with pytest.raises(JwksError, match="larger than"):
        read_location(file)
