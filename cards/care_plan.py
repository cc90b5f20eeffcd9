"""The care plan: where the patient stands, what was tried, what is next, and why not."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from cards.case import Case
from cards.chart import Fact, Fires, Silent, Verdict
from cards.nonpharmacologic import injections
from cards.record import of_this_visit, visit_reasons
from cards.relevance import BACK_PAIN, Phase, Relevance
from cards.stages import WEEK, Pathway, Standing, next_steps
from cards.steps import Step, proposed, steps_of
from cards.tried import failed_words, never_tried, tried_lines
from cards.wording import joined

CORTICOSTEROID: Final = "corticosteroid"
ROOM: Final = 100  # of the 139 characters of a summary, for what failed and what is next
LONGEST_NEXT: Final = 80
DAYS_TOLD: Final = 28  # a length is told in days up to here
WEEKS_TOLD: Final = 104  # and in weeks up to here


def therapy_stage_summary(case: Case) -> Verdict:
    """Show where the patient stands, what was tried and how it ended, and what is next."""
    if silence := no_plan(case):
        return Silent(silence)
    now = case.history.standing
    steps = steps_of(next_steps(now), medicines=not now.pregnant)
    if not any(step.short and step.says for step in steps):
        steps += steps_of(("continue",), medicines=True)
    return Fires(
        _stage(now),
        facts=tuple(_facts(case)),
        words=_words(case, now, steps),
        notes=tuple(_notes(case)),
        suggestions=proposed(steps),
    )


def stay_active(case: Case) -> Verdict:
    """Remind of self-care in acute pain."""
    if no_plan(case):
        return Silent("no-plan")
    acute = case.history.standing.acuity.acute
    return Fires("acute", case.view.back_pain) if acute else Silent("chronic")


def realistic_expectations(case: Case) -> Verdict:
    """Name what treatment of chronic pain can reach."""
    if no_plan(case):
        return Silent("no-plan")
    now = case.history.standing
    if not now.chronic:
        return Silent("acute")
    return Fires("refractory" if now.refractory else "chronic", case.view.back_pain)


def no_plan(case: Case) -> str:
    """Name why no care plan is shown for this patient now."""
    level = case.view.relevance
    if level is Relevance.NONE:
        return "no-back-pain"
    if not level.fires and not case.history.standing.acuity.chronic:
        return "not-chronic"
    if not level.fires and _visit_is_for_something_else(case):
        return "other-visit"
    if case.view.red_flags:
        return "red-flag"
    if case.view.exemption:
        return "exempt"
    now = case.history.standing
    told = now.anything_tried or now.chronic or now.opioid_use_disorder
    return "" if told or now.failed_injections else "nothing-on-record"


def _visit_is_for_something_else(case: Case) -> bool:
    others = (p for p in case.chart.problems if BACK_PAIN not in p.concept.terms)
    return bool(visit_reasons(case.chart)) or any(
        of_this_visit(problem, case.chart) for problem in others
    )


def _stage(now: Standing) -> str:
    if now.pathway is Pathway.CHRONIC:
        return "chronic" if now.anything_tried else "untreated"
    return "oud" if now.pathway is Pathway.OPIOID_USE_DISORDER else now.pathway.value


def _facts(case: Case) -> Iterator[Fact]:
    yield from case.view.back_pain
    disorder = case.history.opioid_use_disorder.fact
    if disorder:
        yield disorder
    trials = sorted(case.history.trials.values(), key=lambda trial: trial.on or date.min)
    yield from (trial.fact for trial in reversed(trials))
    yield from (one.fact for one in injections(case.chart))
    yield from (one.fact for one in case.history.nonpharmacologic.values())


def _words(case: Case, now: Standing, steps: Iterable[Step]) -> Mapping[str, str]:
    failed = failed_words(now.failed_medicines, now.failed_injections)
    failed = f"{failed} without effect" if failed else "no adequate trial has failed"
    lines = [step.says.format(nsaid=now.nsaid) for step in steps if step.says]
    return {
        "length": _length(now),
        "stage": ", ".join(_stage_words(now)),
        "failed": failed,
        "tried": _bullets(_tried(case, now)),
        "next": _shortly((s.short for s in steps if s.short), _room(now, failed)),
        "steps": _bullets(lines),
        "steroids": _times(_steroids(case)),
    }


def _stage_words(now: Standing) -> Iterator[str]:
    if now.acuity.phase is not Phase.UNKNOWN:
        yield now.acuity.phase.value
    yield _length(now)
    if now.refractory:
        yield "refractory on maximal therapy"
    if now.opioid_use_disorder:
        yield "opioid use disorder"
    if now.radicular:
        yield "radicular pain documented"


def _length(now: Standing) -> str:
    """Return how long the pain has lasted: "day 12", "26 weeks", "since 2021-04"."""
    weeks, onset = now.acuity.weeks, now.acuity.onset
    if weeks is None or onset is None:
        return "duration not recorded"
    if weeks * WEEK < DAYS_TOLD:
        return f"day {weeks * WEEK:.0f}"
    return f"{int(weeks)} weeks" if weeks < WEEKS_TOLD else f"since {onset:%Y-%m}"


def _tried(case: Case, now: Standing) -> Iterator[str]:
    history = case.history
    lines = tried_lines(
        case.chart, history.trials, history.nonpharmacologic, chronic=now.chronic
    )
    yield from lines or ("No treatment history found",)
    missing = never_tried(now.care)
    if now.chronic and missing and lines:
        yield f"Not on record: {', '.join(missing)}"


def _notes(case: Case) -> Iterator[str]:
    if _steroids(case):
        yield "steroid"


def _steroids(case: Case) -> int:
    """Return how many courses of a systemic steroid were given."""
    trials = case.history.trials.values()
    return sum(len(trial.courses) for trial in trials if CORTICOSTEROID in trial.classes)


def _times(many: int) -> str:
    return {1: "once", 2: "twice"}.get(many, f"{many} times")


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _room(now: Standing, failed: str) -> int:
    """Return how long the next steps may be in the summary, which may tell what failed."""
    tells_failures = now.pathway in {Pathway.ACUTE, Pathway.CHRONIC} and now.anything_tried
    return min(LONGEST_NEXT, ROOM - len(failed)) if tells_failures else LONGEST_NEXT


def _shortly(names: Iterable[str], room: int) -> str:
    """Join as many names as the first sentence of the card has room for."""
    kept: list[str] = []
    for name in names:
        if kept and len(", ".join((*kept, name))) > room:
            break
        kept.append(name)
    return joined(kept)


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "therapy-stage-summary": therapy_stage_summary,
    "stay-active": stay_active,
    "realistic-expectations": realistic_expectations,
}
