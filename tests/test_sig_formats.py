"""Instructions as the systems of clinics and pharmacies write them: what is read of each."""

from fractions import Fraction

import pytest

from cards.chart import Amount
from cards.sig import read_sig

# text, amount, times a day, as needed, days, most a day; "" is unknown
READ = [
    # Oracle Health (Cerner)
    ("10 mg = 1 tab(s), Oral, q4hr", "1 tablet", "6", False, "", ""),
    ("= 1 tab(s), Oral, q4hr", "1 tablet", "6", False, "", ""),
    ("5 mg = 1 tab(s), Oral, q6hr, PRN for pain, # 20 tab(s), 0 Refill(s)",
     "1 tablet", "4", True, "", ""),
    ("10 mg = 2 tab(s), PO, q6hr, PRN, for 3 day(s)", "2 tablet", "4", True, "3", ""),
    ("5-10 mg = 1-2 tab(s), Oral, q4hr, PRN", "1-2 tablet", "6", True, "", ""),
    ("1,000 mg = 2 tab(s), Oral, TID", "2 tablet", "3", False, "", ""),
    ("2.5 mg = 0.5 tab(s), Oral, BID", "0.5 tablet", "2", False, "", ""),
    ("10 mg = 5 mL, Oral, q4hr, PRN", "5 ml", "6", True, "", ""),
    ("300 mg = 1 cap(s), Oral, TID, # 90 cap(s), 3 Refill(s)", "1 capsule", "3", False, "", ""),
    ("80 mg, 1 tab(s), Oral, Daily, 90 tab(s)", "1 tablet", "1", False, "", ""),
    ("80 mg, 1 tab(s), Oral, Daily, 90 tab(s), 11 refills", "1 tablet", "1", False, "", ""),
    ("20 mg, 1 tab(s), Oral, 2 times a day, 60 tab(s)", "1 tablet", "2", False, "", ""),
    ("500 mg, 1 tab(s), Oral, 2 times a day, 6 tab(s), 0 Refill(s)",
     "1 tablet", "2", False, "", ""),
    ("1 tab(s), Oral, q6hr, PRN: as needed for pain, # 20 tab(s), 0 Refill(s)",
     "1 tablet", "4", True, "", ""),
    ("1 tab(s) Oral q6hr,PRN:as needed for pain", "1 tablet", "4", True, "", ""),
    ("1 tab(s) Oral Daily,X 30 day(s)", "1 tablet", "1", False, "30", ""),
    ("1 tab(s), Oral, BID, 11 refills", "1 tablet", "2", False, "", ""),
    ("1 tab(s), Oral, TID, PRN as needed for muscle spasm, # 30 tab(s), 1 Refill(s)",
     "1 tablet", "3", True, "", ""),
    ("650 mg = 2 tab(s), Oral, q4hr, PRN pain, mild (1-3)", "2 tablet", "6", True, "", ""),
    ("5 mg, Oral, q4hr, PRN Pain, Severe (7-10)", "5 mg", "6", True, "", ""),
    ("10 mg, Oral, q4hr, PRN for pain-severe (7-10), Order Duration: 5 day",
     "10 mg", "6", True, "5", ""),
    ("1 patch(es), TransDermal, q72hr, # 10 patch(es), 0 Refill(s)",
     "1 patch", "1/3", False, "", ""),
    ("oxyCODONE 5 mg oral tablet, 1 tab(s), Oral, q6hr, PRN", "1 tablet", "4", True, "", ""),
    ("See Instructions, 1 tab PO q6h prn pain, # 12 tab(s), 0 Refill(s)",
     "1 tablet", "4", True, "", ""),
    ("15 mg, 0.5 tab(s), Oral, Daily, 7.5 tab(s)", "0.5 tablet", "1", False, "", ""),
    ("5 mL, Oral, 3 times a day, 150 mL", "5 ml", "3", False, "", ""),
    ("5 mL, Oral, 3 times a day", "5 ml", "3", False, "", ""),
    ("Oral, 3 times a day, 5 mL", "5 ml", "3", False, "", ""),
    ("1 tab(s), Oral route, 2 times a day, 20 tab(s)", "1 tablet", "2", False, "", ""),
    ("1 tab(s), Oral, every 4 to 6 hours, As Needed, for pain, 20 tab(s)",
     "1 tablet", "4-6", True, "", ""),
    (("1 - 2 tabs, Oral, BID, PRN: pain | Take 1 - 2 tabs twice per day as needed, 30 tabs, "
      "1 Refill(s)"), "1-2 tablet", "2", True, "", ""),
    ("15 mg, IV Push, q6hr, x 5 day", "15 mg", "4", False, "5", ""),
    ("30 mg = 1 mL, IV Push, Once", "1 ml", "once", False, "", ""),
    ("750 mg = 1.5 tab(s), Oral, QID, # 60 tab(s), Refill(s) 0",
     "1.5 tablet", "4", False, "", ""),
    # Epic
    (("Take 1 tablet (5 mg total) by mouth every 6 (six) hours as needed for severe pain "
      "(7-10) for up to 5 days."), "1 tablet", "4", True, "5", ""),
    (("Take 1 tablet by mouth every 6 (six) hours as needed for severe pain (7-10). Max Daily "
      "Amount: 4 tablets"), "1 tablet", "4", True, "", "4 tablet"),
    (("Take 0.5-1 tablets (5-10 mg total) by mouth every 4 (four) hours as needed for moderate "
      "pain (4-6). Max Daily Amount: 60 mg"), "0.5-1 tablet", "6", True, "", "60 mg"),
    ("Take 1-2 tablets (5-10 mg total) by mouth every 4 (four) hours as needed",
     "1-2 tablet", "6", True, "", ""),
    ("Take 1-2 (one to two) tablets by mouth every 4-6 (four to six) hours as needed for pain",
     "1-2 tablet", "4-6", True, "", ""),
    ("Place 1 patch onto the skin every 72 (seventy-two) hours",
     "1 patch", "1/3", False, "", ""),
    ("Inject 1 mL into the muscle every 28 (twenty-eight) days", "1 ml", "1/28", False, "", ""),
    ("Take 1 tablet (500 mg total) by mouth 2 (two) times a day with meals.",
     "1 tablet", "2", False, "", ""),
    ("Take 1 tablet (10 mg total) by mouth 3 (three) times a day as needed for muscle spasms.",
     "1 tablet", "3", True, "", ""),
    ("Take 1 capsule (60 mg total) by mouth 1 (one) time each day.",
     "1 capsule", "1", False, "", ""),
    ("Take 1 tablet (4 mg total) by mouth nightly for 14 days.",
     "1 tablet", "1", False, "14", ""),
    (("Take 1 capsule (300 mg total) by mouth in the morning and 1 capsule (300 mg total) at "
      "noon and 1 capsule (300 mg total) before bedtime. Do all this for 30 days."),
     "1 capsule", "3", False, "30", ""),
    (("Take 2 tablets (650 mg total) by mouth every 8 (eight) hours if needed for mild pain "
      "(1-3)"),
     "2 tablet", "3", True, "", ""),
    ("Take 1 tablet by mouth daily as needed (pain).", "1 tablet", "1", True, "", ""),
    ("5 mg, Oral, EVERY 4 HOURS PRN, severe pain (7-10), First dose on Mon 3/2/26 at 0900",
     "5 mg", "6", True, "", ""),
    ("5 mg, Oral, Every 4 hours PRN, Starting Mon 3/2/2026 at 0900, For 3 days",
     "5 mg", "6", True, "3", ""),
    (("10 mg, Oral, 3 TIMES DAILY, First dose on Mon 3/2/26 at 0900, Last dose on Thu 3/5/26 "
      "at 2100"), "10 mg", "3", False, "", ""),
    ("10 mg, Oral, 2 times daily, First dose today at 1800, Until Discontinued",
     "10 mg", "2", False, "", ""),
    (("15 mg, Intravenous, Every 6 hours, First dose (after last modification) on Mon 3/2/26 "
      "at 0900, For 5 days"), "15 mg", "4", False, "5", ""),
    (("Apply 1 patch topically 1 (one) time each day. Remove & discard patch within 12 hours "
      "or as directed by MD"), "1 patch", "1", False, "", ""),
    (("Take 1 tablet (5 mg total) by mouth every 6 (six) hours if needed for severe pain (pain "
      "score 7-10) for up to 3 days. Max Daily Amount: 20 mg"),
     "1 tablet", "4", True, "3", "20 mg"),
    ("Inject 0.4 mL (40 mg total) under the skin 1 (one) time each day for 14 days.",
     "0.4 ml", "1", False, "14", ""),
    # eClinicalWorks
    ("1 tablet Orally Twice a day 30 day(s)", "1 tablet", "2", False, "30", ""),
    ("1 tablet Orally Once a day 90 days", "1 tablet", "1", False, "90", ""),
    ("1 tablet Orally Twice a day, 30 day(s), 60 Tablet", "1 tablet", "2", False, "30", ""),
    ("2 tablets Orally every 6 hrs, 30 days", "2 tablet", "4", False, "30", ""),
    ("1 capsule as needed Orally every 8 hrs 10 day(s)", "1 capsule", "3", True, "10", ""),
    ("1 tablet as needed Orally every 6 hrs 5 days", "1 tablet", "4", True, "5", ""),
    ("1 tablet Orally every 6 hrs as needed for pain 5 days", "1 tablet", "4", True, "5", ""),
    ("1 tablet with food Orally Twice a day 2 weeks", "1 tablet", "2", False, "14", ""),
    ("1 capsule Orally Three times a day 30 day(s)", "1 capsule", "3", False, "30", ""),
    ("1 patch to skin Transdermal every 72 hrs 30 days", "1 patch", "1/3", False, "30", ""),
    ("1 tablet at bedtime as needed Orally Once a day 14 day(s)",
     "1 tablet", "1", True, "14", ""),
    ("1 tab q6h prn MDD 4", "1 tablet", "4", True, "", "4"),
    ("1 tab q6h prn pain MDD:4 tablets", "1 tablet", "4", True, "", "4 tablet"),
    ("1-2 tabs po q4h prn; MDD 4 tablets", "1-2 tablet", "6", True, "", "4 tablet"),
    ("1 tab po q6h prn pain, MDD=4", "1 tablet", "4", True, "", "4"),
    ("1 tab po q6h prn pain DNE 4 per day", "1 tablet", "4", True, "", "4"),
    ("1 tab po q4h prn NTE 4/day", "1 tablet", "6", True, "", "4"),
    ("1 tab po q4-6h prn, NTE 6 tabs in 24 hours", "1 tablet", "4-6", True, "", "6 tablet"),
    ("1 tab po q6h prn, MDD 20 mg", "1 tablet", "4", True, "", "20 mg"),
    # athenahealth
    ("TAKE 1 TABLET BY MOUTH EVERY 6 HOURS AS NEEDED FOR PAIN", "1 tablet", "4", True, "", ""),
    ("Take 1 tablet(s) every 6 hours by oral route as needed for 5 days.",
     "1 tablet", "4", True, "5", ""),
    (("TAKE 1 TO 2 TABLETS BY MOUTH EVERY 4 TO 6 HOURS AS NEEDED FOR PAIN. MAX 8 TABLETS PER "
      "DAY"),
     "1-2 tablet", "4-6", True, "", "8 tablet"),
    ("Take 1 capsule(s) 3 times a day by oral route for 30 days.",
     "1 capsule", "3", False, "30", ""),
    ("APPLY 1 PATCH BY TRANSDERMAL ROUTE EVERY 72 HOURS", "1 patch", "1/3", False, "", ""),
    ("Take 1 tablet(s) every day by oral route at bedtime for 14 days.",
     "1 tablet", "1", False, "14", ""),
    ("TAKE 1 TABLET BY MOUTH TWICE DAILY WITH FOOD", "1 tablet", "2", False, "", ""),
    ("TAKE 1 TABLET BY MOUTH EVERY 6 HOURS AS NEEDED FOR PAIN MAX DAILY DOSE: 4 TABLETS",
     "1 tablet", "4", True, "", "4 tablet"),
    # Veterans Affairs
    (("TAKE ONE TABLET BY MOUTH EVERY SIX (6) HOURS IF NEEDED FOR PAIN *NOT TO EXCEED 4 "
      "TABLETS/DAY*"), "1 tablet", "4", True, "", "4 tablet"),
    ("TAKE ONE TABLET BY MOUTH TWICE A DAY", "1 tablet", "2", False, "", ""),
    ("TAKE ONE-HALF TABLET BY MOUTH AT BEDTIME", "0.5 tablet", "1", False, "", ""),
    ("TAKE ONE AND ONE-HALF TABLETS BY MOUTH THREE TIMES A DAY",
     "1.5 tablet", "3", False, "", ""),
    ("TAKE ONE CAPSULE BY MOUTH THREE TIMES A DAY FOR NERVE PAIN",
     "1 capsule", "3", False, "", ""),
    ("TAKE TWO TABLETS BY MOUTH EVERY EIGHT HOURS AS NEEDED", "2 tablet", "3", True, "", ""),
    ("APPLY 1 PATCH TO SKIN EVERY 72 HOURS", "1 patch", "1/3", False, "", ""),
    ("TAKE ONE TABLET BY MOUTH EVERY DAY WITH FOOD", "1 tablet", "1", False, "", ""),
    ("TAKE ONE-HALF TO ONE TABLET BY MOUTH EVERY 8 HOURS AS NEEDED",
     "0.5-1 tablet", "3", True, "", ""),
    # MEDITECH
    ("5 mg PO Q6H PRN PRN Reason: Pain", "5 mg", "4", True, "", ""),
    ("1 tab PO Q4H PRN PRN Reason: Pain Scale 4-6", "1 tablet", "6", True, "", ""),
    ("300 mg PO TID", "300 mg", "3", False, "", ""),
    ("10 MG PO Q8H PRN PRN Reason: Muscle Spasm", "10 mg", "3", True, "", ""),
    ("1 TAB PO BEDTIME", "1 tablet", "1", False, "", ""),
    ("1 EACH TRANSDERMAL Q72H", "1 each", "1/3", False, "", ""),
    ("15 MG IVP Q6H", "15 mg", "4", False, "", ""),
    ("5 mg PO Q6H PRN pain 4-6 x 5 days", "5 mg", "4", True, "5", ""),
    ("5 mg PO Q6H PRN PRN Reason: Pain #20 tab RF: 0", "5 mg", "4", True, "", ""),
    # NextGen
    ("take 1 tablet by oral route every 6 hours as needed", "1 tablet", "4", True, "", ""),
    ("take 1 tablet by oral route every 6 hours as needed for pain for 7 days",
     "1 tablet", "4", True, "7", ""),
    ("take 1 tablet by ORAL route 2 times every day with food", "1 tablet", "2", False, "", ""),
    ("take 1 capsule by oral route 3 times every day", "1 capsule", "3", False, "", ""),
    ("take 1-2 tablet by oral route every 4 - 6 hours as needed not to exceed 8 tablets/day",
     "1-2 tablet", "4-6", True, "", "8 tablet"),
    ("apply 1 patch by transdermal route every 72 hours", "1 patch", "1/3", False, "", ""),
    ("take 1 tablet by oral route  every day at bedtime", "1 tablet", "1", False, "", ""),
    # pharmacies and Surescripts
    ("1 TAB PO BID #60 RF2", "1 tablet", "2", False, "", ""),
    ("1 TAB PO BID #60 RF:2", "1 tablet", "2", False, "", ""),
    ("TAKE 1 TABLET BY MOUTH EVERY 6 HOURS AS NEEDED FOR PAIN FOR 5 DAYS **MAX 4 PER DAY**",
     "1 tablet", "4", True, "5", "4"),
    ("Take 1 tablet by mouth every 6 hours prn for pain. Dispense 20, no refills",
     "1 tablet", "4", True, "", ""),
    ("1 po q6h prn pain", "1", "4", True, "", ""),
    ("1-2 po q4-6h prn pain", "1-2", "4-6", True, "", ""),
    ("1 TAB PO Q6H PRN PAIN DISP #20 (TWENTY) 0 REFILLS", "1 tablet", "4", True, "", ""),
    ("TAKE 1 TABLET BY MOUTH EVERY 8 HOURS AS NEEDED FOR UP TO 7 DAYS",
     "1 tablet", "3", True, "7", ""),
    ("Take 1 tablet by mouth up to 3 times a day as needed for spasm",
     "1 tablet", "3", True, "", ""),
    ("TAKE 1 TABLET BY MOUTH EVERY 12 HOURS FOR CHRONIC PAIN, DNF UNTIL 3/2/26",
     "1 tablet", "2", False, "", ""),
    ("one tab po tid for 10 days, qty 30", "1 tablet", "3", False, "10", ""),
    ("Take 1 tab PO BID for no more than 5 days", "1 tablet", "2", False, "5", ""),
    # OpenEMR
    ("1 in mouth b.i.d.", "1", "2", False, "", ""),
    ("1 tablet in mouth q.6h.", "1 tablet", "4", False, "", ""),
    ("1 tablet per oris t.i.d.", "1 tablet", "3", False, "", ""),
    ("#30/thirty tablets. 1 tablet by mouth every six hours as needed for pain.",
     "1 tablet", "4", True, "", ""),
    ("2 capsule q.d.", "2 capsule", "1", False, "", ""),
    # handwritten habits
    ("1 tab q6° prn", "1 tablet", "4", True, "", ""),
    ("10mg q4h PRN pain", "10 mg", "6", True, "", ""),
    ("pain: 10 mg q6h", "10 mg", "4", False, "", ""),
    ("for pain 10 mg q6h", "10 mg", "4", False, "", ""),
    ("1 tab QAM and 1 tab QHS", "1 tablet", "2", False, "", ""),
    ("1 tab po q 4-6 hrs prn (max 6/24h)", "1 tablet", "4-6", True, "", "6"),
]  # fmt: skip

# The same forms where they may mean something else, or contradict themselves.
NOT_READ = [
    "10 mg = 1 tab(s) or 2 tab(s), Oral, q4hr",
    "10 mg = 5 mg, Oral, q4hr",
    "10 mg, 20 mg, Oral, q4hr",
    "5 mg, Oral, q4hr, 1 tab(s)",
    "1 tab(s), Oral, Daily, 2 tab(s)",
    "2 tab(s), Oral, Daily, 8 tab(s)",
    "5 mL, Oral, 3 times a day, 10 mL",
    "5 mg, Oral, 3 times a day, 150 mL",
    "5 mg, 60 tab(s), Oral, 4 times a day",
    "Oral, twice a day, 60 tab(s)",
    "1 tab(s), Oral, q6hr, 10 mg",
    "1 tab(s), Oral, Daily, 90 mg",
    "1 tab(s), Oral, Daily, 90 tab(s), Pharmacy: 1234 Main",
    "TAKE TWO (1) TABLETS BY MOUTH DAILY",
    "1 tablet every 6 (eight) hours",
    "1-2 (two to three) tablets every 6 hours",
    "1 tablet every 6 (7-10) hours",
    "take (2) tablets every 6 hours as needed, (3) at night",
    "First dose 10 mg on Mon 3/2/26, 5 mg every 6 hours",
    "20 mg, First dose on Mon 3/2/26 at 0900, 10 mg q12h, Last dose on Tue 3/3/26",
    "1 tab bid, starting 3/2/26 2 tabs bid",
    "1 tab bid on 3/2/26",
    "1 tablet daily, 5 days a week",
    "1 tablet twice a day, 5 days on, 2 days off",
    "1 tablet daily, 21 days, 7 days off",
    "1 tablet daily 2 days before surgery",
    "1 tablet twice a day day 1, once a day day 2",
    "2 tablets a day 3 days, 1 tablet a day 3 days",
    "1 tablet 30 days",
    "1-2 tablets 3 days",
    "1 tab q4h prn, max 2 tablets at a time, 3 tabs at night",
    "1 tab q4h prn, max 2 per dose",
    "1-2 tab q4h prn, max 8 tablets per week",
    "1 tab q4h prn, not to exceed 3 tablets in 12 hours",
    "1 tab q4h prn, MDD 4-6 per dose",
    "TAKE 1 TABLET EVERY 4 HOURS *DO NOT EXCEED 4000 MG OF ACETAMINOPHEN PER DAY*",
    "take 1 and 2 tablets daily",
    "1T PO BID",  # a tablespoon may be meant
    "TK 1 T PO Q 6 H PRN P",
    "1 tab bid for pain over 6",
    "1 tab bid for pain 3 days a week",
    "1 tab bid for pain 3 days after surgery",
    "for pain 4-6 tablets q6h or 2 q4h",
    "for pain 1-2 every 6 hours, 3 at night",
    "1 tab bid, 3 refills in 30 days",
    "1 tab bid, 2 tabs, 0 refill and 1 at night",
]


def amount(text: str) -> Amount | None:
    """Read "1-2 tablet" as the table writes it."""
    if not text:
        return None
    numbers, _, unit = text.partition(" ")
    low, _, high = numbers.partition("-")
    return Amount(float(Fraction(low)), float(Fraction(high or low)), unit)


def ends(found: Amount | None) -> tuple[float, float] | None:
    return (found.low, found.high) if found else None


@pytest.mark.parametrize("row", READ, ids=[row[0] for row in READ])
def test_a_system_s_way_of_writing_is_read(row: tuple[str, str, str, bool, str, str]) -> None:
    text, dose, times, needed, days, most = row
    found = read_sig(text)
    assert found.amount == amount(dose)
    assert found.once is (times == "once")
    assert ends(found.times_per_day) == pytest.approx(
        ends(amount("" if times == "once" else times))
    )
    assert found.as_needed is needed
    assert found.days == (float(days) if days else None)
    assert found.max_per_day == amount(most)


@pytest.mark.parametrize("text", NOT_READ)
def test_what_has_two_meanings_or_none_stays_unknown(text: str) -> None:
    found = read_sig(text)
    assert None in (found.amount, found.times_per_day)
    assert not found.once


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("1 tablet for pain 3 times a day", 3),
        ("1 tablet for pain 2 x daily", 2),
        ("take 1 tablet for pain (severe) 4 times a day", 4),
        ("1 tablet q.6h. for pain", 4),
    ],
)
def test_a_number_after_pain_may_be_a_frequency(text: str, times: float) -> None:
    found = read_sig(text)
    assert (found.amount, found.times_per_day) == (amount("1 tablet"), amount(str(times)))


@pytest.mark.parametrize(
    ("text", "dose"),
    [
        ("for pain 10 mg q6h", "10 mg"),
        ("for pain 1-2 tablets q6h", "1-2 tablet"),
        ("for pain 1 or 2 tablets q6h", "1-2 tablet"),
        ("for pain 1.5 tablets q6h", "1.5 tablet"),
    ],
)
def test_a_number_after_pain_may_be_a_dose(text: str, dose: str) -> None:
    found = read_sig(text)
    assert (found.amount, found.times_per_day) == (amount(dose), amount("4"))


@pytest.mark.parametrize(
    "text",
    ["1 tab q4h, max 2 tablets at a time", "1 tab q4h, max 2 tablets per dose",
     "1 tab q4h, no more than 2 tablets in 4 hours"],
)  # fmt: skip
def test_a_limit_for_one_time_is_no_daily_maximum(text: str) -> None:
    assert read_sig(text).max_per_day is None
