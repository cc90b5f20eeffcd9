"""Where a patient stands in the treatment of back pain, and which steps come next."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from cards import circumstances, medications
from cards.cautions import against_relaxants
from cards.chart import Chart
from cards.definitions import number
from cards.nonpharmacologic import CareState, NonpharmacologicTrial, failed_injections
from cards.record import is_recent
from cards.relevance import Acuity, acuity, radicular
from cards.terms import known
from cards.trials import (
    SPENT,
    Recency,
    Trial,
    TrialStatus,
    class_status,
    nsaid_tried_for_opioid_step,
    topical_trials,
)
from cards.unsuitable import unsuitable_classes

WEEK: Final = 7

# The steps of treatment, and what counts as each.
CARE: Final[Mapping[str, frozenset[str]]] = {
    "exercise": frozenset(map(known, ("physical-therapy", "exercise"))),
    "psychological": frozenset(map(known, ("cbt", "mindfulness", "psychotherapy"))),
    "complementary": frozenset(
        map(
            known,
            ("acupuncture", "yoga-tai-chi", "massage", "spinal-manipulation", "relaxation"),
        )
    ),
    "rehabilitation": frozenset({known("multidisciplinary-rehab")}),
}
BASIC_CARE: Final = ("exercise", "psychological")
MEDICINES: Final = (
    "nsaid", "duloxetine", "tramadol", "tca", "gabapentinoid", "muscle-relaxant",
)  # fmt: skip
ANALGESICS: Final = frozenset(
    {"nsaid", "tramadol", "tca", "gabapentinoid", "muscle-relaxant", "opioid-full-agonist"}
)
BEGUN: Final = frozenset({CareState.IN_PROGRESS, CareState.DONE})
# Left to do: untried, or tried with too little.
OPEN: Final = frozenset({TrialStatus.UNTRIED, TrialStatus.SUB_THERAPEUTIC})
_SPINE_IMAGING: Final = known("spine-imaging")


class Pathway(StrEnum):
    """Which sequence of steps applies."""

    ACUTE = "acute"
    CHRONIC = "chronic"
    OPIOID_USE_DISORDER = "opioid use disorder"
    REFRACTORY = "refractory"


class Timing(StrEnum):
    """When a referral is due."""

    NOT_YET = "not yet"
    OFFER = "offer"
    STRONGLY = "strongly"
    NOW = "now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the next step depends on."""

    acuity: Acuity
    treated_weeks: float  # since the first treatment on record; 0 when there is none
    radicular: bool
    opioid_use_disorder: bool  # on record, or buprenorphine for it
    care: Mapping[str, CareState]  # by the names of CARE
    medicines: Mapping[str, TrialStatus]  # by the classes of MEDICINES
    nsaid: str  # the NSAID that is in use or was under-dosed
    nsaid_in_use: bool
    duloxetine_in_use: bool
    nsaid_tried: bool  # enough of it for the question of an opioid
    topical_nsaid: bool  # in use
    relaxants_failed: int
    relaxant_possible: bool  # nothing on record speaks against tizanidine
    failed_medicines: int
    failed_injections: int
    failed_classes: frozenset[str]  # of ANALGESICS
    imaged: bool
    older: bool
    pregnant: bool
    anything_tried: bool

    @property
    def chronic(self) -> bool:
        """Chronic, or of unknown length, which is handled alike."""
        return not self.acuity.acute

    @property
    def refractory(self) -> bool:
        """Say whether the standard options of chronic pain are used up."""
        duloxetine = self.medicines["duloxetine"]
        others = len(self.failed_classes) + (self.failed_injections > 0)
        return (
            self.acuity.chronic
            and (duloxetine in SPENT or duloxetine is TrialStatus.ACTIVE)
            and others >= number("stage.refractory_classes")
        )

    @property
    def pathway(self) -> Pathway:
        """The sequence that applies; acute pain comes first, whatever else is on record."""
        if self.acuity.acute:
            return Pathway.ACUTE
        if self.refractory:
            return Pathway.REFRACTORY
        return Pathway.OPIOID_USE_DISORDER if self.opioid_use_disorder else Pathway.CHRONIC

    @property
    def optimised(self) -> bool:
        """Care without medicines has begun, and an NSAID was given enough or cannot be."""
        begun = any(self.care[name] in BEGUN for name in BASIC_CARE)
        return begun and self.medicines["nsaid"] not in OPEN

    @property
    def exhausted(self) -> bool:
        """Exercise and psychological care have begun; so have NSAID and duloxetine."""
        begun = all(self.care[name] in BEGUN for name in BASIC_CARE)
        return begun and all(self.medicines[n] not in OPEN for n in ("nsaid", "duloxetine"))


def standing(
    chart: Chart,
    trials: Mapping[str, Trial],
    care: Mapping[str, NonpharmacologicTrial],
    *,
    opioid_use_disorder: bool,
) -> Standing:
    """Return where the patient stands, from the trials of medicines and of other care."""
    length = acuity(chart)
    chronic = not length.acute
    failed = [trial for trial in trials.values() if _has_failed(trial, chronic)]
    relaxants = [t for t in failed if "muscle-relaxant" in t.classes]
    nsaids = [t for t in trials.values() if "nsaid" in t.classes and not t.parenteral]
    return Standing(
        acuity=length,
        treated_weeks=_treated_weeks(chart, length, trials, care),
        radicular=radicular(chart) is not None,
        opioid_use_disorder=opioid_use_disorder,
        care={name: _care_state(care, kinds) for name, kinds in CARE.items()},
        medicines=_medicines(chart, trials, chronic=chronic),
        nsaid=_nsaid(nsaids),
        nsaid_in_use=any(trial.in_use for trial in nsaids),
        duloxetine_in_use="duloxetine" in trials and trials["duloxetine"].in_use,
        nsaid_tried=bool(nsaid_tried_for_opioid_step(chart, trials, chronic=chronic)),
        topical_nsaid=any(
            "nsaid" in t.classes and t.in_use for t in topical_trials(chart).values()
        ),
        relaxants_failed=sum(len(trial.failures) for trial in relaxants),
        relaxant_possible=not against_relaxants(chart),
        failed_medicines=len(failed),
        failed_injections=len(failed_injections(chart)),
        failed_classes=ANALGESICS & frozenset[str]().union(*(t.classes for t in failed)),
        imaged=_imaged(chart),
        older=(circumstances.age(chart) or 0) >= number("relaxant.older_years"),
        pregnant=circumstances.pregnancy(chart) is not None,
        anything_tried=bool(trials or care),
    )


def next_steps(now: Standing) -> tuple[str, ...]:
    """Return the steps that come next, names of ``steps.toml``, the first one first."""
    sequence = {
        Pathway.ACUTE: _acute,
        Pathway.CHRONIC: _chronic,
        Pathway.OPIOID_USE_DISORDER: _with_opioid_use_disorder,
        Pathway.REFRACTORY: _refractory,
    }[now.pathway]
    return tuple(dict.fromkeys(sequence(now)))


def rehabilitation(now: Standing) -> Timing:
    """Return when multidisciplinary rehabilitation is due: at once when nothing else is left.

    Otherwise six weeks, and urgently twelve, after treatment began, if it was optimised.
    """
    if now.refractory or (now.opioid_use_disorder and now.acuity.chronic):
        return Timing.NOW
    if not (now.acuity.chronic and now.optimised):
        return Timing.NOT_YET
    if now.treated_weeks >= number("stage.rehabilitation_strongly_weeks"):
        return Timing.STRONGLY
    enough = now.treated_weeks >= number("stage.rehabilitation_weeks")
    return Timing.OFFER if enough else Timing.NOT_YET


def _medicines(
    chart: Chart, trials: Mapping[str, Trial], *, chronic: bool
) -> Mapping[str, TrialStatus]:
    """Return the status of each class; what is not proposed to this patient is not open."""
    found = {name: class_status(chart, trials, name, chronic=chronic) for name in MEDICINES}
    for name in unsuitable_classes(chart):
        if found[name] in OPEN:
            found[name] = TrialStatus.CONTRAINDICATED
    return found


def _has_failed(trial: Trial, chronic: bool) -> bool:
    """Say whether an adequate trial failed, lately enough to count in full."""
    current = trial.recency(chronic=chronic) is Recency.CURRENT
    return trial.status is TrialStatus.FAILED and current


def _care_state(care: Mapping[str, NonpharmacologicTrial], kinds: Iterable[str]) -> CareState:
    order = list(CareState)
    states = [care[kind].state for kind in kinds if kind in care]
    return max(states, key=order.index, default=CareState.UNTRIED)


def _treated_weeks(
    chart: Chart,
    length: Acuity,
    trials: Mapping[str, Trial],
    care: Mapping[str, NonpharmacologicTrial],
) -> float:
    """Return the weeks since treatment began; without a date of it since the pain began."""
    if not (trials or care):
        return 0
    courses = (course.use for trial in trials.values() for course in trial.courses)
    days = [day for use in courses if (day := medications.first_date(use))]
    days += [each.on for each in care.values() if each.on]
    first = length.onset or date.min
    began = min((day for day in days if day >= first), default=length.onset)
    return (chart.today - began).days / WEEK if began else 0


def _nsaid(trials: Iterable[Trial]) -> str:
    """Name the oral NSAID in use, else one that was under-dosed."""
    ranked = sorted(trials, key=lambda trial: not trial.in_use)
    named = (t.ingredient for t in ranked if t.in_use or t.status in OPEN)
    return next(named, "the NSAID")


def _imaged(chart: Chart) -> bool:
    days = number("stage.imaging_lookback_days")
    for service in chart.services:
        day = service.ended or service.started or service.written
        recent = day is None or is_recent(day, chart.today, days)
        if _SPINE_IMAGING in service.concept.terms and recent:
            return True
    return False


def _acute(now: Standing) -> Iterator[str]:
    yield from _acute_nsaid(now)
    if now.topical_nsaid and now.medicines["nsaid"] not in SPENT:
        yield "topical-nsaid-stop"
    gabapentinoid = now.radicular and now.medicines["gabapentinoid"] is TrialStatus.UNTRIED
    if now.opioid_use_disorder or not gabapentinoid:  # never two sedatives in one plan
        yield from _acute_relaxant(now)
    if now.opioid_use_disorder:
        yield "no-opioid"
    else:
        if gabapentinoid:
            yield "gabapentinoid"
        if now.nsaid_tried:
            yield "opioid-if-severe"
    if not now.acuity.emergency:
        if 1 <= (now.acuity.weeks or 0) < number("stage.recheck_weeks"):
            yield "recheck-at-two-weeks"
        yield "tricyclic-not-yet"


def _acute_nsaid(now: Standing) -> Iterator[str]:
    status = now.medicines["nsaid"]
    if status is TrialStatus.UNTRIED:
        yield "nsaid-at-discharge" if now.acuity.emergency else "nsaid"
    else:
        yield from _nsaid_again(now)


def _nsaid_again(now: Standing) -> Iterator[str]:
    status = now.medicines["nsaid"]
    if status is TrialStatus.SUB_THERAPEUTIC:
        yield "nsaid-optimise" if now.nsaid_in_use else "nsaid-again"
    elif status is TrialStatus.ACTIVE:
        yield "nsaid-continue"


def _acute_relaxant(now: Standing) -> Iterator[str]:
    if now.older or now.opioid_use_disorder or not now.relaxant_possible:
        return
    if now.relaxants_failed == 1:
        yield "relaxant-switch"
    untried = now.medicines["muscle-relaxant"] is TrialStatus.UNTRIED
    if untried and now.medicines["nsaid"] in SPENT:
        yield "relaxant"


def _chronic(now: Standing) -> Iterator[str]:
    yield from _care_without_medicines(now)
    if now.treated_weeks >= number("stage.nsaid_weeks"):
        yield from _next_medicines(now)
    yield from _referrals(now)


def _care_without_medicines(now: Standing) -> Iterator[str]:
    for name in BASIC_CARE:
        if now.care[name] is CareState.UNTRIED:
            yield name
    early = now.treated_weeks < number("stage.rehabilitation_weeks")
    if early and now.care["complementary"] is CareState.UNTRIED:
        yield "complementary"


def _next_medicines(now: Standing) -> Iterator[str]:
    """Yield the medicine that is next and the one after it; a tricyclic comes alone."""
    if now.medicines["nsaid"] is TrialStatus.UNTRIED:
        yield "nsaid"
    yield from _nsaid_again(now)
    if now.radicular and now.medicines["gabapentinoid"] is TrialStatus.UNTRIED:
        yield "gabapentinoid"
    if now.treated_weeks >= number("stage.duloxetine_weeks"):
        yield from _second_line(now)


def _second_line(now: Standing) -> Iterator[str]:
    duloxetine = now.medicines["duloxetine"]
    if duloxetine is TrialStatus.UNTRIED:
        yield "duloxetine"
    elif duloxetine is TrialStatus.SUB_THERAPEUTIC:
        yield "duloxetine-optimise" if now.duloxetine_in_use else "duloxetine-again"
    if duloxetine in SPENT and now.medicines["nsaid"] not in OPEN:
        if now.medicines["tramadol"] is TrialStatus.UNTRIED and not now.opioid_use_disorder:
            yield "tramadol"
        yield from _third_line(now)


def _third_line(now: Standing) -> Iterator[str]:
    late = now.treated_weeks >= number("acuity.chronic_weeks")
    if late and not now.older and now.medicines["tca"] is TrialStatus.UNTRIED:
        yield "tricyclic"


def _referrals(now: Standing) -> Iterator[str]:
    if now.care["rehabilitation"] is CareState.UNTRIED:
        due = rehabilitation(now) is not Timing.NOT_YET
        if due:
            yield "rehabilitation"
        elif now.anything_tried:
            yield "rehabilitation-later"
    yield from _for_radicular(now)


def _for_radicular(now: Standing) -> Iterator[str]:
    if not now.radicular or (now.acuity.weeks or 0) < number("stage.imaging_weeks"):
        return
    if not now.imaged:
        yield "imaging"
    if now.refractory:
        yield "stimulator"
    elif not now.failed_injections and not now.opioid_use_disorder:
        yield "epidural"


def _with_opioid_use_disorder(now: Standing) -> Iterator[str]:
    yield from _intensified(now)
    yield from _first_and_second_line(now)
    yield "no-opioid"
    yield "interventional-later"
    yield from _for_radicular(now)


def _first_and_second_line(now: Standing) -> Iterator[str]:
    if now.medicines["nsaid"] is TrialStatus.UNTRIED:
        yield "nsaid"
    yield from _nsaid_again(now)
    yield from _second_line(now)


def _refractory(now: Standing) -> Iterator[str]:
    yield from _intensified(now)
    yield "no-new-medicine"
    if now.opioid_use_disorder:
        yield "no-opioid"
    yield "interventional-later"
    yield from _for_radicular(now)


def _intensified(now: Standing) -> Iterator[str]:
    if now.care["psychological"] is CareState.UNTRIED:
        yield "psychological-now"
    if now.care["complementary"] is CareState.UNTRIED:
        yield "mind-body"
    if now.care["rehabilitation"] is CareState.UNTRIED:
        yield "rehabilitation"
    yield "topical"
