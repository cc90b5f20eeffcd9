"""Inhibitors of monoamine oxidase: taken, ordered, or stopped so lately that they still act."""

from collections.abc import Iterator
from typing import Final

from cards.case import Case
from cards.chart import Chart, MedicationUse
from cards.definitions import number
from cards.medications import distinct, last_date, systemic
from cards.record import is_recent

MAOI: Final = "maoi"
# Reversible, or gone with the last dose: the labels ask for a day, not for two weeks.
SHORT_ACTING: Final = frozenset({"linezolid", "methylene blue", "tedizolid"})
ENDED: Final = frozenset({"stopped", "completed"})


def maois(case: Case) -> tuple[MedicationUse, ...]:
    """Return the inhibitors that act beside the order: in use, drafted or lately stopped."""
    taken = filter(systemic, case.beside((MAOI,)))
    return distinct((*taken, *_lately_stopped(case.chart)))


def _lately_stopped(chart: Chart) -> Iterator[MedicationUse]:
    for use in chart.medications:
        if MAOI in use.drug.classes and use.status in ENDED and systemic(use):
            day = last_date(use)
            if day and is_recent(day, chart.today, _days(use)):
                yield use


def _days(use: MedicationUse) -> float:
    short = use.drug.ingredient_names <= SHORT_ACTING
    return number(f"lookback.{'short_' if short else ''}maoi_days")
