"""Buprenorphine and methadone for opioid use disorder: which, and how much a day."""

import pytest

from cards import drugs, terms
from cards.chart import MedicationUse, Route
from cards.maintenance import (
    buprenorphine_fact,
    is_comparable,
    strength,
    total,
)
from cards.oud import treats_disorder
from cards.sig import read_sig

FILM = "buprenorphine 8 mg / naloxone 2 mg sublingual film"
ZUBSOLV = "Zubsolv 5.7 mg / 1.4 mg sublingual tablet"
FACTOR = 1.4


def use(
    name: str, sig: str = "", route: Route | None = None, reason: str = ""
) -> MedicationUse:
    drug = drugs.by_name(name)
    assert drug
    return MedicationUse(
        reference="MedicationRequest/1",
        drug=drug,
        route=route or drug.route,
        dosages=(read_sig(sig),) if sig else (),
        reasons=(terms.example(reason),) if reason else (),
    )


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        pytest.param([(FILM, "3 films daily")], 24, id="films"),
        pytest.param(
            [
                (FILM, "1 film daily"),
                ("buprenorphine 2 mg / naloxone 0.5 mg sublingual film", "2 films daily"),
            ],
            12,
            id="two-strengths-add-up",
        ),
        pytest.param([(ZUBSOLV, "1 tablet daily")], 7.98, id="zubsolv-counts-as-film"),
    ],
)
def test_total_daily_dose(uses: list[tuple[str, str]], expected: float) -> None:
    amount = total([use(*each) for each in uses], FACTOR)

    assert amount
    assert (round(amount.low, 2), round(amount.high, 2), amount.unit) == (
        expected,
        expected,
        "mg",
    )


def test_one_unknown_dose_makes_the_total_unknown() -> None:
    assert total([use(FILM, "3 films daily"), use(FILM, "as directed")], FACTOR) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(FILM, 8, id="film"),
        pytest.param(ZUBSOLV, 8, id="zubsolv"),
        pytest.param("buprenorphine", None, id="no-strength"),
    ],
)
def test_strength_as_of_a_film(name: str, expected: float | None) -> None:
    assert strength(use(name), FACTOR) == expected


@pytest.mark.parametrize(
    ("name", "route", "expected"),
    [
        pytest.param(FILM, None, True, id="film"),
        pytest.param(FILM, Route.BUCCAL, True, id="film-in-the-cheek"),
        pytest.param(ZUBSOLV, None, True, id="zubsolv"),
        pytest.param("Sublocade", Route.SUBCUTANEOUS, False, id="depot"),
        pytest.param("Butrans 10 mcg/hr patch", None, False, id="patch"),
        pytest.param("Belbuca", Route.BUCCAL, False, id="belbuca"),
        pytest.param("buprenorphine 0.3 mg buccal film", None, False, id="film-for-pain"),
        pytest.param("Bunavail", None, False, id="bunavail"),
    ],
)
def test_comparable_with_a_film(name: str, route: Route | None, *, expected: bool) -> None:
    assert is_comparable(use(name, route=route)) is expected


@pytest.mark.parametrize(
    ("name", "sig", "reason", "expected"),
    [
        pytest.param(
            "methadone 10 mg oral tablet", "", "opioid-use-disorder", True, id="reason"
        ),
        pytest.param(
            "methadone 10 mg oral tablet", "8 tablets daily for OUD", "", True, id="sig"
        ),
        pytest.param("methadone 10 mg oral tablet", "1 tablet daily", "", False, id="unsaid"),
        pytest.param("methadone 10 mg oral tablet", "", "chronic-pain", False, id="for-pain"),
        pytest.param(
            "oxycodone 5 mg oral tablet", "", "opioid-use-disorder", False, id="another-opioid"
        ),
    ],
)
def test_methadone_for_opioid_use_disorder(
    name: str, sig: str, reason: str, *, expected: bool
) -> None:
    assert treats_disorder(use(name, sig, reason=reason)) is expected


@pytest.mark.parametrize(
    ("name", "sig", "text"),
    [
        pytest.param(
            FILM,
            "3 films daily",
            "buprenorphine/naloxone 8/2 mg film, active; 24 mg a day",
            id="with-the-daily-dose",
        ),
        pytest.param(
            FILM, "", "buprenorphine/naloxone 8/2 mg film, active", id="dose-not-known"
        ),
        pytest.param(
            "Butrans 10 mcg/hr patch",
            "1 patch every 7 days",
            "buprenorphine patch 10 mcg/h, active",
            id="not-in-mg-a-day",
        ),
    ],
)
def test_the_fact_names_product_and_dose(name: str, sig: str, text: str) -> None:
    assert buprenorphine_fact(use(name, sig)).text == text
