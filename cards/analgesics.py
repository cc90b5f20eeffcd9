"""Rules about NSAIDs, acetaminophen and topical analgesics: dose, place, allergy."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from cards.case import Case
from cards.chart import Allergy, Fact, Fires, MedicationUse, Route, Silent, Verdict
from cards.circumstances import latest, pregnancy
from cards.contraindications import allergy_fact
from cards.definitions import number
from cards.dosing import daily_mg, route_of, scheduled
from cards.maintenance import maintenance
from cards.medications import fact, same_medicine
from cards.nonpharmacologic import MODALITIES
from cards.nsaids import NSAID, NSAIDS, nsaid_on_skin, staying, systemic_nsaid
from cards.record import active_problems, problem_fact
from cards.relevance import Relevance
from cards.terms import known
from cards.trials import (
    SPENT,
    TRIED_OR_ORDERED,
    Recency,
    Trial,
    TrialStatus,
    class_status,
    topical_trials,
)
from cards.unsuitable import nsaid_unsuitable

ACETAMINOPHEN: Final = "acetaminophen"
MG_PER_G: Final = 1000
DOSED: Final = frozenset({"ibuprofen", "naproxen"})
BY_MOUTH: Final = frozenset({Route.ORAL, Route.UNKNOWN})  # nobody writes "by mouth"
PAIN_SCORE: Final = known("pain-score")
OSTEOARTHRITIS: Final = known("osteoarthritis")
LIVER_RISKS: Final = (known("liver-disease"), known("alcohol-use-disorder"))
ON_SKIN: Final = ("lidocaine", NSAID, "capsaicin", "topical-analgesic")
# Classes of which a failure says that pain is hard to treat; each counts once.
SYSTEMIC_CLASSES: Final = (
    NSAID, "opioid-full-agonist", "tramadol", "muscle-relaxant", "gabapentinoid", "tca",
    "snri", ACETAMINOPHEN,
)  # fmt: skip
OTHER_ANALGESICS: Final = frozenset(
    {
        NSAID, "buprenorphine", "capsaicin", "gabapentinoid", "lidocaine", "muscle-relaxant",
        "opioid-full-agonist", "opioid-mixed", "snri", "suzetrigine", "tca",
        "topical-analgesic", "tramadol",
    }
)  # fmt: skip
_SPINE = re.compile(r"\b(?:back|lumbar|spine|flank)\b")
_LIMB = re.compile(r"\b(?:knee|hand|wrist|elbow|ankle|foot|feet|shoulder|hip|finger|thumb)s?\b")


def nsaid_underdosed(case: Case) -> Verdict:
    """Suggest the regular full dose when ibuprofen or naproxen is ordered below it."""
    use = case.use
    if not use.drug.ingredient_names <= DOSED or route_of(use) not in BY_MOUTH:
        return Silent("other-nsaid")
    if not case.for_back_pain:
        return Silent("not-for-back-pain")
    outcome = _shortfall(use)
    if not outcome:
        return Silent("dose-suffices-or-unknown")
    if nsaid_unsuitable(case.chart):
        return Silent("nsaid-unsuitable")
    if outcome == "as-needed" and _is_mild_first_day(case):
        return Silent("mild-first-day")
    return Fires(outcome, case.view.back_pain)


def topical_vs_oral_nsaid(case: Case) -> Verdict:
    """Say in acute strain that an NSAID works better by mouth, and not both together."""
    on_skin = nsaid_on_skin(case.use)
    if not on_skin and not (systemic_nsaid(case.use) and route_of(case.use) in BY_MOUTH):
        return Silent("other-route")
    if silence := _not_for_acute_strain(case):
        return Silent(silence)
    if nsaid_unsuitable(case.chart):
        return Silent("nsaid-unsuitable")
    if on_skin:
        return _instead_of_tablets(case)
    gels = tuple(use for use in staying(case, NSAIDS) if nsaid_on_skin(use))
    if not gels:
        return Silent("no-topical-in-use")
    facts = (*case.view.back_pain, *map(fact, gels))
    return Fires("oral-beside-topical", facts, {"other": gels[0].drug.label})


def acetaminophen_monotherapy(case: Case) -> Verdict:
    """Say that acetaminophen alone does little for chronic back pain."""
    if case.drug.ingredient_names != {ACETAMINOPHEN}:
        return Silent("combination")
    if not case.for_back_pain or not case.view.acuity.chronic:
        return Silent("not-for-chronic-back-pain")
    if nsaid_unsuitable(case.chart):
        return Silent("nsaid-unsuitable")
    if _has_other_treatment(case):
        return Silent("other-treatment")
    if "medications" in case.chart.missing:
        return Silent("medicines-unknown")
    return Fires("alone", case.view.back_pain)


def acetaminophen_max(case: Case) -> Verdict:
    """Warn when acetaminophen from all sources adds up to more than a day may have."""
    own = daily_mg(case.use, ACETAMINOPHEN)
    if own is None:
        return Silent("dose-unknown")
    sum_ = _with_others(case, own.high)
    grams = sum_.mg / MG_PER_G
    words = {"total": f"{grams:.3g} g"}
    notes = () if sum_.complete else ("not-all-known",)
    facts = (Fact(case.use.reference, f"{case.drug.label}, {_daily(own.high)}"), *sum_.facts)
    if grams > case.limits["daily_g"]:
        return Fires("above-maximum", facts, words, notes)
    liver = _liver_risk(case)
    if liver and grams > case.limits["liver_daily_g"]:
        return Fires("above-liver-limit", (liver, *facts), words, notes)
    return Silent("within-maximum")


def allergy_on_record(case: Case) -> Verdict:
    """Warn of an allergy to what is ordered, where the EHR does not check that itself."""
    if not case.limits["check_drafts"]:
        return Silent("checked-by-the-ehr")
    same = case.allergy_to(case.drug)
    found = next((a for a in case.chart.allergies if allergy_fact(a) == same), None)
    related = None if found else _related_allergy(case)
    allergy = found or related
    if allergy is None:
        return Silent("no-allergy")
    words = {"allergen": allergy.drug.label}
    notes = ("related-nsaid",) if related else ()
    return Fires("allergy", (allergy_fact(allergy),), words, notes)


def topical_adjunct_localized(case: Case) -> Verdict:
    """Name topical analgesics as an addition when systemic treatment has not been enough."""
    if not case.view.back_pain or not case.view.acuity.chronic:
        return Silent("no-chronic-back-pain")
    why = _hard_to_treat(case)
    if not why:
        return Silent("systemic-options-left")
    tried = topical_trials(case.chart).values()
    if any(trial.classes & frozenset(ON_SKIN) for trial in tried):
        return Silent("tried")
    allergens = {name for a in case.chart.allergies for name in a.drug.classes}
    if "lidocaine" in allergens:
        return Silent("allergy")
    gel = not allergens & NSAIDS and pregnancy(case.chart) is None
    notes = ("capsaicin",) if case.view.radicular else ()
    return Fires("patch-or-gel" if gel else "patch", why, notes=notes)


def _shortfall(use: MedicationUse) -> str:
    """Name what is missing to a full regular dose; an unknown dose lacks nothing."""
    if scheduled(use) is False:
        return "as-needed"
    (name,) = use.drug.ingredient_names
    daily = daily_mg(use, name)
    enough = number(f"trial.oral-nsaid.{name}_mg")
    return "low-dose" if daily and daily.low < enough else ""


def _is_mild_first_day(case: Case) -> bool:
    """Say whether the pain is mild and began today or yesterday."""
    begin = case.view.acuity.onset
    score = latest(case.chart, PAIN_SCORE, case.limits["first_days"])
    if begin is None or score is None or score.value is None:
        return False
    fresh = (case.chart.today - begin).days <= case.limits["first_days"]
    return fresh and score.value <= case.limits["mild_pain"]


def _not_for_acute_strain(case: Case) -> str:
    level = case.view.relevance
    if not level.fires:
        return "not-for-back-pain"
    if not case.view.acuity.acute:
        return "not-acute"
    site = " ".join(dosage.text for dosage in case.use.dosages).lower()
    elsewhere = _LIMB.search(site) and not _SPINE.search(site)
    joint = level is Relevance.PROBABLE and any(active_problems(case.chart, (OSTEOARTHRITIS,)))
    return "other-site" if elsewhere or (joint and nsaid_on_skin(case.use)) else ""


def _instead_of_tablets(case: Case) -> Verdict:
    status = class_status(case.chart, case.history.trials, NSAID, chronic=case.history.chronic)
    if status in SPENT:
        return Silent("oral-nsaid-failed")
    oral = tuple(use for use in staying(case, NSAIDS) if systemic_nsaid(use))
    return Fires("topical", (*case.view.back_pain, *map(fact, oral)))


def _has_other_treatment(case: Case) -> bool:
    """Say whether an analgesic or care without drugs is under way or ordered with this."""
    pain_aspirin = (use for use in case.beside({"aspirin"}) if systemic_nsaid(use))
    if case.beside(OTHER_ANALGESICS) or any(pain_aspirin):
        return True
    if any(order.service and order.classes & MODALITIES for order in case.chart.drafts):
        return True
    care = case.history.nonpharmacologic.values()
    return any(trial.state in TRIED_OR_ORDERED for trial in care)


class _Sum(NamedTuple):
    """Acetaminophen a day from the order and all that is taken beside it."""

    mg: float
    complete: bool  # every dose is known
    facts: tuple[Fact, ...]


def _with_others(case: Case, own_mg: float) -> _Sum:
    """Add what is taken beside; the same medicine in use is what the order continues."""
    classes = frozenset({ACETAMINOPHEN})
    others = [use for use in staying(case, classes) if not _is_continued(use, case.use)]
    others += case.drafted(classes)
    doses = [daily_mg(use, ACETAMINOPHEN) for use in others]
    facts = [
        Fact(use.reference, f"{use.drug.label}, {_daily(dose.high)}")
        for use, dose in zip(others, doses, strict=True)
        if dose
    ]
    known_mg = sum(dose.high for dose in doses if dose)
    return _Sum(own_mg + known_mg, None not in doses, tuple(facts))


def _is_continued(use: MedicationUse, order: MedicationUse) -> bool:
    """Say whether the order renews or changes this one.

    What the patient says to take in another strength may be bought besides.
    """
    if not same_medicine(use, order):
        return False
    return use.kind != "statement" or use.drug.ingredients == order.drug.ingredients


def _daily(mg: float) -> str:
    return f"up to {mg / MG_PER_G:.3g} g of acetaminophen a day"


def _liver_risk(case: Case) -> Fact | None:
    for term in LIVER_RISKS:
        for problem in active_problems(case.chart, (term,)):
            return problem_fact(problem, term)
    return None


def _related_allergy(case: Case) -> Allergy | None:
    """Return an allergy to another NSAID: the labels rule out the class."""
    if NSAID not in case.drug.classes:
        return None
    of_class = (
        allergy
        for allergy in case.chart.allergies
        if not allergy.intolerance and allergy.drug.classes & NSAIDS
    )
    return next(of_class, None)


def _hard_to_treat(case: Case) -> tuple[Fact, ...]:
    """Return the failures or the disorder that leave few systemic options."""
    failed = _failed_by_class(case.history.trials.values())
    if len(failed) >= case.limits["failed_classes"]:
        return tuple(trial.fact for trial in failed.values())
    disorder = case.history.opioid_use_disorder
    if disorder.on_record and disorder.fact:
        return (disorder.fact,)
    return tuple(map(fact, maintenance(case)))


def _failed_by_class(trials: Iterable[Trial]) -> Mapping[str, Trial]:
    return {
        name: trial
        for trial in trials
        if trial.status is TrialStatus.FAILED and trial.recency(chronic=True) is Recency.CURRENT
        for name in SYSTEMIC_CLASSES
        if name in trial.classes
    }


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "nsaid-underdosed": nsaid_underdosed,
    "topical-vs-oral-nsaid": topical_vs_oral_nsaid,
    "acetaminophen-monotherapy": acetaminophen_monotherapy,
    "acetaminophen-max": acetaminophen_max,
    "allergy-on-record": allergy_on_record,
    "topical-adjunct-localized": topical_adjunct_localized,
}
