"""Rules about corticosteroids."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cards.case import Case
from cards.chart import Fires, MedicationUse, Route, Silent, Verdict
from cards.medications import fact
from cards.record import active_problems
from cards.relevance import Relevance
from cards.terms import known

ADRENAL_INSUFFICIENCY = known("adrenal-insufficiency")
CONTRAST_ALLERGY = known("contrast-allergy")
DIABETES = known("diabetes")
SPONDYLOARTHROPATHY = known("spondyloarthropathy")
INEFFECTIVE = known("stopped-ineffective")
# Red flags that are conditions which steroids treat, or that make the pain another disease.
STEROIDS_MAY_BE_URGENT: Final = frozenset(
    map(known, ("cord-compression", "cancer", "metastasis", "spinal-infection"))
)
SYSTEMIC: Final = frozenset(
    {
        Route.ORAL,
        Route.INTRAVENOUS,
        Route.INTRAMUSCULAR,
        Route.SUBCUTANEOUS,
        Route.INJECTION,
    }
)


def systemic_corticosteroid(case: Case) -> Verdict:
    """Warn when a steroid that acts on the whole body is ordered for back pain."""
    if silence := _acts_elsewhere(case) or _has_its_reason(case):
        return Silent(silence)
    level = case.view.relevance
    if level is Relevance.OTHER:
        return Silent("other-indication")
    if level is Relevance.NONE:
        return Silent("no-back-pain")
    if not level.fires:
        return Fires("possible", (*case.view.back_pain, *case.view.competing))
    earlier = tuple(fact(use) for use in _failed_courses(case))
    outcome = "repeated" if earlier else "first-course"
    return Fires(outcome, (*case.view.back_pain, *earlier), notes=tuple(_notes(case)))


def _acts_elsewhere(case: Case) -> str:
    if case.use.route is Route.UNKNOWN:
        return "route-unclear"
    return "" if case.use.route in SYSTEMIC else "local-route"


def _has_its_reason(case: Case) -> str:
    """Name the condition on record for which this steroid may be right."""
    if any(active_problems(case.chart, STEROIDS_MAY_BE_URGENT)):
        return "cord-compression"
    if any(active_problems(case.chart, (SPONDYLOARTHROPATHY,))):
        return "spondyloarthropathy"
    if any(active_problems(case.chart, (ADRENAL_INSUFFICIENCY,))):
        return "replacement"
    if any(active_problems(case.chart, (CONTRAST_ALLERGY,))) and not case.use.reasons:
        return "contrast-premedication"
    return ""


def _failed_courses(case: Case) -> Iterator[MedicationUse]:
    for use in case.chart.medications:
        steroid = "corticosteroid" in use.drug.classes and use.route in SYSTEMIC
        if steroid and any(INEFFECTIVE in reason.terms for reason in use.status_reasons):
            yield use


def _notes(case: Case) -> Iterator[str]:
    if case.view.radicular:
        yield "radicular"
    if any(active_problems(case.chart, (DIABETES,))):
        yield "diabetes"


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "systemic-corticosteroid": systemic_corticosteroid,
}
