"""A good token is accepted for the address it was made for, once; refusals say nothing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.auth import (
    Authenticator,
    Limits,
    NonceStore,
    NonceStoreUnavailable,
    Unauthorised,
    accepted_audiences,
)
from service.clients import Client, Clients
from service.errors import operation_outcome
from service.keys import KeyCache, Location
from service.replay_guard import MemoryNonces, ReplayGuard
from service.signing import sign
from tests.ehr import (
    BASE,
    ISSUER,
    JKU,
    KID,
    NOW,
    SERVICE,
    authenticator,
    bearer,
    claims,
    jwks,
    private_key,
    public_jwk,
    trusted,
)

# CDS Hooks, "JWT Signing Algorithm", example: the key, and the header and claims of 2.0.
EXAMPLE_KEY = {
    "kty": "EC",
    "use": "sig",
    "crv": "P-384",
    "kid": "example-kid",
    "x": "46SDH7Znh821wblCBglA61sNE9ZrHYKKt3qRtRTmSXyOI_FIGBLWrWa0GPUkDCEk",
    "y": "XMcRuuoGW7CXjQdy-F5i3FeBE0x9hPLdeFdSoDd3ELmx404tLX0VRRcqzAsPhXcI",
    "alg": "ES384",
}
EXAMPLE_HEADER = (
    "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUta2lkIiwiamt1IjoiaHR0cHM6Ly9maGly"
    "LWVoci5leGFtcGxlLmNvbS9qd2tfdXJpIn0"
)
EXAMPLE_TOKENS = {
    "2.0": EXAMPLE_HEADER + ".eyJpc3MiOiJodHRwczovL2ZoaXItZWhyLmV4YW1wbGUuY29tLyIsImF1ZCI6Imh0d"
    "HBzOi8vY2RzLmV4YW1wbGUub3JnL2Nkcy1zZXJ2aWNlcy9zb21lLXNlcnZpY2UiLCJleHAiOjE0MjI1Njg4NjAsImlh"
    "dCI6MTMxMTI4MDk3MCwianRpIjoiZWUyMmIwMjEtZTFiNy00NjExLWJhNWItOGVlYzZhMzNhYzFlIiwidGVuYW50Ijo"
    "iMmRkZDZjM2EtOGU5YS00NGM2LWEzMDUtNTIxMTFhZDMwMmEyIn0.d1WfLjGRKlcWB94l9do4cM8REXeYJLL6SGUBO8"
    "VHZhfM8mwKYP70EMxJ67War4TQblEpaQrp11wx5p7oPFm2ETYgCicS84vXWEIYTdjooZdooCSDf2L8-i4awdoUwiEb",
    "1.0, with sub": EXAMPLE_HEADER
    + ".eyJpc3MiOiJodHRwczovL2ZoaXItZWhyLmV4YW1wbGUuY29tLyIsInN1"
    "YiI6ImNsaWVudF9pZCIsImF1ZCI6Imh0dHBzOi8vY2RzLmV4YW1wbGUub3JnL2Nkcy1zZXJ2aWNlcy9zb21lLXNlcnZ"
    "pY2UiLCJleHAiOjE0MjI1Njg4NjAsImlhdCI6MTMxMTI4MDk3MCwianRpIjoiZWUyMmIwMjEtZTFiNy00NjExLWJhNW"
    "ItOGVlYzZhMzNhYzFlIiwidGVuYW50IjoiMmRkZDZjM2EtOGU5YS00NGM2LWEzMDUtNTIxMTFhZDMwMmEyIn0.CUFPk"
    "plnWd6YGIvzoHolWCQBDsCL8QtTWKGg_QFpS169WrqDGzktRi-_we6-6rVzbjerU27ZKww_SW0-b9RTz-dPJNcqsueM"
    "io8r6EqXUXhbLm_ch3XFSbDlGHDl_tqo",
}
EXAMPLE_ISSUER = "https://fhir-ehr.example.com/"
EXAMPLE_JKU = "https://fhir-ehr.example.com/jwk_uri"
EXAMPLE_TENANT = "2ddd6c3a-8e9a-44c6-a305-52111ad302a2"
ISSUED, EXPIRES = 1311280970, 1422568860


def specification_checker(limits: Limits) -> Authenticator:
    client = trusted(
        name="example", issuer=EXAMPLE_ISSUER, jwks_urls=[EXAMPLE_JKU], tenants=[EXAMPLE_TENANT]
    )
    documents: dict[Location, bytes] = {EXAMPLE_JKU: jwks(EXAMPLE_KEY)}
    return Authenticator(
        Clients({EXAMPLE_ISSUER: client}),
        KeyCache(read=documents.__getitem__, clock=lambda: 0.0),
        MemoryNonces(now=lambda: datetime.fromtimestamp(ISSUED, UTC)),
        ("https://cds.example.org",),
        limits,
    )


@pytest.mark.parametrize("token", EXAMPLE_TOKENS.values(), ids=EXAMPLE_TOKENS)
def test_the_example_of_the_specification_is_accepted(token: str) -> None:
    checker = specification_checker(Limits(lifetime=timedelta(seconds=EXPIRES - ISSUED)))

    client = checker.authenticate(
        f"Bearer {token}",
        "https://cds.example.org/cds-services/some-service",
        datetime.fromtimestamp(ISSUED, UTC),
    )

    assert client == Client("example", EXAMPLE_ISSUER, EXAMPLE_TENANT)


def test_the_example_of_the_specification_lives_longer_than_we_allow() -> None:
    with pytest.raises(Unauthorised) as refused:
        specification_checker(Limits()).authenticate(
            f"Bearer {EXAMPLE_TOKENS['2.0']}",
            "https://cds.example.org/cds-services/some-service",
            datetime.fromtimestamp(ISSUED, UTC),
        )

    assert refused.value.reason == "lifetime"


def test_who_called_carries_what_the_registration_allows() -> None:
    client = trusted(
        fhir_servers=["https://ehr.example.org/fhir/"],
        tenants=["north"],
        fhir_without_token=True,
    )

    caller = authenticator(client).authenticate(bearer(tenant="north"), SERVICE, NOW)

    assert caller == Client(
        name="example-ehr",
        issuer=ISSUER,
        tenant="north",
        fhir_servers=frozenset({"https://ehr.example.org/fhir"}),
        fhir_without_token=True,
    )
    assert caller.allows_fhir_server("https://ehr.example.org/fhir/")
    assert not caller.allows_fhir_server("https://ehr.example.org/fhir2")


def test_refusal_tells_the_caller_nothing_and_the_log_enough() -> None:
    with pytest.raises(Unauthorised) as refused:
        authenticator().authenticate(bearer(aud="https://elsewhere.example"), SERVICE, NOW)

    error = refused.value
    assert (error.status, error.headers) == (401, {"WWW-Authenticate": "Bearer"})
    assert (error.reason, error.client) == ("audience", "example-ehr")
    assert operation_outcome(error) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "login",
                "details": {"text": "The call is not authorised."},
                "diagnostics": "Send a token as agreed; the operator's log has the reason.",
            }
        ],
    }


def test_refusal_of_a_stranger_names_no_client() -> None:
    with pytest.raises(Unauthorised) as refused:
        authenticator().authenticate(bearer(iss="https://stranger.example"), SERVICE, NOW)

    assert (refused.value.reason, refused.value.client) == ("issuer", "")


@pytest.mark.parametrize(
    ("url", "audiences"),
    [
        ("/cds-services", {"/cds-services", "/cds-services/"}),
        ("/cds-services/", {"/cds-services", "/cds-services/"}),
        ("/cds-services/a", {"/cds-services/a", "/cds-services//a"}),
        ("/cds-services//a", {"/cds-services/a", "/cds-services//a"}),
        (
            "/cds-services/a/feedback",
            {
                "/cds-services/a/feedback",
                "/cds-services//a/feedback",
                "/cds-services/a",
                "/cds-services//a",
            },
        ),
        ("http://10.0.0.7:8000/cds-services?x=1", {"/cds-services", "/cds-services/"}),
        ("https://cds.example.org/back-pain/cds-services", {"/cds-services", "/cds-services/"}),
        ("/cds-services/a/feedback/b", set()),
        ("/cds-services/a/b", set()),
        ("/metrics", set()),
        ("//[/cds-services", set()),
        ("http://cds-services/metrics", set()),
        ("", set()),
    ],
)
def test_audience_is_the_public_address_of_what_was_called(
    url: str, audiences: set[str]
) -> None:
    assert accepted_audiences(url, [BASE]) == {BASE + end for end in audiences}


def test_every_public_address_is_an_audience() -> None:
    bases = ["http://localhost:8000", "http://127.0.0.1:8000/"]

    assert accepted_audiences("/cds-services/a", bases) == {
        "http://localhost:8000/cds-services/a",
        "http://localhost:8000/cds-services//a",
        "http://127.0.0.1:8000/cds-services/a",
        "http://127.0.0.1:8000/cds-services//a",
    }


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("ES256", "ES256"),
        ("ES384", "ES384"),
        ("ES512", "ES512"),
        ("RS256", "RSA"),
        ("RS384", "RSA"),
        ("RS512", "RSA"),
        ("PS256", "RSA"),
        ("PS384", "RSA"),
        ("PS512", "RSA"),
        ("EdDSA", "EdDSA"),
    ],
)
def test_asymmetric_algorithm_is_accepted_when_the_client_may_use_it(
    algorithm: str, kind: str
) -> None:
    key = private_key(kind)
    checker = authenticator(
        trusted(algorithms=[algorithm]), documents={JKU: jwks(public_jwk(key))}
    )

    caller = checker.authenticate(f"Bearer {sign(claims(), key, algorithm, KID)}", SERVICE, NOW)

    assert caller.name == "example-ehr"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "none", "", "es384"])
def test_nothing_is_signed_without_a_key_pair(algorithm: str) -> None:
    with pytest.raises(ValueError, match="not an asymmetric algorithm"):
        sign(claims(), private_key(), algorithm, KID)


def test_keys_of_a_file_serve_tokens_that_name_a_listed_address(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    client = trusted(jwks_file=file)
    checker = authenticator(client, documents={file: jwks(public_jwk(private_key()))})
    token = sign(claims(), private_key(), "ES384", KID, JKU)

    assert checker.authenticate(f"Bearer {token}", SERVICE, NOW) == client.caller(None)


@pytest.mark.parametrize(
    ("at", "reason"),
    [(-61, "future"), (-60, None), (0, None), (359, None), (360, "expired")],
)
def test_clocks_may_differ_by_a_minute(at: int, reason: str | None) -> None:
    checker = authenticator()
    now = NOW + timedelta(seconds=at)

    if reason is None:
        assert checker.authenticate(bearer(), SERVICE, now).issuer == ISSUER
    else:
        with pytest.raises(Unauthorised) as refused:
            checker.authenticate(bearer(), SERVICE, now)
        assert refused.value.reason == reason


class Store:
    """A NonceStore that notes what it is asked."""

    def __init__(self, answer: bool = True) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, datetime]] = []

    def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """Note the question."""
        self.asked.append((issuer, jti, until))
        return self.answer


class BrokenStore:
    """A NonceStore whose database is away."""

    def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """Fail."""
        raise NonceStoreUnavailable


def test_jti_is_remembered_until_the_token_is_of_no_use() -> None:
    store = Store()

    authenticator(nonces=store).authenticate(bearer(jti="n1"), SERVICE, NOW)

    assert store.asked == [(ISSUER, "n1", NOW + timedelta(seconds=360))]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example"},
        {"exp": 1},
        {"tenant": 5},
        {"iss": "https://x.example"},
    ],
    ids=json.dumps,
)
def test_refused_token_uses_up_no_jti(changes: dict[str, object]) -> None:
    store = Store()

    with pytest.raises(Unauthorised):
        authenticator(nonces=store).authenticate(bearer(**changes), SERVICE, NOW)

    assert store.asked == []


def test_memory_forgets_what_has_expired() -> None:
    clock = [NOW]
    nonces = MemoryNonces(now=lambda: clock[0])
    until = NOW + timedelta(seconds=10)

    assert nonces.remember(ISSUER, "n1", until)
    assert not nonces.remember(ISSUER, "n1", until)
    assert nonces.remember("https://another.example", "n1", until)
    clock[0] = NOW + timedelta(seconds=11)
    assert nonces.remember(ISSUER, "n1", until)


@pytest.mark.parametrize(
    ("shared", "second"),
    [(Store(), False), (Store(answer=False), False), (BrokenStore(), False)],
    ids=["shared store", "used in another process", "store away"],
)
def test_guard_refuses_the_second_use(shared: NonceStore, second: bool) -> None:
    guard = ReplayGuard(shared, MemoryNonces(now=lambda: NOW))
    first = not (isinstance(shared, Store) and not shared.answer)

    assert guard.remember(ISSUER, "n1", NOW) is first
    assert guard.remember(ISSUER, "n1", NOW) is second
