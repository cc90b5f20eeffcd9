"""Small charts in words: turn the ``given`` of a rule's example into a case."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from cards import drugs, terms
from cards.case import NO_ORDER, Assessment, Case
from cards.chart import (
    Allergy,
    Amount,
    Chart,
    Code,
    Concept,
    Dosage,
    Drug,
    Encounter,
    Identified,
    Measurement,
    MedicationUse,
    Order,
    Patient,
    Problem,
    Route,
    ServiceUse,
)
from cards.rulebook import Rule
from cards.service_labels import service_label
from cards.sig import read_sig

TODAY = date(2026, 3, 2)
USUAL_AGE = 46
_AGO = re.compile(r"([+-]?\d+)\s*([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


class ExampleError(Exception):
    """An example says something that this module does not understand."""


class _Table:
    """A table of an example; every key must be taken before :meth:`close`."""

    def __init__(self, what: str, entry: Mapping[str, Any]) -> None:
        self.what = what
        self.left = dict(entry)

    def take(self, key: str, default: Any = None) -> Any:
        return self.left.pop(key, default)

    def day(self, key: str, default: str | None = None) -> date | None:
        value = self.take(key, default)
        return None if value is None else _day(value)

    def close(self) -> None:
        if self.left:
            raise ExampleError(f"{self.what}: unknown keys: {', '.join(sorted(self.left))}")


def case_of(rule: Rule, given: Mapping[str, Any]) -> Case:
    """Return the case that an example describes; an unknown key is an :class:`ExampleError`.

    ``given`` may say: ``order`` (a drug in words, or a table with ``drug`` or ``service``),
    ``with_orders``, ``medications``, ``problems``, ``services``, ``measurements``,
    ``allergies``, ``encounter``, ``age``, ``sex``, ``missing``, ``specialty``, ``hook`` and
    ``limits``, the rule's numbers as a site has changed them.
    Days are dates or distances from 2026-03-02, such as ``-6w``.
    """
    table = _Table(rule.id, given)
    stated = table.take("order")
    order = NO_ORDER if stated is None else _order("order", 1, stated)
    hook = table.take("hook", "patient-view" if order is NO_ORDER else "order-sign")
    changed = table.take("limits", {})
    chart = _chart(table, order)
    table.close()
    numbers = {**rule.numbers, **changed} if changed else rule.numbers
    return Case(Assessment.of(chart).view(order), numbers, hook)


def _chart(table: _Table, order: Order) -> Chart:
    others = (
        _order("with_orders", number, stated)
        for number, stated in enumerate(table.take("with_orders", ()), start=2)
    )
    age = table.take("age", USUAL_AGE)
    born = None if age == "unknown" else TODAY - timedelta(days=int(age * 365.25) + 100)
    specialty = table.take("specialty")
    return Chart(
        today=TODAY,
        patient=Patient(
            born=born, sex=table.take("sex", ""), deceased=table.take("deceased", False)
        ),
        drafts=tuple(each for each in (order, *others) if each is not NO_ORDER),
        medications=tuple(_each(_medication, table.take("medications", ()))),
        problems=tuple(_each(_problem, table.take("problems", ()))),
        services=tuple(_each(_service, table.take("services", ()))),
        measurements=tuple(_each(_measurement, table.take("measurements", ()))),
        allergies=tuple(_each(_allergy, table.take("allergies", ()))),
        encounters=tuple(_encounters(table.take("encounter"))),
        user_specialties=frozenset({specialty} if specialty else ()),
        missing=frozenset(table.take("missing", ())),
    )


def _each(make: Any, entries: Sequence[Any]) -> Iterator[Any]:
    return (make(number, entry) for number, entry in enumerate(entries, start=1))


def _day(value: Any) -> date:
    if isinstance(value, date):
        return value
    if value == "today":
        return TODAY
    if match := _AGO.fullmatch(str(value)):
        return TODAY + timedelta(days=int(match[1]) * _DAYS[match[2]])
    return date.fromisoformat(value)


def _concept(value: Any) -> Concept:
    """Read a term name, a ``system|code`` or, with a leading ``~``, free text."""
    text = str(value)
    if text.startswith("~"):
        return terms.concept((), text[1:])
    if "|" in text:
        system, code = text.split("|", 1)
        return terms.concept((Code(system, code),), "")
    return terms.example(text)


def _concepts(value: Any) -> tuple[Concept, ...]:
    listed = [value] if isinstance(value, str) else value or []
    return tuple(_concept(each) for each in listed)


def _drug(text: str) -> Drug:
    drug = drugs.by_name(text)
    if drug is None:
        raise ExampleError(f"no drug of our table is called {text!r}")
    return replace(drug, identified=Identified.CODE)  # named here, coded in a real order


def _order(what: str, number: int, stated: Any) -> Order:
    table = _Table(what, {"drug": stated} if isinstance(stated, str) else stated)
    status, intent = table.take("status", "draft"), table.take("intent", "order")
    if "service" in table.left:
        reference = f"ServiceRequest/draft-{number}"
        concept = _concept(table.take("service"))
        service = ServiceUse(
            reference=reference,
            concept=concept,
            kind=table.take("kind", "request"),
            reasons=_concepts(table.take("reason")),
            notes=table.take("notes", ""),
            written=TODAY,
            started=table.day("started"),
            ended=table.day("ended"),
            label=service_label(concept),
        )
        table.close()
        return Order(reference=reference, status=status, intent=intent, service=service)
    reference = f"MedicationRequest/draft-{number}"
    use = _use(table, reference, status, written="today")
    table.close()
    return Order(reference=reference, status=status, intent=intent, medication=use)


def _use(table: _Table, reference: str, status: str, written: str | None) -> MedicationUse:
    drug = _drug(table.take("drug"))
    sig, days = table.take("sig", ""), table.take("days")
    dosages = (read_sig(sig),) if sig else ()
    quantity = table.take("quantity")
    return MedicationUse(
        reference=reference,
        drug=drug,
        status=status,
        kind=table.take("kind", "request"),
        route=_route(table.take("route"), dosages, drug),
        dosages=dosages,
        supply_days=days,
        quantity=None if quantity is None else Amount(quantity, quantity, drug.form),
        refills=table.take("refills", 0),
        dispensed=table.take("dispensed", days is not None or quantity is not None),
        written=table.day("written", written),
        started=table.day("started"),
        ended=table.day("ended"),
        reasons=_concepts(table.take("reason")),
        status_reasons=_concepts(table.take("outcome")),
        notes=table.take("notes", ""),
        categories=_categories(table.take("setting")),
    )


def _categories(setting: str | None) -> frozenset[str]:
    return frozenset({setting} if setting else ())


def _route(stated: str | None, dosages: tuple[Dosage, ...], drug: Drug) -> Route:
    if stated:
        return Route(stated)
    said = next((d.route for d in dosages if d.route is not Route.UNKNOWN), Route.UNKNOWN)
    return said if said is not Route.UNKNOWN else drug.route


def _medication(number: int, stated: Any) -> MedicationUse:
    table = _Table("medications", {"drug": stated} if isinstance(stated, str) else stated)
    if "outcome" in table.left or "ended" in table.left:
        table.left.setdefault("status", "stopped")
    if table.left.get("status", "active") == "active":
        table.left.setdefault("started", "-60d")
    table.left.setdefault("kind", "statement")
    use = _use(table, f"Medication/{number}", table.take("status", "active"), None)
    table.close()
    return use


def _problem(number: int, stated: Any) -> Problem:
    table = _Table("problems", {"is": stated} if isinstance(stated, str) else stated)
    problem = Problem(
        reference=f"Condition/{number}",
        concept=_concept(table.take("is")),
        clinical=table.take("clinical", "active"),
        verification=table.take("verification", "confirmed"),
        encounter_diagnosis=table.take("encounter_diagnosis", False),
        onset=table.day("onset"),
        recorded=table.day("recorded", "-30d"),
        abated=table.day("abated"),
    )
    table.close()
    return problem


def _service(number: int, stated: Any) -> ServiceUse:
    table = _Table("services", {"is": stated} if isinstance(stated, str) else stated)
    service = ServiceUse(
        reference=f"Service/{number}",
        concept=_concept(table.take("is")),
        kind=table.take("kind", "procedure"),
        status=table.take("status", "completed"),
        written=table.day("written"),
        started=table.day("started"),
        ended=table.day("ended", "-30d"),
        outcomes=_concepts(table.take("outcome")),
        reasons=_concepts(table.take("reason")),
        status_reasons=_concepts(table.take("status_reason")),
        notes=table.take("notes", ""),
        visits=table.take("visits"),
    )
    table.close()
    return service


def _measurement(number: int, stated: Mapping[str, Any]) -> Measurement:
    table = _Table("measurements", stated)
    measurement = Measurement(
        reference=f"Observation/{number}",
        concept=_concept(table.take("is")),
        value=table.take("value"),
        unit=table.take("unit", ""),
        on=table.day("on", "-30d"),
        text=table.take("text", ""),
    )
    table.close()
    return measurement


def _allergy(number: int, stated: Any) -> Allergy:
    table = _Table("allergies", {"drug": stated} if isinstance(stated, str) else stated)
    allergy = Allergy(
        reference=f"AllergyIntolerance/{number}",
        drug=_drug(table.take("drug")),
        intolerance=table.take("intolerance", False),
        recorded=table.day("recorded", "-1y"),
    )
    table.close()
    return allergy


def _encounters(stated: Mapping[str, Any] | None) -> Iterator[Encounter]:
    if stated is None:
        return
    table = _Table("encounter", stated)
    yield Encounter(
        reference="Encounter/1",
        class_code=table.take("class", "AMB"),
        status="in-progress",
        current=True,
        reasons=_concepts(table.take("reason")),
        kinds=_concepts(table.take("kind")),
        started=TODAY,
    )
    table.close()
