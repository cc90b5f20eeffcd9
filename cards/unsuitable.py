"""Which medicines are not proposed to this patient, and why."""

from collections.abc import Iterator
from typing import Final

from cards.cautions import against_duloxetine, against_tramadol, against_tricyclics
from cards.chart import Chart, Fact
from cards.circumstances import age, latest
from cards.contraindications import nsaid_contraindicated
from cards.definitions import number
from cards.kidney import DIALYSIS, SEVERE_KIDNEY_DISEASE, severe_disease
from cards.record import active_problems, dated_fact, problem_fact
from cards.terms import known, title

CHRONIC_KIDNEY_DISEASE: Final = known("chronic-kidney-disease")
_EGFR: Final = known("egfr")
# What the duloxetine label advises against it for.
_DULOXETINE_RISKS: Final = tuple(
    map(known, ("liver-disease", "alcohol-use-disorder", "glaucoma-angle-closure", DIALYSIS))
)


def nsaid_unsuitable(chart: Chart) -> Fact | None:
    """Return why an oral NSAID is not proposed, or ``None``.

    It is what an NSAID order would be warned of, and also old age and kidney disease.
    """
    years = age(chart)
    if years is not None and years >= number("nsaid.not_proposed_years"):
        return Fact("Patient", f"{years} years of age")
    for problem in active_problems(chart, (CHRONIC_KIDNEY_DISEASE,)):
        return problem_fact(problem, CHRONIC_KIDNEY_DISEASE)
    seen = latest(chart, _EGFR, number("lookback.laboratory_days"))
    if seen and seen.value is not None and seen.value < number("nsaid.reduced_egfr"):
        return dated_fact(seen.reference, f"eGFR {seen.value:g}", seen.on)
    return nsaid_contraindicated(chart)


def duloxetine_risks(chart: Chart) -> Iterator[tuple[str, Fact]]:
    """Yield what the label advises against duloxetine for: liver, alcohol, eye, kidney."""
    for term in _DULOXETINE_RISKS:
        for problem in active_problems(chart, (term,)):
            yield title(term), problem_fact(problem, term)
    for problem in severe_disease(chart):
        if DIALYSIS not in problem.concept.terms:  # named above
            term = SEVERE_KIDNEY_DISEASE
            yield title(term), problem_fact(problem, term)
    seen = latest(chart, _EGFR, number("lookback.laboratory_days"))
    if seen and seen.value is not None and seen.value < number("renal.severe_below"):
        name = f"eGFR {seen.value:g}"
        yield name, dated_fact(seen.reference, name, seen.on)


def unsuitable_classes(chart: Chart) -> frozenset[str]:
    """Return the classes that a plan does not name as a next step for this patient."""
    found = {
        "nsaid": nsaid_unsuitable(chart) is not None,
        "duloxetine": any(duloxetine_risks(chart)) or against_duloxetine(chart),
        "tramadol": against_tramadol(chart),
        "tca": against_tricyclics(chart),
    }
    return frozenset(name for name, speaks_against in found.items() if speaks_against)
