"""Rules about benzodiazepines, and about several sedatives at once."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from cards.case import Case
from cards.chart import Fact, Fires, MedicationUse, Route, Silent, Verdict
from cards.circumstances import age
from cards.dosing import route_of
from cards.drug_classes import ANY_OPIOID
from cards.maintenance import is_treatment
from cards.medications import established, fact
from cards.oud import treats_disorder
from cards.record import active_problems
from cards.relevance import Relevance
from cards.sedation import (
    BENZODIAZEPINE,
    GABAPENTINOID,
    RELAXANT,
    ingredients,
    is_local,
    is_palliative,
    is_procedural,
    named,
    sedating_beside,
    sedative_fact,
)
from cards.terms import known

SEIZURE = known("seizure")
SPASTICITY = known("spasticity")
PROCEDURES = frozenset(
    map(
        known,
        (
            "spine-imaging",
            "cervical-imaging",
            "epidural-steroid-injection",
            "radiofrequency-ablation",
            "surgery",
        ),
    )
)

_NOT_FOR_BACK_PAIN: Final = {
    Relevance.OTHER: "other-indication",
    Relevance.POSSIBLE: "possible-only",
    Relevance.NONE: "no-back-pain",
}
_NAMED_PROCEDURE: Final = re.compile(
    r"\b(?:before|prior to) (?:the |your |each |an? )?(?:mri|scan|imaging|procedure|injection)"
)
_MOST_FOR_ONE_PROCEDURE: Final = 2  # tablets
_RESCUE_ROUTES: Final = frozenset({Route.NASAL, Route.RECTAL, Route.BUCCAL})
# What makes breathing shallow, by kind; a hypnotic counts as a benzodiazepine.
_KINDS: Final[Mapping[str, str]] = {
    "opioid-full-agonist": "opioid",
    "opioid-mixed": "opioid",
    "tramadol": "opioid",
    "buprenorphine": "buprenorphine",
    "muscle-relaxant": "relaxant",
    "benzodiazepine": "benzodiazepine",
    "z-drug": "benzodiazepine",
}
# Active on the brain as the AGS Beers Criteria count them.
_CNS_ACTIVE: Final = (
    ANY_OPIOID
    | BENZODIAZEPINE
    | GABAPENTINOID
    | RELAXANT
    | {"z-drug", "barbiturate", "tca", "ssri", "snri"}
)
_BEST_AVOIDED: Final = BENZODIAZEPINE | RELAXANT | {"tca"}


def benzodiazepine_for_back_pain(case: Case) -> Verdict:
    """Warn of a benzodiazepine for back pain."""
    level = case.view.relevance
    if not level.fires:
        return Silent(_NOT_FOR_BACK_PAIN[level])
    if level is Relevance.PROBABLE and _is_before_a_procedure(case):
        return Silent("procedure")
    renewed = case.view.renewal_of
    if renewed and established(case.use, case.chart):
        return Fires("renewal", (fact(renewed), *case.view.back_pain))
    return Fires("first", case.view.back_pain)


def opioid_benzodiazepine(case: Case) -> Verdict:
    """Warn of an opioid together with a benzodiazepine; never when treatment is ordered."""
    if silence := _stands_back(case):
        return Silent(silence)
    benzodiazepine_ordered = bool(case.order.classes & BENZODIAZEPINE)
    wanted = ANY_OPIOID if benzodiazepine_ordered else BENZODIAZEPINE
    partners = sedating_beside(case, wanted)
    if not partners:
        return Silent("no-combination")
    if is_procedural(case, partners):
        return Silent("procedure")
    if _is_for_a_seizure(case, partners):
        return Silent("seizure-rescue")
    facts = tuple(map(sedative_fact, partners))
    words = {"other": named(partners, wanted)}
    if all(_is_maintenance(use) for use in partners):
        return Fires("with-maintenance", facts, words)
    return Fires("pair", facts, words)


def multiple_cns_depressants(case: Case) -> Verdict:
    """Warn when the order completes a set of sedatives that slow breathing together."""
    if is_local(case.use):
        return Silent("local-route")
    if is_treatment(case):
        return Silent("treatment")
    partners = sedating_beside(case, _KINDS)
    if is_procedural(case, partners):
        return Silent("procedure")
    combination = _combination(case, partners)
    if not combination:
        return Silent("no-combination")
    if is_palliative(case):
        combination = "palliative"
    elif _only_for_spasticity(case, partners):
        if combination == "with-buprenorphine":
            return Silent("spasticity")
        combination = f"{combination}-for-spasticity"
    return Fires(combination, tuple(map(sedative_fact, partners)))


def older_adult_sedatives(case: Case) -> Verdict:
    """Warn of sedatives at an age at which they make people fall."""
    years = age(case.chart)
    if years is None or years < case.limits["age"]:
        return Silent("younger" if years is not None else "age-unknown")
    if is_local(case.use):
        return Silent("local-route")
    if silence := _is_settled(case):
        return Silent(silence)
    others = sedating_beside(case, _CNS_ACTIVE)
    facts = tuple(map(sedative_fact, others))
    words = {"age": str(years)}
    if len(ingredients(others, _CNS_ACTIVE)) + 1 >= case.limits["medicines"]:
        return Fires("several", facts, words | {"others": named(others, _CNS_ACTIVE)})
    if case.order.classes & _BEST_AVOIDED:
        return Fires("one", (Fact("Patient", f"age {years} years"),), words)
    return Silent("few")


def _is_before_a_procedure(case: Case) -> bool:
    """Say whether a single dose is ordered beside imaging or a procedure, or midazolam is."""
    if is_procedural(case):
        return True
    quantity = case.use.quantity
    few = quantity is not None and quantity.high <= _MOST_FOR_ONE_PROCEDURE
    dosages = case.use.dosages
    once = bool(dosages) and all(dosage.once for dosage in dosages)
    told = any(_NAMED_PROCEDURE.search(dosage.text.lower()) for dosage in dosages)
    return (few or once) and (told or any(terms & PROCEDURES for terms in _planned(case)))


def _planned(case: Case) -> Iterator[frozenset[str]]:
    yield from (order.classes for order in case.chart.drafts if order.service)
    yield from (s.concept.terms for s in case.chart.services if s.status == "active")


def _stands_back(case: Case) -> str:
    if is_local(case.use):
        return "local-route"
    if is_treatment(case):
        return "treatment"
    return "palliative" if is_palliative(case) else ""


def _is_for_a_seizure(case: Case, partners: Sequence[MedicationUse]) -> bool:
    """Say whether every benzodiazepine of the pair is kept for, or given in, a seizure."""
    pair = (case.use, *partners)
    return all(_is_rescue(use) for use in pair if use.drug.classes & BENZODIAZEPINE)


def _is_rescue(use: MedicationUse) -> bool:
    if route_of(use) in _RESCUE_ROUTES:
        return True
    for_seizure = any(SEIZURE in reason.terms for reason in use.reasons)
    return for_seizure and any(dosage.once or dosage.as_needed for dosage in use.dosages)


def _is_maintenance(use: MedicationUse) -> bool:
    return "buprenorphine" in use.drug.classes or treats_disorder(use)


def _kinds(use: MedicationUse) -> frozenset[str]:
    return frozenset(_KINDS[name] for name in use.drug.classes if name in _KINDS)


def _combination(case: Case, partners: Sequence[MedicationUse]) -> str:
    """Name the set of sedatives that the order belongs to, the most dangerous first."""
    own = _kinds(case.use)
    kinds = own.union(*map(_kinds, partners))
    if {"relaxant", "benzodiazepine"} <= kinds and kinds & {"opioid", "buprenorphine"}:
        return "three"
    if {"relaxant", "opioid"} <= kinds:
        return "two"
    if "relaxant" in own and "buprenorphine" in kinds:
        return "with-buprenorphine"
    return ""


def _only_for_spasticity(case: Case, partners: Sequence[MedicationUse]) -> bool:
    """Say whether the only relaxant is baclofen, in a patient who has spasticity."""
    relaxants = [use for use in (case.use, *partners) if use.drug.classes & RELAXANT]
    names = frozenset[str]().union(*(use.drug.ingredient_names for use in relaxants))
    reasons = [reason for use in relaxants for reason in use.reasons]
    return names == {"baclofen"} and (
        any(SPASTICITY in reason.terms for reason in reasons)
        or any(active_problems(case.chart, (SPASTICITY,)))
    )


def _is_settled(case: Case) -> str:
    if is_palliative(case):
        return "palliative"
    if is_treatment(case):
        return "treatment"
    return "renewal" if case.view.renewal_of else ""


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "benzodiazepine-for-back-pain": benzodiazepine_for_back_pain,
    "opioid-benzodiazepine": opioid_benzodiazepine,
    "multiple-cns-depressants": multiple_cns_depressants,
    "older-adult-sedatives": older_adult_sedatives,
}
