"""Which medicines are NSAIDs that act in the whole body, and when one is not to be proposed."""

from typing import Final

from cards.case import Case
from cards.chart import MedicationUse, Route
from cards.definitions import number
from cards.dosing import daily_mg, route_of, single_mg
from cards.drug_classes import classes_of
from cards.maintenance import STOPPED
from cards.medications import same_medicine, systemic

NSAID: Final = "nsaid"
ASPIRIN: Final = "aspirin"
NSAIDS: Final = frozenset({NSAID, ASPIRIN})
KETOROLAC: Final = "ketorolac"

# Sold as tablet and as gel or eye drops: by the bare name neither is meant. Ketorolac is not
# among them: its drops are never called by the bare name.
_ALSO_LOCAL: Final = frozenset({"diclofenac", "flurbiprofen", "bromfenac", "nepafenac"})
_SKIN: Final = frozenset({Route.TOPICAL, Route.TRANSDERMAL})


def systemic_nsaid(use: MedicationUse, low_dose_aspirin_mg: float | None = None) -> bool:
    """Say whether this is an NSAID that acts in the whole body; low-dose aspirin is none."""
    if NSAID not in use.drug.classes:
        most = low_dose_aspirin_mg or number("nsaid.low_dose_aspirin_mg")
        return ASPIRIN in use.drug.classes and _aspirin_mg(use) > most
    route = route_of(use)
    if route is Route.NASAL:
        return is_ketorolac(use)  # sprayed against pain, not against a cold
    if route is Route.UNKNOWN and nsaid_names(use) <= _ALSO_LOCAL:
        return any(single_mg(use, name) for name in nsaid_names(use))
    return systemic(use)


def nsaid_on_skin(use: MedicationUse) -> bool:
    """Say whether this is an NSAID gel, cream, solution or patch."""
    on_skin = {route_of(use), use.drug.route} & _SKIN
    return NSAID in use.drug.classes and bool(on_skin) and not systemic(use)


def is_ketorolac(use: MedicationUse) -> bool:
    """Say whether the medicine is ketorolac, by whatever route."""
    return KETOROLAC in use.drug.ingredient_names


def nsaid_names(use: MedicationUse) -> frozenset[str]:
    """Return the ingredients that are NSAIDs or aspirin."""
    return frozenset(name for name in use.drug.ingredient_names if classes_of(name) & NSAIDS)


def staying(case: Case, classes: frozenset[str]) -> tuple[MedicationUse, ...]:
    """Return the medicines in use of the classes that no order on the screen stops."""
    ended = [
        order.medication
        for order in case.chart.drafts
        if order.medication and order.status in STOPPED
    ]
    return tuple(
        use
        for use in case.in_use(classes)
        if not any(end.reference == use.reference or same_medicine(end, use) for end in ended)
    )


def _aspirin_mg(use: MedicationUse) -> float:
    """Return the daily dose as far as it is known: without one, a single unit."""
    daily = daily_mg(use, ASPIRIN)
    if daily:
        return daily.high
    strengths = (one.mg for one in use.drug.ingredients if one.name == ASPIRIN)
    return next((mg for mg in strengths if mg is not None), 0)
