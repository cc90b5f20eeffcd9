"""What was tried and how it ended, in a few lines for a card."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from cards.chart import Chart
from cards.nonpharmacologic import CareState, Injection, NonpharmacologicTrial, injections
from cards.terms import title
from cards.trials import Recency, Trial, TrialStatus, topical_trials

ENDS: Final[Mapping[TrialStatus, str]] = {
    TrialStatus.FAILED: "No effect",
    TrialStatus.INTOLERANCE: "Not tolerated",
    TrialStatus.CONTRAINDICATED: "Contraindicated or allergic",
    TrialStatus.SUB_THERAPEUTIC: "Below an adequate trial, so no failure",
    TrialStatus.TRIED_UNKNOWN: "Outcome not recorded",
    TrialStatus.UNTRIED: "One dose only, not a trial",
    TrialStatus.ACTIVE: "In use",
}
_INJECTED: Final = {False: "No effect", True: "Some relief", None: "Outcome not recorded"}


def tried_lines(
    chart: Chart,
    trials: Mapping[str, Trial],
    care: Mapping[str, NonpharmacologicTrial],
    *,
    chronic: bool,
) -> tuple[str, ...]:
    """Return a line for each way in which treatments ended, the failures first."""
    ended: dict[str, list[str]] = {words: [] for words in ENDS.values()}
    for trial in sorted(trials.values(), key=_newest_first):
        if trial.recency(chronic=chronic) is not Recency.EXPIRED:
            ended[ENDS[trial.status]].append(_medicine(trial, chronic))
    for words, told in _epidurals(injections(chart)):
        ended.setdefault(words, []).append(told)
    for trial in topical_trials(chart, chronic=chronic).values():
        ended[ENDS[trial.status]].append(f"{_medicine(trial, chronic)} on the skin")
    for one in care.values():
        ended.setdefault(one.state.capitalize(), []).append(_care(one))
    return tuple(f"{words}: {', '.join(told)}" for words, told in ended.items() if told)


def never_tried(care: Mapping[str, CareState]) -> tuple[str, ...]:
    """Return the kinds of care without medicines that nothing is on record about."""
    return tuple(_KINDS[name] for name, state in care.items() if state is CareState.UNTRIED)


def failed_words(medicines: int, epidurals: int) -> str:
    """Return how many treatments had no effect: "9 medicines and 2 epidural injections"."""
    counted = [_count(medicines, "medicine"), _count(epidurals, "epidural injection")]
    return " and ".join(filter(None, counted))


_KINDS: Final = {
    "exercise": "exercise or physical therapy",
    "psychological": "psychological therapy",
    "complementary": "complementary therapy",
    "rehabilitation": "pain rehabilitation",
}


def _medicine(trial: Trial, chronic: bool) -> str:
    dose = f" {trial.dose.high:g} mg a day" if trial.dose and _dose_matters(trial) else ""
    courses = len(trial.failures)
    several = f", {courses} courses" if courses > 1 else ""
    injected = " injected" if trial.parenteral else ""
    as_needed = _as_needed(trial)
    return f"{trial.ingredient}{dose}{as_needed}{injected}{several}{_when(trial, chronic)}"


def _dose_matters(trial: Trial) -> bool:
    return trial.status in {TrialStatus.SUB_THERAPEUTIC, TrialStatus.ACTIVE}


def _as_needed(trial: Trial) -> str:
    latest = trial.courses[0].use if trial.courses else None
    prn = latest is not None and any(dosage.as_needed for dosage in latest.dosages)
    return " as needed" if prn and _dose_matters(trial) else ""


def _when(trial: Trial, chronic: bool) -> str:
    """Return when the trial ended: by the month in chronic pain, by the day in acute."""
    if trial.in_use:
        return ", in use" if trial.status is not TrialStatus.ACTIVE else ""
    going_on = trial.status is TrialStatus.FAILED and _is_listed_as_active(trial)
    still = ", still in use" if going_on else ""
    if trial.on and not chronic:
        return f" ({trial.on.isoformat()}{still})"
    return f" ({trial.on:%Y-%m}{still})" if trial.on else still


def _is_listed_as_active(trial: Trial) -> bool:
    """Say whether the list still has as active what was noted to have no effect."""
    return any(course.use.status == "active" for course in trial.courses)


def _dated(day: date | None) -> str:
    return f" ({day:%Y-%m})" if day else ""


def _epidurals(given: Iterable[Injection]) -> Iterator[tuple[str, str]]:
    by_end: dict[bool | None, list[Injection]] = {}
    for one in given:
        by_end.setdefault(one.helped, []).append(one)
    for helped, ones in by_end.items():
        months = ", ".join(f"{one.on:%Y-%m}" for one in ones if one.on)
        when = f" ({months})" if months else ""
        yield _INJECTED[helped], f"{_count(len(ones), 'epidural injection')}{when}"


def _care(one: NonpharmacologicTrial) -> str:
    visits = f", {one.visits} visits" if one.visits else ""
    return f"{title(one.modality)}{visits}{_dated(one.on)}"


def _count(many: int, what: str) -> str:
    return f"{many} {what}{'s' if many != 1 else ''}" if many else ""


def _newest_first(trial: Trial) -> int:
    return -(trial.on or date.min).toordinal()
