"""Attacks on algorithm, key and signature: refused for their reason, valid twins accepted.

The twin is the good token, or the same one with its one fault repaired, so that a checker
that refuses everything fails as well.
"""

import hashlib
import json

import pytest

from service.auth import Unauthorised
from service.signing import sign
from tests.attacks import (
    ENC_KID,
    GOOD,
    HMAC_KID,
    OTHER,
    OTHER_JKU,
    P256_KID,
    RSA_KID,
    SECRET,
    SHORT_KID,
    Attack,
    assert_refused,
    assert_twin_accepted,
    b64,
    compact,
    headed,
    header,
    hmac_signed,
    present,
    public_pem,
    signed,
    token,
    with_signature,
)
from tests.ehr import (
    JKU,
    KID,
    claims,
    private_key,
    public_jwk,
)

ALGORITHM = [
    Attack("alg none", "malformed", compact(header(alg="none"), claims()) + "."),
    Attack("alg none, with a signature", "algorithm", headed(alg="none")),
    Attack("alg None in capitals", "algorithm", headed(alg="NONE")),
    Attack("alg missing", "algorithm", headed(alg=None)),
    Attack("alg a list", "algorithm", headed(alg=["ES384"])),
    Attack("alg in small letters", "algorithm", headed(alg="es384")),
    Attack(
        "hmac with the public key as secret",
        "algorithm",
        hmac_signed(header(alg="HS256"), public_pem(), "sha256"),
    ),
    Attack(
        "hmac with the JWK as secret",
        "algorithm",
        hmac_signed(
            header(alg="HS384"), json.dumps(public_jwk(private_key())).encode(), "sha384"
        ),
    ),
    Attack(
        "hmac key of the client's own JWKS",
        "algorithm",
        hmac_signed(header(alg="HS256", kid=HMAC_KID), SECRET, "sha256"),
    ),
    Attack("kid of an hmac key", "key", headed(kid=HMAC_KID)),
    Attack(
        "RS256 for a client of RS384",
        "algorithm",
        sign(claims(), private_key("RSA"), "RS256", RSA_KID),
        sign(claims(), private_key("RSA"), "RS384", RSA_KID),
        client={"algorithms": ["RS384"]},
    ),
    Attack(
        "ES384 for a client of RS384",
        "algorithm",
        GOOD,
        sign(claims(), private_key("RSA"), "RS384", RSA_KID),
        client={"algorithms": ["RS384"]},
    ),
    Attack(
        "PS384 with a key said to be for RS384",
        "key",
        sign(claims(), private_key("RSA", "said"), "PS384", "said"),
        sign(claims(), private_key("RSA", "said"), "RS384", "said"),
        client={"algorithms": ["RS384", "PS384"]},
    ),
    Attack("key of another curve", "key", headed(kid=P256_KID)),
    Attack(
        "ES256 by the header, P-384 by the key",
        "key",
        headed(alg="ES256"),
        sign(claims(), private_key("ES256"), "ES256", P256_KID),
        client={"algorithms": ["ES256", "ES384"]},
    ),
    Attack("elliptic signature for an RSA key", "key", headed(kid=RSA_KID)),
    Attack("RS384 by the header, elliptic key", "key", headed(alg="RS384")),
    Attack(
        "RSA key of 1024 bits",
        "key",
        signed(header(alg="RS384", kid=SHORT_KID), claims(), private_key("RSA-1024"), "RS384"),
        sign(claims(), private_key("RSA"), "RS384", RSA_KID),
    ),
]

KEY = [
    Attack("kid unknown", "key", headed(kid="another")),
    Attack("kid missing", "key", headed(kid=None)),
    Attack("kid a number", "key", headed(kid=5)),
    Attack("kid a list", "key", headed(kid=[KID])),
    Attack("kid a path", "key", headed(kid="../../../dev/null")),
    Attack("kid an SQL fragment", "key", headed(kid="x' UNION SELECT 'AA")),
    Attack(
        "key for encryption",
        "key",
        signed(header(kid=ENC_KID), claims(), private_key(owner="enc")),
    ),
    Attack(
        "key that may only sign",
        "key",
        signed(header(kid="sign-only"), claims(), private_key(owner="sign-only")),
    ),
    Attack(
        "key published with its private part",
        "key",
        signed(header(kid="leaked"), claims(), private_key(owner="leaked")),
    ),
    Attack(
        "key of another trusted issuer",
        "signature",
        signed(header(), claims(), private_key(owner="other")),
        signed(header(jku=OTHER_JKU), claims(iss=OTHER), private_key(owner="other")),
    ),
    Attack(
        "address of another trusted issuer's keys",
        "jku",
        signed(header(jku=OTHER_JKU), claims(), private_key(owner="other")),
        signed(header(jku=OTHER_JKU), claims(iss=OTHER), private_key(owner="other")),
    ),
    Attack("jku elsewhere", "jku", headed(jku="https://attacker.example/jwks.json")),
    Attack("jku with a query", "jku", headed(jku=f"{JKU}?x=1"), headed(jku=None)),
    Attack("jku with a fragment", "jku", headed(jku=f"{JKU}#x")),
    Attack(
        "jku with another host as user",
        "jku",
        headed(jku="https://ehr.example.org@evil.example/jwks.json"),
    ),
    Attack("jku by plain http", "jku", headed(jku=JKU.replace("https:", "http:"))),
    Attack("jku in capitals", "jku", headed(jku=JKU.upper())),
    Attack("jku a file", "jku", headed(jku="file:///etc/passwd")),
    Attack("jku a list", "jku", headed(jku=[JKU])),
    Attack("jku empty", "jku", headed(jku="")),
    Attack("jwk embedded", "header", headed(jwk=public_jwk(private_key()))),
    Attack("x5u", "header", headed(x5u="https://attacker.example/chain.pem")),
    Attack("x5c embedded", "header", headed(x5c=["MIIB"]), headed(x5t="c29tZXRoaW5n")),
    Attack("crit", "header", headed(crit=["exp"])),
    Attack("crit empty", "header", headed(crit=[])),
    Attack("b64 false", "header", headed(b64=False)),
    Attack("b64 false and critical", "header", headed(b64=False, crit=["b64"])),
    Attack("zip", "header", headed(zip="DEF")),
    Attack("typ another", "type", headed(typ="at+jwt"), headed(typ="jwt")),
    Attack("typ missing", "type", headed(typ=None)),
    Attack("typ a list", "type", headed(typ=["JWT"])),
]

SIGNATURE = [
    Attack(
        "signature of one bit more",
        "signature",
        with_signature(lambda s: bytes([s[0] ^ 1]) + s[1:]),
    ),
    Attack("signature all zero", "signature", with_signature(lambda s: bytes(len(s)))),
    Attack("signature cut", "signature", with_signature(lambda s: s[:-1])),
    Attack("signature extended", "signature", with_signature(lambda s: s + b"\0")),
    Attack(
        "signature of another token",
        "signature",
        f"{token(jti='b').rsplit('.', 1)[0]}.{GOOD.rsplit('.', 1)[1]}",
    ),
    Attack(
        "signature as ASN.1",
        "signature",
        with_signature(lambda s: b"\x30\x64\x02\x30" + s[:48] + b"\x02\x30" + s[48:]),
    ),
    Attack("signature not canonical base64", "signature", GOOD + "A"),
    Attack(
        "claims changed after signing",
        "signature",
        f"{compact(header(), claims(tenant='x'))}.{GOOD.rsplit('.', 1)[1]}",
    ),
    Attack(
        "header changed after signing",
        "signature",
        f"{compact(header(typ='jwt'), claims())}.{GOOD.rsplit('.', 1)[1]}",
    ),
]

ATTACKS = [*ALGORITHM, *KEY, *SIGNATURE]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_refused_for_its_reason(attack: Attack) -> None:
    assert_refused(attack)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_valid_twin_is_accepted(attack: Attack) -> None:
    assert_twin_accepted(attack)


def test_digest_of_the_public_key_is_no_signature() -> None:
    text = compact(header(), claims())
    digest = hashlib.sha384(public_pem() + text.encode()).digest()

    with pytest.raises(Unauthorised) as refused:
        present(Attack("", "", None), f"Bearer {text}.{b64(digest * 2)}")

    assert refused.value.reason == "signature"
