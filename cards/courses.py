"""One course of a medicine as the record has it: how it ended, and was it an adequate trial."""

from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from cards.chart import Amount, MedicationUse
from cards.definitions import number
from cards.dosing import daily_mg, days_with_refills, scheduled
from cards.drug_text import named
from cards.medications import Span, chained_back, first_date, in_use, last_date, supply_end
from cards.terms import concept, known

INEFFECTIVE: Final = frozenset({known("stopped-ineffective"), known("outcome-unsuccessful")})
SIDE_EFFECT: Final = known("stopped-side-effect")
CONTRAINDICATION: Final = known("stopped-contraindication")
PARTIAL: Final = known("partial-relief")
HELPED: Final = known("outcome-helped")
OTHER: Final = known("stopped-other")

# Never taken, as far as the record tells.
_NOT_TAKEN: Final = frozenset(
    {
        "not-taken", "cancelled", "draft", "entered-in-error", "not-done", "declined",
        "intended", "preparation",
    }
)  # fmt: skip


_NOTHING: Final = frozenset[str]()


class Outcome(StrEnum):
    """How a course ended."""

    NOT_A_TRIAL = "not a trial"  # not taken, or stopped for a reason that says nothing
    INEFFECTIVE = "ineffective"
    SIDE_EFFECT = "side effect"
    CONTRAINDICATED = "contraindicated"
    RELIEF = "relief"  # partial, or good
    UNKNOWN = "unknown"
    ONGOING = "ongoing"


# Ends of which neither dose nor length matters.
_PLAIN: Final = frozenset({Outcome.NOT_A_TRIAL, Outcome.RELIEF, Outcome.UNKNOWN})


class Course(NamedTuple):
    """One course of one ingredient."""

    use: MedicationUse
    ingredient: str
    outcome: Outcome
    on: date | None  # of the outcome; today for a course that goes on
    single: bool = False  # one dose: never a trial
    dose: Amount | None = None  # mg a day
    days: float | None = None
    dose_suffices: bool | None = None  # `None`: the dose is unknown, or any will do
    days_suffice: bool | None = None

    @property
    def adequate(self) -> bool:
        """Say whether the trial could have worked; unknown dose or length counts as enough."""
        return (
            not self.single
            and self.dose_suffices is not False
            and self.days_suffice is not False
        )

    @property
    def failed(self) -> bool:
        """Say whether this was an adequate trial without effect."""
        return self.outcome is Outcome.INEFFECTIVE and self.adequate


class Least(NamedTuple):
    """What makes a trial adequate."""

    mg: float | None = None
    days: float | None = None
    regular: bool = False  # taken as needed is not enough


def read_course(
    use: MedicationUse,
    ingredient: str,
    taken: Callable[[], tuple[Span, ...]],
    *,
    today: date,
    least: Least,
) -> Course:
    """Return the course; ``taken`` tells when the ingredient was taken at all."""
    outcome = outcome_of(use, today)
    on = _ended(use, outcome, today)
    single = is_single(use)
    if single or outcome in _PLAIN:
        return Course(use, ingredient, outcome, on, single)
    dose = daily_mg(use, ingredient)
    days = _length(use, on, taken, today, least)
    return Course(
        use,
        ingredient,
        outcome,
        on,
        dose=dose,
        days=days,
        dose_suffices=_dose_suffices(use, dose, least),
        days_suffice=None if days is None or least.days is None else days >= least.days,
    )


def outcome_of(use: MedicationUse, today: date) -> Outcome:
    """Return how the course ended: what was found wrong outranks relief, relief no word."""
    if use.status in _NOT_TAKEN:
        return Outcome.NOT_A_TRIAL
    said = _said(use)
    ended = _bad_end(said)
    if ended:
        return ended
    if said and OTHER in said and said.isdisjoint({PARTIAL, HELPED}):
        return Outcome.NOT_A_TRIAL
    if in_use(use, today, for_safety=False):
        return Outcome.ONGOING
    return Outcome.UNKNOWN if said.isdisjoint({PARTIAL, HELPED}) else Outcome.RELIEF


def each_once(courses: Iterable[Course]) -> tuple[Course, ...]:
    """Leave out the second record of a course: the order and the list entry of one failure."""
    kept: list[Course] = []
    for course in courses:
        if not any(_is_same(course, other) for other in kept):
            kept.append(course)
    return tuple(kept)


def least_trial(ingredient: str, classes: frozenset[str], chronic: bool) -> Least:
    """Return the dose and the length of an adequate trial, as far as one is defined."""
    if "nsaid" in classes:
        dosed = ingredient in {"naproxen", "ibuprofen"}
        mg = number(f"trial.oral-nsaid.{ingredient}_mg") if dosed else None
        length = "chronic" if chronic else "acute"
        return Least(mg, number(f"trial.oral-nsaid.{length}_days"), regular=True)
    if "muscle-relaxant" in classes:
        return Least(days=number("trial.muscle-relaxant.days"))
    name = "tca" if "tca" in classes else ingredient
    if name in {"tca", "duloxetine", "gabapentin", "pregabalin", "tramadol"}:
        return Least(number(f"trial.{name}.daily_mg"), number(f"trial.{name}.days"))
    return Least()


def is_single(use: MedicationUse) -> bool:
    """Say whether the record is of one dose only, such as one given in an emergency room."""
    if use.kind == "administration":
        return True
    return bool(use.dosages) and all(dosage.once for dosage in use.dosages)


def _said(use: MedicationUse) -> frozenset[str]:
    """Return what status reasons and notes say of the outcome.

    A note that names another medicine may speak of that one ("ibuprofen failed, start
    naproxen"). What a note says of side effects is a warning while the medicine is taken.
    """
    said = _NOTHING
    for reason in use.status_reasons:
        said |= reason.terms
    if not use.notes or not named(use.notes) <= use.drug.ingredient_names:
        return said
    noted = concept((), use.notes).terms
    return said | (noted - {SIDE_EFFECT, CONTRAINDICATION} if use.status == "active" else noted)


def _bad_end(said: frozenset[str]) -> Outcome | None:
    if CONTRAINDICATION in said:
        return Outcome.CONTRAINDICATED
    if SIDE_EFFECT in said:
        return Outcome.SIDE_EFFECT
    if PARTIAL in said or said.isdisjoint(INEFFECTIVE):
        return None
    return Outcome.INEFFECTIVE


def _ended(use: MedicationUse, outcome: Outcome, today: date) -> date | None:
    if outcome is Outcome.ONGOING:
        return today
    if use.ended is not None:
        return min(use.ended, today)
    last = last_date(use)
    # A course that was completed lasted as long as its supply; a stopped one did not.
    end = supply_end(use) if use.status == "completed" else None
    return min(end, today) if end else last


def _length(
    use: MedicationUse,
    on: date | None,
    taken: Callable[[], tuple[Span, ...]],
    today: date,
    least: Least,
) -> float | None:
    """Return the days taken, fills before this one included if they are needed to suffice."""
    begun = first_date(use)
    if begun is None or on is None or not (use.ended or on == today):
        return days_with_refills(use)
    days = (on - begun).days + 1
    if least.days is None or days >= least.days:
        return days
    return (on - chained_back(begun, taken(), today)).days + 1


def _dose_suffices(use: MedicationUse, dose: Amount | None, least: Least) -> bool | None:
    if least.regular and scheduled(use) is False:
        return False
    if least.mg is None or dose is None:
        return None
    return dose.low >= least.mg


def _is_same(one: Course, other: Course) -> bool:
    kinds_differ = one.use.kind != other.use.kind
    first, second = _begin(one), _begin(other)
    if not (first and second and one.on and other.on):
        return kinds_differ
    if first < other.on and second < one.on:
        return True
    # Of an order that was stopped often only its own day is known.
    touch = first <= other.on and second <= one.on
    week = 7
    return kinds_differ and (touch or abs((one.on - other.on).days) <= week)


def _begin(course: Course) -> date | None:
    return course.use.started or course.use.written
