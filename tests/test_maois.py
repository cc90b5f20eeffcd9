"""An inhibitor of monoamine oxidase counts while taken, ordered, or for days after its end."""

from datetime import timedelta

import pytest

from cards.case import Assessment, Case
from cards.chart import Chart, MedicationUse, Order, Route
from cards.drugs import by_name
from cards.maois import maois
from tests.records import TODAY


def use(name: str, number: int = 1, **more: object) -> MedicationUse:
    drug = by_name(name)
    assert drug
    return MedicationUse(
        **{  # type: ignore[arg-type]
            "reference": f"MedicationRequest/{number}",
            "drug": drug,
            "route": drug.route,
            **more,
        }
    )


def ended(name: str, days_ago: int, status: str = "stopped") -> MedicationUse:
    day = TODAY - timedelta(days=days_ago)
    return use(name, status=status, started=day - timedelta(days=10), ended=day)


def case(*medications: MedicationUse, drafts: tuple[MedicationUse, ...] = ()) -> Case:
    ordered = use("tramadol 50 mg oral tablet", 9, status="draft")
    orders = tuple(
        Order(reference=each.reference, medication=each) for each in (ordered, *drafts)
    )
    chart = Chart(today=TODAY, medications=medications, drafts=orders)
    return Case(Assessment.of(chart).view(orders[0]), {})


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param(use("phenelzine 15 mg oral tablet"), id="in-use"),
        pytest.param(ended("phenelzine 15 mg oral tablet", 14), id="stopped-14-days-ago"),
        pytest.param(ended("selegiline 5 mg oral tablet", 3, "completed"), id="completed"),
        pytest.param(ended("linezolid 600 mg oral tablet", 1), id="linezolid-until-yesterday"),
    ],
)
def test_inhibitor_that_acts_is_found(taken: MedicationUse) -> None:
    assert maois(case(taken)) == (taken,)


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(ended("phenelzine 15 mg oral tablet", 15), id="stopped-15-days-ago"),
        pytest.param(ended("linezolid 600 mg oral tablet", 2), id="linezolid-two-days-ago"),
        pytest.param(use("phenelzine 15 mg oral tablet", status="not-taken"), id="not-taken"),
        pytest.param(
            use("phenelzine 15 mg oral tablet", status="stopped"), id="stopped-without-a-date"
        ),
        pytest.param(use("methylene blue", route=Route.OPHTHALMIC), id="local"),
        pytest.param(use("sertraline 50 mg oral tablet"), id="another-class"),
    ],
)
def test_what_acts_no_more_is_not_found(gone: MedicationUse) -> None:
    assert maois(case(gone)) == ()


def test_inhibitor_ordered_at_the_same_time_is_found() -> None:
    drafted = use("linezolid 600 mg oral tablet", 2, status="draft")

    assert maois(case(drafts=(drafted,))) == (drafted,)
