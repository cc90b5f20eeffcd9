"""The order form: its choices, its fields to a FHIR draft order, and a draft back to fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from cards import drug_table, drugs
from cards.chart import Code
from service.fhir import Resource, first_object, number, reference, string

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
SYSTEMS: Mapping[str, str] = {
    "snomed": SNOMED,
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
}
MOST_NAMES = 12
SHORTEST_QUERY = 2

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often a dose is taken: in words, and as the ``repeat`` of a FHIR Timing."""

    label: str
    repeat: Mapping[str, float | str]
    as_needed: bool = False


def _every(hours: int) -> Mapping[str, float | str]:
    return {"frequency": 1, "period": hours, "periodUnit": "h"}


def _daily(times: int) -> Mapping[str, float | str]:
    return {"frequency": times, "period": 1, "periodUnit": "d"}


FREQUENCIES: Mapping[str, Frequency] = {
    "daily": Frequency("once a day", _daily(1)),
    "bid": Frequency("twice a day", _daily(2)),
    "tid": Frequency("three times a day", _daily(3)),
    "qid": Frequency("four times a day", _daily(4)),
    "q4h": Frequency("every 4 hours as needed", _every(4), as_needed=True),
    "q6h": Frequency("every 6 hours as needed", _every(6), as_needed=True),
    "q8h": Frequency("every 8 hours as needed", _every(8), as_needed=True),
    "once": Frequency("once only", {"count": 1}),
}


class Limits(NamedTuple):
    """What a number of the form may be; the ends are allowed."""

    label: str
    least: float
    most: float

    @property
    def told(self) -> str:
        """What to enter, in words."""
        return f"{self.label}: a number from {self.least:g} to {self.most:g}."


LIMITS: Mapping[str, Limits] = {
    "dose": Limits("Dose", 0.001, 10_000),
    "days": Limits("Days of supply", 1, 365),
}
UNITS = ("tablet", "capsule", "film", "patch", "mg", "mcg", "mL")
ROUTES: Mapping[str, str] = {  # by SNOMED CT code
    "oral": "26643006",
    "topical": "6064005",
    "transdermal": "45890007",
    "sublingual": "37839007",
    "nasal": "46713006",
    "intramuscular": "78421000",
    "intravenous": "47625008",
    "epidural": "404820008",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something other than a drug that can be ordered: our words, and a bare code."""

    kind: str  # imaging | referral | device
    text: str
    codes: tuple[tuple[str, str], ...] = ()


SERVICES: Mapping[str, Service] = {
    "mri-lumbar": Service(kind="imaging", text="Lumbar spine MRI", codes=(("cpt", "72148"),)),
    "ct-lumbar": Service(kind="imaging", text="Lumbar spine CT", codes=(("cpt", "72131"),)),
    "xray-lumbar": Service(
        kind="imaging", text="Lumbar spine X-ray", codes=(("cpt", "72100"),)
    ),
    "physical-therapy": Service(
        kind="referral", text="Physical therapy", codes=(("snomed", "91251008"),)
    ),
    "cbt": Service(
        kind="referral", text="Cognitive behavioural therapy", codes=(("snomed", "228557008"),)
    ),
    "acupuncture": Service(kind="referral", text="Acupuncture", codes=(("cpt", "97810"),)),
    "spinal-manipulation": Service(
        kind="referral", text="Spinal manipulation", codes=(("cpt", "98940"),)
    ),
    "addiction-medicine": Service(kind="referral", text="Addiction medicine"),
    "pain-clinic": Service(kind="referral", text="Pain clinic"),
    "spine-surgery": Service(kind="referral", text="Spine surgery consultation"),
    "epidural-injection": Service(
        kind="referral", text="Epidural steroid injection", codes=(("cpt", "62323"),)
    ),
    "bed-rest": Service(kind="referral", text="Bed rest"),
    "lumbar-support": Service(
        kind="device", text="Lumbar support", codes=(("snomed", "77476009"),)
    ),
    "tens": Service(kind="device", text="TENS unit", codes=(("hcpcs", "E0720"),)),
    "traction": Service(kind="device", text="Lumbar traction", codes=(("hcpcs", "E0830"),)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of the order form, as a browser sends them: all of them text."""

    id: str = "draft-1"
    kind: str = "drug"
    drug: str = ""
    dose: str = ""
    unit: str = ""
    frequency: str = ""
    days: str = ""
    route: str = ""
    reason: str = ""  # "Condition/7"
    service: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> "Form":
        """Take the fields we know; others are left out."""
        known = cls.__dataclass_fields__
        return cls(**{name: string(fields[name]) for name in known if name in fields})


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form offers."""

    frequencies: Mapping[str, Frequency] = field(default_factory=lambda: FREQUENCIES)
    routes: tuple[str, ...] = tuple(ROUTES)
    units: tuple[str, ...] = UNITS
    services: Mapping[str, Service] = field(default_factory=lambda: SERVICES)
    limits: Mapping[str, Limits] = field(default_factory=lambda: LIMITS)


def drug_names(query: str) -> list[str]:
    """Return names of products that hold every word of the query, generic and short first."""
    asked = query.lower().split()
    if len(query.strip()) < SHORTEST_QUERY:
        return []
    found = [
        (not low.startswith(asked[0]), "[" in low, len(low), name)
        for low, name in _products()
        if all(word in low for word in asked)
    ]
    return [name for *_, name in sorted(found)[:MOST_NAMES]]


@cache
def _products() -> tuple[tuple[str, str], ...]:
    rows = drug_table.table().rows.values()
    return tuple((row.name.lower(), row.name) for row in rows if row.is_product)


@cache
def _codes() -> Mapping[str, str]:
    rows = drug_table.table().rows.values()
    return {row.name.lower(): row.code for row in rows if row.is_product}


def mistakes(form: Form) -> list[str]:
    """Return what to enter instead of the numbers that no order can have."""
    entered = {"dose": form.dose, "days": form.days} if form.kind == "drug" else {}
    return [LIMITS[name].told for name, text in entered.items() if not _fits(name, text)]


def _fits(name: str, text: str) -> bool:
    value = number(text)
    limits = LIMITS[name]
    return not text or (value is not None and limits.least <= value <= limits.most)


def draft_of(form: Form, patient: str, day: str) -> Json | None:
    """Return the FHIR draft order that the form describes; None while nothing is chosen."""
    if form.kind == "drug":
        return _medication_request(form, patient, day) if form.drug else None
    chosen = SERVICES.get(form.service)
    return _service_order(form, chosen, patient, day) if chosen else None


def _medication_request(form: Form, patient: str, day: str) -> Json:
    dispense: Json = {}
    if days := _figure(form.days):
        supply = {"value": days, "unit": "days", "system": UCUM, "code": "d"}
        dispense = {"dispenseRequest": {"expectedSupplyDuration": supply}}
    dosage = _dosage(form)
    return {
        "resourceType": "MedicationRequest",
        **_common(form, patient),
        "medicationCodeableConcept": _medication(form.drug),
        "authoredOn": day,
        **({"dosageInstruction": [dosage]} if dosage else {}),
        **dispense,
    }


def _medication(name: str) -> Json:
    code = _codes().get(name.lower())
    coding = {"coding": [{"system": RXNORM, "code": code, "display": name}]} if code else {}
    return {**coding, "text": name}


def _dosage(form: Form) -> Json:
    dosage: Json = {}
    if often := FREQUENCIES.get(form.frequency):
        dosage["timing"] = {"repeat": dict(often.repeat)}
        if often.as_needed:
            dosage["asNeededBoolean"] = True
    if route := ROUTES.get(form.route):
        dosage["route"] = {"coding": [{"system": SNOMED, "code": route}], "text": form.route}
    if dose := _figure(form.dose):
        quantity = {"value": dose, **({"unit": form.unit} if form.unit else {})}
        dosage["doseAndRate"] = [{"doseQuantity": quantity}]
    return dosage


def _figure(value: object) -> float | None:
    """Return a number, without a point where it is a whole one."""
    known = number(value)
    return int(known) if known is not None and known.is_integer() else known


def _service_order(form: Form, service: Service, patient: str, day: str) -> Json:
    codings = [{"system": SYSTEMS[system], "code": code} for system, code in service.codes]
    code = {**({"coding": codings} if codings else {}), "text": service.text}
    kind, field_ = "ServiceRequest", "code"
    if service.kind == "device":
        kind, field_ = "DeviceRequest", "codeCodeableConcept"
    return {"resourceType": kind, **_common(form, patient), field_: code, "authoredOn": day}


def _common(form: Form, patient: str) -> Json:
    return {
        "id": form.id,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        **({"reasonReference": [{"reference": form.reason}]} if form.reason else {}),
    }


def form_of(draft: Resource) -> dict[str, str]:
    """Return the fields that describe a draft as well as they can."""
    known: dict[str, str] = {"id": string(draft.get("id"))}
    known["reason"] = reference(first_object(draft.get("reasonReference")))
    if draft.get("resourceType") == "MedicationRequest":
        return {**known, **_drug_fields(draft)}
    text = name_of(draft)
    for key, service in SERVICES.items():
        if service.text == text:
            return {**known, "kind": service.kind, "service": key}
    return {**known, "kind": "referral", "service": ""}


def _drug_fields(draft: Resource) -> dict[str, str]:
    dosage = first_object(draft.get("dosageInstruction"))
    quantity = first_object(first_object(dosage.get("doseAndRate")).get("doseQuantity"))
    supply = first_object(draft.get("dispenseRequest")).get("expectedSupplyDuration")
    return {
        "kind": "drug",
        "drug": name_of(draft),
        "dose": _plain(quantity.get("value")),
        "unit": string(quantity.get("unit")),
        "frequency": _frequency(dosage),
        "days": _plain(first_object(supply).get("value")),
        "route": _route(dosage),
    }


def _plain(value: object) -> str:
    known = _figure(value)
    return "" if known is None else str(known)


def _frequency(dosage: Resource) -> str:
    repeat = first_object(first_object(dosage.get("timing")).get("repeat"))
    as_needed = dosage.get("asNeededBoolean") is True
    alike = [key for key, often in FREQUENCIES.items() if dict(often.repeat) == repeat]
    return next(
        (key for key in alike if FREQUENCIES[key].as_needed == as_needed),
        alike[0] if alike else "",
    )


def _route(dosage: Resource) -> str:
    codings = first_object(dosage.get("route")).get("coding")
    code = string(first_object(codings).get("code"))
    return next((name for name, known in ROUTES.items() if known == code), "")


def name_of(draft: Resource) -> str:
    """Return what is ordered, as the draft words it."""
    for name in ("medicationCodeableConcept", "code", "codeCodeableConcept"):
        concept = first_object(draft.get(name))
        text = string(concept.get("text"))
        if text := text or string(first_object(concept.get("coding")).get("display")):
            return text
    return "an order"


def short_name(draft: Resource) -> str:
    """Return the drug's short name where our table knows it, else the draft's own words."""
    coding = first_object(first_object(draft.get("medicationCodeableConcept")).get("coding"))
    code = string(coding.get("code"))
    drug = drugs.identify((Code("rxnorm", code),) if code else (), name_of(draft))
    is_drug = "medicationCodeableConcept" in draft
    return drug.label if drug and is_drug else name_of(draft)


def sentence(draft: Resource) -> str:
    """Return how the draft is to be taken, in words: "1 tablet, twice a day, 7 days"."""
    return ", ".join(_said(draft)) or "no dose given"


def _said(draft: Resource) -> Iterator[str]:
    if draft.get("resourceType") != "MedicationRequest":
        yield "draft order"
        return
    fields = _drug_fields(draft)
    if fields["dose"]:
        yield _counted(fields["dose"], fields["unit"]).strip()
    if fields["frequency"]:
        yield FREQUENCIES[fields["frequency"]].label
    elif text := string(first_object(draft.get("dosageInstruction")).get("text")):
        yield text
    if fields["route"]:
        yield fields["route"]
    if fields["days"]:
        yield _counted(fields["days"], "day")


def _counted(count: str, what: str) -> str:
    several = (number(count) or 0) > 1
    return f"{count} {_SEVERAL.get(what, what) if several else what}"


_SEVERAL: Mapping[str, str] = {
    "tablet": "tablets",
    "capsule": "capsules",
    "film": "films",
    "patch": "patches",
    "day": "days",
}
