"""Which function decides which rule: the families, bound by name."""

from collections.abc import Callable, Mapping
from typing import Final

from cards import (
    analgesics,
    antidepressants,
    breathing,
    buprenorphine,
    care_before_drugs,
    care_plan,
    corticosteroids,
    interventions,
    muscle_relaxants,
    neuropathic,
    nsaid_safety,
    opioid_safety,
    opioids,
    procedures,
    reassessment,
    red_flags,
    referrals,
    repeats,
    sedatives,
    serotonin,
    tramadol,
    withdrawal,
)
from cards.case import Case
from cards.chart import Verdict

FAMILIES: Final[tuple[Mapping[str, Callable[[Case], Verdict]], ...]] = (
    analgesics.RULES,
    antidepressants.RULES,
    breathing.RULES,
    buprenorphine.RULES,
    care_before_drugs.RULES,
    care_plan.RULES,
    corticosteroids.RULES,
    interventions.RULES,
    muscle_relaxants.RULES,
    neuropathic.RULES,
    nsaid_safety.RULES,
    opioid_safety.RULES,
    opioids.RULES,
    procedures.RULES,
    reassessment.RULES,
    red_flags.RULES,
    referrals.RULES,
    repeats.RULES,
    sedatives.RULES,
    serotonin.RULES,
    tramadol.RULES,
    withdrawal.RULES,
)

RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    id_: decide for family in FAMILIES for id_, decide in family.items()
}
