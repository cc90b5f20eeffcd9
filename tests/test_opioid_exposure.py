"""What opioids were taken: exposure, tolerance, equivalents before and after the orders."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cards import drugs
from cards.case import Assessment, Case
from cards.chart import Amount, Chart, Concept, Drug, MedicationUse, Order, Problem
from cards.opioid_exposure import (
    after,
    before,
    continued,
    earlier_days,
    long_term,
    naive,
    oud_decides,
    tolerant,
)
from cards.sig import read_sig
from cards.terms import example
from tests.records import TODAY

OXYCODONE = "oxycodone 5 mg oral tablet"
OXYCODONE_10 = "oxycodone 10 mg oral tablet"
MORPHINE_ER = "morphine 15 mg extended release oral tablet"
SUBOXONE = "buprenorphine 8 mg / naloxone 2 mg sublingual film"
EVERY_6_HOURS = "1 tablet every 6 hours"


def known(name: str) -> Drug:
    drug = drugs.by_name(name)
    assert drug, name
    return drug


def use(name: str = OXYCODONE, sig: str = EVERY_6_HOURS, **more: Any) -> MedicationUse:
    """Return a medicine on record; ``begun`` and ``until`` are days ago."""
    begun, until = more.pop("begun", None), more.pop("until", None)
    return MedicationUse(
        reference=f"MedicationRequest/{name}-{begun}",
        drug=known(name),
        dosages=(read_sig(sig),) if sig else (),
        started=None if begun is None else TODAY - timedelta(days=begun),
        ended=None if until is None else TODAY - timedelta(days=until),
        **more,
    )


def past(begun: int, until: int, name: str = OXYCODONE, **more: Any) -> MedicationUse:
    return use(name, begun=begun, until=until, **{"status": "completed", **more})


def draft(name: str = OXYCODONE, sig: str = EVERY_6_HOURS, **more: Any) -> Order:
    status = more.pop("status", "draft")
    drafted = replace(use(name, sig, status=status, **more), reference=f"draft/{name}")
    return Order(reference=drafted.reference, status=status, medication=drafted)


def case(*taken: MedicationUse, drafts: tuple[Order, ...] = (), **more: Any) -> Case:
    """Return the case of the first draft."""
    drafts = drafts or (draft(),)
    chart = Chart(today=TODAY, drafts=drafts, medications=taken, **more)
    return Case(Assessment.of(chart).view(drafts[0]), {})


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param((), True, id="nothing-on-record"),
        pytest.param((past(20, 17),), True, id="three-days"),
        pytest.param((past(20, 14),), True, id="six-days"),
        pytest.param((past(20, 13),), False, id="seven-days"),
        pytest.param((past(30, 26), past(20, 16)), False, id="eight-days-in-two-supplies"),
        pytest.param((past(20, 16), past(20, 16)), True, id="one-supply-in-two-records"),
        pytest.param((past(300, 70),), True, id="long-ago"),
        pytest.param((past(300, 53),), False, id="seven-days-within-the-window"),
        pytest.param((past(300, 54),), True, id="six-days-within-the-window"),
        pytest.param((use(begun=3),), True, id="begun-three-days-ago"),
        pytest.param((use(begun=7),), False, id="begun-a-week-ago"),
        pytest.param((use(),), False, id="in-use-and-begin-unknown"),
        pytest.param((use(status="stopped"),), True, id="stopped-without-any-date"),
        pytest.param((past(20, 5, status="not-taken"),), True, id="not-taken"),
        pytest.param((past(20, 5, status="cancelled"),), True, id="cancelled"),
        pytest.param((past(20, 5, "naproxen 500 mg oral tablet"),), True, id="no-opioid"),
        pytest.param((past(20, 5, SUBOXONE),), False, id="buprenorphine-exposes"),
        pytest.param((use(begun=20, status="completed", supply_days=10),), False, id="supply"),
        pytest.param(
            (use("hydromorphone", "2 mg once", begun=10, status="completed"),),
            True,
            id="one-dose",
        ),
    ],
)
def test_fewer_than_seven_days_in_sixty_is_naive(
    taken: tuple[MedicationUse, ...], expected: bool
) -> None:
    assert naive(Chart(today=TODAY, medications=taken)) is expected


def test_without_a_medication_list_exposure_and_tolerance_are_unknown() -> None:
    blind = case(missing=frozenset({"medications"}))

    assert naive(blind.chart) is None
    assert tolerant(blind) is None


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param((), False, id="nothing-in-use"),
        pytest.param(
            (use(OXYCODONE_10, "1 tablet every 6 hours", begun=30),), True, id="sixty-a-day"
        ),
        pytest.param((use(begun=30),), False, id="thirty-a-day"),
        pytest.param((use(OXYCODONE_10, begun=6),), False, id="sixty-for-six-days"),
        pytest.param((use(OXYCODONE_10, begun=7),), True, id="sixty-for-seven-days"),
        pytest.param(
            (use(begun=30), use(MORPHINE_ER, "1 tablet twice daily", begun=30)),
            True,
            id="sixty-of-two-opioids",
        ),
        pytest.param((use(sig="", begun=30),), None, id="dose-unknown"),
        pytest.param((use(OXYCODONE_10),), None, id="begin-unknown"),
        pytest.param(
            (use(OXYCODONE_10, begun=30), use(MORPHINE_ER, "", begun=30)),
            True,
            id="enough-without-the-unknown-one",
        ),
        pytest.param(
            (use(OXYCODONE_10, "0.5-1 tablet every 6 hours", begun=30),),
            False,
            id="the-low-end-counts",
        ),
    ],
)
def test_sixty_morphine_equivalents_for_a_week_is_tolerance(
    taken: tuple[MedicationUse, ...], expected: bool | None
) -> None:
    assert tolerant(case(*taken)) is expected


@pytest.mark.parametrize(
    ("drafts", "taken", "old", "new"),
    [
        pytest.param((draft(),), (), (0, True), (30, True), id="first-opioid"),
        pytest.param((draft(),), (use(begun=30),), (30, True), (30, True), id="renewed"),
        pytest.param(
            (draft(OXYCODONE_10),),
            (use(begun=30),),
            (30, True),
            (60, True),
            id="stronger",
        ),
        pytest.param(
            (draft(),),
            (use(MORPHINE_ER, "1 tablet twice daily", begun=30),),
            (30, True),
            (60, True),
            id="added",
        ),
        pytest.param(
            (draft("oxycodone 10 mg extended release oral tablet", "1 tablet twice daily"),),
            (use(begun=30),),
            (30, True),
            (60, True),
            id="extended-release-beside-immediate-release",
        ),
        pytest.param(
            (draft(), draft(MORPHINE_ER, "", status="stopped")),
            (use(MORPHINE_ER, "1 tablet twice daily", begun=30),),
            (30, True),
            (30, True),
            id="one-stopped-for-the-other",
        ),
        pytest.param(
            (draft(), draft(MORPHINE_ER, "1 tablet twice daily")),
            (),
            (0, True),
            (60, True),
            id="two-drafts",
        ),
        pytest.param(
            (draft(status="stopped"),), (use(begun=30),), (30, True), (0, True), id="stopped"
        ),
        pytest.param(
            (draft(),), (use(MORPHINE_ER, "", begun=30),), (0, False), (30, False), id="unknown"
        ),
        pytest.param((draft(sig=""),), (), (0, True), (0, False), id="draft-without-dose"),
        pytest.param(
            (draft(),), (use(SUBOXONE, "1 film daily"),), (0, True), (30, True), id="mouth-film"
        ),
    ],
)
def test_equivalents_before_and_after_the_orders(
    drafts: tuple[Order, ...],
    taken: tuple[MedicationUse, ...],
    old: tuple[float, bool],
    new: tuple[float, bool],
) -> None:
    asked = case(*taken, drafts=drafts)

    assert before(asked)[:2] == old
    assert after(asked)[:2] == new


def test_methadone_for_opioid_use_disorder_is_not_counted() -> None:
    reason: tuple[Concept, ...] = (example("opioid-use-disorder"),)
    methadone = use("methadone 10 mg oral tablet", "3 tablets daily", begun=300, reasons=reason)

    assert before(case(methadone)).uses == ()
    assert not long_term(case(methadone))


@pytest.mark.parametrize(
    ("drafted", "taken", "expected"),
    [
        pytest.param(draft(), use(begun=200), True, id="same-dose"),
        pytest.param(draft(sig="1 tablet daily"), use(begun=200), True, id="lower-dose"),
        pytest.param(draft(OXYCODONE_10), use(begun=200), False, id="higher-dose"),
        pytest.param(draft(), use(begun=20), False, id="not-long-term"),
        pytest.param(draft(sig=""), use(begun=200), True, id="same-medicine-dose-unknown"),
        pytest.param(
            draft(sig=""), use(MORPHINE_ER, begun=200), False, id="other-opioid-dose-unknown"
        ),
    ],
)
def test_long_term_opioids_are_continued_at_no_higher_dose(
    drafted: Order, taken: MedicationUse, expected: bool
) -> None:
    assert continued(case(taken, drafts=(drafted,))) is expected


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param((), 0, id="none"),
        pytest.param((use(begun=5, supply_days=3),), 3, id="a-supply-just-before"),
        pytest.param((use(begun=10, supply_days=3),), 3, id="seven-days-without"),
        pytest.param((use(begun=11, supply_days=3),), 0, id="eight-days-without"),
        pytest.param(
            (use(begun=5, supply_days=3), use(begun=12, supply_days=4)), 7, id="a-chain"
        ),
        pytest.param(
            (use(begun=5, supply_days=3), use(begun=5, supply_days=3, kind="dispense")),
            3,
            id="one-supply-in-two-records",
        ),
        pytest.param((use(begun=5, until=4, supply_days=3),), 1, id="ended-early"),
        pytest.param((use(begun=5),), 0, id="length-unknown"),
        pytest.param((use(begun=0, supply_days=3),), 0, id="of-today"),
        pytest.param((use(begun=3, sig="5 mg once"),), 0, id="one-dose"),
        pytest.param(
            (use(begun=5, quantity=Amount(12, 12, "tablet")),), 3, id="length-by-quantity"
        ),
    ],
)
def test_supplies_without_a_long_gap_are_one_course(
    taken: tuple[MedicationUse, ...], expected: float
) -> None:
    assert earlier_days(case(*taken)) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(case(), False, id="neither"),
        pytest.param(case(use(SUBOXONE, "", begun=30)), True, id="maintenance"),
        pytest.param(
            case(use("Butrans 10 mcg/hr patch", "", begun=30)), False, id="patch-for-pain"
        ),
        pytest.param(
            case(
                problems=(
                    Problem(reference="Condition/1", concept=example("opioid-use-disorder")),
                )
            ),
            True,
            id="disorder",
        ),
    ],
)
def test_the_disorder_or_its_treatment_decides(asked: Case, expected: bool) -> None:
    assert oud_decides(asked) is expected
