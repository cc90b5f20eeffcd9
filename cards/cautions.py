"""What speaks against tramadol, a tricyclic or a muscle relaxant as the next step of a plan."""

from typing import Final

from cards.chart import Chart
from cards.circumstances import latest
from cards.definitions import number
from cards.medications import in_use
from cards.record import active_problems
from cards.terms import known

OPIOIDS: Final = frozenset({"opioid-full-agonist", "opioid-mixed", "tramadol", "buprenorphine"})
SEDATIVES: Final = frozenset({"benzodiazepine", "z-drug", "barbiturate", "other-sedative"})
RAISE_SEROTONIN: Final = frozenset({"maoi", "snri", "ssri", "tca", "tramadol"})
SYSTOLIC: Final = known("systolic-bp")

_BESIDE_TRAMADOL: Final = OPIOIDS | SEDATIVES | RAISE_SEROTONIN | {"naltrexone"}
_AGAINST_TRAMADOL: Final = tuple(
    map(
        known,
        ("seizure", "suicidality", "sleep-apnoea", "copd-severe", "obesity-hypoventilation"),
    )
)
_AGAINST_TRICYCLICS: Final = tuple(map(known, ("qt-prolongation", "suicidality")))
_BESIDE_RELAXANT: Final = OPIOIDS | SEDATIVES | {"cyp1a2-inhibitor", "muscle-relaxant"}
_AGAINST_RELAXANT: Final = tuple(map(known, ("liver-disease", "cirrhosis")))


def against_tramadol(chart: Chart) -> bool:
    """Say whether an order for tramadol would be warned of."""
    return any(active_problems(chart, _AGAINST_TRAMADOL)) or _takes(chart, _BESIDE_TRAMADOL)


def against_tricyclics(chart: Chart) -> bool:
    """Say whether an order for a tricyclic would be warned of."""
    return any(active_problems(chart, _AGAINST_TRICYCLICS)) or _takes(chart, RAISE_SEROTONIN)


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


def _takes(chart: Chart, classes: frozenset[str]) -> bool:
    return any(
        use.drug.classes & classes and in_use(use, chart.today, for_safety=True)
        for use in chart.medications
    )
