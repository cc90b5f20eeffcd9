"""Which medicines are in use now, since when, and which record of several to believe."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from cards.chart import Chart, Drug, Fact, Ingredient, MedicationUse, Route
from cards.definitions import number
from cards.dosing import days_with_refills, route_of, single_mg
from cards.record import later

LONGEST_FACT: Final = 100

Span = tuple[date, date | None]  # from the first day to the last, `None`: until now

NOT_SYSTEMIC: Final = frozenset(
    {
        Route.TOPICAL, Route.INHALED, Route.NASAL, Route.OPHTHALMIC, Route.OTIC, Route.VAGINAL,
        Route.INTRA_ARTICULAR, Route.EPIDURAL, Route.INTRATHECAL, Route.PERINEURAL,
    }
)  # fmt: skip
_PARENTERAL: Final = frozenset(
    {Route.INJECTION, Route.INTRAVENOUS, Route.INTRAMUSCULAR, Route.SUBCUTANEOUS}
)
# A patch or plaster with one of these acts where it sticks.
_LOCAL_PATCHES: Final = frozenset({"lidocaine", "capsaicin", "nsaid", "topical-analgesic"})

# Held or only intended is not taken, so it treats nothing; but it may be taken any day. An
# unknown status may mean that it is taken: safety rules assume so.
_PERHAPS_TAKEN: Final = frozenset({"on-hold", "intended", "unknown"})
_TAKEN: Final = frozenset({"active", "completed", "stopped", "on-hold"})
_ACTS_ON: Final = frozenset({"buprenorphine", "naltrexone"})
_DEPOT_BRANDS: Final = frozenset({"sublocade", "brixadi", "vivitrol"})
_WEEKLY_BUPRENORPHINE_MG: Final = 32  # the strongest of the weekly syringes
_WEEKLY_MG_PER_ML: Final = 50
_MOST_TRUSTED: Final = ("request", "statement", "dispense", "administration")
# Status codes in words; only these are ever shown.
_WORDS: Final = {
    "on-hold": "on hold", "stopped": "stopped", "completed": "completed", "draft": "drafted",
    "cancelled": "cancelled", "intended": "intended", "not-taken": "not taken",
    "in-progress": "being given",
}  # fmt: skip
_DONE: Final = {"administration": "given", "dispense": "dispensed"}
# What is added to an ingredient without changing what the medicine is for.
_ADDED: Final = frozenset({"naloxone", "acetaminophen"})


def in_use(use: MedicationUse, today: date, *, for_safety: bool) -> bool:
    """Say whether the medicine is taken now.

    An active order counts until its supply with all refills is used up, and a while longer;
    one of unknown supply counts until it is a year old, and for safety rules even after that.
    A depot injection counts as long as it acts, whatever became of the order.
    """
    until = acts_until(use)
    if until is not None and today <= until:
        return True
    if use.status == "active" or (use.kind == "administration" and use.status == "in-progress"):
        return _lasts(use, today, for_safety)
    if use.status in _PERHAPS_TAKEN:
        return for_safety and _lasts(use, today, for_safety)
    return (
        use.kind == "dispense" and use.status == "completed" and _lasts(use, today, for_safety)
    )


def acts_until(use: MedicationUse) -> date | None:
    """Return the day until which a dose that was given still acts, for the few that matter.

    Only buprenorphine and naltrexone: what stays in the body decides whether another opioid
    works, is safe, or sets off withdrawal.
    """
    if use.drug.classes.isdisjoint(_ACTS_ON):
        return None
    names = use.drug.ingredient_names
    taken = last_date(use)
    if taken is None or not (use.status == "active" or _was_given(use)):
        return None
    if "naltrexone" in names:
        kind = "injection" if _is_depot(use) else "oral"
        return later(taken, number(f"lookback.naltrexone_{kind}_days"))
    if "buprenorphine" in names and _is_depot(use):
        kind = "weekly" if _is_weekly(use) else "monthly"
        return later(taken, number(f"lookback.buprenorphine_{kind}_days"))
    if "buprenorphine" in names and use.kind == "administration":
        return later(taken, 1)  # given daily on a ward
    return None


def last_date(use: MedicationUse) -> date | None:
    """Return the last day on record: of the order, of the start, of the end if it has ended."""
    ended = None if use.status in {"active", "on-hold", "draft"} else use.ended
    return _latest(_latest(use.written, use.started), ended)


def first_date(use: MedicationUse) -> date | None:
    """Return the first day on record: of the start, else of the order."""
    if use.started and use.written:
        return min(use.started, use.written)
    return use.started or use.written


def supply_end(use: MedicationUse) -> date | None:
    """Return the day when the supply with all refills is used up, or `None` if unknown."""
    begun, days = _latest(use.written, use.started), days_with_refills(use)
    return None if begun is None or days is None else later(begun, days)


def systemic(use: MedicationUse) -> bool:
    """Say whether the medicine acts in the whole body; an unknown route is taken to."""
    route = route_of(use)
    if route is Route.TRANSDERMAL:
        return use.drug.classes.isdisjoint(_LOCAL_PATCHES)
    return route not in NOT_SYSTEMIC


def parenteral(use: MedicationUse) -> bool:
    """Say whether the medicine is injected into a vein, a muscle or under the skin."""
    return route_of(use) in _PARENTERAL


def distinct(uses: Iterable[MedicationUse]) -> tuple[MedicationUse, ...]:
    """Return the uses without the second record of the same medicine.

    An order outranks the medication list, the list a dispense. Orders of different strength
    are different medicines (8 mg with 2 mg films); of equal strength the newest counts.
    """
    kept: dict[tuple[object, ...], MedicationUse] = {}
    for use in uses:
        key = _medicine(use)
        kept[key] = _preferred(kept[key], use) if key in kept else use
    best: dict[tuple[object, ...], int] = {}
    for use in kept.values():
        key = _substance(use)
        best[key] = min(best.get(key, len(_MOST_TRUSTED)), _trust(use))
    return tuple(use for use in kept.values() if _trust(use) == best[_substance(use)])


def renewal_of(order: MedicationUse, chart: Chart) -> MedicationUse | None:
    """Return the medicine in use that the order continues, in whatever strength, or `None`."""
    same = [
        use
        for use in chart.medications
        if same_medicine(use, order) and in_use(use, chart.today, for_safety=False)
    ]
    return max(same, key=lambda use: last_date(use) or date.min, default=None)


def established(use: MedicationUse, chart: Chart) -> bool:
    """Say whether the medicine is in use now and has been for long, in fills without a gap."""
    today = chart.today
    same = [known for known in chart.medications if same_medicine(known, use)]
    begun = (first_date(known) for known in same if in_use(known, today, for_safety=True))
    # Of several in use, the one begun first goes back at least as far as any other.
    first = min(filter(None, begun), default=None)
    if first is None:
        return False
    limit = later(today, -number("lookback.established_days"))
    return chained_back(first, spans(same), today) <= limit


def first_taken(use: MedicationUse, uses: Iterable[MedicationUse], today: date) -> date | None:
    """Return when the medicine was begun, going back through fills without a gap."""
    begin = first_date(use)
    if begin is None:
        return None
    return chained_back(
        begin, spans(other for other in uses if same_medicine(other, use)), today
    )


def spans(uses: Iterable[MedicationUse]) -> tuple[Span, ...]:
    """Return from when to when each was taken, the latest first; `None` is until now."""
    known = (
        (first, _last_taken(use, first))
        for use in uses
        if use.status in _TAKEN and (first := first_date(use))
    )
    return tuple(sorted(known, key=lambda span: span[0], reverse=True))


def chained_back(begin: date, taken: Iterable[Span], today: date) -> date:
    """Return the first day of the fills that lead without a gap to the one begun on a day."""
    grace = number("lookback.active_grace_days")
    for first, last in taken:
        if first < begin and (begin - (last or today)).days <= grace:
            begin = first
    return begin


def same_medicine(one: MedicationUse, other: MedicationUse) -> bool:
    """Say whether two records are of one medicine; oxycodone/acetaminophen is oxycodone."""
    return _core(one.drug) == _core(other.drug) and systemic(one) == systemic(other)


def fact(use: MedicationUse) -> Fact:
    """Return the fact that the medicine is on record: what, how it stands, since when."""
    text = f"{use.drug.label}, {_standing(use)}"
    if len(text) > LONGEST_FACT:
        text = text[: LONGEST_FACT - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    return Fact(use.reference, text)


def _standing(use: MedicationUse) -> str:
    last = last_date(use)
    if use.status == "active":
        since = f"active since {use.started.isoformat()}" if use.started else "active"
        ordered = f", last ordered {use.written.isoformat()}" if use.written else ""
        return since + (ordered if use.written != use.started else "")
    word = _WORDS.get(use.status, "status unknown")
    if use.status == "completed":
        word = _DONE.get(use.kind, word)
    if use.status in {"stopped", "completed"} and use.kind in {"request", "statement"}:
        return f"{word} {use.ended.isoformat()}" if use.ended else _of(word, last)
    return f"{word} {last.isoformat()}" if last and word in _DONE.values() else _of(word, last)


def _of(word: str, day: date | None) -> str:
    return f"{word}, on record {day.isoformat()}" if day else f"{word}, no date on record"


def _lasts(use: MedicationUse, today: date, for_safety: bool) -> bool:
    """Say whether the order has neither ended nor run out; unknown is not ended."""
    if use.ended is not None and use.ended < today:
        return False
    begun = _latest(use.written, use.started)
    if begun is not None and begun > today:
        return for_safety  # about to begin
    grace = _grace(use)
    end = supply_end(use)
    if end is None and use.kind == "dispense":
        end = begun
    if end is not None:
        return today <= later(end, grace)
    return for_safety or not _is_stale(use, today)


def _grace(use: MedicationUse) -> float:
    """Return the days after which a medicine that has run out is thought to be stopped."""
    single = bool(use.dosages) and all(dosage.once for dosage in use.dosages)
    return 0 if single else number("lookback.active_grace_days")


def _is_stale(use: MedicationUse, today: date) -> bool:
    """Say whether nobody has renewed the order for long.

    The start of a statement does not age it: a medication list tells what is taken now.
    """
    renewed = use.written if use.kind == "statement" else _latest(use.written, use.started)
    return renewed is not None and (today - renewed).days > number("lookback.stale_days")


def _was_given(use: MedicationUse) -> bool:
    """Say whether the record tells that the medicine was taken, not only ordered."""
    return use.status == "completed" or (
        use.status == "stopped" and use.kind in {"statement", "request"}
    )


def _last_taken(use: MedicationUse, first: date) -> date | None:
    if use.ended is not None:
        return use.ended
    end = supply_end(use)
    if end is not None:
        return end
    return None if use.status == "active" else last_date(use) or first


def _is_depot(use: MedicationUse) -> bool:
    if not parenteral(use):
        return False
    return (
        "naltrexone" in use.drug.ingredient_names
        or use.drug.extended
        or use.drug.brand.lower() in _DEPOT_BRANDS
        or route_of(use) is Route.SUBCUTANEOUS
    )


def _is_weekly(use: MedicationUse) -> bool:
    if any(d.times_per_day and d.times_per_day.high > 1 / 14 for d in use.dosages):
        return True
    if any(_is_weekly_strength(ingredient) for ingredient in use.drug.ingredients):
        return True
    dose = single_mg(use, "buprenorphine")
    return dose is not None and dose.high <= _WEEKLY_BUPRENORPHINE_MG


def _is_weekly_strength(ingredient: Ingredient) -> bool:
    if ingredient.mg is None:
        return False
    if ingredient.per == "mL":
        return ingredient.mg == _WEEKLY_MG_PER_ML
    return ingredient.mg <= _WEEKLY_BUPRENORPHINE_MG


def _core(drug: Drug) -> frozenset[str]:
    return drug.ingredient_names - _ADDED or drug.ingredient_names


def _substance(use: MedicationUse) -> tuple[object, ...]:
    return (_core(use.drug), route_of(use), use.drug.extended)


def _medicine(use: MedicationUse) -> tuple[object, ...]:
    return (use.kind, use.drug.ingredients, route_of(use), use.drug.extended)


def _trust(use: MedicationUse) -> int:
    return _MOST_TRUSTED.index(use.kind) if use.kind in _MOST_TRUSTED else len(_MOST_TRUSTED)


def _preferred(one: MedicationUse, other: MedicationUse) -> MedicationUse:
    return other if (last_date(other) or date.min) > (last_date(one) or date.min) else one


def _latest(one: date | None, other: date | None) -> date | None:
    return max(one, other) if one and other else one or other
