"""Care without drugs: which kinds were tried, adequately or not; and epidural injections."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from cards.chart import Chart, Concept, Encounter, Fact, ServiceUse
from cards.definitions import number
from cards.record import dated_fact, is_recent
from cards.terms import concept, known, title

MODALITIES: Final = frozenset(
    map(
        known,
        (
            "physical-therapy", "exercise", "cbt", "mindfulness", "psychotherapy",
            "acupuncture", "yoga-tai-chi", "massage", "spinal-manipulation", "relaxation",
            "multidisciplinary-rehab",
        ),
    )
)  # fmt: skip
_SAME_KIND: Final = {"physical-therapy": "exercise"}  # one kind of care under two names
_EPIDURAL: Final = known("epidural-steroid-injection")
_NO_EFFECT: Final = frozenset({known("stopped-ineffective"), known("outcome-unsuccessful")})
_EFFECT: Final = frozenset({known("outcome-helped"), known("partial-relief")})
_PERSONAL: Final = known("stopped-other")

_DONE: Final = frozenset({"completed", "fulfilled", "finished"})
_UNDER_WAY: Final = frozenset({"in-progress", "arrived", "checked-in"})
_ORDERED: Final = frozenset(
    {"active", "booked", "pending", "scheduled", "not-started", "proposed"}
)
_CALLED_OFF: Final = frozenset({"revoked", "cancelled", "stopped", "on-hold"})


class CareState(StrEnum):
    """How far one kind of care has gone, from nothing to done."""

    UNTRIED = "untried"
    DECLINED = "declined"
    ORDERED = "ordered"
    IN_PROGRESS = "in progress"
    DONE = "done"


TRIED_OR_ORDERED: Final = frozenset({CareState.ORDERED, CareState.IN_PROGRESS, CareState.DONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class NonpharmacologicTrial:
    """One kind of care without drugs."""

    modality: str
    state: CareState
    fact: Fact
    on: date | None = None
    visits: int | None = None
    adequate: bool | None = None  # `None`: done, but nobody says how much


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One epidural steroid injection."""

    reference: str
    fact: Fact
    on: date | None = None
    helped: bool | None = None  # `None`: the outcome is not recorded


def nonpharmacologic(chart: Chart) -> Mapping[str, NonpharmacologicTrial]:
    """Return the care of the last year by modality; a modality not on record is untried."""
    by_modality: dict[str, list[ServiceUse]] = {}
    for service in (*chart.services, *map(_as_service, chart.encounters)):
        for modality in service.concept.terms & MODALITIES:
            by_modality.setdefault(modality, []).append(service)
    found = (_trial(name, uses, chart.today) for name, uses in by_modality.items())
    return {trial.modality: trial for trial in found if trial}


def tried_modalities(tried: Mapping[str, NonpharmacologicTrial]) -> tuple[str, ...]:
    """Return the kinds of care that are done, exercise and physical therapy as one."""
    done = (name for name, trial in tried.items() if trial.state is CareState.DONE)
    return tuple(sorted({_SAME_KIND.get(name, name) for name in done}))


def injections(chart: Chart) -> tuple[Injection, ...]:
    """Return the epidural steroid injections given, the latest first."""
    given = [
        service
        for service in chart.services
        if _EPIDURAL in service.concept.terms and service.status in _DONE
    ]
    # A completed order beside its procedure is the same injection.
    done = [service for service in given if service.kind == "procedure"] or given
    return tuple(
        sorted(map(_injection, done), key=lambda one: one.on or date.min, reverse=True)
    )


def failed_injections(chart: Chart) -> tuple[Injection, ...]:
    """Return the injections without effect that still count; no date counts."""
    days = number("lookback.injection_failed_days")
    return tuple(
        one
        for one in injections(chart)
        if one.helped is False and (one.on is None or is_recent(one.on, chart.today, days))
    )


def _trial(
    modality: str, uses: Iterable[ServiceUse], today: date
) -> NonpharmacologicTrial | None:
    recent = [use for use in uses if _is_recent(use, today)]
    reached = {state: [use for use in recent if _state(use) is state] for state in CareState}
    done, under_way = reached[CareState.DONE], reached[CareState.IN_PROGRESS]
    if done or under_way:
        return _attended(modality, done, under_way, today)
    for state in (CareState.ORDERED, CareState.DECLINED):
        if reached[state]:
            latest = max(reached[state], key=lambda use: _last(use) or date.min)
            fact = dated_fact(latest.reference, f"{title(modality)}, {state}", _last(latest))
            return NonpharmacologicTrial(
                modality=modality, state=state, fact=fact, on=_last(latest)
            )
    return None


def _attended(
    modality: str, done: list[ServiceUse], under_way: list[ServiceUse], today: date
) -> NonpharmacologicTrial:
    uses = [*done, *under_way]
    visits, days = _visits(done), _span(uses, today)
    adequate = _adequate(visits, days, single=len(uses) == 1)
    finished = bool(done) and adequate is not False
    state = CareState.DONE if finished or adequate else CareState.IN_PROGRESS
    latest = max(uses, key=lambda use: _last(use) or date.min)
    words = f"{title(modality)}, {state}" + (f", {visits} visits" if visits else "")
    return NonpharmacologicTrial(
        modality=modality,
        state=state,
        fact=dated_fact(latest.reference, words, _last(latest)),
        on=_last(latest),
        visits=visits,
        adequate=adequate,
    )


def _adequate(visits: int | None, days: int | None, *, single: bool) -> bool | None:
    """Say whether it was enough; one record that tells neither visits nor length is unknown."""
    enough_visits = visits is not None and visits >= number("trial.nonpharmacologic.visits")
    enough_days = days is not None and days >= number("trial.nonpharmacologic.days")
    if enough_visits or enough_days:
        return True
    return None if single and visits is None and not days else False


def _visits(done: list[ServiceUse]) -> int | None:
    """Return the number of visits: as stated, else a visit for each record of several."""
    stated = [use.visits for use in done if use.visits is not None]
    if stated:
        return sum(stated)
    return len(done) if len(done) > 1 else None


def _span(uses: Iterable[ServiceUse], today: date) -> int | None:
    """Return the days from the first to the last day of attendance."""
    days: list[date] = []
    for use in uses:
        days += [day for day in (use.started, use.ended) if day]
        if use.started and _state(use) is CareState.IN_PROGRESS:
            days.append(today)
    return (max(days) - min(days)).days + 1 if len(set(days)) > 1 else None


def _state(use: ServiceUse) -> CareState:
    if use.status in _DONE:
        return CareState.DONE
    if use.status in _UNDER_WAY or (use.kind == "plan" and use.status == "active"):
        return CareState.IN_PROGRESS
    if use.status in _ORDERED:
        return CareState.ORDERED
    personal = any(_PERSONAL in reason.terms for reason in use.status_reasons)
    if use.status == "not-done" or (use.status in _CALLED_OFF and personal):
        return CareState.DECLINED
    return CareState.UNTRIED


def _is_recent(use: ServiceUse, today: date) -> bool:
    last = _last(use)
    if last is None or (last > today and _state(use) is CareState.ORDERED):
        return True
    return is_recent(last, today, number("lookback.nonpharmacologic_days"))


def _last(use: ServiceUse) -> date | None:
    return use.ended or use.started or use.written


def _as_service(visit: Encounter) -> ServiceUse:
    """Return a visit as the care that was given there, by the type of the visit."""
    terms = frozenset[str]().union(*(kind.terms for kind in visit.kinds))
    return ServiceUse(
        reference=visit.reference,
        concept=Concept(terms=terms),
        kind="appointment",
        status=visit.status,
        started=visit.started,
        ended=visit.ended,
    )


def _injection(service: ServiceUse) -> Injection:
    said = frozenset(_said(service))
    helped = None
    if said & _EFFECT:
        helped = True
    elif said & _NO_EFFECT:
        helped = False
    outcome = {True: "some relief", False: "no effect", None: "outcome not recorded"}[helped]
    day = _last(service)
    fact = dated_fact(service.reference, f"epidural steroid injection, {outcome}", day)
    return Injection(reference=service.reference, fact=fact, on=day, helped=helped)


def _said(service: ServiceUse) -> Iterator[str]:
    for said in (*service.outcomes, *service.status_reasons):
        yield from said.terms
    if service.notes:
        yield from concept((), service.notes).terms
