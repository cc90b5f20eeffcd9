"""Rules about injections, implants and surgery of the spine."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from cards.case import Case
from cards.chart import Fact, Fires, Route, Silent, Verdict
from cards.definitions import number
from cards.nonpharmacologic import CareState, Injection, injections
from cards.procedures import disorder_facts, has_opioid_use_disorder, not_for_back_pain
from cards.record import active_problems, is_recent
from cards.relevance import stated_reasons
from cards.terms import known
from cards.trials import TrialStatus

EPIDURAL: Final = known("epidural-steroid-injection")
PUMP: Final = known("intrathecal-pump")

_CANCER: Final = frozenset(
    map(known, ("cancer", "cancer-pain", "metastasis", "palliative-care"))
)
_ATTENDED: Final = frozenset({CareState.IN_PROGRESS, CareState.DONE})
# Where treatments are read from; without one of these, "nothing tried" is not known.
_WHERE_TREATMENT_STANDS: Final = frozenset(
    {"medicationRequests", "medicationStatements", "procedures", "serviceRequests"}
)


def interventional_selection(case: Case) -> Verdict:
    """Warn of a repeated failed epidural; note an intervention before conservative care."""
    if case.order.medication and case.use.route is not Route.EPIDURAL:
        return Silent("not-epidural")
    if silence := not_for_back_pain(case):
        return Silent(silence)
    if _is_cancer_pain(case):
        return Silent("cancer-pain")
    if case.order.medication or EPIDURAL in case.order.classes:
        return _epidural(case)
    return _implant_or_surgery(case)


def _is_cancer_pain(case: Case) -> bool:
    return any(active_problems(case.chart, _CANCER)) or any(
        not reason.terms.isdisjoint(_CANCER) for reason in stated_reasons(case.order)
    )


def _epidural(case: Case) -> Verdict:
    """Decide by how the latest injection ended, else by whether pain is radicular."""
    earlier = injections(case.chart)
    if not earlier:
        if case.view.radicular:
            return Silent("first-for-radicular-pain")
        return Fires("axial-first", case.view.back_pain)
    known_end = [one for one in earlier if one.helped is not None]
    if not known_end:
        return Fires("outcome-not-recorded", _facts(case, earlier), {"date": _day(earlier[0])})
    if known_end[0].helped:
        return Silent("earlier-relief")
    outcome = "failed-before" if _still_counts(case, known_end[0]) else "failed-long-ago"
    failed = tuple(one for one in known_end if not one.helped)
    return Fires(outcome, _facts(case, failed), {"date": _day(failed[0])})


def _still_counts(case: Case, failed: Injection) -> bool:
    days = number("lookback.injection_failed_days")
    return failed.on is None or is_recent(failed.on, case.chart.today, days)


def _facts(case: Case, earlier: Iterable[Injection]) -> tuple[Fact, ...]:
    return (*(one.fact for one in earlier), *case.view.back_pain)


def _day(injection: Injection) -> str:
    return injection.on.isoformat() if injection.on else "unknown date"


def _implant_or_surgery(case: Case) -> Verdict:
    """Decide by what was done before, for all that is more than an injection."""
    if PUMP in case.order.classes and has_opioid_use_disorder(case):
        return Fires("pump-in-opioid-use-disorder", disorder_facts(case))
    if case.view.red_flags:
        return Silent("red-flag")
    acuity, usual = case.view.acuity, number("acuity.chronic_weeks")
    if acuity.weeks is not None and acuity.weeks < usual and not acuity.chronic:
        return Fires("early", case.view.back_pain, {"weeks": f"{usual:g}"})
    if case.chart.missing & _WHERE_TREATMENT_STANDS:
        return Silent("record-incomplete")
    if any(_tried(case)):
        return Silent("conservative-care-documented")
    return Fires("nothing-tried", case.view.back_pain)


def _tried(case: Case) -> Iterator[object]:
    """Yield every treatment on record that was more than ordered."""
    trials = case.history.trials.values()
    yield from (t for t in trials if t.courses and t.status is not TrialStatus.UNTRIED)
    care = case.history.nonpharmacologic.values()
    yield from (one for one in care if one.state in _ATTENDED)
    yield from injections(case.chart)


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "interventional-selection": interventional_selection,
}
