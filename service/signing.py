"""Sign a token as a CDS client does: for tests and for replay against a live service."""

from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.exceptions import PyJWTError

from service.keys import KEY_KINDS

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | str  # str: PEM


class SigningKeyError(ValueError):
    """A private key cannot be used; the text says why, and holds nothing of the key."""


def read_key(pem: bytes, alg: str) -> PrivateKey:
    """Return the private key of an unencrypted PEM file, if it can sign with ``alg``."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise SigningKeyError("the key is encrypted; write it without a password") from None
    except ValueError:
        raise SigningKeyError("not a private key in PEM form") from None
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise SigningKeyError("neither an RSA, an elliptic curve nor an Ed25519 key")
    try:
        sign({}, key, alg, kid="probe")
    except (PyJWTError, ValueError, TypeError):
        raise SigningKeyError(f"the key does not fit {alg}") from None
    return key


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
