"""What was tried, adequately or not, and how it ended: drug trials by ingredient."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, cached_property
from typing import Final

from cards.chart import Allergy, Amount, Chart, Drug, Fact, MedicationUse, Route
from cards.contraindications import (
    allergic,
    allergy_fact,
    intolerant,
    is_of_whole_class,
    nsaid_contraindicated,
)
from cards.courses import Course, Least, Outcome, each_once, least_trial, read_course
from cards.definitions import number
from cards.drug_classes import classes_of
from cards.medications import parenteral, spans, systemic
from cards.nonpharmacologic import (
    TRIED_OR_ORDERED,
    CareState,
    Injection,
    NonpharmacologicTrial,
    failed_injections,
    injections,
    nonpharmacologic,
    tried_modalities,
)
from cards.record import dated_fact

__all__ = [
    "SPENT",
    "TRIED_OR_ORDERED",
    "CareState",
    "Course",
    "Injection",
    "NonpharmacologicTrial",
    "Recency",
    "Trial",
    "TrialStatus",
    "Trials",
    "allergic",
    "class_status",
    "failed_courses",
    "failed_injections",
    "injections",
    "intolerant",
    "nonpharmacologic",
    "nsaid_contraindicated",
    "nsaid_tried_for_opioid_step",
    "topical_trials",
    "trials",
    "tried_modalities",
]

TRIED_FOR_PAIN: Final = frozenset(
    {
        "acetaminophen", "aspirin", "benzodiazepine", "buprenorphine", "capsaicin",
        "corticosteroid", "duloxetine", "gabapentinoid", "lidocaine", "muscle-relaxant",
        "nsaid", "opioid-full-agonist", "opioid-mixed", "ropinirole", "snri", "suzetrigine",
        "tca", "topical-analgesic", "tramadol",
    }
)  # fmt: skip
# What a combination holds beside the medicine that it is given for.
_BESIDE: Final = frozenset({"acetaminophen", "caffeine", "naloxone", "butalbital"})


class TrialStatus(StrEnum):
    """Where an ingredient stands, from the least to the most that speaks against it."""

    UNTRIED = "untried"  # or one dose only
    TRIED_UNKNOWN = "tried, outcome not recorded"
    SUB_THERAPEUTIC = "sub-therapeutic"  # too little or too short, in use or not
    ACTIVE = "active"
    FAILED = "failed"
    INTOLERANCE = "intolerance"
    CONTRAINDICATED = "contraindicated"


SPENT: Final = frozenset(
    {TrialStatus.FAILED, TrialStatus.INTOLERANCE, TrialStatus.CONTRAINDICATED}
)


class Recency(StrEnum):
    """How much an old failure still counts."""

    CURRENT = "current"
    FADED = "faded"  # worth a note
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Every course of one ingredient taken together."""

    ingredient: str
    classes: frozenset[str]
    status: TrialStatus
    fact: Fact
    on: date | None = None  # of the outcome
    age_days: int | None = None
    dose: Amount | None = None  # mg a day of the course that decided
    days: float | None = None
    courses: tuple[Course, ...] = ()
    in_use: bool = False
    at_target: bool | None = None  # the dose in use suffices; `None` if unknown
    parenteral: bool = False  # injected only

    @cached_property
    def failures(self) -> tuple[Course, ...]:
        """The adequate courses without effect, each once, the latest first."""
        return each_once(course for course in self.courses if course.failed)

    def recency(self, *, chronic: bool) -> Recency:
        """Return how much it still counts; harm never fades, nor does what has no date."""
        if self.status in {TrialStatus.INTOLERANCE, TrialStatus.CONTRAINDICATED}:
            return Recency.CURRENT
        return _recency(self.age_days, chronic)


class Trials(Mapping[str, Trial]):
    """The trials of some medicines by ingredient, each worked out when it is asked for.

    Most rules ask about the ingredient that is being ordered, out of a record of years.
    """

    def __init__(
        self,
        chart: Chart,
        uses: Iterable[MedicationUse],
        allergies: Iterable[Allergy] = (),
        *,
        chronic: bool,
    ) -> None:
        self._today, self._chronic = chart.today, chronic
        self._uses = _by_ingredient(uses)
        self._allergies = _allergies_by_ingredient(allergies)
        self._known: dict[str, Trial | None] = {}

    def __getitem__(self, ingredient: str) -> Trial:
        """Return the trial; KeyError when the ingredient was never tried."""
        if ingredient not in self._known:
            self._known[ingredient] = self._work_out(ingredient)
        trial = self._known[ingredient]
        if trial is None:
            raise KeyError(ingredient)
        return trial

    def __iter__(self) -> Iterator[str]:
        return (name for name in {**self._uses, **self._allergies} if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _work_out(self, ingredient: str) -> Trial | None:
        uses, trial = self._uses.get(ingredient), None
        if uses:
            trial = _trial(ingredient, uses, self._today, self._chronic)
        for allergy in self._allergies.get(ingredient, ()):
            if trial is None or trial.status is not TrialStatus.CONTRAINDICATED:
                trial = _of_allergy(ingredient, allergy, trial)
        return trial


def trials(chart: Chart, *, chronic: bool = True) -> Trials:
    """Return the systemic trials by ingredient; in acute pain NSAID trials may be shorter."""
    return Trials(chart, filter(systemic, chart.medications), chart.allergies, chronic=chronic)


def topical_trials(chart: Chart, *, chronic: bool = True) -> Trials:
    """Return the trials of what was put on the skin, by ingredient."""
    on_skin = (
        use
        for use in chart.medications
        if not systemic(use)
        and {use.route, use.drug.route} & {Route.TOPICAL, Route.TRANSDERMAL}
    )
    return Trials(chart, on_skin, chronic=chronic)


def failed_courses(
    tried: Mapping[str, Trial], drug_class: str, *, today: date, chronic: bool = True
) -> tuple[Course, ...]:
    """Return the failed courses of a class that still count in full, the latest first.

    Courses are counted, not ingredients: the same relaxant twice is two. An NSAID given only
    by injection is none.
    """
    courses = [
        course
        for trial in tried.values()
        if drug_class in trial.classes and not (trial.parenteral and drug_class == "nsaid")
        for course in trial.failures
        if _recency(_age(course.on, today), chronic) is Recency.CURRENT
    ]
    return tuple(sorted(courses, key=_newest_first))


def class_status(
    chart: Chart, tried: Mapping[str, Trial], drug_class: str, *, chronic: bool = True
) -> TrialStatus:
    """Return how far a class has been tried: the most that any of its members reached.

    A failure that has faded is "tried". For NSAIDs what forbids the class outranks all.
    """
    if any(is_of_whole_class(allergy, drug_class) for allergy in chart.allergies):
        return TrialStatus.CONTRAINDICATED
    if drug_class == "nsaid" and nsaid_contraindicated(chart):
        return TrialStatus.CONTRAINDICATED
    order = list(TrialStatus)
    statuses = [
        _faded(trial, chronic)
        for trial in tried.values()
        if drug_class in trial.classes and not (trial.parenteral and drug_class == "nsaid")
    ]
    return max(statuses, key=order.index, default=TrialStatus.UNTRIED)


def nsaid_tried_for_opioid_step(
    chart: Chart, tried: Mapping[str, Trial], *, chronic: bool = True
) -> Fact | None:
    """Return why the NSAID step before an opioid is done: failed, harmful, or forbidden.

    An injected NSAID without enough effect in this episode counts here, and only here.
    """
    forbidden = nsaid_contraindicated(chart)
    if forbidden:
        return forbidden
    for trial in tried.values():
        if "nsaid" in trial.classes and _faded(trial, chronic) in SPENT:
            return trial.fact
    week = 7
    since = number("acuity.subacute_weeks") * week
    for trial in tried.values():
        for course in trial.courses if "nsaid" in trial.classes else ():
            age = _age(course.on, chart.today)
            recent = age is None or age <= since
            if course.outcome is Outcome.INEFFECTIVE and parenteral(course.use) and recent:
                return dated_fact(
                    course.use.reference, f"{trial.ingredient} injected, no relief", course.on
                )
    return None


def _by_ingredient(uses: Iterable[MedicationUse]) -> Mapping[str, list[MedicationUse]]:
    found: dict[str, list[MedicationUse]] = {}
    for use in uses:
        if not use.drug.classes.isdisjoint(TRIED_FOR_PAIN):
            for name in _given_for(use.drug):
                found.setdefault(name, []).append(use)
    return found


def _allergies_by_ingredient(allergies: Iterable[Allergy]) -> Mapping[str, list[Allergy]]:
    found: dict[str, list[Allergy]] = {}
    for allergy in allergies:
        if not allergy.drug.classes.isdisjoint(TRIED_FOR_PAIN):
            for name in allergy.drug.ingredient_names:
                found.setdefault(name, []).append(allergy)
    return found


def _given_for(drug: Drug) -> Iterable[str]:
    if len(drug.ingredients) == 1:
        return (drug.ingredients[0].name,)
    names = drug.ingredient_names
    return names - _BESIDE or names


def _trial(
    name: str, uses: Sequence[MedicationUse], today: date, chronic: bool
) -> Trial | None:
    classes = classes_of(name) or uses[0].drug.classes
    injected = False
    if "nsaid" in classes:  # an injection is no trial of the tablet
        by_mouth = [use for use in uses if not parenteral(use)]
        injected, uses = not by_mouth, by_mouth or uses
    least = least_trial(name, classes, chronic)
    taken = cache(lambda: spans(uses))  # only a course that is short by itself asks
    courses = [read_course(use, name, taken, today=today, least=least) for use in uses]
    courses = [course for course in courses if course.outcome is not Outcome.NOT_A_TRIAL]
    if not courses:
        return None
    courses.sort(key=_newest_first)
    if any(course.outcome is Outcome.SIDE_EFFECT for course in courses):
        least = _tolerated(name, least)
    status, decisive = _standing(courses, least)
    if injected and status is TrialStatus.FAILED:
        status = TrialStatus.SUB_THERAPEUTIC
    going = next((course for course in courses if course.outcome is Outcome.ONGOING), None)
    return Trial(
        ingredient=name,
        classes=classes,
        status=status,
        fact=_trial_fact(name, status, decisive),
        on=decisive.on,
        age_days=_age(decisive.on, today),
        dose=decisive.dose,
        days=decisive.days,
        courses=tuple(courses),
        in_use=going is not None,
        at_target=_at_target(going, least) if going else None,
        parenteral=injected,
    )


def _standing(courses: Sequence[Course], least: Least) -> tuple[TrialStatus, Course]:
    """Return the highest status that applies, and the latest course that gives it."""
    harm = {
        Outcome.CONTRAINDICATED: TrialStatus.CONTRAINDICATED,
        Outcome.SIDE_EFFECT: TrialStatus.INTOLERANCE,
    }
    for outcome, status in harm.items():
        for course in courses:
            if course.outcome is outcome:
                return status, course
    ranked = [(_status(course, least), course) for course in courses]
    relief = next((c for c in courses if c.outcome is Outcome.RELIEF), None)
    if relief is not None:  # of two records that contradict each other the later is right
        ranked = [
            (s, c) for s, c in ranked if s is not TrialStatus.FAILED or not _before(c, relief)
        ]
    order = list(TrialStatus)
    return max(ranked, key=lambda pair: order.index(pair[0]))


def _status(course: Course, least: Least) -> TrialStatus:
    if course.single:
        return TrialStatus.UNTRIED
    if course.outcome is Outcome.INEFFECTIVE:
        return TrialStatus.FAILED if course.adequate else TrialStatus.SUB_THERAPEUTIC
    if course.outcome is not Outcome.ONGOING:
        return TrialStatus.TRIED_UNKNOWN
    # A low dose may be on its way up; an NSAID needs no titration.
    settled = least.regular or course.days_suffice is True
    low = _at_target(course, least) is False
    return TrialStatus.SUB_THERAPEUTIC if low and settled else TrialStatus.ACTIVE


def _at_target(course: Course, least: Least) -> bool | None:
    if course.dose_suffices is False and course.dose and least.mg and not least.regular:
        return course.dose.low >= least.mg
    return course.dose_suffices


def _tolerated(name: str, least: Least) -> Least:
    """Return the lower dose that is enough for a patient who did not tolerate more."""
    if name != "duloxetine":
        return least
    return least._replace(mg=number("trial.duloxetine.intolerant_daily_mg"))


def _faded(trial: Trial, chronic: bool) -> TrialStatus:
    if trial.status is not TrialStatus.FAILED:
        return trial.status
    current = trial.recency(chronic=chronic) is Recency.CURRENT
    return trial.status if current else TrialStatus.TRIED_UNKNOWN


def _recency(age_days: int | None, chronic: bool) -> Recency:
    full = number("lookback.failed_chronic_days" if chronic else "lookback.failed_acute_days")
    if age_days is None or age_days <= full:
        return Recency.CURRENT
    faded = age_days <= number("lookback.failed_faded_days")
    return Recency.FADED if faded else Recency.EXPIRED


def _before(course: Course, other: Course) -> bool:
    return bool(course.on and other.on and course.on < other.on)


def _newest_first(course: Course) -> int:
    return -(course.on or date.min).toordinal()


def _age(day: date | None, today: date) -> int | None:
    return None if day is None else (today - day).days


_SAYS: Final[Mapping[TrialStatus, str]] = {
    TrialStatus.UNTRIED: "a single dose, not a trial",
    TrialStatus.TRIED_UNKNOWN: "tried, outcome not recorded",
    TrialStatus.SUB_THERAPEUTIC: "dose or length below an adequate trial",
    TrialStatus.ACTIVE: "in use",
    TrialStatus.FAILED: "no effect",
    TrialStatus.INTOLERANCE: "not tolerated",
    TrialStatus.CONTRAINDICATED: "stopped as contraindicated",
}


def _trial_fact(name: str, status: TrialStatus, course: Course) -> Fact:
    dose = f" {course.dose.high:g} mg/day" if course.dose else ""
    if course.outcome is Outcome.ONGOING:
        under = status is TrialStatus.SUB_THERAPEUTIC
        words = "in use, below an adequate regular dose" if under else "in use"
        return Fact(course.use.reference, f"{name}{dose}, {words}")
    words = _SAYS[status]
    if course.outcome is Outcome.RELIEF:
        words = "tried, some relief"
    return dated_fact(course.use.reference, f"{name}{dose}, {words}", course.on)


def _of_allergy(name: str, allergy: Allergy, tried: Trial | None) -> Trial:
    intolerance = TrialStatus.INTOLERANCE
    status = intolerance if allergy.intolerance else TrialStatus.CONTRAINDICATED
    return Trial(
        ingredient=name,
        classes=tried.classes if tried else classes_of(name) or allergy.drug.classes,
        status=status,
        fact=allergy_fact(allergy),
        on=allergy.recorded,
        courses=tried.courses if tried else (),
        in_use=tried.in_use if tried else False,
        at_target=tried.at_target if tried else None,
        parenteral=tried.parenteral if tried else False,
    )
