"""Attacks on the form of header and token: refused for their reason, valid twins accepted.

The twin is the good token, or the same one with its one fault repaired, so that a checker
that refuses everything fails as well.
"""

import json

import pytest

from tests.attacks import (
    GOOD,
    OTHER,
    Attack,
    assert_refused,
    assert_twin_accepted,
    header,
    present,
    raw_claims,
    signed,
    token,
)
from tests.ehr import (
    claims,
)

SHAPE = [
    Attack("no header", "missing", None, scheme=""),
    Attack("empty header", "missing", "", scheme=""),
    Attack("no token", "malformed", ""),
    Attack("token without a scheme", "malformed", GOOD, scheme=""),
    Attack("basic", "malformed", GOOD, scheme="Basic "),
    Attack("bearer with a colon", "malformed", GOOD, scheme="Bearer: "),
    Attack("bearer glued to the token", "malformed", GOOD, scheme="Bearer"),
    Attack("bearer and a tab", "malformed", GOOD, scheme="Bearer\t"),
    Attack("blank before", "malformed", GOOD, scheme=" Bearer "),
    Attack("blank after", "malformed", f"{GOOD} "),
    Attack("line break after", "malformed", f"{GOOD}\n"),
    Attack("blank inside", "malformed", GOOD.replace(".", ". ", 1)),
    Attack("two tokens", "malformed", f"{GOOD}, Bearer {GOOD}"),
    Attack("quoted", "malformed", f'"{GOOD}"'),
    Attack("two dots only", "malformed", ".."),
    Attack("two parts", "malformed", GOOD.rsplit(".", 1)[0]),
    Attack("four parts", "malformed", f"{GOOD}.AA"),
    Attack("five parts, as if encrypted", "malformed", f"{GOOD}.AA.AA"),
    Attack("no signature", "malformed", GOOD.rsplit(".", 1)[0] + "."),
    Attack("no claims", "malformed", GOOD.split(".")[0] + ".." + GOOD.rsplit(".", 1)[1]),
    Attack("padded base64", "malformed", GOOD + "=="),
    Attack("base64 of the other alphabet", "malformed", GOOD[:-1] + "/"),
    Attack("letter beyond ASCII", "malformed", GOOD[:-1] + "\u00e9"),
    Attack("digit beyond ASCII", "malformed", GOOD[:-1] + "\u0661"),
    Attack("zero byte", "malformed", GOOD[:-1] + "\0"),
    Attack("junk", "malformed", "not.a.token"),
    Attack("oversized", "oversized", token(pad="x" * 8192), token(pad="x" * 4000)),
    Attack("oversized junk", "oversized", "a" * 10**6),
    Attack("header no JSON", "malformed", signed(b"{", claims())),
    Attack("header an array", "malformed", signed([], claims())),
    Attack("header null", "malformed", signed(None, claims())),
    Attack(
        "header in UTF-16", "malformed", signed(json.dumps(header()).encode("utf-16"), claims())
    ),
    Attack(
        "header with a byte order mark",
        "malformed",
        signed(json.dumps(header()).encode("utf-8-sig"), claims()),
    ),
    Attack("claims a string", "malformed", signed(header(), "claims")),
    Attack("claims not UTF-8", "malformed", signed(header(), b'{"iss": "\xff"}')),
    Attack("claims nested without end", "malformed", signed(header(), b"[" * 5000)),
    Attack(
        "claims with a number without end",
        "malformed",
        signed(header(), b'{"exp":' + b"9" * 5000 + b"}"),
    ),
    Attack(
        "claim given twice",
        "malformed",
        signed(header(), raw_claims('"jti"', '"jti": "x", "jti"')),
    ),
    Attack(
        "issuer given twice",
        "malformed",
        signed(header(), raw_claims('"iss"', f'"iss": "{OTHER}", "iss"')),
    ),
    Attack(
        "header parameter given twice",
        "malformed",
        signed(
            json.dumps(header()).replace('"alg"', '"alg": "none", "alg"').encode(), claims()
        ),
    ),
]

ATTACKS = SHAPE


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_refused_for_its_reason(attack: Attack) -> None:
    assert_refused(attack)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_valid_twin_is_accepted(attack: Attack) -> None:
    assert_twin_accepted(attack)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
def test_scheme_is_read_as_http_says(scheme: str) -> None:
    assert present(Attack("", "", None), scheme + GOOD) == "example-ehr"
