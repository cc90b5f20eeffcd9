"""How well the kidneys clear medicines: filtration rate, creatinine clearance, dialysis."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from cards.chart import Chart, Fact, Measurement, Problem
from cards.circumstances import age, latest
from cards.definitions import number
from cards.record import (
    active_problems,
    dated_fact,
    may_be_recent,
    of_this_visit,
    problem_fact,
    start,
)
from cards.terms import known, title

ACUTE_KIDNEY_INJURY: Final = known("acute-kidney-injury")
CREATININE: Final = known("creatinine")
DIALYSIS: Final = known("dialysis")
EGFR: Final = known("egfr")
SEVERE_KIDNEY_DISEASE: Final = known("chronic-kidney-disease-severe")
WEIGHT: Final = known("weight")

_MG_PER_DL: Final[Mapping[str, float]] = {"mg/dl": 1.0, "umol/l": 1 / 88.42}
_KG: Final[Mapping[str, float]] = {
    "kg": 1.0, "g": 0.001, "lb": 0.45359, "lbs": 0.45359, "lb_av": 0.45359,
}  # fmt: skip
# Cockcroft DW, Gault MH. Nephron 1976;16:31-41.
_SEX_FACTOR: Final[Mapping[str, float]] = {"male": 1.0, "female": 0.85}
_AGE_LIMIT: Final = 140
_SCALE: Final = 72


class Impairment(StrEnum):
    """How far clearance is reduced, in the bands of the product labels."""

    MODERATE = "moderate"  # 30 to 59 mL/min
    SEVERE = "severe"  # 15 to 29 mL/min
    FAILURE = "failure"  # below 15 mL/min, or dialysis


class Clearance(NamedTuple):
    """What the record tells of kidney function; ``value`` is in mL/min."""

    fact: Fact
    name: str  # "eGFR 45", "creatinine clearance 38 mL/min", a title
    value: float

    @property
    def impairment(self) -> Impairment | None:
        """Return the band, or ``None`` when no dose has to be lowered."""
        if self.value >= number("renal.moderate_below"):
            return None
        if self.value >= number("renal.severe_below"):
            return Impairment.MODERATE
        failing = self.value < number("renal.failure_below")
        return Impairment.FAILURE if failing else Impairment.SEVERE


def clearance(chart: Chart) -> Clearance | None:
    """Return kidney function as last measured, or ``None`` if it is unknown.

    End-stage disease and dialysis decide. Of filtration rate and creatinine clearance
    (Cockcroft and Gault) the lower counts: the one misses frail patients, the other heavy ones.
    """
    for problem in active_problems(chart, (DIALYSIS,)):
        return Clearance(problem_fact(problem, DIALYSIS), title(DIALYSIS), 0)
    found = [one for one in (_filtration(chart), _cockcroft_gault(chart)) if one]
    return min(found, key=lambda one: one.value, default=None)


def acute_injuries(chart: Chart) -> Iterator[Problem]:
    """Yield acute kidney injury of this visit or of late that no later good eGFR ends."""
    for problem in active_problems(chart, (ACUTE_KIDNEY_INJURY,)):
        days = number("lookback.acute_illness_days")
        if may_be_recent(problem, chart, days) and not _is_over(problem, chart):
            yield problem


def severe_disease(chart: Chart) -> Iterator[Problem]:
    """Yield kidney disease from stage 4, unless a filtration rate of late tells more."""
    if _latest(chart, EGFR) is None:
        yield from active_problems(chart, (SEVERE_KIDNEY_DISEASE,))


def _is_over(injury: Problem, chart: Chart) -> bool:
    """Say whether the filtration rate was good after the injury; one without a day is old."""
    began = start(injury) or (chart.today if of_this_visit(injury, chart) else None)
    seen = latest(chart, EGFR, number("lookback.acute_illness_days"))
    if seen is None or seen.on is None or seen.value is None:
        return False
    later = began is None or seen.on > began
    return later and seen.value >= number("nsaid.reduced_egfr")


def _filtration(chart: Chart) -> Clearance | None:
    seen = _latest(chart, EGFR)
    if seen is None or seen.value is None:
        return None
    name = f"eGFR {seen.value:g}"
    return Clearance(dated_fact(seen.reference, name, seen.on), name, seen.value)


def _cockcroft_gault(chart: Chart) -> Clearance | None:
    seen, years = _latest(chart, CREATININE), age(chart)
    creatinine, weight = _in(seen, _MG_PER_DL), _in(_latest(chart, WEIGHT), _KG)
    factor = _SEX_FACTOR.get(chart.patient.sex)
    if seen is None or not creatinine or not weight or not factor or years is None:
        return None
    value = round((_AGE_LIMIT - years) * weight * factor / (_SCALE * creatinine))
    name = f"creatinine clearance {value} mL/min"
    told = f"{name}, calculated from creatinine, weight and age"
    return Clearance(dated_fact(seen.reference, told, seen.on), name, value)


def _latest(chart: Chart, term: str) -> Measurement | None:
    return latest(chart, term, number("lookback.laboratory_days"))


def _in(seen: Measurement | None, units: Mapping[str, float]) -> float | None:
    """Return the value in the unit that the formula takes; another unit is unknown."""
    factor = units.get(seen.unit.strip().lower()) if seen else None
    return seen.value * factor if seen and seen.value and factor else None
