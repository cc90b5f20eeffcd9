"""The orders on the screen: which can be read, which count, which are to be evaluated."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cards.chart import MedicationUse, Order, ServiceUse
from service.envelope import HookRequest
from service.fhir import Resource, local, string, word
from service.reading_medications import KINDS, identify_drug, named_medicine, read_use
from service.reading_services import ORDERS, read_services, says_what
from service.references import Record

# What is void, done or refused is no order any more. Stopped and cancelled orders are kept
# with their status: stopping a medicine can be what is wrong.
_OVER = frozenset(
    {"entered-in-error", "completed", "ended", "revoked", "rejected", "aborted", "failed"}
)
_NOT_ORDERED = frozenset({"option", "proposal", "plan", "filler-order"})

ANOTHER_PATIENT = "is about another patient"
NO_MEDICINE = "names no medicine"
NO_SERVICE = "names no service"
NOT_AMONG_DRAFTS = "selections: one of them is not among the drafts"


@dataclass(slots=True)
class Orders:
    """The orders of one call, and what could not be read of them."""

    drafts: list[Order] = field(default_factory=list)
    evaluated: list[Order] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    unidentified: list[str] = field(default_factory=list)


def by_reference(resources: Iterable[Resource]) -> dict[str, Resource]:
    """Name every resource "Type/id"; one without an id of its own becomes "Type#3"."""
    named: dict[str, Resource] = {}
    for position, resource in enumerate(resources):
        kind, name = string(resource.get("resourceType")), string(resource.get("id"))
        ref = f"{kind}/{name}"
        named[ref if name and ref not in named else f"{kind}#{position}"] = resource
    return named


def read_orders(request: HookRequest, record: Record) -> Orders:
    """Read the drafts; of those that count, say which are evaluated.

    At order-select these are the selected ones. Selections are required there, so that a
    client that leaves them out cannot mean "none": all are evaluated then. A selected order
    counts whatever its intent is, since someone has just chosen it.
    """
    orders = Orders()
    chosen = _Choice(request.selections)
    selecting = request.hook == "order-select"
    for ref, resource in record.drafts.items():
        selected = selecting and chosen.includes(ref)
        order = _read_draft(resource, ref, record, orders)
        if order is None or not _counts(order, selected=selected):
            continue
        orders.drafts.append(order)
        if selected or request.hook == "order-sign":
            orders.evaluated.append(order)
    if selecting and not chosen.all_among(record.drafts):
        orders.unread.append(NOT_AMONG_DRAFTS)
    return orders


class _Choice:
    """The selections of a call: ids with or without a type, its case not minded."""

    def __init__(self, selections: Iterable[str]) -> None:
        self._names = {_folded(local(selection)) for selection in selections}

    def includes(self, ref: str) -> bool:
        """Say whether an order is selected; without any selection all are."""
        return not self._names or not self._names.isdisjoint(_names(ref))

    def all_among(self, refs: Iterable[str]) -> bool:
        """Say whether every selection is one of the orders."""
        there = {name for ref in refs for name in _names(ref)}
        return self._names <= there


def _names(ref: str) -> tuple[str, str]:
    return _folded(ref), ref.rpartition("/")[2]


def _folded(ref: str) -> str:
    """Lower the case of the type, never of the id."""
    kind, slash, name = ref.rpartition("/")
    return kind.lower() + slash + name


def _counts(order: Order, *, selected: bool) -> bool:
    """Say whether an order would take effect, or would stop something."""
    if order.do_not_perform or order.status in _OVER:
        return False
    return selected or order.intent not in _NOT_ORDERED


def _read_draft(resource: Resource, ref: str, record: Record, orders: Orders) -> Order | None:
    kind = string(resource.get("resourceType"))
    if KINDS.get(kind) != "request" and kind not in ORDERS:
        return None  # such as a NutritionOrder: no rule looks at it
    if not record.belongs(resource):
        orders.unread.append(f"{ref}: {ANOTHER_PATIENT}")
        return None
    if kind in ORDERS:
        service = _read_service(resource, ref, record, orders)
        return _order(resource, ref, service=service) if service else None
    medication = _read_medication(resource, ref, record, orders)
    return _order(resource, ref, medication=medication) if medication else None


def _order(
    resource: Resource,
    ref: str,
    *,
    medication: MedicationUse | None = None,
    service: ServiceUse | None = None,
) -> Order:
    return Order(
        reference=ref,
        status=word(resource.get("status")) or "draft",
        intent=word(resource.get("intent")) or "order",
        do_not_perform=resource.get("doNotPerform") is True,
        medication=medication,
        service=service,
    )


def _read_medication(
    resource: Resource, ref: str, record: Record, orders: Orders
) -> MedicationUse | None:
    medicine = named_medicine(resource, record)
    if not medicine.codes and not medicine.text:
        orders.unread.append(f"{ref}: {NO_MEDICINE}")
        return None
    drug = identify_drug(medicine)
    if drug is None:
        orders.unidentified.append(ref)
        return None
    return read_use(_with_status(resource), ref, drug, record)


def _read_service(
    resource: Resource, ref: str, record: Record, orders: Orders
) -> ServiceUse | None:
    """Read a service of ours; one that is known to be something else is nothing to name."""
    use = next(iter(read_services(_with_status(resource), ref, record)), None)
    if use is None and not says_what(resource):
        orders.unread.append(f"{ref}: {NO_SERVICE}")
    return use


def _with_status(resource: Resource) -> Resource:
    return resource if "status" in resource else {**resource, "status": "draft"}
