"""Which function decides which rule: the families, bound by name."""

from collections.abc import Callable, Mapping
from typing import Final

from cards import buprenorphine, corticosteroids, repeats
from cards.case import Case
from cards.chart import Verdict

FAMILIES: Final[tuple[Mapping[str, Callable[[Case], Verdict]], ...]] = (
    buprenorphine.RULES,
    corticosteroids.RULES,
    repeats.RULES,
)

RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    id_: decide for family in FAMILIES for id_, decide in family.items()
}
