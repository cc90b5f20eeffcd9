"""Attacks on time, audience, issuer and nonce: refused for their reason, valid twins accepted.

The twin is the good token, or the same one with its one fault repaired, so that a checker
that refuses everything fails as well.
"""

import pytest

from service.auth import Unauthorised
from tests.attacks import (
    GOOD,
    KEYS,
    OTHER,
    OTHER_JKU,
    OTHER_KEYS,
    Attack,
    assert_refused,
    assert_twin_accepted,
    header,
    raw_claims,
    signed,
    token,
)
from tests.ehr import (
    BASE,
    ISSUER,
    JKU,
    NOW,
    SECONDS,
    SERVICE,
    authenticator,
    claims,
    private_key,
    trusted,
)

TIME = [
    Attack(
        "expired",
        "expired",
        token(iat=SECONDS - 400, exp=SECONDS - 61),
        token(iat=SECONDS - 400, exp=SECONDS - 59),
    ),
    Attack("issued long ago", "expired", token(iat=1, exp=301)),
    Attack(
        "issued in the far future",
        "future",
        token(iat=SECONDS + 10**6, exp=SECONDS + 10**6 + 300),
    ),
    Attack(
        "issued in two minutes", "future", token(iat=SECONDS + 120), token(iat=SECONDS + 59)
    ),
    Attack("valid only later", "future", token(nbf=SECONDS + 61), token(nbf=SECONDS + 60)),
    Attack("lives too long", "lifetime", token(exp=SECONDS + 3601), token(exp=SECONDS + 3600)),
    Attack("lives for ever", "lifetime", token(exp=2**39)),
    Attack("issued after it expires", "lifetime", token(iat=SECONDS + 10, exp=SECONDS + 9)),
    Attack("exp missing", "claims", token(exp=None)),
    Attack("exp text", "claims", token(exp=str(SECONDS + 300))),
    Attack("exp true", "claims", token(exp=True)),
    Attack("exp a list", "claims", token(exp=[SECONDS + 300])),
    Attack("exp negative", "claims", token(exp=-1)),
    Attack("exp huge", "claims", token(exp=10**400)),
    Attack(
        "exp infinite by its exponent",
        "claims",
        signed(header(), raw_claims(str(SECONDS + 300), "1e999")),
        token(exp=SECONDS + 300.5),
    ),
    Attack("exp Infinity", "malformed", token(exp=float("inf"))),
    Attack("exp NaN", "malformed", token(exp=float("nan"))),
    Attack("iat missing", "claims", token(iat=None)),
    Attack("iat text", "claims", token(iat=str(SECONDS))),
    Attack("iat negative", "claims", token(iat=-SECONDS)),
    Attack("nbf text", "claims", token(nbf="now")),
]

CLAIM = [
    Attack("aud missing", "audience", token(aud=None)),
    Attack(
        "aud foreign",
        "audience",
        token(aud="https://elsewhere.example/cds-services/back-pain-order-sign"),
    ),
    Attack(
        "aud another service",
        "audience",
        token(aud=f"{BASE}/cds-services/back-pain-patient-view"),
    ),
    Attack("aud discovery", "audience", token(aud=f"{BASE}/cds-services")),
    Attack("aud the base", "audience", token(aud=BASE)),
    Attack(
        "aud with a longer path", "audience", token(aud=f"{SERVICE}/feedback"), url=f"{SERVICE}"
    ),
    Attack(
        "aud with a slash at the end",
        "audience",
        token(aud=f"{SERVICE}/"),
        token(aud=SERVICE.replace("/back-pain-order", "//back-pain-order")),
    ),
    Attack("aud with a query", "audience", token(aud=f"{SERVICE}?x")),
    Attack("aud a prefix", "audience", token(aud=SERVICE[:-1])),
    Attack("aud by plain http", "audience", token(aud=SERVICE.replace("https:", "http:"))),
    Attack("aud in capitals", "audience", token(aud=SERVICE.upper())),
    Attack(
        "aud the address behind the proxy",
        "audience",
        token(aud="http://10.0.0.7/cds-services/back-pain-order-sign"),
        url="http://10.0.0.7/cds-services/back-pain-order-sign",
    ),
    Attack(
        "aud a list of others",
        "audience",
        token(aud=["https://a.example", "https://b.example"]),
        token(aud=["https://a.example", SERVICE]),
    ),
    Attack("aud an empty list", "audience", token(aud=[]), token(aud=[SERVICE])),
    Attack("aud a list with a number", "audience", token(aud=[SERVICE, 5])),
    Attack("aud an object", "audience", token(aud={SERVICE: SERVICE})),
    Attack(
        "feedback for another service",
        "audience",
        token(aud=f"{BASE}/cds-services/back-pain-patient-view"),
        url=f"{SERVICE}/feedback",
    ),
    Attack(
        "feedback for discovery",
        "audience",
        token(aud=f"{BASE}/cds-services"),
        token(aud=f"{SERVICE}/feedback"),
        url=f"{SERVICE}/feedback",
    ),
    Attack("iss unknown", "issuer", token(iss="https://stranger.example")),
    Attack("iss missing", "issuer", token(iss=None)),
    Attack("iss with a slash at the end", "issuer", token(iss=f"{ISSUER}/")),
    Attack("iss in capitals", "issuer", token(iss=ISSUER.upper())),
    Attack("iss a list", "issuer", token(iss=[ISSUER])),
    Attack(
        "iss with a letter that looks the same",
        "issuer",
        token(iss=ISSUER.replace("e", "\u0435")),
    ),
    Attack("jti missing", "nonce", token(jti=None)),
    Attack("jti empty", "nonce", token(jti="")),
    Attack("jti a number", "nonce", token(jti=5)),
    Attack("jti too long", "nonce", token(jti="x" * 256), token(jti="x" * 255)),
    Attack("jti with a zero", "nonce", token(jti="a\0b")),
    Attack("jti with a line break", "nonce", token(jti="a\nb")),
    Attack("jti half a character", "nonce", token(jti="\ud800"), token(jti="\u00e9")),
    Attack(
        "tenant unknown",
        "tenant",
        token(tenant="south"),
        token(tenant="north"),
        client={"tenants": ["north"]},
    ),
    Attack(
        "tenant missing where it is due",
        "tenant",
        token(),
        token(tenant="north"),
        client={"tenants": ["north"]},
    ),
    Attack(
        "tenant a list",
        "tenant",
        token(tenant=["north"]),
        token(tenant="north"),
        client={"tenants": ["north"]},
    ),
    Attack("tenant with a line break", "tenant", token(tenant="north\nx"), token(tenant="any")),
    Attack(
        "tenant null", "tenant", signed(header(), raw_claims('"iss"', '"tenant": null, "iss"'))
    ),
]

ATTACKS = [*TIME, *CLAIM]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_refused_for_its_reason(attack: Attack) -> None:
    assert_refused(attack)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_valid_twin_is_accepted(attack: Attack) -> None:
    assert_twin_accepted(attack)


def test_token_serves_once() -> None:
    checker = authenticator(documents={JKU: KEYS})
    assert checker.authenticate(f"Bearer {GOOD}", SERVICE, NOW).name == "example-ehr"

    with pytest.raises(Unauthorised) as refused:
        checker.authenticate(f"Bearer {GOOD}", SERVICE, NOW)

    assert refused.value.reason == "replayed"
    assert checker.authenticate(f"Bearer {token(jti='b')}", SERVICE, NOW).name == "example-ehr"


def test_jti_used_for_feedback_is_used_for_the_service_too() -> None:
    checker = authenticator(documents={JKU: KEYS})
    checker.authenticate(f"Bearer {GOOD}", f"{SERVICE}/feedback", NOW)

    with pytest.raises(Unauthorised) as refused:
        checker.authenticate(f"Bearer {token(exp=SECONDS + 200)}", SERVICE, NOW)

    assert refused.value.reason == "replayed"


def test_two_issuers_may_use_the_same_jti() -> None:
    other = trusted(name="other-ehr", issuer=OTHER, jwks_urls=[OTHER_JKU])
    checker = authenticator(trusted(), other, documents={JKU: KEYS, OTHER_JKU: OTHER_KEYS})
    theirs = signed(header(jku=OTHER_JKU), claims(iss=OTHER), private_key(owner="other"))

    assert checker.authenticate(f"Bearer {GOOD}", SERVICE, NOW).name == "example-ehr"
    assert checker.authenticate(f"Bearer {theirs}", SERVICE, NOW).name == "other-ehr"
