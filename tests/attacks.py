"""An attack on a token, the builders of bad tokens, and how they are presented."""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

from service.auth import Unauthorised
from service.signing import PrivateKey
from tests.ehr import (
    JKU,
    KID,
    NOW,
    SERVICE,
    authenticator,
    claims,
    jwks,
    private_jwk,
    private_key,
    public_jwk,
    trusted,
)

OTHER = "https://other-ehr.example.org"
OTHER_JKU = "https://other-ehr.example.org/jwks.json"
RSA_KID, HMAC_KID, ENC_KID, SHORT_KID, P256_KID = "rsa", "hmac", "enc", "short", "p-256"
SECRET = b"a secret of thirty-two characters"

KEYS = jwks(
    public_jwk(private_key()),
    public_jwk(private_key("RSA"), RSA_KID),
    public_jwk(private_key("RSA", "said"), "said", alg="RS384"),
    public_jwk(private_key("RSA-1024"), SHORT_KID),
    public_jwk(private_key("ES256"), P256_KID),
    public_jwk(private_key(owner="enc"), ENC_KID, use="enc"),
    public_jwk(private_key(owner="sign-only"), "sign-only", key_ops=["sign"]),
    private_jwk(private_key(owner="leaked"), "leaked"),
    {"kty": "oct", "kid": HMAC_KID, "alg": "HS256", "k": base64.b64encode(SECRET).decode()},
)
OTHER_KEYS = jwks(public_jwk(private_key(owner="other")))


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: object, payload: object) -> str:
    """Return header and payload as they stand in a token; bytes are taken as they are."""
    parts = (p if isinstance(p, bytes) else json.dumps(p).encode() for p in (header, payload))
    return ".".join(map(b64, parts))


def header(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {"alg": "ES384", "typ": "JWT", "kid": KID, "jku": JKU}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(
    head: object, payload: object, key: PrivateKey | None = None, algorithm: str = "ES384"
) -> str:
    """Sign any bytes, whatever the header says; no library would."""
    text = compact(head, payload)
    signer = get_default_algorithms()[algorithm]
    return f"{text}.{b64(signer.sign(text.encode(), key or private_key()))}"


def hmac_signed(head: object, secret: bytes, digest: str) -> str:
    text = compact(head, claims())
    return f"{text}.{b64(hmac.new(secret, text.encode(), digest).digest())}"


def public_pem() -> bytes:
    key = private_key()
    assert not isinstance(key, str)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def with_signature(change: Callable[[bytes], bytes]) -> str:
    head, payload, signature = signed(header(), claims()).split(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    return f"{head}.{payload}.{b64(change(raw))}"


def raw_claims(old: str, new: str) -> bytes:
    """Return the JSON of good claims with a piece replaced: what json.dumps would not write."""
    text = json.dumps(claims())
    assert old in text
    return text.replace(old, new).encode()


def token(**changes: object) -> str:
    return signed(header(), claims(**changes))


def headed(**changes: object) -> str:
    return signed(header(**changes), claims())


GOOD = token()


@dataclass(frozen=True)
class Attack:
    """A token that must be refused, why, and the twin that must be accepted."""

    name: str
    reason: str
    bad: str | None
    good: str = GOOD
    scheme: str = "Bearer "
    client: dict[str, object] = field(default_factory=dict)
    url: str = SERVICE


def present(attack: Attack, authorization: str | None) -> str:
    """Return who the checker says calls; clients and replay memory are new every time."""
    other = trusted(name="other-ehr", issuer=OTHER, jwks_urls=[OTHER_JKU])
    checker = authenticator(
        trusted(**attack.client), other, documents={JKU: KEYS, OTHER_JKU: OTHER_KEYS}
    )
    return checker.authenticate(authorization, attack.url, NOW).name


def assert_refused(attack: Attack) -> None:
    """Expect the bad token to be refused, and for its own reason."""
    authorization = None if attack.bad is None else attack.scheme + attack.bad
    with pytest.raises(Unauthorised) as refused:
        present(attack, authorization)
    assert refused.value.reason == attack.reason


def assert_twin_accepted(attack: Attack) -> None:
    """Expect the good token to be accepted: what was refused is then the one fault."""
    assert present(attack, f"Bearer {attack.good}") in {"example-ehr", "other-ehr"}
