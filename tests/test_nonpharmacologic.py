"""Care without drugs, and epidural injections: what was done, and was it enough."""

import pytest

from cards.chart import Chart, Concept, Encounter, ServiceUse
from cards.nonpharmacologic import (
    CareState,
    failed_injections,
    injections,
    nonpharmacologic,
    tried_modalities,
)
from tests.records import TODAY, ago


def term(*names: str) -> tuple[Concept, ...]:
    return (Concept(terms=frozenset(names)),) if names else ()


def care(name: str, **more: object) -> ServiceUse:
    fields: dict[str, object] = {"reference": "Procedure/1", "kind": "procedure"}
    concept = Concept(terms=frozenset({name}))
    return ServiceUse(concept=concept, **{"status": "completed", **fields, **more})  # type: ignore[arg-type]


def visits(name: str, *days: int) -> tuple[ServiceUse, ...]:
    return tuple(care(name, started=ago(day)) for day in days)


CARE = [
    ("a course of weeks", (care("cbt", started=ago(60), ended=ago(30)),),
     (CareState.DONE, True)),
    ("six visits in one record", (care("cbt", visits=6, started=ago(9)),),
     (CareState.DONE, True)),
    ("six visits", visits("cbt", 20, 18, 16, 14, 12, 10), (CareState.DONE, True)),
    ("visits over four weeks", visits("cbt", 40, 13), (CareState.DONE, True)),
    ("a record of unknown extent", (care("cbt", started=ago(9)),), (CareState.DONE, None)),
    ("a completed order", (care("cbt", kind="request", written=ago(9)),),
     (CareState.DONE, None)),
    ("no date", (care("cbt"),), (CareState.DONE, None)),
    ("two visits in a week", visits("cbt", 9, 5), (CareState.IN_PROGRESS, False)),
    ("three visits in one record", (care("cbt", visits=3, started=ago(9)),),
     (CareState.IN_PROGRESS, False)),
    ("going on", (care("cbt", status="in-progress", started=ago(9)),),
     (CareState.IN_PROGRESS, False)),
    ("going on for weeks", (care("cbt", status="in-progress", started=ago(40)),),
     (CareState.DONE, True)),
    ("a plan", (care("cbt", kind="plan", status="active", started=ago(9)),),
     (CareState.IN_PROGRESS, False)),
    ("ordered", (care("cbt", kind="request", status="active", written=ago(9)),),
     (CareState.ORDERED, None)),
    ("booked", (care("cbt", kind="appointment", status="booked", started=ago(-9)),),
     (CareState.ORDERED, None)),
    ("declined", (care("cbt", status="not-done", started=ago(9)),), (CareState.DECLINED, None)),
    ("order revoked by choice",
     (care("cbt", kind="request", status="revoked", status_reasons=term("stopped-other")),),
     (CareState.DECLINED, None)),
    ("ordered after it was declined",
     (care("cbt", status="not-done", started=ago(90)),
      care("cbt", kind="request", status="active", written=ago(9))), (CareState.ORDERED, None)),
    ("order revoked", (care("cbt", kind="request", status="revoked"),), None),
    ("missed", (care("cbt", kind="appointment", status="noshow", started=ago(9)),), None),
    ("entered in error", (care("cbt", status="entered-in-error"),), None),
    ("too long ago", (care("cbt", visits=9, started=ago(500), ended=ago(400)),), None),
    ("other care", (care("tens"),), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("services", "expected"), [row[1:] for row in CARE], ids=[row[0] for row in CARE]
)
def test_care_without_drugs(
    services: tuple[ServiceUse, ...], expected: tuple[CareState, bool | None] | None
) -> None:
    trial = nonpharmacologic(Chart(today=TODAY, services=services)).get("cbt")
    assert (trial and (trial.state, trial.adequate)) == expected


def test_visits_of_a_kind_are_care() -> None:
    seen = tuple(
        Encounter(
            reference=f"Encounter/{n}", status="finished", kinds=term("cbt"), started=ago(n)
        )
        for n in range(10, 70, 10)
    )
    trial = nonpharmacologic(Chart(today=TODAY, encounters=seen))["cbt"]
    assert (trial.state, trial.visits, trial.on) == (CareState.DONE, 6, ago(10))
    assert trial.fact.resource == "Encounter/10"


def test_exercise_and_physical_therapy_are_one_kind() -> None:
    services = (
        care("physical-therapy"),
        care("exercise"),
        care("cbt"),
        *visits("massage", 9, 5),
    )
    tried = nonpharmacologic(Chart(today=TODAY, services=services))
    assert tried_modalities(tried) == ("cbt", "exercise")


def injection(day: int, *outcome: str, **more: object) -> ServiceUse:
    said = {"outcomes": term(*outcome)}
    return care("epidural-steroid-injection", started=ago(day), **{**said, **more})


@pytest.mark.parametrize(
    ("given", "helped"),
    [
        (injection(9, "outcome-unsuccessful"), False),
        (injection(9, notes="no relief"), False),
        (injection(9, "outcome-helped"), True),
        (injection(9, "partial-relief", "outcome-unsuccessful"), True),
        (injection(9), None),
    ],
)
def test_the_outcome_of_an_injection(given: ServiceUse, helped: bool | None) -> None:
    (found,) = injections(Chart(today=TODAY, services=(given,)))
    assert (found.helped, found.on) == (helped, ago(9))


def test_injections_without_effect_count_for_a_year() -> None:
    services = tuple(
        injection(day, "outcome-unsuccessful", reference=f"Procedure/{day}")
        for day in (366, 365, 100)
    )
    found = failed_injections(Chart(today=TODAY, services=services))
    assert [one.reference for one in found] == ["Procedure/100", "Procedure/365"]


@pytest.mark.parametrize(
    "service",
    [
        injection(9, "outcome-unsuccessful", status="not-done"),
        injection(9, "outcome-unsuccessful", kind="request", status="active"),
        care("spine-surgery", outcomes=term("outcome-unsuccessful")),
    ],
)
def test_what_was_not_injected_is_no_injection(service: ServiceUse) -> None:
    assert injections(Chart(today=TODAY, services=(service,))) == ()


def test_the_order_of_an_injection_is_not_a_second_one() -> None:
    services = (injection(9), injection(9, kind="request"))
    assert len(injections(Chart(today=TODAY, services=services))) == 1
