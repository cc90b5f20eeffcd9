"""Sign a token as a CDS client does: for tests and for replay against a live service."""

from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from service.keys import KEY_KINDS

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | str  # str: PEM


def sign(
    claims: Mapping[str, object],
    key: PrivateKey,
    alg: str,
    kid: str,
    jku: str | None = None,
) -> str:
    """Return the claims as a signed JWT, ready to follow ``Authorization: Bearer``."""
    if alg not in KEY_KINDS:
        raise ValueError(f"{alg} is not an asymmetric algorithm of this service")
    header = {"typ": "JWT", "kid": kid} | ({"jku": jku} if jku else {})
    return jwt.encode(dict(claims), key, algorithm=alg, headers=header)
