"""What on record speaks against a medicine as the next step of a plan."""

from collections.abc import Iterator
from typing import Final

from cards.chart import Chart, Measurement, Problem
from cards.circumstances import latest
from cards.contraindications import recent_infarctions
from cards.definitions import number
from cards.drug_classes import ANY_OPIOID
from cards.medications import in_use
from cards.record import active_problems, may_be_recent
from cards.terms import known

SEDATIVES: Final = frozenset({"benzodiazepine", "z-drug", "barbiturate", "other-sedative"})
RAISE_SEROTONIN: Final = frozenset({"maoi", "snri", "ssri", "tca", "tramadol", "trazodone"})
# Members of other classes that raise serotonin too.
SEROTONERGIC_DRUGS: Final = frozenset({"cyclobenzaprine", "meperidine", "methadone"})
SYSTOLIC: Final = known("systolic-bp")
QT_PROLONGATION: Final = known("qt-prolongation")
QTC: Final = known("qtc")
# Diseases in which an opioid can stop breathing, and those of them that pass.
OPIOIDS_SLOW_BREATHING: Final = tuple(
    map(
        known,
        (
            "sleep-apnoea",
            "respiratory-failure",
            "copd-severe",
            "oxygen-dependence",
            "obesity-hypoventilation",
        ),
    )
)
PASSING: Final = tuple(map(known, ("respiratory-failure-acute", "copd-exacerbation")))

_NEVER_BESIDE_DULOXETINE: Final = frozenset({"maoi", "thioridazine"})
_BESIDE_TRAMADOL: Final = (
    ANY_OPIOID | SEDATIVES | RAISE_SEROTONIN | {"naltrexone", "muscle-relaxant"}
)
_AGAINST_TRAMADOL: Final = (known("seizure"), known("suicidality"), *OPIOIDS_SLOW_BREATHING)
_AGAINST_TRICYCLICS: Final = (QT_PROLONGATION, known("suicidality"))
_BESIDE_RELAXANT: Final = ANY_OPIOID | SEDATIVES | {"cyp1a2-inhibitor", "muscle-relaxant"}
_AGAINST_RELAXANT: Final = tuple(map(known, ("liver-disease", "cirrhosis")))


def against_duloxetine(chart: Chart) -> bool:
    """Say whether a medicine in use is contraindicated beside duloxetine."""
    return _takes(chart, _NEVER_BESIDE_DULOXETINE)


def against_tramadol(chart: Chart) -> bool:
    """Say whether an order for tramadol would be warned of."""
    return (
        any(active_problems(chart, _AGAINST_TRAMADOL))
        or any(recently_breathless(chart))
        or _takes(chart, _BESIDE_TRAMADOL)
    )


def against_tricyclics(chart: Chart) -> bool:
    """Say whether an order for a tricyclic would be warned of."""
    return (
        any(active_problems(chart, _AGAINST_TRICYCLICS))
        or any(recent_infarctions(chart, number("tricyclic.infarction_days")))
        or long_qtc(chart) is not None
        or _takes(chart, RAISE_SEROTONIN, SEROTONERGIC_DRUGS)
    )


def recently_breathless(chart: Chart) -> Iterator[Problem]:
    """Yield acute trouble of breathing that is recent: long ago it says nothing about today."""
    days = number("lookback.acute_illness_days")
    for problem in active_problems(chart, PASSING):
        if may_be_recent(problem, chart, days):
            yield problem


def long_qtc(chart: Chart) -> Measurement | None:
    """Return the last QTc when it is prolonged."""
    seen = latest(chart, QTC, number("lookback.laboratory_days"))
    known_long = seen and seen.value is not None and seen.value > number("tricyclic.qtc_ms")
    return seen if known_long else None


def against_relaxants(chart: Chart) -> bool:
    """Say whether tizanidine is not to be thought of: tried, or not safe for this patient."""
    return (
        any(active_problems(chart, _AGAINST_RELAXANT))
        or _takes(chart, _BESIDE_RELAXANT)
        or any("tizanidine" in use.drug.ingredient_names for use in chart.medications)
        or has_low_pressure(chart)
    )


def has_low_pressure(chart: Chart) -> bool:
    """Say whether the last systolic blood pressure was low."""
    seen = latest(chart, SYSTOLIC, number("relaxant.pressure_days"))
    return bool(seen and seen.value and seen.value < number("relaxant.systolic_mmhg"))


def _takes(
    chart: Chart, classes: frozenset[str], ingredients: frozenset[str] = frozenset()
) -> bool:
    return any(
        (use.drug.classes & classes or use.drug.ingredient_names & ingredients)
        and in_use(use, chart.today, for_safety=True)
        for use in chart.medications
    )
