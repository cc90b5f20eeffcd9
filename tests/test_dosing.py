"""Dose arithmetic: what is computed, and what stays unknown."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from cards import dosing
from cards.chart import Amount, Dosage, Drug, Ingredient, MedicationUse, Route
from cards.dosing import (
    counts_in_mme,
    daily_mg,
    daily_mme,
    days_supplied,
    days_with_refills,
    for_cough,
    route_of,
    scheduled,
    single_mg,
)
from cards.sig import read_sig


def drug(
    name: str,
    mg: float | None = None,
    per: str = "unit",
    form: str = "tablet",
    route: Route = Route.ORAL,
    *,
    classes: str = "",
) -> Drug:
    return Drug(
        name=name,
        label=name,
        ingredients=(Ingredient(name, mg, per),),
        classes=frozenset(classes.split()),
        form=form,
        route=route,
    )


def combined(*parts: tuple[str, float], classes: str = "", form: str = "tablet") -> Drug:
    return Drug(
        name="/".join(name for name, _ in parts),
        label="/".join(name for name, _ in parts),
        ingredients=tuple(Ingredient(name, mg) for name, mg in parts),
        classes=frozenset(classes.split()),
        form=form,
        route=Route.ORAL,
    )


def use(what: Drug, *sigs: str | Dosage, **more: object) -> MedicationUse:
    dosages = tuple(read_sig(s) if isinstance(s, str) else s for s in sigs)
    return MedicationUse(reference="MedicationRequest/1", drug=what, dosages=dosages, **more)  # type: ignore[arg-type]


def mg(low: float, high: float | None = None) -> Amount:
    return Amount(low, low if high is None else high, "mg")


def mme(low: float, high: float | None = None) -> Amount:
    return Amount(low, low if high is None else high, "mme")


def each(count: float, times: float, unit: str = "", step: int | None = None) -> Dosage:
    amount, frequency = Amount(count, count, unit), Amount(times, times)
    return Dosage(amount=amount, times_per_day=frequency, sequence=step)


def needed(count: float, times: float, step: int) -> Dosage:
    return replace(each(count, times, "mg", step), as_needed=True)


GABAPENTIN = drug("gabapentin", 300, form="capsule")
IBUPROFEN = drug("ibuprofen", 400)
OXYCODONE = drug("oxycodone", 5, classes="opioid-full-agonist")
PERCOCET = combined(("oxycodone", 5), ("acetaminophen", 325), classes="opioid-full-agonist")
SUBOXONE = combined(
    ("buprenorphine", 8),
    ("naloxone", 2),
    classes="buprenorphine opioid-antagonist",
    form="film",
)
FENTANYL_75 = drug(
    "fentanyl", 0.075, "h", "patch", Route.TRANSDERMAL, classes="opioid-full-agonist"
)
MORPHINE_SOLUTION = drug("morphine", 2, "mL", "solution", classes="opioid-full-agonist")
FEW, MANY = 1, 500

DAILY = [
    (GABAPENTIN, ["1 capsule tid"], mg(900)),
    (GABAPENTIN, ["600 mg tid"], mg(1800)),
    (GABAPENTIN, ["0.3 g bid"], mg(600)),
    (GABAPENTIN, ["1-2 caps q4-6h prn"], mg(1200, 3600)),
    (IBUPROFEN, ["1 tablet q6h prn, max 3/day"], mg(1200)),
    (IBUPROFEN, ["400 mg q6h prn, max 3 doses per day"], mg(1200)),
    (IBUPROFEN, ["1 tablet prn, max 1200 mg/day"], mg(1200)),
    (IBUPROFEN, ["400-800 mg q6h prn, max 2400 mg/day"], mg(1600, 2400)),
    (IBUPROFEN, ["800 mg once"], mg(800)),
    (IBUPROFEN, ["1 tablet every other day"], mg(200)),
    (drug("ibuprofen"), ["600 mg tid"], mg(1800)),
    (IBUPROFEN, [each(FEW, 3)], mg(1200)),  # a dose of 1 without a unit is one tablet
    (MORPHINE_SOLUTION, ["5 mL q4h"], mg(60)),
    (MORPHINE_SOLUTION, ["10 mg q4h"], mg(60)),
    (SUBOXONE, ["3 films daily"], mg(24)),
    (SUBOXONE, ["8 mg tid"], mg(24)),
    (drug("fluticasone", 0.05, "actuation", "spray", Route.NASAL), ["2 sprays bid"], mg(0.2)),
    (FENTANYL_75, ["apply 1 patch every 72 hours"], mg(1.8)),
    (GABAPENTIN, ["300 mg in the morning", "600 mg at bedtime"], mg(900)),
    (GABAPENTIN, ["300 mg bid", "600 mg at bedtime"], mg(1200)),
    (GABAPENTIN, ["300 mg tid", "600 mg tid"], mg(900, 1800)),
    (GABAPENTIN, ["300 mg daily for 7 days", "600 mg daily for 7 days"], mg(300, 600)),
    (OXYCODONE, ["1 tab q6h prn", "2 tabs q6h prn"], mg(20, 40)),
    (OXYCODONE, ["10 mg q12h", "5 mg q6h prn"], mg(20, 40)),
    (IBUPROFEN, ["800 mg once", "400 mg tid"], mg(800, 1200)),
    (IBUPROFEN, ["400 mg tid", "400 mg tid"], mg(1200)),
    # Instructions of one number go together, those of different numbers after one another.
    (GABAPENTIN, [each(300, 1, "mg", 1), each(600, 1, "mg", 2)], mg(300, 600)),
    (GABAPENTIN, [each(300, 1, "mg", 1), each(600, 1, "mg", 1)], mg(900)),
    (GABAPENTIN, [each(300, 1, "mg", 1), each(300, 1, "mg", 2)], mg(300)),
    (
        GABAPENTIN,
        [each(300, 1, "mg", 1), each(300, 1, "mg", 2), each(600, 1, "mg", 2)],
        mg(300, 900),
    ),
    (OXYCODONE, [each(10, 2, "mg", 1), needed(5, 4, 2)], mg(20, 40)),
    (IBUPROFEN, [each(1500, 24 / 7, "mg")], mg(5143)),  # as a card tells it
    (IBUPROFEN, [each(100, 1 / 3, "mg")], mg(33.33)),
]

NO_DAILY = [
    ("no instruction", IBUPROFEN, []),
    ("no frequency", IBUPROFEN, ["400 mg"]),
    ("no amount", IBUPROFEN, ["tid"]),
    ("as directed", IBUPROFEN, ["as directed"]),
    ("as needed without a frequency", IBUPROFEN, ["400 mg prn"]),
    ("no strength", drug("ibuprofen"), ["1 tablet tid"]),
    ("a bare number that is no count of tablets", IBUPROFEN, [each(MANY, 3)]),
    ("a volume of a tablet", IBUPROFEN, ["5 mL tid"]),
    ("a count of a solution", drug("ibuprofen", 20, "mL"), [each(FEW, 3)]),
    ("a dose is not a tablet", IBUPROFEN, ["1 dose tid"]),
    ("one of two instructions unknown", IBUPROFEN, ["400 mg tid", "as directed"]),
    ("an unknown unit", IBUPROFEN, [each(FEW, 3, unit="mg/kg")]),
    ("a slip of the pen", IBUPROFEN, [each(60_000_000, 1, unit="mg")]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "sigs", "expected"), DAILY)
def test_daily_dose(what: Drug, sigs: list[str | Dosage], expected: Amount) -> None:
    found = daily_mg(use(what, *sigs), what.ingredients[0].name)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.unit == "mg"


@pytest.mark.parametrize(
    ("what", "sigs"), [row[1:] for row in NO_DAILY], ids=[row[0] for row in NO_DAILY]
)
def test_daily_dose_is_unknown(what: Drug, sigs: list[str | Dosage]) -> None:
    assert daily_mg(use(what, *sigs), what.ingredients[0].name) is None


def test_each_part_of_a_combination_is_computed() -> None:
    order = use(PERCOCET, "1-2 tablets q6h prn")
    assert daily_mg(order, "oxycodone") == mg(20, 40)
    assert daily_mg(order, "acetaminophen") == mg(1300, 2600)


def test_a_weight_of_a_combination_is_nobodys() -> None:
    order = use(PERCOCET, "5 mg q6h")
    assert daily_mg(order, "oxycodone") is None
    assert daily_mg(order, "acetaminophen") is None


def test_another_ingredient_has_no_dose() -> None:
    assert daily_mg(use(IBUPROFEN, "400 mg tid"), "naproxen") is None


def test_a_dose_pack_has_no_dose() -> None:
    pack = Drug("p", "p", (Ingredient("methylprednisolone", 4),), frozenset(), pack=True)
    order = use(pack, "1 tablet daily")
    assert daily_mg(order, "methylprednisolone") is None
    assert single_mg(order, "methylprednisolone") is None


@pytest.mark.parametrize(
    ("what", "sigs", "expected"),
    [
        (OXYCODONE, ["1-2 tabs q4h prn"], mg(5, 10)),
        (OXYCODONE, ["5 mg"], mg(5)),
        (OXYCODONE, ["10 mg once"], mg(10)),
        (OXYCODONE, ["1 tab q6h prn", "2 tabs q6h prn"], mg(5, 10)),
        (MORPHINE_SOLUTION, ["5 ml q4h"], mg(10)),
        (OXYCODONE, [], None),
        (OXYCODONE, ["q4h"], None),
        (OXYCODONE, ["5 mg q4h", "as directed"], None),
        (FENTANYL_75, ["1 patch every 72 hours"], None),
    ],
)
def test_single_dose(what: Drug, sigs: list[str], expected: Amount | None) -> None:
    assert single_mg(use(what, *sigs), what.ingredients[0].name) == expected


TWELVE_TABLETS = Amount(12, 12, "tablet")


@pytest.mark.parametrize(
    ("order", "days"),
    [
        (use(OXYCODONE, "1 tab q6h prn", quantity=TWELVE_TABLETS), 3),
        (use(OXYCODONE, "1 tab q6h prn, max 4/day", quantity=Amount(12, 12)), 3),
        (use(OXYCODONE, "5 mg q6h prn", quantity=TWELVE_TABLETS), 3),
        (use(OXYCODONE, "1-2 tabs q4-6h prn", quantity=TWELVE_TABLETS), 1),
        (use(OXYCODONE, "1 tab q6h", quantity=TWELVE_TABLETS, supply_days=5.0), 5),
        (use(OXYCODONE, "1 tab q6h for 4 days"), 4),
        (use(OXYCODONE, "1 tab q6h for 4 days", "1 tab q12h for 2 days"), 6),
        (use(OXYCODONE, "1 tab once"), 1),
        (use(PERCOCET, "1 tab q6h", quantity=TWELVE_TABLETS), 3),
        (use(FENTANYL_75, "1 patch every 72 hours", quantity=Amount(10, 10, "patch")), 30),
        (use(MORPHINE_SOLUTION, "10 mg q6h", quantity=Amount(200, 200, "ml")), 10),
        (use(SUBOXONE, "3 films daily", quantity=Amount(90, 90, "film")), 30),
        (use(OXYCODONE, quantity=TWELVE_TABLETS), None),
        (use(OXYCODONE, "as directed", quantity=TWELVE_TABLETS), None),
        (use(OXYCODONE, "1 tab q6h"), None),
        (use(MORPHINE_SOLUTION, "5 ml q6h", quantity=Amount(1, 1, "bottle")), None),
        (use(PERCOCET, "5 mg q6h", quantity=TWELVE_TABLETS), None),
        (use(OXYCODONE, "1 tab q6h for 4 days", "1 tab q12h"), None),
    ],
)
def test_days_supplied(order: MedicationUse, days: float | None) -> None:
    assert days_supplied(order) == (None if days is None else pytest.approx(days))


def test_refills_multiply_the_days() -> None:
    order = use(OXYCODONE, "1 tab q6h", quantity=TWELVE_TABLETS, refills=2)
    assert (days_supplied(order), days_with_refills(order)) == (3, 9)


def test_refills_of_an_unknown_supply_stay_unknown() -> None:
    assert days_with_refills(use(OXYCODONE, "1 tab q6h", refills=2)) is None


@pytest.mark.parametrize(
    ("sigs", "expected"),
    [
        (["400 mg tid"], True),
        (["400 mg tid", "400 mg prn"], True),
        (["400 mg q6h prn"], False),
        (["400 mg up to 3 times a day"], False),
        (["400 mg"], None),
        (["400 mg once"], None),
        ([], None),
    ],
)
def test_what_is_taken_as_needed_is_not_scheduled(
    sigs: list[str], expected: bool | None
) -> None:
    assert scheduled(use(IBUPROFEN, *sigs)) is expected


def opioid(name: str, strength: float) -> Drug:
    return drug(name, strength, classes="opioid-full-agonist")


@pytest.mark.parametrize(
    ("what", "sig", "expected"),
    [
        (opioid("codeine", 30), "1 tab q6h", mme(18)),
        (opioid("hydrocodone", 5), "1 tab q6h prn", mme(20)),
        (opioid("hydromorphone", 2), "1 tab q6h", mme(40)),
        (opioid("methadone", 10), "1 tab tid", mme(141)),
        (opioid("morphine", 15), "1 tab q12h", mme(30)),
        (OXYCODONE, "1-2 tabs q6h prn", mme(30, 60)),
        (OXYCODONE, "5 mg q6h PRN, max 4/day", mme(30)),
        (PERCOCET, "1 tab q6h", mme(30)),
        (opioid("oxymorphone", 10), "1 tab q12h", mme(60)),
        (opioid("tapentadol", 100), "1 tab bid", mme(80)),
        (drug("tramadol", 50, classes="tramadol"), "2 tabs q6h", mme(80)),
        (FENTANYL_75, "apply 1 patch every 72 hours", mme(180)),
        (FENTANYL_75, "apply 1 patch every 48 hours", mme(180)),
        (FENTANYL_75, "apply 2 patches every 72 hours", mme(360)),
        (SUBOXONE, "3 films daily", mme(0)),
        (IBUPROFEN, "1 tab tid", mme(0)),
        (OXYCODONE, "as directed", None),
        (FENTANYL_75, "as directed", None),
        (opioid("meperidine", 50), "1 tab q6h", None),
        (drug("levorphanol", 2, classes="opioid-full-agonist"), "1 tab q6h", None),
        (combined(("pentazocine", 50), ("naloxone", 0.5), classes="opioid-mixed"), "1 tab q6h",
         None),
        (combined(("hydrocodone", 5), ("chlorpheniramine", 4), classes="opioid-full-agonist"),
         "1 tab q6h", None),
        (drug("hydromorphone", 2, "mL", "injection", Route.INTRAVENOUS,
          classes="opioid-full-agonist"),
         "1 ml q4h", None),
        (drug("fentanyl", 0.4, "unit", "lozenge", Route.BUCCAL,
          classes="opioid-full-agonist"),
         "1 lozenge qid", None),
    ],
    ids=lambda value: value.name if isinstance(value, Drug) else str(value)[:24],
)  # fmt: skip
def test_morphine_equivalents(what: Drug, sig: str, expected: Amount | None) -> None:
    assert daily_mme(use(what, sig)) == expected


def test_an_order_by_the_rate_of_the_patch_is_counted() -> None:
    rate = Dosage(amount=Amount(75, 75, "mcg/h"), times_per_day=Amount(1 / 3, 1 / 3))
    assert daily_mme(use(FENTANYL_75, rate)) == mme(180)


def test_the_route_of_the_order_outranks_the_product() -> None:
    order = use(OXYCODONE, "5 mg q6h", route=Route.INTRAVENOUS)
    assert daily_mme(order) is None


@pytest.mark.parametrize(
    ("name", "expected"), [("tramadol", mme(40)), ("morphine", None), ("methadone", None)]
)
def test_an_opioid_sold_only_for_swallowing_needs_no_route(
    name: str, expected: Amount | None
) -> None:
    what = drug(name, form="", route=Route.UNKNOWN, classes="opioid-full-agonist")
    assert daily_mme(use(what, "50 mg q6h")) == expected


def test_buprenorphine_is_not_counted_and_oxycodone_is() -> None:
    assert (counts_in_mme(SUBOXONE), counts_in_mme(OXYCODONE)) == (False, True)


@pytest.mark.parametrize(
    ("form", "product", "order", "expected"),
    [
        ("tablet", Route.UNKNOWN, Route.UNKNOWN, Route.ORAL),
        ("injection", Route.UNKNOWN, Route.UNKNOWN, Route.UNKNOWN),
        ("film", Route.SUBLINGUAL, Route.UNKNOWN, Route.SUBLINGUAL),
        ("injection", Route.INJECTION, Route.EPIDURAL, Route.EPIDURAL),
    ],
)
def test_the_route_is_the_orders_then_the_products_then_the_forms(
    form: str, product: Route, order: Route, expected: Route
) -> None:
    assert route_of(use(drug("x", form=form, route=product), route=order)) is expected


def test_every_factor_says_what_it_means() -> None:
    path = Path(dosing.__file__).with_name("mme.toml")
    tables = tomllib.loads(path.read_text("utf-8"))
    entries = [*tables["oral"].values(), *tables["transdermal"].values()]
    assert all(entry["factor"] > 0 and len(entry["says"]) > 20 for entry in entries)
    assert len(entries) == 10


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        pytest.param(combined(("codeine", 2), ("guaifenesin", 20)), True, id="cough-syrup"),
        pytest.param(combined(("codeine", 30), ("acetaminophen", 300)), False, id="for-pain"),
        pytest.param(drug("codeine", 30), False, id="alone"),
    ],
)
def test_what_stands_beside_an_opioid_tells_a_cough_medicine(
    what: Drug, expected: bool
) -> None:
    assert for_cough(what) is expected
