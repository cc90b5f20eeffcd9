"""Free-text dosage instructions: what is read, and what stays unknown."""

import pytest

from cards import sig as sig_module
from cards.chart import Amount, Dosage, Route
from cards.sig import LONGEST, PRODUCT_UNITS, read_sig, unit_name


def one(value: float, unit: str = "") -> Amount:
    return Amount(value, value, unit)


def sig(**said: object) -> dict[str, object]:
    """Return the fields of a dosage that differ from "nothing said"."""
    return said


READ = [
    ("1-2 tabs q4-6h prn",
     sig(amount=Amount(1, 2, "tablet"), times_per_day=Amount(4, 6), as_needed=True)),
    ("1 to 2 tablets every 4 to 6 hours",
     sig(amount=Amount(1, 2, "tablet"), times_per_day=Amount(4, 6))),
    ("take 1 tablet by mouth every 6 hours as needed for pain",
     sig(amount=one(1, "tablet"), times_per_day=one(4), as_needed=True, route=Route.ORAL)),
    ("1 tab PO TID x 7 days",
     sig(amount=one(1, "tablet"), times_per_day=one(3), days=7, route=Route.ORAL)),
    ("40 mg PO daily x5 d",
     sig(amount=one(40, "mg"), times_per_day=one(1), days=5, route=Route.ORAL)),
    ("30 mg daily", sig(amount=one(30, "mg"), times_per_day=one(1))),
    ("5,000 units SC every 8 hours",
     sig(amount=one(5000, "unit"), times_per_day=one(3), route=Route.SUBCUTANEOUS)),
    ("10 units daily", sig(amount=one(10, "unit"), times_per_day=one(1))),
    ("30 mg/day", sig(amount=one(30, "mg"), times_per_day=one(1))),
    ("300 mg at bedtime", sig(amount=one(300, "mg"), times_per_day=one(1))),
    ("1 tablet nightly", sig(amount=one(1, "tablet"), times_per_day=one(1))),
    ("1 film SL 3 times daily",
     sig(amount=one(1, "film"), times_per_day=one(3), route=Route.SUBLINGUAL)),
    ("5 mg q6h PRN, max 4/day",
     sig(amount=one(5, "mg"), times_per_day=one(4), as_needed=True, max_per_day=one(4))),
    ("1-2 tabs po q 6 hrs prn pain max 8 tabs per day",
     sig(amount=Amount(1, 2, "tablet"), times_per_day=one(4), as_needed=True,
         max_per_day=one(8, "tablet"), route=Route.ORAL)),
    ("do not exceed 3 g/day; 1000 mg q8h",
     sig(amount=one(1000, "mg"), times_per_day=one(3), max_per_day=one(3, "g"))),
    ("apply 1 patch every 12 hours", sig(amount=one(1, "patch"), times_per_day=one(2))),
    ("apply 1 patch (25 mcg/hr) every 72 hours",
     sig(amount=one(1, "patch"), times_per_day=one(1 / 3))),
    ("fentanyl 25 mcg/h patch: apply 1 patch every 3 days",
     sig(amount=one(1, "patch"), times_per_day=one(1 / 3))),
    ("1 patch daily, 12 hours on 12 hours off",
     sig(amount=one(1, "patch"), times_per_day=one(1))),
    ("40 mg once", sig(amount=one(40, "mg"), once=True)),
    ("300 mg x1", sig(amount=one(300, "mg"), once=True)),
    ("30 mg IM x 1 dose", sig(amount=one(30, "mg"), once=True, route=Route.INTRAMUSCULAR)),
    ("10 mg IV once", sig(amount=one(10, "mg"), once=True, route=Route.INTRAVENOUS)),
    ("twice a day", sig(times_per_day=one(2))),
    ("BID", sig(times_per_day=one(2))),
    ("1.5 tabs q.i.d.", sig(amount=one(1.5, "tablet"), times_per_day=one(4))),
    ("qhs", sig(times_per_day=one(1))),
    ("every other day", sig(times_per_day=one(0.5))),
    ("weekly", sig(times_per_day=one(1 / 7))),
    ("inject 100 mg subcutaneously once a month",
     sig(amount=one(100, "mg"), times_per_day=one(1 / 30), route=Route.SUBCUTANEOUS)),
    ("3 times a week", sig(times_per_day=one(3 / 7))),
    ("one tablet", sig(amount=one(1, "tablet"))),
    ("a tablet daily", sig(amount=one(1, "tablet"), times_per_day=one(1))),
    ("take 1/2 tablet bid", sig(amount=one(0.5, "tablet"), times_per_day=one(2))),
    ("take half a tablet at bedtime", sig(amount=one(0.5, "tablet"), times_per_day=one(1))),
    ("1 1/2 tablets daily", sig(amount=one(1.5, "tablet"), times_per_day=one(1))),
    ("1,000 mg TID", sig(amount=one(1000, "mg"), times_per_day=one(3))),
    ("500-1000 mg q6h", sig(amount=Amount(500, 1000, "mg"), times_per_day=one(4))),
    ("1 tsp q4h prn cough", sig(amount=one(5, "ml"), times_per_day=one(6), as_needed=True)),
    ("take 1 every 6 hours", sig(amount=one(1), times_per_day=one(4))),
    ("2 x 200 mg tablets tid", sig(amount=one(2, "tablet"), times_per_day=one(3))),
    ("take two 5 mg tablets twice daily", sig(amount=one(2, "tablet"), times_per_day=one(2))),
    ("oxycodone 5 mg tablet, take 1 tablet q4h",
     sig(amount=one(1, "tablet"), times_per_day=one(6))),
    ("1 capsule 3x/day", sig(amount=one(1, "capsule"), times_per_day=one(3))),
    ("1 tab three times a day with meals",
     sig(amount=one(1, "tablet"), times_per_day=one(3))),
    ("1 tablet(s) twice daily (morning and night)",
     sig(amount=one(1, "tablet"), times_per_day=one(2))),
    ("take 1 tablet in the morning and 1 tablet at bedtime",
     sig(amount=one(1, "tablet"), times_per_day=one(2))),
    ("up to 3 times daily", sig(times_per_day=one(3), as_needed=True)),
    ("no more than 3 times a day", sig(times_per_day=one(3), as_needed=True)),
    ("1 tab daily for 7 days then stop",
     sig(amount=one(1, "tablet"), times_per_day=one(1), days=7)),
    ("1 tab daily for 5-7 days", sig(amount=one(1, "tablet"), times_per_day=one(1), days=7)),
    ("1 tab daily for two weeks",
     sig(amount=one(1, "tablet"), times_per_day=one(1), days=14)),
    ("1 tablet every 4-6 hours as needed for pain score 4-6",
     sig(amount=one(1, "tablet"), times_per_day=Amount(4, 6), as_needed=True)),
    (("Take 1 tablet (5 mg total) by mouth every 6 (six) hours as needed for severe pain for "
      "up to 5 days. Max daily amount: 20 mg"),
     sig(amount=one(1, "tablet"), times_per_day=one(4), as_needed=True, days=5,
         max_per_day=one(20, "mg"), route=Route.ORAL)),
    ("50 mg, Oral, Every 6 hours PRN",
     sig(amount=one(50, "mg"), times_per_day=one(4), as_needed=True, route=Route.ORAL)),
    ("apply 2 g to affected area qid",
     sig(amount=one(2, "g"), times_per_day=one(4), route=Route.TOPICAL)),
]  # fmt: skip

NOT_UNDERSTOOD = [
    "", "   ", "as directed", "use as directed", "see package insert", "#30", "with meals",
    "4 tabs x2d then 3 tabs x2d",
    "30 mg daily for 7 days, then 60 mg daily",
    "take 4 tablets on day 1, 3 tablets on day 2",
    "1 tablet in the morning and 2 at bedtime",
    "300 mg in the morning and 600 mg at bedtime",
    "1 tab twice daily and 1 at bedtime",
    "1 tab bid before meals and at bedtime",
    "1 tab daily, increase by 1 tab weekly",
    "titrate to 1200 mg daily",
    "one tablet or two tablets",
    "1 tab 2 tabs",
    "1 tab bid or tid",
    "10 mg 5 mg daily",
    "2 now and 1 tab bid",
    "100 mg BID two courses",
    "5 mg/kg",
    "25 mcg/hr",
    "1 tab, may repeat in 2 hours",
    "1 tablet daily on Mondays",
    "1 tablet at 8am",
    "1 tablet every 0 hours and 5 mg",
    "1 tab q4h " + "x" * LONGEST,
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), READ, ids=[text[:50] for text, _ in READ])
def test_an_instruction_is_read(text: str, said: dict[str, object]) -> None:
    found = read_sig(text)
    assert found == Dosage(text=text, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
def test_an_instruction_not_wholly_understood_gives_no_numbers(text: str) -> None:
    found = read_sig(text)
    assert (found.amount, found.times_per_day, found.once) == (None, None, False)


def test_a_taper_has_no_length_either() -> None:
    assert read_sig("4 tabs x2d then 3 tabs x2d").days is None


def test_a_sequence_still_tells_its_route_and_that_it_is_as_needed() -> None:
    found = read_sig("1 tab PO prn, may repeat once")
    assert (found.route, found.as_needed) == (Route.ORAL, True)


def test_two_routes_are_no_route() -> None:
    assert read_sig("10 mg IV or IM once").route is Route.UNKNOWN


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("{tbl}", "tablet"), ("TAB", "tablet"), ("tablet(s)", "tablet"), ("patch(es)", "patch"),
        ("{Capsule}", "capsule"),
        ("{pill}", "pill"), ("film", "film"), ("Each", "each"), ("ug", "mcg"),
        ("\N{MICRO SIGN}g", "mcg"), ("MG", "mg"), ("mL", "ml"), ("ug/h", "mcg/h"), ("", ""),
        ("mg/kg", "mg/kg"), ("[IU]", "unit"),
        ("[USP'U]", "unit"), ("units", "unit"),
    ],
)  # fmt: skip
def test_units_have_one_name(written: str, name: str) -> None:
    assert unit_name(written) == name


def test_a_dose_is_not_a_unit_of_the_product() -> None:
    assert "dose" not in PRODUCT_UNITS


def test_long_texts_are_not_kept() -> None:
    before = sig_module._read.cache_info().currsize
    for number in range(5):
        assert read_sig(f"{number} tablets " + "x" * LONGEST).amount is None
    assert sig_module._read.cache_info().currsize == before
