"""The rule about new signs of a dangerous cause of back pain."""

from collections.abc import Callable, Mapping
from typing import Final

from cards.case import Case
from cards.chart import Fact, Fires, Silent, Verdict
from cards.circumstances import red_flags_by_term
from cards.record import active_problems, current_encounter, is_recent, start
from cards.relevance import Relevance
from cards.terms import known, title

CAUDA_EQUINA: Final = tuple(map(known, ("cauda-equina", "saddle-anaesthesia")))
URGENT: Final = (
    *CAUDA_EQUINA,
    *map(
        known, ("cord-compression", "spinal-infection", "motor-deficit", "vertebral-fracture")
    ),
)
FEVER: Final = known("fever")
INJECTION_DRUG_USE: Final = known("injection-drug-use")
SPINE_IMAGING: Final = known("spine-imaging")
WARDS: Final = frozenset({"IMP", "ACUTE", "OBSENC"})


def red_flag_urgent(case: Case) -> Verdict:
    """Ask for urgent evaluation when a new sign of a dangerous cause is on record."""
    if case.view.relevance is Relevance.NONE:
        return Silent("no-back-pain")
    flags = red_flags_by_term(case.chart, case.order)
    urgent = [term for term in URGENT if term in flags]
    infection = {FEVER, INJECTION_DRUG_USE} <= flags.keys()
    new = [term for term in urgent if _is_new(case, term)]
    if not new and not infection:
        return Silent("old" if urgent else "no-flag")
    if _is_in_hand(case):
        return Silent("in-hand")
    return _urgent(flags, new)


def _urgent(flags: Mapping[str, Fact], new: list[str]) -> Fires:
    if not new:
        return Fires("fever-after-injection", (flags[FEVER], flags[INJECTION_DRUG_USE]))
    outcome = "cauda-equina" if new[0] in CAUDA_EQUINA else "urgent"
    return Fires(outcome, tuple(flags[term] for term in new), {"flag": title(new[0])})


def _is_new(case: Case, term: str) -> bool:
    """Say whether the sign is new; one without a date may be."""
    days = case.limits["new_days"]
    begun = [start(problem) for problem in active_problems(case.chart, (term,))]
    return not begun or any(
        day is None or is_recent(day, case.chart.today, days) for day in begun
    )


def _is_in_hand(case: Case) -> bool:
    """Say whether the patient is admitted, or the spine is being imaged already."""
    visit = current_encounter(case.chart)
    if visit and visit.class_code in WARDS:
        return True
    days = case.limits["new_days"]
    for use in case.chart.services:
        day = use.ended or use.started or use.written
        imaging = SPINE_IMAGING in use.concept.terms
        if imaging and day and is_recent(day, case.chart.today, days):
            return True
    return False


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "red-flag-urgent": red_flag_urgent,
}
