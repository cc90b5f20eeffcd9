"""Rules about medicines that displace an opioid: they block it or set off withdrawal."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from cards.case import Case
from cards.chart import Fires, MedicationUse, Route, Silent, Verdict
from cards.circumstances import latest
from cards.dosing import daily_mg, route_of, single_mg
from cards.drug_classes import ANY_OPIOID
from cards.maintenance import maintenance
from cards.medications import established, last_date, supply_end
from cards.oud import ADDICTION_MEDICINE, METHADONE, OudStatus
from cards.sedation import is_local, sedative_fact
from cards.terms import known

COWS = known("cows")
NALTREXONE: Final = "naltrexone"

_FULL: Final = frozenset({"opioid-full-agonist"})
_TAKEN: Final = frozenset({"active", "completed", "stopped", "on-hold", "unknown"})
_INDUCTION: Final = re.compile(
    r"\bmicro[- ]?(?:induc|dos)|\bbernese\b|\blow[- ]dose (?:induc|init)"
)


def naltrexone_opioid(case: Case) -> Verdict:
    """Warn of naltrexone and an opioid in the same body, whichever is ordered."""
    if NALTREXONE in case.order.classes:
        opioids = tuple(_opioids_in_the_body(case))
        if not opioids:
            return Silent("no-opioid")
        return _clash(case, "naltrexone-ordered", [case.use], opioids)
    if is_local(case.use):
        return Silent("local-route")
    blockers = case.beside((NALTREXONE,))
    if not blockers:
        return Silent("no-naltrexone")
    return _clash(case, "opioid-ordered", blockers, blockers)


def buprenorphine_precipitated_withdrawal(case: Case) -> Verdict:
    """Warn when buprenorphine or a mixed agonist would displace an opioid taken just now."""
    if "opioid-mixed" in case.order.classes:
        return _mixed_agonist(case)
    if case.history.buprenorphine:
        return Silent("continued")
    agonists = tuple(_just_taken(case, _FULL))
    if not agonists:
        return Silent("no-agonist")
    score = latest(case.chart, COWS, within_days=0)
    if score and score.value is not None and score.value >= case.limits["withdrawal_score"]:
        return Silent("in-withdrawal")
    facts = tuple(map(sedative_fact, agonists))
    return Fires("planned" if _is_planned(case) else "start", facts)


def _clash(
    case: Case,
    outcome: str,
    blockers: Iterable[MedicationUse],
    found: Iterable[MedicationUse],
) -> Verdict:
    low = all(_is_low_dose(use, case.limits["low_dose_mg"]) for use in blockers)
    return Fires("low-dose" if low else outcome, tuple(map(sedative_fact, found)))


def _is_low_dose(use: MedicationUse, most: float) -> bool:
    daily = daily_mg(use, NALTREXONE)
    return daily is not None and daily.high <= most


def _opioids_in_the_body(case: Case) -> Iterator[MedicationUse]:
    """Yield opioids in use, drafted, or ended too short a time ago for naltrexone."""
    beside = tuple(use for use in case.beside(ANY_OPIOID) if not is_local(use))
    yield from beside
    seen = {use.reference for use in beside}
    for use in case.chart.medications:
        is_opioid = use.drug.classes & ANY_OPIOID and not is_local(use)
        if is_opioid and use.reference not in seen and _is_washed_in(use, case):
            yield use


def _is_washed_in(use: MedicationUse, case: Case) -> bool:
    names = use.drug.ingredient_names
    lasting = use.drug.extended or names & {METHADONE, "buprenorphine"}
    days = case.limits["long_washout_days" if lasting else "washout_days"]
    return _was_taken_within(use, days, case.chart.today)


def _just_taken(case: Case, classes: frozenset[str]) -> Iterator[MedicationUse]:
    """Yield the agonists that may still sit on the receptors."""
    for use in case.chart.medications:
        if not use.drug.classes & classes or is_local(use):
            continue
        methadone = METHADONE in use.drug.ingredient_names
        days = case.limits["methadone_days" if methadone else "agonist_days"]
        if _was_taken_within(use, days, case.chart.today):
            yield use


def _was_taken_within(use: MedicationUse, days: float, today: date) -> bool:
    """Say whether the last dose may lie within the days: an order without an end goes on."""
    if use.status not in _TAKEN:
        return False
    end = use.ended or supply_end(use)
    if end is None and use.status == "active":
        return True
    end = end or last_date(use)
    return end is not None and (today - end).days <= days


def _is_planned(case: Case) -> bool:
    """Say whether the start looks like one with small doses, or is a specialist's."""
    if ADDICTION_MEDICINE in case.chart.user_specialties:
        return True
    if route_of(case.use) is Route.TRANSDERMAL:
        return True
    dose = single_mg(case.use, "buprenorphine")
    if dose is not None and dose.high <= case.limits["low_dose_mg"]:
        return True
    said = " ".join((case.use.notes, *(d.text for d in case.use.dosages))).lower()
    return bool(_INDUCTION.search(said))


def _mixed_agonist(case: Case) -> Verdict:
    disorder = case.history.opioid_use_disorder
    lasting = tuple(
        use for use in case.in_use(_FULL) if not is_local(use) and established(use, case.chart)
    )
    facts = tuple(map(sedative_fact, (*lasting, *maintenance(case))))
    if disorder.status is OudStatus.ACTIVE and disorder.fact:
        facts = (disorder.fact, *facts)
    return Fires("mixed-agonist", facts) if facts else Silent("not-dependent")


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "naltrexone-opioid": naltrexone_opioid,
    "buprenorphine-precipitated-withdrawal": buprenorphine_precipitated_withdrawal,
}
