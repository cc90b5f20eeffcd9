"""Which medicines are in use: positive and negative cases of every clause."""

from datetime import date

import pytest

from cards import medications
from cards.chart import Amount, Chart, Drug, Fact, Ingredient, MedicationUse, Route
from cards.medications import (
    acts_until,
    distinct,
    established,
    fact,
    first_taken,
    in_use,
    last_date,
    parenteral,
    renewal_of,
    same_medicine,
    supply_end,
    systemic,
)
from cards.sig import read_sig
from tests.records import TODAY, ago


def drug(name: str, *, classes: str = "", route: Route = Route.ORAL, **more: object) -> Drug:
    parts = tuple(Ingredient(part, 5) for part in name.split("/"))
    return Drug(name, name, parts, frozenset(classes.split()), route=route, **more)  # type: ignore[arg-type]


def use(what: Drug | None = None, sig: str = "", **more: object) -> MedicationUse:
    dosages = (read_sig(sig),) if sig else ()
    fields: dict[str, object] = {"reference": "MedicationRequest/1", "dosages": dosages, **more}
    return MedicationUse(drug=what or NAPROXEN, **fields)  # type: ignore[arg-type]


def given(on: date, what: Drug | None = None, sig: str = "") -> MedicationUse:
    return use(what, sig, kind="administration", status="completed", started=on)


def chart(*uses: MedicationUse) -> Chart:
    return Chart(today=TODAY, medications=uses)


NAPROXEN = drug("naproxen", classes="nsaid")
DULOXETINE = drug("duloxetine", classes="duloxetine snri")
OXYCODONE = drug("oxycodone", classes="opioid-full-agonist")
PERCOCET = drug("oxycodone/acetaminophen", classes="opioid-full-agonist acetaminophen")
FILM = drug("buprenorphine/naloxone", classes="buprenorphine", route=Route.SUBLINGUAL)
SUBLOCADE = Drug(
    "s", "s", (Ingredient("buprenorphine", 200, "mL"),), FILM.classes, route=Route.SUBCUTANEOUS
)
BRIXADI_24 = Drug(
    "b", "b", (Ingredient("buprenorphine", 24),), FILM.classes, route=Route.INJECTION,
    brand="Brixadi",
)  # fmt: skip
BRIXADI_WEEKLY = Drug(
    "b", "b", (Ingredient("buprenorphine", 50, "mL"),), FILM.classes, route=Route.SUBCUTANEOUS
)
BUPRENEX = drug("buprenorphine", classes="buprenorphine", route=Route.INTRAVENOUS)
VIVITROL = drug("naltrexone", classes="naltrexone", route=Route.INTRAMUSCULAR)
NALTREXONE = drug("naltrexone", classes="naltrexone")


# what, the use, in use for a rule about effect, in use for a rule about safety
IN_USE = [
    ("active, nothing else known", use(), True, True),
    ("active, ordered yesterday", use(written=ago(1)), True, True),
    ("active, ordered a year ago", use(written=ago(365)), True, True),
    ("active but stale", use(written=ago(366)), False, True),
    ("stale, yet with a year of refills",
     use(written=ago(370), supply_days=90.0, refills=5), True, True),
    ("a statement of an old start is current",
     use(kind="statement", started=ago(600)), True, True),
    ("a statement last made long ago is stale",
     use(kind="statement", started=ago(600), written=ago(500)), False, True),
    ("supply lasts", use(written=ago(20), supply_days=30.0), True, True),
    ("supply used up within the grace", use(written=ago(60), supply_days=30.0), True, True),
    ("supply used up", use(written=ago(61), supply_days=30.0), False, False),
    ("refills last", use(written=ago(61), supply_days=30.0, refills=1), True, True),
    ("supply by quantity used up",
     use(None, "1 tablet bid", written=ago(61), quantity=Amount(60, 60, "tablet")),
     False, False),
    ("a single dose has no grace", use(None, "1 tablet once", written=ago(2)), False, False),
    ("a single dose of today", use(None, "1 tablet once", written=TODAY), True, True),
    ("end is past", use(written=ago(9), ended=ago(1)), False, False),
    ("end is today", use(written=ago(9), ended=TODAY), True, True),
    ("begins next week", use(started=ago(-7)), False, True),
    ("on hold", use(status="on-hold"), False, True),
    ("intended", use(status="intended", kind="statement"), False, True),
    ("unknown status", use(status="unknown"), False, True),
    ("unknown status, run out",
     use(status="unknown", written=ago(99), supply_days=9.0), False, False),
    ("stopped", use(status="stopped"), False, False),
    ("completed", use(status="completed", written=ago(1)), False, False),
    ("cancelled", use(status="cancelled"), False, False),
    ("draft", use(status="draft"), False, False),
    ("entered in error", use(status="entered-in-error"), False, False),
    ("not taken", use(status="not-taken", kind="statement"), False, False),
    ("being given", use(kind="administration", status="in-progress"), True, True),
    ("a dose given today", given(TODAY), False, False),
    ("dispensed, supply lasts",
     use(kind="dispense", status="completed", written=ago(9), supply_days=30.0), True, True),
    ("dispensed, supply used up",
     use(kind="dispense", status="completed", written=ago(99), supply_days=30.0), False, False),
    ("dispensed long ago, supply unknown",
     use(kind="dispense", status="completed", written=ago(99)), False, False),
    ("monthly buprenorphine acts", given(ago(42), SUBLOCADE), True, True),
    ("monthly buprenorphine has worn off",
     given(ago(43), SUBLOCADE), False, False),
    ("weekly buprenorphine acts", given(ago(10), BRIXADI_WEEKLY), True, True),
    ("weekly buprenorphine has worn off",
     given(ago(11), BRIXADI_WEEKLY), False, False),
    ("weekly by its strength", given(ago(11), BRIXADI_24), False, False),
    ("weekly by its timing",
     given(ago(11), SUBLOCADE, "1 syringe weekly"), False, False),
    ("buprenorphine given yesterday on a ward",
     given(ago(1), FILM), True, True),
    ("buprenorphine given two days ago", given(ago(2), FILM), False, False),
    ("intravenous buprenorphine is no depot",
     given(ago(5), BUPRENEX), False, False),
    ("naltrexone depot acts", given(ago(35), VIVITROL), True, True),
    ("naltrexone depot has worn off", given(ago(36), VIVITROL), False, False),
    ("oral naltrexone stopped three days ago",
     use(NALTREXONE, status="stopped", ended=ago(3)), True, True),
    ("oral naltrexone stopped four days ago",
     use(NALTREXONE, status="stopped", ended=ago(4)), False, False),
    ("a depot never given", use(VIVITROL, status="cancelled", written=ago(2)), False, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("medicine", "effect", "safety"),
    [row[1:] for row in IN_USE],
    ids=[row[0] for row in IN_USE],
)
def test_in_use(medicine: MedicationUse, effect: bool, safety: bool) -> None:
    assert in_use(medicine, TODAY, for_safety=False) is effect
    assert in_use(medicine, TODAY, for_safety=True) is safety


@pytest.mark.parametrize(
    ("medicine", "expected"),
    [
        (use(), None),
        (use(written=ago(5)), ago(5)),
        (use(written=ago(5), started=ago(9)), ago(5)),
        (use(written=ago(5), ended=ago(-30)), ago(5)),  # active: the end has not come
        (use(written=ago(5), ended=ago(2), status="stopped"), ago(2)),
    ],
)
def test_last_date(medicine: MedicationUse, expected: date | None) -> None:
    assert last_date(medicine) == expected


@pytest.mark.parametrize(
    ("medicine", "expected"),
    [
        (use(written=ago(10), supply_days=30.0), ago(-20)),
        (use(written=ago(10), supply_days=30.0, refills=2), ago(-80)),
        (use(written=ago(10), started=ago(5), supply_days=5.0), TODAY),
        (use(written=ago(10)), None),
        (use(supply_days=30.0), None),
    ],
)
def test_supply_end(medicine: MedicationUse, expected: date | None) -> None:
    assert supply_end(medicine) == expected


def test_an_ordinary_medicine_does_not_act_beyond_its_use() -> None:
    assert acts_until(given(TODAY)) is None


@pytest.mark.parametrize(
    ("route", "classes", "expected"),
    [
        (Route.ORAL, "nsaid", True),
        (Route.RECTAL, "nsaid", True),
        (Route.UNKNOWN, "nsaid", True),
        (Route.TRANSDERMAL, "opioid-full-agonist", True),
        (Route.TRANSDERMAL, "nsaid", False),
        (Route.TRANSDERMAL, "lidocaine", False),
        (Route.TOPICAL, "nsaid", False),
        (Route.EPIDURAL, "corticosteroid", False),
        (Route.INHALED, "corticosteroid", False),
    ],
)
def test_systemic(route: Route, classes: str, expected: bool) -> None:
    assert systemic(use(drug("x", classes=classes, route=route))) is expected


@pytest.mark.parametrize(
    ("route", "expected"),
    [(Route.INTRAMUSCULAR, True), (Route.INJECTION, True), (Route.ORAL, False),
     (Route.EPIDURAL, False), (Route.UNKNOWN, False)],
)  # fmt: skip
def test_parenteral(route: Route, expected: bool) -> None:
    assert parenteral(use(drug("x", route=route))) is expected


def test_a_list_entry_of_an_ordered_medicine_is_left_out() -> None:
    order = use(OXYCODONE, written=ago(9))
    listed = use(OXYCODONE, reference="MedicationStatement/2", kind="statement")
    assert distinct([listed, order]) == (order,)


def test_the_newest_of_equal_orders_is_kept() -> None:
    old, new = use(written=ago(40)), use(written=ago(10))
    assert distinct([new, old]) == distinct([old, new]) == (new,)


def test_orders_of_different_strength_are_both_kept() -> None:
    small = Drug("n", "n", (Ingredient("oxycodone", 10),), OXYCODONE.classes, route=Route.ORAL)
    both = (use(OXYCODONE), use(small))
    assert distinct(both) == both


def test_immediate_and_extended_release_are_both_kept() -> None:
    slow = drug("oxycodone", classes="opioid-full-agonist", extended=True)
    both = (use(OXYCODONE), use(slow, kind="statement"))
    assert distinct(both) == both


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (OXYCODONE, PERCOCET, True),
        (FILM, SUBLOCADE, True),
        (OXYCODONE, NAPROXEN, False),
        (NAPROXEN, drug("naproxen", classes="nsaid", route=Route.TOPICAL), False),
        (drug("acetaminophen"), PERCOCET, False),
    ],
)
def test_same_medicine(one: Drug, other: Drug, expected: bool) -> None:
    assert same_medicine(use(one), use(other)) is expected


def test_an_order_renews_the_newest_use_of_the_same_medicine() -> None:
    old, new = use(DULOXETINE, written=ago(90)), use(DULOXETINE, written=ago(30))
    order = use(DULOXETINE, status="draft", reference="MedicationRequest/draft")
    assert renewal_of(order, chart(old, new)) == new


@pytest.mark.parametrize(
    "known",
    [
        use(DULOXETINE, status="stopped", written=ago(9)),
        use(DULOXETINE, written=ago(400)),
        use(NAPROXEN, written=ago(9)),
        use(DULOXETINE, status="not-taken", kind="statement"),
    ],
    ids=["stopped", "stale", "another medicine", "not taken"],
)
def test_an_order_renews_nothing(known: MedicationUse) -> None:
    assert renewal_of(use(DULOXETINE, status="draft"), chart(known)) is None


ESTABLISHED = [
    ("begun 90 days ago", (use(started=ago(90), written=ago(5)),), True),
    ("begun 89 days ago", (use(started=ago(89), written=ago(5)),), False),
    ("no date", (use(),), False),
    ("ended", (use(started=ago(200), ended=ago(9), status="stopped"),), False),
    ("fills without a gap", (
        use(written=ago(10), supply_days=30.0),
        use(written=ago(60), supply_days=30.0, status="completed"),
        use(written=ago(100), supply_days=30.0, status="completed")), True),
    ("fills with a gap", (
        use(written=ago(10), supply_days=30.0),
        use(written=ago(100), supply_days=30.0, status="completed")), False),
    ("an earlier order never filled", (
        use(written=ago(10), supply_days=30.0),
        use(written=ago(99), supply_days=90.0, status="cancelled")), False),
    ("another medicine for long", (
        use(written=ago(10)), use(DULOXETINE, started=ago(300))), False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("uses", "expected"), [row[1:] for row in ESTABLISHED], ids=[row[0] for row in ESTABLISHED]
)
def test_established(uses: tuple[MedicationUse, ...], expected: bool) -> None:
    assert established(use(status="draft"), chart(*uses)) is expected


def test_established_looks_at_each_record_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fills = [use(written=ago(days), supply_days=10) for days in range(0, 500, 10)]
    looked_at: list[MedicationUse] = []

    def same_medicine(one: MedicationUse, other: MedicationUse) -> bool:
        looked_at.append(one)
        return one.drug == other.drug

    monkeypatch.setattr(medications, "same_medicine", same_medicine)

    assert established(use(status="draft"), chart(*fills))
    assert looked_at == fills


def test_the_first_day_is_unknown_without_a_date() -> None:
    assert first_taken(use(), [use(written=ago(9))], TODAY) is None


@pytest.mark.parametrize(
    ("medicine", "text"),
    [
        (use(started=ago(20), written=ago(5)),
         "naproxen, active since 2026-02-10, last ordered 2026-02-25"),
        (use(written=ago(5)), "naproxen, active, last ordered 2026-02-25"),
        (use(started=ago(5), written=ago(5)), "naproxen, active since 2026-02-25"),
        (use(), "naproxen, active"),
        (use(status="stopped", ended=ago(5)), "naproxen, stopped 2026-02-25"),
        (use(status="stopped", written=ago(5)), "naproxen, stopped, on record 2026-02-25"),
        (use(status="stopped"), "naproxen, stopped, no date on record"),
        (given(ago(5)), "naproxen, given 2026-02-25"),
        (use(kind="dispense", status="completed", written=ago(5)),
         "naproxen, dispensed 2026-02-25"),
        (use(status="<b>", written=ago(5)),
         "naproxen, status unknown, on record 2026-02-25"),
    ],
)  # fmt: skip
def test_the_fact_tells_what_and_since_when(medicine: MedicationUse, text: str) -> None:
    assert fact(medicine) == Fact("MedicationRequest/1", text)


def test_a_fact_is_short() -> None:
    found = fact(use(drug("x" * 120), started=ago(20), written=ago(5)))
    assert len(found.text) <= 100
