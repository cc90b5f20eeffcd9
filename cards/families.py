"""Which function decides which rule: the families, bound by name."""

from collections.abc import Callable, Mapping
from typing import Final

from cards import (
    breathing,
    buprenorphine,
    care_before_drugs,
    corticosteroids,
    interventions,
    muscle_relaxants,
    opioid_safety,
    opioids,
    procedures,
    repeats,
    sedatives,
    tramadol,
    withdrawal,
)
from cards.case import Case
from cards.chart import Verdict

FAMILIES: Final[tuple[Mapping[str, Callable[[Case], Verdict]], ...]] = (
    breathing.RULES,
    buprenorphine.RULES,
    care_before_drugs.RULES,
    corticosteroids.RULES,
    interventions.RULES,
    muscle_relaxants.RULES,
    opioid_safety.RULES,
    opioids.RULES,
    procedures.RULES,
    repeats.RULES,
    sedatives.RULES,
    tramadol.RULES,
    withdrawal.RULES,
)

RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    id_: decide for family in FAMILIES for id_, decide in family.items()
}
