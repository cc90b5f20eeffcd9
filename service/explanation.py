"""What the service makes of one request, as a document: what was read, what fires and why."""

from collections.abc import Iterator
from typing import Any

from cards.card_text import summary
from cards.case import OrderView
from cards.chart import MedicationUse, Order
from cards.dosing import daily_mg, days_supplied
from cards.rulebook import Rulebook
from service.conformance import faults
from service.envelope import HookRequest
from service.errors import ServiceError
from service.response import Answered

Json = dict[str, Any]


def explanation(answered: Answered, book: Rulebook, *, silent: bool) -> Json:
    """Return everything that the command ``check`` shows."""
    reading, chart = answered.reading, answered.reading.chart
    return {
        "hook": answered.request.hook,
        "evaluatedFor": chart.today.isoformat(),
        "rulebook": book.version,
        "read": _counted(answered),
        "unidentifiedOnRecord": reading.unidentified_on_record,
        "missing": sorted(chart.missing),
        "incomplete": sorted(answered.gathered.incomplete),
        "unread": sorted(reading.unread),
        "unidentified": sorted(reading.unidentified),
        "invalid": list(_invalid(answered)),
        "orders": list(_orders(answered)),
        **_rules(answered, book, silent=silent),
        "cards": [
            {"indicator": plan.headline.indicator.value, "summary": summary(plan)}
            for plan in answered.plans
        ],
    }


def refusal(error: ServiceError) -> Json:
    """Return why the service would not answer a request."""
    issues = [
        {"text": issue.text, "path": issue.path, "remedy": issue.remedy}
        for issue in error.issues
    ]
    return {"refused": {"status": int(error.status), "issues": issues}}


def _counted(answered: Answered) -> dict[str, int]:
    chart = answered.reading.chart
    return {
        "medications": len(chart.medications),
        "problems": len(chart.problems),
        "services": len(chart.services),
        "measurements": len(chart.measurements),
        "allergies": len(chart.allergies),
        "encounters": len(chart.encounters),
    }


def _invalid(answered: Answered) -> Iterator[Json]:
    """Yield what is not FHIR R4: the resource and path, and the kind of fault."""
    for source, resource in _resources(answered.request):
        reference = f"{resource.get('resourceType')}/{resource.get('id')}"
        for fault in faults(resource):
            yield {
                "source": source,
                "resource": reference,
                "path": fault.path,
                "fault": fault.text,
            }


def _resources(request: HookRequest) -> Iterator[tuple[str, Json]]:
    """Yield the resources, each with the key that it came under."""
    for draft in request.drafts:
        yield "draftOrders", draft
    for key, value in request.prefetch.items():
        if not isinstance(value, dict):
            continue
        entries = value.get("entry") if value.get("resourceType") == "Bundle" else [value]
        for entry in entries if isinstance(entries, list) else ():
            resource = entry.get("resource", entry) if isinstance(entry, dict) else None
            if isinstance(resource, dict):
                yield key, resource


def _orders(answered: Answered) -> Iterator[Json]:
    evaluated = {order.reference for order in answered.reading.orders}
    for order in answered.reading.chart.drafts:
        yield {
            "reference": order.reference,
            "status": order.status,
            "evaluated": order.reference in evaluated,
            **_taken_for(order),
            "why": _why(answered.patient.view(order)),
        }


def _taken_for(order: Order) -> Json:
    if order.medication is None:
        return {"takenFor": ", ".join(sorted(order.classes))}
    use = order.medication
    return {
        "takenFor": use.drug.label,
        "foundBy": f"{use.drug.identified} {use.drug.code}".strip(),
        "doubt": use.drug.doubt,
        "route": use.route.value,
        "aDay": list(_daily(use)),
        "days": days_supplied(use),
    }


def _why(view: OrderView) -> str:
    weeks = view.acuity.weeks
    length = f"{view.acuity.phase}" + (f" ({weeks:.0f} weeks)" if weeks is not None else "")
    return f"back pain {view.relevance}, {length}"


def _daily(use: MedicationUse) -> Iterator[str]:
    for name in sorted(use.drug.ingredient_names):
        if amount := daily_mg(use, name):
            low, high = f"{amount.low:g}", f"{amount.high:g}"
            yield f"{name} {low if low == high else f'{low}-{high}'} mg"


def _rules(answered: Answered, book: Rulebook, *, silent: bool) -> Json:
    evaluation = answered.evaluation
    return {
        "findings": [
            {
                "rule": finding.rule.id,
                "outcome": finding.outcome.name,
                "indicator": finding.indicator.value,
                "order": finding.order.reference,
                "facts": [{"text": f.text, "resource": f.resource} for f in finding.facts],
            }
            for finding in evaluation.findings
        ],
        "silences": [
            {
                "rule": one.rule,
                "outcome": one.outcome,
                "order": one.order,
                "why": book.by_id[one.rule].silent.get(one.outcome, "not shown at this hook"),
            }
            for one in (evaluation.silences if silent else ())
        ],
        "broken": [{"rule": one.rule, "fault": one.fault} for one in evaluation.broken],
    }
