"""The expected findings of the worked vignettes at both hooks: {rule: indicator}."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
import pytest

from service.answering import Answering
from service.catalogue import find
from service.envelope import read_request
from service.settings import Settings
from tests.vignettes import (
    BACK_PAIN,
    TODAY,
    concept,
    drug_order,
    findings,
    medication,
    patient,
    request,
    service_order,
)

C, W, I = "critical", "warning", "info"  # noqa: E741 - as the tables of the rules write them
TABLET, CAPSULE, FILM, MG = "tablet", "capsule", "film", "mg"

Json = dict[str, Any]
Change = Callable[[list[Json]], list[Json]]


@dataclass(frozen=True)
class Row:
    """One row: a patient, what is different about them, the drafts, the findings."""

    id: str
    patient: str
    drafts: tuple[Json, ...]
    select: Mapping[str, str] = field(default_factory=dict)
    sign: Mapping[str, str] = field(default_factory=dict)
    change: Change | None = None
    without: tuple[str, ...] = ()


@cache
def answering() -> Answering:
    return Answering(Settings())


def answer(hook: str, row: Row) -> Mapping[str, Any]:
    resources = copy.deepcopy(patient(row.patient))
    if row.change:
        resources = row.change(resources)
    body = request(hook, resources, row.drafts, row.without)
    service = find(f"back-pain-{hook}")
    asked = read_request(orjson.dumps(body), None, service, extensions=True)
    assert asked.as_of
    answered: Mapping[str, Any] = orjson.loads(orjson.dumps(answering()(asked, asked.as_of)))
    return answered


# --- what is different about a patient ----------------------------------------------------


def adding(*more: Json) -> Change:
    return lambda resources: [*resources, *more]


def leaving_out(*ids: str) -> Change:
    return lambda resources: [one for one in resources if one["id"] not in ids]


def changing(id_: str, **fields: Any) -> Change:
    def change(resources: list[Json]) -> list[Json]:
        return [{**one, **fields} if one["id"] == id_ else one for one in resources]

    return change


def both(*changes: Change) -> Change:
    def change(resources: list[Json]) -> list[Json]:
        for each in changes:
            resources = each(resources)
        return resources

    return change


def condition(id_: str, code: tuple[str, str], **fields: Any) -> Json:
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    verified = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {
        "resourceType": "Condition",
        "id": id_,
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "verificationStatus": {
            "coding": [{"system": verified, "code": fields.pop("verification", "confirmed")}]
        },
        "code": concept(code),
        **fields,
    }


def done(id_: str, text: str, *codes: tuple[str, str], start: str, end: str) -> Json:
    return {
        "resourceType": "Procedure",
        "id": id_,
        "status": "completed",
        "code": concept(*codes, text=text),
        "performedPeriod": {"start": start, "end": end},
    }


def failed(id_: str, rxcui: str, daily: tuple[float, int], start: str, end: str) -> Json:
    dose, times = daily
    return {
        "resourceType": "MedicationStatement",
        "id": id_,
        "status": "stopped",
        "statusReason": [{"text": "Ineffective"}],
        "medicationCodeableConcept": medication(rxcui),
        "effectivePeriod": {"start": start, "end": end},
        "dosage": [
            {
                "timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": dose, "unit": "mg"}}],
            }
        ],
    }


def observation(id_: str, loinc: str, value: float, on: str = "2026-02-20") -> Json:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": concept(("loinc", loinc)),
        "effectiveDateTime": on,
        "valueQuantity": {"value": value, "unit": "mL/min"},
    }


CARE = adding(
    done(
        "pt", "Physical therapy", ("snomed", "91251008"), start="2025-10-01", end="2025-12-01"
    ),
    done(
        "cbt",
        "Cognitive behavioural therapy",
        ("snomed", "228557008"),
        start="2025-10-15",
        end="2026-01-15",
    ),
)
STEPS_FAILED = both(
    CARE,
    adding(
        failed("naproxen", "198014", (500, 2), "2025-09-05", "2025-10-20"),
        failed("meloxicam", "152695", (15, 1), "2025-10-21", "2025-12-05"),
        failed("duloxetine", "596934", (60, 1), "2025-12-06", "2026-02-15"),
    ),
)
RADICULAR = adding(condition("radicular", ("icd10cm", "M54.16"), onsetDateTime="2025-09-01"))
CONSULT = adding(
    {
        "resourceType": "ServiceRequest",
        "id": "consult",
        "status": "completed",
        "intent": "order",
        "code": {"text": "Addiction medicine e-consult"},
        "authoredOn": "2026-02-09",
    }
)
REPAIR = both(
    adding(
        done(
            "repair",
            "Open reduction and internal fixation of femur fracture",
            start="2026-03-01",
            end="2026-03-01",
        ),
        condition("femur", ("icd10cm", "S72.301A"), onsetDateTime="2026-02-28"),
    ),
    changing(
        "v000-visit", **{"class": {"code": "IMP"}, "reasonCode": [{"text": "Hip surgery"}]}
    ),
)

# --- the drafts ------------------------------------------------------------------------------

OXYCODONE = "1049621"


def oxycodone(days: int | None = 5, **more: Any) -> Json:
    return drug_order(
        OXYCODONE,
        dose=(1, TABLET),
        every=(1, 6, "h"),
        prn=True,
        days=days,
        category="outpatient",
        **more,
    )


def tablets(rxcui: str, times: int, days: int | None = None, **more: Any) -> Json:
    count = more.pop("count", 1)
    return drug_order(rxcui, dose=(count, TABLET), every=(times, 1, "d"), days=days, **more)


def capsules(rxcui: str, times: int = 1, **more: Any) -> Json:
    count = more.pop("count", 1)
    return drug_order(rxcui, dose=(count, CAPSULE), every=(times, 1, "d"), **more)


RENEWAL = drug_order("1010604", dose=(3, FILM), every=(1, 1, "d"), route="sublingual",
                     reason=("icd10cm", "F11.20"))  # fmt: skip
REDUCED = drug_order("1010604", dose=(1, FILM), every=(1, 1, "d"), route="sublingual",
                     reason=("icd10cm", "F11.20"))  # fmt: skip
DEVICE = "DeviceRequest"

V000 = (
    Row("V000-01", "vignette-000", (oxycodone(),),
        {"opioid-on-buprenorphine": C}, {"opioid-on-buprenorphine": C}),
    Row("V000-02", "vignette-000",
        (drug_order("897696", dose=(2, MG), once=True, category="inpatient"),),
        {"opioid-on-buprenorphine": W}, {"opioid-on-buprenorphine": W},
        changing("v000-visit", **{"class": {"code": "EMER"}})),
    Row("V000-03", "vignette-000", (tablets("835603", 4, 30),),
        {"tramadol-in-oud": W, "serotonergic": W}, {"tramadol-in-oud": W, "serotonergic": W}),
    Row("V000-04", "vignette-000", (tablets("835603", 4, 30),),
        {"serotonergic": W, "tramadol-in-oud": I}, {"serotonergic": W}, CONSULT),
    Row("V000-05", "vignette-000", (tablets("312615", 1, 5, count=2),),
        {"systemic-corticosteroid": W}, {"systemic-corticosteroid": W}),
    Row("V000-06", "vignette-000",
        (tablets("312615", 1, 5, count=2, reason=("icd10cm", "J45.901")),)),
    Row("V000-07", "vignette-000", (drug_order("1358617", dose=(80, MG), route="epidural"),),
        {"interventional-selection": W}, {"interventional-selection": W}),
    Row("V000-08", "vignette-000",
        (service_order("Lumbar epidural steroid injection", ("cpt", "62323")),),
        {"interventional-selection": W}, {"interventional-selection": W}),
    Row("V000-09", "vignette-000", (tablets("313413", 3, 14),),
        {"failed-medication-retried": W, "drug-class-exhausted": W,
         "multiple-cns-depressants": I, "tizanidine-safety": I, "muscle-relaxant-duration": I},
        {"failed-medication-retried": W, "drug-class-exhausted": W}),
    Row("V000-10", "vignette-000", (tablets("351254", 3, 10),),
        {"drug-class-exhausted": W, "multiple-cns-depressants": I,
         "muscle-relaxant-duration": I},
        {"drug-class-exhausted": W}),
    Row("V000-11", "vignette-000", (tablets("828348", 3, 30),),
        {"serotonergic": W, "failed-medication-retried": W, "drug-class-exhausted": W,
         "muscle-relaxant-duration": W, "multiple-cns-depressants": I},
        {"serotonergic": W, "failed-medication-retried": W, "drug-class-exhausted": W,
         "muscle-relaxant-duration": W}),
    Row("V000-12", "vignette-000", (capsules("310431", 3),),
        {"failed-medication-retried": W, "gabapentinoid-nonradicular": W,
         "opioid-gabapentinoid-sedation": I},
        {"failed-medication-retried": W, "gabapentinoid-nonradicular": W}),
    Row("V000-13", "vignette-000", (capsules("596934", 1, count=2),),
        {"duloxetine-dose-ceiling": W}, {"duloxetine-dose-ceiling": W}),
    Row("V000-14", "vignette-000", (capsules("596934"),)),
    Row("V000-15", "vignette-000", (tablets("198014", 2),),
        {"drug-class-exhausted": I, "nonpharmacologic-care-missing": I}, {}),
    Row("V000-16", "vignette-000", (drug_order("855633", route="topical"),)),
    Row("V000-17", "vignette-000", (drug_order("1745091", route="topical"),)),
    Row("V000-18", "vignette-000", (drug_order("1039679", route="topical"),)),
    Row("V000-19", "vignette-000", (tablets("197591", 3, prn=True),),
        {"opioid-benzodiazepine": W, "benzodiazepine-for-back-pain": W},
        {"opioid-benzodiazepine": W, "benzodiazepine-for-back-pain": W}),
    Row("V000-20", "vignette-000", (tablets("856783", 1),),
        {"serotonergic": W}, {"serotonergic": W}),
    Row("V000-21", "vignette-000", (RENEWAL,)),
    Row("V000-22", "vignette-000", (REDUCED,),
        {"buprenorphine-reduced": W}, {"buprenorphine-reduced": W}),
    Row("V000-23", "vignette-000",
        (drug_order("637213", dose=(380, MG), route="intramuscular"),),
        {"naltrexone-opioid": C, "buprenorphine-reduced": W},
        {"naltrexone-opioid": C, "buprenorphine-reduced": W}),
    Row("V000-24", "vignette-000", (service_order("MRI lumbar spine", ("cpt", "72148")),),
        {"imaging-without-red-flags": I}, {}),
    Row("V000-25", "vignette-000",
        (service_order("TENS unit", ("hcpcs", "E0730"), kind=DEVICE),),
        {"passive-modality": I}, {"passive-modality": I}),
    Row("V000-26", "vignette-000",
        (service_order("Cognitive behavioural therapy for chronic pain"),)),
    Row("V000-27", "vignette-000",
        (service_order("Multidisciplinary pain rehabilitation"),)),
    Row("V000-28", "vignette-000",
        (service_order("Interventional pain consult, radiofrequency ablation evaluation"),)),
    Row("V000-29", "vignette-000",
        (drug_order("1049683", dose=(1, TABLET), every=(1, 4, "h"), prn=True,
                    category="inpatient", reason=("icd10cm", "G89.18")),),
        {"opioid-on-buprenorphine": I}, {}, REPAIR),
    Row("V000-30", "vignette-000", (tablets("312846", 1, reason=("icd10cm", "G25.81")),)),
)  # fmt: skip

V001 = (
    Row("V001-01", "vignette-001", (capsules("596930"),),
        {"nonpharmacologic-care-missing": I}, {}),
    Row("V001-02", "vignette-001", (capsules("596930"),), {}, {}, CARE),
    Row("V001-03", "vignette-001", (capsules("596934"),),
        {"duloxetine-start-titrate": I, "nonpharmacologic-care-missing": I}, {}),
    Row("V001-04", "vignette-001", (capsules("596934", 1, count=2),),
        {"duloxetine-dose-ceiling": W}, {"duloxetine-dose-ceiling": W}),
    Row("V001-05", "vignette-001", (capsules("596934", 1, count=2),),
        {"duloxetine-dose-ceiling": I, "nonpharmacologic-care-missing": I}, {},
        adding(condition("mdd", ("icd10cm", "F33.1")))),
    Row("V001-06", "vignette-001", (tablets("198014", 2),), {}, {}, CARE),
    Row("V001-07", "vignette-001", (tablets("197805", 3, prn=True),),
        {"nsaid-underdosed": I, "nonpharmacologic-care-missing": I}, {}),
    Row("V001-08", "vignette-001", (tablets("835603", 4),),
        {"tramadol-place-dose": I, "nonpharmacologic-care-missing": I,
         "opioid-risk-and-monitoring": I}, {}),
    Row("V001-09", "vignette-001", (tablets("835603", 4),),
        {"opioid-risk-and-monitoring": I}, {}, STEPS_FAILED),
    Row("V001-10", "vignette-001", (oxycodone(14),),
        {"opioid-before-alternatives": W, "opioid-risk-and-monitoring": I},
        {"opioid-before-alternatives": W}),
    Row("V001-11", "vignette-001", (oxycodone(14),),
        {"opioid-before-alternatives": I, "opioid-risk-and-monitoring": I}, {}, STEPS_FAILED),
    Row("V001-12", "vignette-001", (tablets("1049502", 2),),
        {"extended-release-opioid-start": W, "opioid-before-alternatives": I,
         "opioid-risk-and-monitoring": I},
        {"extended-release-opioid-start": W}, STEPS_FAILED),
    Row("V001-13", "vignette-001",
        (drug_order("1049683", dose=(1, TABLET), every=(1, 4, "h"), days=30,
                    category="outpatient"),),
        {"mme-threshold": W, "naloxone-coprescribe": I, "opioid-before-alternatives": I,
         "opioid-start-dose": I, "opioid-risk-and-monitoring": I},
        {"mme-threshold": W}, STEPS_FAILED),
    Row("V001-14", "vignette-001", (tablets("197591", 2),),
        {"benzodiazepine-for-back-pain": W}, {"benzodiazepine-for-back-pain": W}),
    Row("V001-15", "vignette-001", (drug_order("762675"),),
        {"systemic-corticosteroid": W}, {"systemic-corticosteroid": W}),
    Row("V001-16", "vignette-001", (capsules("310431"),),
        {"gabapentinoid-nonradicular": W}, {"gabapentinoid-nonradicular": W}),
    Row("V001-17", "vignette-001", (capsules("310431", reason=("icd10cm", "M54.16")),),
        {"nonpharmacologic-care-missing": I}, {}, RADICULAR),
    Row("V001-18", "vignette-001", (tablets("310433", 3, reason=("icd10cm", "M54.16")),),
        {"gabapentinoid-renal": W}, {"gabapentinoid-renal": W},
        both(RADICULAR, adding(observation("egfr-now", "98979-8", 45)))),
    Row("V001-19", "vignette-001", (tablets("198440", 3, count=2),),
        {"acetaminophen-monotherapy": I, "nonpharmacologic-care-missing": I}, {}),
    Row("V001-20", "vignette-001", (tablets("828348", 3, 30),),
        {"failed-medication-retried": W, "muscle-relaxant-duration": W},
        {"failed-medication-retried": W, "muscle-relaxant-duration": W}),
    Row("V001-21", "vignette-001", (tablets("856783", 1),), {"tca-place-dose": I}, {}, CARE),
    Row("V001-22", "vignette-001", (service_order("MRI lumbar spine", ("cpt", "72148")),),
        {"imaging-without-red-flags": W}, {"imaging-without-red-flags": W}),
    Row("V001-23", "vignette-001", (service_order("MRI lumbar spine", ("cpt", "72148")),),
        {}, {}, RADICULAR),
    Row("V001-24", "vignette-001",
        (service_order("Multidisciplinary pain rehabilitation"),)),
)  # fmt: skip

V003 = (
    Row("V003-01", "vignette-003",
        (service_order("Physical therapy, supervised exercise", ("snomed", "91251008")),)),
    Row("V003-02", "vignette-003", (service_order("Cognitive behavioural therapy"),)),
    Row("V003-03", "vignette-003", (service_order("Acupuncture"),)),
    Row("V003-04", "vignette-003",
        (service_order("Multidisciplinary pain rehabilitation"),)),
    Row("V003-05", "vignette-003", (tablets("198014", 2),),
        {"nonpharmacologic-care-missing": I}, {}),
    Row("V003-06", "vignette-003", (capsules("596930"),),
        {"nonpharmacologic-care-missing": I}, {}),
    Row("V003-07", "vignette-003", (tablets("856783", 1),),
        {"tca-place-dose": I, "nonpharmacologic-care-missing": I}, {}),
    Row("V003-08", "vignette-003", (tablets("835603", 3),),
        {"tramadol-place-dose": I, "nonpharmacologic-care-missing": I,
         "opioid-risk-and-monitoring": I}, {}),
    Row("V003-09", "vignette-003",
        (drug_order("857002", dose=(1, TABLET), every=(1, 6, "h"), prn=True, days=10,
                    category="outpatient"),),
        {"opioid-before-alternatives": W, "opioid-risk-and-monitoring": I},
        {"opioid-before-alternatives": W}),
    Row("V003-10", "vignette-003",
        (service_order("TENS unit", ("hcpcs", "E0730"), kind=DEVICE),),
        {"passive-modality": I}, {"passive-modality": I}),
    Row("V003-11", "vignette-003",
        (service_order("Mechanical traction", ("cpt", "97012")),),
        {"passive-modality": I}, {"passive-modality": I}),
    Row("V003-12", "vignette-003",
        (service_order("Lumbar orthosis", ("hcpcs", "L0625"), kind=DEVICE),),
        {"passive-modality": I}, {"passive-modality": I}),
    Row("V003-13", "vignette-003", (service_order("Bed rest, off work in bed"),),
        {"bed-rest": W}, {"bed-rest": W}),
    Row("V003-14", "vignette-003",
        (service_order("X-ray lumbar spine, 2-3 views", ("cpt", "72100")),),
        {"imaging-without-red-flags": W}, {"imaging-without-red-flags": W}),
    Row("V003-15", "vignette-003", (service_order("MRI lumbar STAT", ("cpt", "72148")),),
        {}, {},
        adding(condition("cauda", ("icd10cm", "G83.4"), onsetDateTime="2026-03-01"))),
    Row("V003-16", "vignette-003", (tablets("312615", 1, 7),),
        {"systemic-corticosteroid": W}, {"systemic-corticosteroid": W}),
    Row("V003-17", "vignette-003", (capsules("596934", 1, count=2),),
        {"duloxetine-dose-ceiling": W}, {"duloxetine-dose-ceiling": W}),
    Row("V003-18", "vignette-003", (service_order("Spine surgery consult"),),
        {"interventional-selection": I}, {}),
    Row("V003-19", "vignette-003", (tablets("197391", 3, 10),),
        {"muscle-relaxant-duration": I, "nonpharmacologic-care-missing": I}, {}),
    Row("V003-20", "vignette-003", (capsules("310431", 3, reason=None),),
        {"gabapentinoid-nonradicular": I, "nonpharmacologic-care-missing": I}, {}),
)  # fmt: skip

PERCOCET = {
    **drug_order(OXYCODONE, days=3),
    "medicationReference": {
        "reference": "Medication/x",
        "display": "PERCOCET 5-325 MG PO TABS",
    },
}
del PERCOCET["medicationCodeableConcept"]
BARE_OXYCODONE = drug_order(OXYCODONE)
NOT_TAKEN = changing("v000-gabapentin", status="not-taken")
REFUTED = both(
    changing(
        "v000-oud",
        verificationStatus={"coding": [{"code": "refuted"}], "text": "Refuted"},
    ),
    leaving_out("v000-buprenorphine", "v000-buprenorphine-start"),
)
STOPPED = drug_order("1010604", status="stopped", id="v000-buprenorphine",
                     dose=(3, FILM), every=(1, 1, "d"), reason=None)  # fmt: skip
DOSE_PACK = drug_order("762675", sig="as directed", reason=None)
CHIEF_COMPLAINT = changing("v003-visit", reasonCode=[{"text": "LBP"}])
BRACE = service_order("Lumbar orthosis", ("hcpcs", "L0625"), kind=DEVICE,
                      reason=("icd10cm", "S32.010A"))  # fmt: skip
REPORTED = both(
    lambda resources: [
        {**one, "resourceType": "MedicationRequest", "intent": "order", "reportedBoolean": True}
        if one["resourceType"] == "MedicationStatement"
        else one
        for one in resources
    ]
)

EDGES = (
    Row("E-01", "vignette-002", (PERCOCET,),
        {"opioid-before-nsaid": I, "opioid-risk-and-monitoring": I}, {}),
    Row("E-03", "vignette-000", (capsules("310431"),),
        {"gabapentinoid-nonradicular": W, "drug-class-exhausted": I,
         "opioid-gabapentinoid-sedation": I},
        {"gabapentinoid-nonradicular": W}, NOT_TAKEN),
    Row("E-05", "vignette-000", (oxycodone(),),
        {"opioid-on-buprenorphine": C}, {"opioid-on-buprenorphine": C},
        leaving_out("v000-oud")),
    Row("E-07", "vignette-000", (oxycodone(),),
        {"opioid-before-alternatives": W, "opioid-risk-and-monitoring": I},
        {"opioid-before-alternatives": W}, REFUTED),
    Row("E-09", "vignette-004", (BARE_OXYCODONE,),
        {"opioid-before-nsaid": W, "opioid-risk-and-monitoring": I},
        {"opioid-before-nsaid": W}),
    Row("E-11", "vignette-000", (oxycodone(),),
        {"opioid-in-oud": C}, {"opioid-in-oud": C, "data-incomplete": I},
        None, ("medicationRequests", "medicationStatements")),
    Row("E-13", "vignette-003", (oxycodone(14),),
        {"opioid-before-alternatives": W, "opioid-risk-and-monitoring": I},
        {"opioid-before-alternatives": W}),
    Row("E-17", "vignette-000", (STOPPED,),
        {"buprenorphine-reduced": W}, {"buprenorphine-reduced": W}),
    Row("E-19", "vignette-003", (DOSE_PACK,),
        {"systemic-corticosteroid": W}, {"systemic-corticosteroid": W}, CHIEF_COMPLAINT),
    Row("E-21", "vignette-003", (oxycodone(14),), {}, {},
        changing("vignette-003", birthDate="2011-01-01")),
    Row("E-23", "vignette-001", (capsules("310431", reason=None),), {}, {},
        both(CARE, adding(condition("maybe", ("icd10cm", "M54.16"),
                                    verification="provisional")))),
    Row("E-25", "vignette-000", (tablets("313413", 3, 14),),
        {"failed-medication-retried": W, "drug-class-exhausted": W,
         "multiple-cns-depressants": I, "tizanidine-safety": I, "muscle-relaxant-duration": I},
        {"failed-medication-retried": W, "drug-class-exhausted": W},
        REPORTED, ("medicationStatements",)),
    Row("E-27", "vignette-000", (drug_order("1725059", reason=None),)),
    Row("E-29", "vignette-003", (BRACE,)),
)  # fmt: skip


def _ids(rows: Iterable[Row]) -> list[Any]:
    return [pytest.param(row, id=row.id) for row in rows]


@pytest.mark.parametrize("row", _ids((*V000, *V001, *V003, *EDGES)))
def test_findings_at_order_select(row: Row) -> None:
    assert findings(answer("order-select", row)) == dict(row.select)


@pytest.mark.parametrize("row", _ids((*V000, *V001, *V003, *EDGES)))
def test_findings_at_order_sign(row: Row) -> None:
    assert findings(answer("order-sign", row)) == dict(row.sign)


def test_the_back_pain_of_the_rows_is_low_back_pain() -> None:
    assert BACK_PAIN == ("icd10cm", "M54.50")
    assert TODAY == "2026-03-02"
