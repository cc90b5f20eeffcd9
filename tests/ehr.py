"""A CDS client for the tests: keys, JWK Sets, and a token that is good in every respect."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from service.auth import Authenticator, Limits, NonceStore
from service.clients import Clients, TrustedClient
from service.keys import KeyCache, Location
from service.replay_guard import MemoryNonces
from service.signing import PrivateKey, sign

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
BASE = "https://cds.example.org/back-pain"
SERVICE = f"{BASE}/cds-services/back-pain-order-sign"
ISSUER = "https://ehr.example.org"
JKU = "https://ehr.example.org/jwks.json"
KID = "2026-03"

MAKE: Mapping[str, Callable[[], PrivateKey]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "RSA": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "RSA-1024": lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@cache
def private_key(kind: str = "ES384", owner: str = "ehr") -> PrivateKey:
    """Return a key pair, always the same one for the same kind and owner."""
    return MAKE[kind]()


def public_jwk(key: PrivateKey, kid: str = KID, **more: object) -> dict[str, object]:
    """Return the public part of a key as a JWK."""
    assert not isinstance(key, str)
    family = {"Elliptic": "ES384", "RSAPriva": "RS384"}.get(type(key).__name__[:8], "EdDSA")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        family = {256: "ES256", 384: "ES384", 521: "ES512"}[key.curve.key_size]
    jwk = get_default_algorithms()[family].to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in jwk.items() if name != "key_ops"} | {
        "kid": kid,
        "use": "sig",
        **more,
    }


def private_jwk(key: PrivateKey, kid: str = KID) -> dict[str, object]:
    """Return an elliptic key as a JWK with its private part, as nobody should publish it."""
    jwk = get_default_algorithms()["ES384"].to_jwk(key, as_dict=True)
    assert "d" in jwk
    return public_jwk(key, kid, d=jwk["d"])


def jwks(*keys: Mapping[str, object]) -> bytes:
    """Return a JWK Set."""
    return json.dumps({"keys": keys}).encode()


def claims(**changes: object) -> dict[str, object]:
    """Return the claims of a good token; a claim changed to None is left out."""
    good: dict[str, object] = {
        "iss": ISSUER,
        "aud": SERVICE,
        "iat": SECONDS,
        "exp": SECONDS + 300,
        "jti": "3f1c9a52-8f0e-4d7b-9c55-0b7f2f1f6a10",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def bearer(**changes: object) -> str:
    """Return the Authorization header of a good call, with these claims changed."""
    return f"Bearer {sign(claims(**changes), private_key(), 'ES384', KID)}"


def trusted(**changes: object) -> TrustedClient:
    """Return the registration of the test's client."""
    return TrustedClient.model_validate(
        {"name": "example-ehr", "issuer": ISSUER, "jwks_urls": [JKU], **changes}
    )


def authenticator(
    *clients: TrustedClient,
    documents: Mapping[Location, bytes] | None = None,
    nonces: NonceStore | None = None,
    lifetime: Limits | None = None,
) -> Authenticator:
    """Return a checker that knows these clients, and reads these JWK Sets."""
    documents = documents or {JKU: jwks(public_jwk(private_key()))}
    return Authenticator(
        Clients({client.issuer: client for client in clients or (trusted(),)}),
        KeyCache(read=documents.__getitem__, clock=lambda: 0.0),
        nonces or MemoryNonces(now=lambda: NOW),
        (BASE,),
        lifetime or Limits(),
    )
