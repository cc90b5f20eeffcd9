"""Rules about opioid use disorder and its treatment with buprenorphine."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from cards import oud
from cards.case import Case
from cards.chart import Fact, Fires, MedicationUse, Route, Silent, Verdict
from cards.definitions import number
from cards.dosing import route_of
from cards.maintenance import (
    BUPRENORPHINE,
    STOPPED,
    beside,
    buprenorphine_fact,
    is_comparable,
    is_maintained,
    is_stopped_here,
    is_treatment,
    maintenance,
    strength,
    total,
)
from cards.medications import distinct, established, parenteral
from cards.oud import METHADONE, BuprenorphineUse, OudStatus, ProductClass
from cards.terms import known

WITHDRAWAL_CARE = known("opioid-withdrawal-management")
NOT_TOLERATED = frozenset(map(known, ("stopped-side-effect", "stopped-contraindication")))

_HALTED: Final = STOPPED | {"on-hold"}
_TAPER: Final = re.compile(r"\b(?:taper|wean)")
_ASKED: Final = re.compile(r"\b(?:request|prefer|wish|choice|asks|asked|wants)")


def opioid_on_buprenorphine(case: Case) -> Verdict:
    """Warn of another opioid for a patient who takes buprenorphine."""
    if silence := _is_no_added_opioid(case):
        return Silent(silence)
    found = beside(case)
    if not found:
        return Silent("no-buprenorphine")
    staying = tuple(one for one in found if not _makes_way(one, case))
    if not staying:
        return Silent("cross-titration")
    facts = (*_facts_of(staying), *_disorder_fact(case))
    if exemption := case.view.exemption:
        return Fires("exempt", (exemption, *facts))
    outcome = _how_added(case, staying)
    return Fires(outcome, facts, notes=tuple(_notes_beside(case, staying)))


def opioid_in_oud(case: Case) -> Verdict:
    """Warn of an opioid for a patient with opioid use disorder who takes no buprenorphine."""
    disorder = case.history.opioid_use_disorder
    if not disorder.on_record:
        return Silent("no-disorder")
    if silence := _is_no_added_opioid(case) or _is_cared_for(case):
        return Silent(silence)
    facts = _disorder_fact(case)
    if exemption := case.view.exemption:
        return Fires("exempt", (exemption, *facts))
    if disorder.status is OudStatus.REMISSION:
        return Fires("remission", facts, notes=tuple(_referral_note(case)))
    outcome = "supervised" if case.view.supervised else "prescription"
    if disorder.provisional:
        outcome = "provisional"
    return Fires(outcome, facts, notes=tuple(_referral_note(case)))


def tramadol_in_oud(case: Case) -> Verdict:
    """Warn of tramadol in opioid use disorder unless addiction medicine was consulted."""
    maintained = [one for one in beside(case) if one.product is ProductClass.OUD]
    facts = (*_disorder_fact(case), *_facts_of(maintained))
    if not facts:
        return Silent("no-disorder")
    if exemption := case.view.exemption:
        return Fires("exempt", (exemption, *facts))
    if consult := case.history.addiction_consult:
        return Fires("consulted", (consult, *facts))
    return Fires("without-consult", facts, notes=tuple(_referral_note(case)))


def buprenorphine_reduced(case: Case) -> Verdict:
    """Warn when buprenorphine for opioid use disorder is lowered, stopped or displaced."""
    taken = maintenance(case)
    if BUPRENORPHINE not in case.drug.classes:
        return _displaced(case, taken)
    stops = case.order.status in _HALTED
    if not taken and not (stops and is_maintained([_as_buprenorphine(case.use)])):
        return Silent("no-maintenance")
    if silence := _reason_to_lower(case):
        return Silent(silence)
    return _stopped(case, taken) if stops else _lowered(case, taken)


def addiction_medicine_coordination(case: Case) -> Verdict:
    """Remind of the team that treats opioid use disorder before pain treatment changes."""
    active = case.history.opioid_use_disorder.status is OudStatus.ACTIVE
    maintained = maintenance(case)
    if not active and not maintained:
        return Silent("no-disorder")
    if not case.view.back_pain:
        return Silent("no-back-pain")
    if case.history.addiction_consult:
        return Silent("coordinated")
    facts = (*_disorder_fact(case), *map(buprenorphine_fact, maintained))
    return Fires("uncoordinated", facts, notes=tuple(_referral_note(case)))


def _is_no_added_opioid(case: Case) -> str:
    if route_of(case.use) is Route.TOPICAL:
        return "local-route"
    return "treatment" if is_treatment(case) else ""


def _is_cared_for(case: Case) -> str:
    """Name the care under which another rule, or none, speaks about this opioid."""
    reasons = frozenset[str]().union(*(reason.terms for reason in case.use.reasons))
    if WITHDRAWAL_CARE in reasons and case.view.supervised:
        return "withdrawal-care"
    return "on-buprenorphine" if is_maintained(beside(case)) else ""


def _makes_way(one: BuprenorphineUse, case: Case) -> bool:
    """Say whether the buprenorphine ends today so that the opioid ordered takes its place.

    Treatment of opioid use disorder makes way for methadone only.
    """
    if parenteral(one.use):
        return False  # acts on for weeks
    ends = one.use.ended is not None and one.use.ended <= case.chart.today
    if not ends and not is_stopped_here(one.use, case):
        return False
    return one.product is not ProductClass.OUD or METHADONE in case.drug.ingredient_names


def _how_added(case: Case, staying: tuple[BuprenorphineUse, ...]) -> str:
    if not is_maintained(staying):
        return "pain-product"
    if case.view.supervised:
        return "supervised"
    return "renewal" if established(case.use, case.chart) else "prescription"


def _notes_beside(case: Case, staying: tuple[BuprenorphineUse, ...]) -> Iterator[str]:
    if is_maintained(staying) and not case.history.opioid_use_disorder.on_record:
        yield "disorder-not-visible"
    yield from _referral_note(case)


def _referral_note(case: Case) -> Iterator[str]:
    if oud.addiction_referral_placed(case.chart):
        yield "referral-placed"


def _facts_of(uses: Iterable[BuprenorphineUse]) -> tuple[Fact, ...]:
    """Return a fact of each product, once: the order and the list entry are one."""
    return tuple(map(buprenorphine_fact, distinct(one.use for one in uses)))


def _disorder_fact(case: Case) -> tuple[Fact, ...]:
    found = case.history.opioid_use_disorder.fact
    return (found,) if found else ()


def _as_buprenorphine(use: MedicationUse) -> BuprenorphineUse:
    return BuprenorphineUse(use, oud.product_class(use), None)


def _displaced(case: Case, taken: tuple[MedicationUse, ...]) -> Verdict:
    if not taken:
        return Silent("no-maintenance")
    return Fires("naltrexone", tuple(map(buprenorphine_fact, taken)))


def _reason_to_lower(case: Case) -> str:
    """Name what explains a lower dose: it is not tolerated, replaced, or asked for."""
    stopped_for = frozenset[str]().union(*(one.terms for one in case.use.status_reasons))
    if stopped_for & NOT_TOLERATED or case.allergy_to(case.drug):
        return "not-tolerated"
    opioids = case.beside(("opioid-full-agonist",))
    if any(METHADONE in use.drug.ingredient_names for use in opioids):
        return "to-methadone"
    return "asked-for" if _is_asked_for(case.use) else ""


def _is_asked_for(use: MedicationUse) -> bool:
    reasons = (*use.reasons, *use.status_reasons)
    texts = (use.notes, *(d.text for d in use.dosages), *(one.text for one in reasons))
    said = " ".join(texts).lower()
    return bool(_TAPER.search(said) and _ASKED.search(said))


def _stopped(case: Case, taken: tuple[MedicationUse, ...]) -> Verdict:
    if not is_comparable(case.use) and not is_maintained([_as_buprenorphine(case.use)]):
        return Silent("no-maintenance")  # a product for pain
    if case.drafted((BUPRENORPHINE,)):
        return Silent("replaced")
    others = tuple(use for use in taken if not _is_the_same(use, case.use))
    if others:
        return _compared(case, (*others, case.use), others)
    return Fires("stopped", (buprenorphine_fact(case.use), *_disorder_fact(case)))


def _is_the_same(use: MedicationUse, ordered: MedicationUse) -> bool:
    """Say whether a record is of the order itself, or the medication list's copy of it."""
    copy = use.kind != "request" and use.drug.ingredients == ordered.drug.ingredients
    return use.reference == ordered.reference or copy


def _lowered(case: Case, taken: tuple[MedicationUse, ...]) -> Verdict:
    dosages = case.use.dosages
    if dosages and all(dosage.once for dosage in dosages):
        return Silent("single-dose")
    drafts = (case.use, *case.drafted((BUPRENORPHINE,)))
    return _compared(case, taken, (*drafts, *_untouched(case, taken, drafts)))


def _untouched(
    case: Case, taken: tuple[MedicationUse, ...], drafts: tuple[MedicationUse, ...]
) -> Iterator[MedicationUse]:
    """Yield the strengths in use that the drafts leave alone.

    A draft of a strength in use renews that strength only; one of a new strength is taken to
    replace all.
    """
    factor = case.limits["zubsolv_factor"]
    ordered = {strength(use, factor) for use in drafts}
    if ordered & {strength(use, factor) for use in taken}:
        for use in taken:
            if strength(use, factor) not in ordered and not is_stopped_here(use, case):
                yield use


def _compared(
    case: Case, before: tuple[MedicationUse, ...], after: tuple[MedicationUse, ...]
) -> Verdict:
    factor = case.limits["zubsolv_factor"]
    if not all(map(is_comparable, (*before, *after))):
        return Silent("other-form")
    old, new = total(before, factor), total(after, factor)
    if old is None or new is None:
        return Silent("unknown-dose")
    if new.high >= old.low * number("dosing.taper_share"):
        return Silent("kept")
    words = {"old": f"{round(old.low, 1):g}", "new": f"{round(new.high, 1):g}"}
    others = {strength(use, factor) for use in before}.isdisjoint(
        strength(use, factor) for use in after
    )
    notes = ("another-strength",) if others else ()
    facts = tuple(buprenorphine_fact(use) for use in before)
    return Fires("lowered", (*facts, *_disorder_fact(case)), words, notes)


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "opioid-on-buprenorphine": opioid_on_buprenorphine,
    "opioid-in-oud": opioid_in_oud,
    "tramadol-in-oud": tramadol_in_oud,
    "buprenorphine-reduced": buprenorphine_reduced,
    "addiction-medicine-coordination": addiction_medicine_coordination,
}
