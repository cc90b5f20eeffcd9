"""The days of ketorolac are counted over all routes and records, and each day once."""

import pytest

from cards.chart import Chart, MedicationUse
from cards.ketorolac import (
    days_ordered,
    days_taken,
    is_scheduled_ketorolac,
    recent,
    starts_the_course,
)
from tests.records import TODAY, ago
from tests.test_nsaids import use

WEEK = 7
TABLET = "ketorolac 10 mg oral tablet"
INJECTION = "ketorolac 30 mg/mL injection"
SIX_HOURLY = "1 tablet every 6 hours"


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param(
            use(INJECTION, "30 mg IM once", started=ago(2), status="completed"),
            {2},
            id="single-dose",
        ),
        pytest.param(
            use(TABLET, SIX_HOURLY, started=ago(3), supply_days=2.0, status="completed"),
            {3, 2},
            id="supply",
        ),
        pytest.param(
            use(TABLET, SIX_HOURLY, started=ago(4), ended=ago(2), status="stopped"),
            {4, 3, 2},
            id="period",
        ),
        pytest.param(use(TABLET, started=ago(2)), {2, 1, 0}, id="goes-on"),
        pytest.param(use(TABLET, started=ago(400)), set(), id="forgotten"),
        pytest.param(
            use(TABLET, SIX_HOURLY, started=ago(9), supply_days=4.0, status="completed"),
            {7, 6},
            id="begun-before-the-window",
        ),
        pytest.param(
            use(TABLET, SIX_HOURLY, started=ago(1), supply_days=5.0),
            {1, 0},
            id="supply-for-days-to-come",
        ),
        pytest.param(
            use(TABLET, SIX_HOURLY, started=ago(4), supply_days=5.0, ended=ago(3)),
            {4, 3},
            id="ended-early",
        ),
        pytest.param(use(TABLET, started=None), set(), id="no-date"),
    ],
)
def test_days_taken(taken: MedicationUse, expected: set[int]) -> None:
    assert days_taken(taken, TODAY, WEEK) == {ago(days) for days in expected}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(use(TABLET, SIX_HOURLY, supply_days=5.0), 5, id="supply"),
        pytest.param(use(TABLET, SIX_HOURLY, supply_days=5.0, refills=1), 10, id="refill"),
        pytest.param(use(INJECTION, "30 mg IM once"), 1, id="single-dose"),
        pytest.param(use(TABLET, SIX_HOURLY), 1, id="unknown-length"),
    ],
)
def test_days_ordered(order: MedicationUse, expected: int) -> None:
    assert days_ordered(order, TODAY) == {ago(-days) for days in range(expected)}


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param(use(TABLET, started=ago(1)), 1, id="taken"),
        pytest.param(use(TABLET, started=ago(1), status="not-taken"), 0, id="not-taken"),
        pytest.param(use(TABLET, started=ago(1), status="cancelled"), 0, id="cancelled"),
        pytest.param(use("Acular", started=ago(1)), 0, id="eye-drops"),
        pytest.param(use("naproxen", started=ago(1)), 0, id="naproxen"),
    ],
)
def test_recent_records(taken: MedicationUse, expected: int) -> None:
    assert len(recent(Chart(today=TODAY, medications=(taken,)), WEEK)) == expected


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param(use(TABLET, SIX_HOURLY), True, id="regular"),
        pytest.param(use(TABLET, f"{SIX_HOURLY} as needed"), True, id="repeated-as-needed"),
        pytest.param(use(TABLET, supply_days=5.0), True, id="supply-for-days"),
        pytest.param(use(INJECTION, "30 mg IM once"), False, id="once"),
        pytest.param(use(TABLET), False, id="unknown"),
        pytest.param(use("naproxen", "500 mg twice daily"), False, id="naproxen"),
    ],
)
def test_ketorolac_that_is_repeated(taken: MedicationUse, expected: bool) -> None:
    assert is_scheduled_ketorolac(taken) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [(INJECTION, True), ("Sprix", True), (TABLET, False), ("ketorolac", False)],
)
def test_tablets_follow_an_injection_or_a_spray(name: str, expected: bool) -> None:
    assert starts_the_course(use(name)) is expected
