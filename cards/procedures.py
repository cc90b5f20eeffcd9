"""Rules about imaging, passive devices and bed rest."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final

from cards import circumstances, maintenance
from cards.case import WILL_BE_TAKEN, Case
from cards.chart import Fact, Fires, ServiceUse, Silent, Verdict
from cards.medications import fact
from cards.oud import OudStatus
from cards.record import (
    active_problems,
    current_encounter,
    dated_fact,
    is_recent,
    visit_reasons,
)
from cards.relevance import BACK_PAIN, RADICULAR, Relevance, stated_reasons
from cards.service_labels import MRI, imaging_method, service_label
from cards.terms import known

SPINE_IMAGING: Final = known("spine-imaging")
SPINE_SURGERY: Final = known("spine-surgery")
DEFORMITY: Final = known("spinal-deformity")
TENS: Final = known("tens")
TRACTION: Final = known("traction")

_INFLAMMATORY: Final = frozenset(map(known, ("inflammatory-spine", "spondyloarthropathy")))
_BRACED: Final = frozenset(
    {
        DEFORMITY,
        SPINE_SURGERY,
        *map(known, ("vertebral-fracture", "major-trauma", "spondylolysis")),
    }
)
_THERAPY: Final = frozenset(
    map(known, ("physical-therapy", "exercise", "massage", "spinal-manipulation"))
)
# Procedures and consultations that need an image of the spine first.
_NEEDS_IMAGES: Final = frozenset(
    {
        SPINE_SURGERY,
        *map(
            known,
            (
                "epidural-steroid-injection", "intrathecal-pump", "pain-specialist",
                "radiofrequency-ablation", "spinal-cord-stimulator", "spine-surgery-consult",
            ),
        ),
    }
)  # fmt: skip
_PLANNED: Final = frozenset({"draft", "active", "on-hold", "booked", "proposed", "pending"})
_DONE: Final = frozenset({"completed", "finished"})

_INPATIENT: Final = frozenset({"IMP", "ACUTE"})
_CLOT: Final = re.compile(r"\bdvt\b|thrombo|embol")
_WORK: Final = re.compile(r"\bwork\b")
_STATED_DAYS: Final = re.compile(r"(?<!\d)(\d{1,4}) ?-? ?(?:days?|d)\b")
_STATED_HOURS: Final = re.compile(r"(?<!\d)(\d{1,4}) ?-? ?(?:hours?|hrs?|h)\b")


def imaging_without_red_flags(case: Case) -> Verdict:
    """Warn of an image of the spine that nothing on record calls for."""
    if silence := not_for_back_pain(case) or _needs_imaging(case):
        return Silent(silence)
    if case.view.radicular:
        return _radicular_imaging(case, case.view.radicular)
    facts = (*case.view.back_pain, *_earlier_image(case))
    if has_opioid_use_disorder(case):
        return Fires("opioid-use-disorder", (*disorder_facts(case), *facts))
    return Fires("no-red-flag", facts)


def passive_modality(case: Case) -> Verdict:
    """Say that a device or modality done to the patient has no proven benefit."""
    if silence := unrelated(case):
        return Silent(silence)
    if _conditions(case) & _BRACED or _spine_surgery_done(case):
        return Silent("spine-needs-support")
    terms = case.order.classes
    if TENS in terms:
        return Silent("part-of-therapy") if _is_one_of_several(case) else _passive(case, "tens")
    return _passive(case, "traction" if TRACTION in terms else "support")


def bed_rest(case: Case) -> Verdict:
    """Warn of bed rest for back pain."""
    if silence := not_for_back_pain(case) or _has_to_rest(case):
        return Silent(silence)
    days, most = _days(case.service), case.limits["work_note_days"]
    if _WORK.search(_wording(case)) and days is not None and days <= most:
        return Fires("short-work-note", case.view.back_pain, {"days": f"{most:g}"})
    return Fires("ordered", case.view.back_pain)


def unrelated(case: Case) -> str:
    """Name the silence on an order that is not for back pain, or return ""."""
    level = case.view.relevance
    if level is Relevance.OTHER:
        return "other-indication"
    return "no-back-pain" if level is Relevance.NONE else ""


def not_for_back_pain(case: Case) -> str:
    """Name the silence on an order that is not stated nor probably for back pain, or ""."""
    return unrelated(case) or ("" if case.for_back_pain else "reason-not-stated")


def has_opioid_use_disorder(case: Case) -> bool:
    """Say whether opioid use disorder is active on record, or treated with buprenorphine."""
    active = case.history.opioid_use_disorder.status is OudStatus.ACTIVE
    return active or maintenance.is_maintained(case.history.buprenorphine)


def disorder_facts(case: Case) -> tuple[Fact, ...]:
    """Return what shows opioid use disorder: the diagnosis, else its treatment."""
    diagnosis = case.history.opioid_use_disorder.fact
    if diagnosis:
        return (diagnosis,)
    return tuple(map(fact, maintenance.maintenance(case)))


# --- imaging -----------------------------------------------------------------------------


def _needs_imaging(case: Case) -> str:
    """Name what on record calls for an image, or return ""."""
    if case.view.red_flags:
        return "red-flag"
    conditions = _conditions(case)
    if DEFORMITY in conditions:
        return "known-deformity"
    if conditions & _INFLAMMATORY:
        return "inflammatory-disease"
    if SPINE_SURGERY in conditions or _spine_surgery_done(case):
        return "after-spine-surgery"
    return "procedure-planned" if any(_planned(case)) else ""


def _radicular_imaging(case: Case, radicular: Fact) -> Verdict:
    early = _is_early(case)
    if early is None:
        return Silent("duration-unknown")
    if early:
        words = {"weeks": f"{case.limits['early_weeks']:g}"}
        return Fires("early-radicular", (radicular, *case.view.back_pain), words)
    days = case.limits["earlier_mri_days"]
    for day, service in _images(case):
        if imaging_method(service.concept) == MRI and is_recent(day, case.chart.today, days):
            return Fires(
                "imaged-before",
                (radicular, _image_fact(day, service)),
                {"date": day.isoformat()},
            )
    return Silent("persistent-radicular")


def _is_early(case: Case) -> bool | None:
    """Say whether radicular pain is new; its own onset outranks that of the back pain."""
    acuity, today = case.view.acuity, case.chart.today
    onsets = [p.onset for p in active_problems(case.chart, (RADICULAR,)) if p.onset]
    if not onsets and acuity.chronic:
        return False
    weeks = (today - min(onsets)).days / 7 if onsets else acuity.weeks
    return None if weeks is None else weeks < case.limits["early_weeks"]


def _planned(case: Case) -> Iterator[ServiceUse]:
    days = case.limits["planned_days"]
    drafts = (
        order.service
        for order in case.chart.drafts
        if order.service and order.status in WILL_BE_TAKEN and not order.do_not_perform
    )
    for service in (*case.chart.services, *drafts):
        if service.status in _PLANNED and service.concept.terms & _NEEDS_IMAGES:
            day = service.written
            if day is None or is_recent(day, case.chart.today, days):
                yield service


def _earlier_image(case: Case) -> tuple[Fact, ...]:
    return tuple(_image_fact(day, service) for day, service in _images(case)[:1])


def _images(case: Case) -> list[tuple[date, ServiceUse]]:
    """Return the images of the spine on record with their days, the latest first."""
    found = [
        (day, service)
        for service in case.chart.services
        if SPINE_IMAGING in service.concept.terms
        and service.status in _DONE
        and (day := service.ended or service.started or service.written)
    ]
    return sorted(found, key=lambda dated: dated[0], reverse=True)


def _image_fact(day: date, service: ServiceUse) -> Fact:
    return dated_fact(service.reference, f"earlier {service_label(service.concept)}", day)


# --- devices and modalities --------------------------------------------------------------


def _passive(case: Case, outcome: str) -> Fires:
    return Fires(outcome, case.view.back_pain)


def _is_one_of_several(case: Case) -> bool:
    """Say whether stimulation is a part of physical therapy, not a unit to take home."""
    codes = case.service.concept.codes
    unit = any(code.system == "hcpcs" and code.value.startswith("E") for code in codes)
    if unit or case.service.kind == "device":
        return False
    others = (o.classes for o in case.chart.drafts if o.reference != case.order.reference)
    return any(terms & _THERAPY for terms in (case.order.classes, *others))


# --- bed rest ----------------------------------------------------------------------------


def _has_to_rest(case: Case) -> str:
    """Name another reason to stay in bed, or return ""."""
    if case.view.red_flags:
        return "red-flag"
    if case.view.exemption:
        return "surgery-or-serious-illness"
    if circumstances.pregnancy(case.chart):
        return "pregnancy"
    if _CLOT.search(_wording(case)):
        return "blood-clot"
    return "inpatient-for-another-reason" if _is_inpatient_for_another(case) else ""


def _is_inpatient_for_another(case: Case) -> bool:
    visit = current_encounter(case.chart)
    if visit is None or visit.class_code not in _INPATIENT:
        return False
    return bool(visit.reasons) and not any(BACK_PAIN in r.terms for r in visit.reasons)


def _days(service: ServiceUse) -> float | None:
    """Return for how many days rest is ordered: as dated, else as written."""
    if service.started and service.ended:
        return (service.ended - service.started).days + 1
    text = f"{service.concept.text} {service.notes}".lower()
    stated = [float(days) for days in _STATED_DAYS.findall(text)]
    stated += [float(hours) / 24 for hours in _STATED_HOURS.findall(text)]
    return max(stated, default=None)


# --- what is on record ---------------------------------------------------------------------


def _conditions(case: Case) -> frozenset[str]:
    """Return what the patient has, by problem list, order and visit."""
    reasons = (*stated_reasons(case.order), *visit_reasons(case.chart))
    wanted = _BRACED | _INFLAMMATORY
    problems = (problem.concept for problem in active_problems(case.chart, wanted))
    return frozenset[str]().union(*(each.terms for each in (*reasons, *problems)))


def _spine_surgery_done(case: Case) -> bool:
    return any(
        SPINE_SURGERY in service.concept.terms and service.status in _DONE
        for service in case.chart.services
    )


def _wording(case: Case) -> str:
    reasons = (reason.text for reason in case.service.reasons)
    return " ".join((case.service.concept.text, case.service.notes, *reasons)).lower()


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "bed-rest": bed_rest,
    "imaging-without-red-flags": imaging_without_red_flags,
    "passive-modality": passive_modality,
}
