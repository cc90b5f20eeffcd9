"""What was tried, and how it ended: drugs, care without drugs, injections."""

import pytest

from cards.chart import (
    Allergy,
    Chart,
    Concept,
    Drug,
    Fact,
    Ingredient,
    Measurement,
    MedicationUse,
    Problem,
    Route,
)
from cards.drug_classes import classes_of
from cards.sig import read_sig
from cards.trials import (
    SPENT,
    Recency,
    TrialStatus,
    allergic,
    class_status,
    failed_courses,
    intolerant,
    nsaid_contraindicated,
    nsaid_tried_for_opioid_step,
    topical_trials,
    trials,
)
from tests.records import TODAY, ago

INEFFECTIVE = "stopped-ineffective"

UNTRIED = TrialStatus.UNTRIED
TRIED_UNKNOWN = TrialStatus.TRIED_UNKNOWN
SUB_THERAPEUTIC = TrialStatus.SUB_THERAPEUTIC
ACTIVE = TrialStatus.ACTIVE
FAILED = TrialStatus.FAILED
INTOLERANCE = TrialStatus.INTOLERANCE
CONTRAINDICATED = TrialStatus.CONTRAINDICATED


def term(*names: str) -> tuple[Concept, ...]:
    return (Concept(terms=frozenset(names)),) if names else ()


def drug(name: str, mg: float | None = None, route: Route = Route.ORAL) -> Drug:
    parts = tuple(Ingredient(part, mg) for part in name.split("/"))
    classes = frozenset[str]().union(*(classes_of(part) for part in name.split("/")))
    return Drug(name, name, parts, classes, form="tablet", route=route)


def use(
    name: str,
    sig: str = "",
    *,
    why: str = "",
    days: int | None = None,
    route: Route = Route.ORAL,
    **more: object,
) -> MedicationUse:
    """Return a medicine; with ``days`` it began so many days before it ended, a week ago."""
    fields: dict[str, object] = {
        "kind": "statement",
        "reference": f"MedicationStatement/{name}",
    }
    if why:
        fields |= {"status": "stopped", "status_reasons": term(*why.split())}
    if days is not None:
        fields |= {"started": ago(7 + days - 1), "ended": ago(7)}
    if sig:
        fields["dosages"] = (read_sig(sig),)
    return MedicationUse(drug=drug(name, route=route), **{**fields, **more})  # type: ignore[arg-type]


def chart(*uses: MedicationUse, **more: object) -> Chart:
    return Chart(today=TODAY, medications=uses, **more)  # type: ignore[arg-type]


def status_of(name: str, *uses: MedicationUse, chronic: bool = True) -> TrialStatus | None:
    trial = trials(chart(*uses), chronic=chronic).get(name)
    return trial.status if trial else None


ONE = [
    # Adequate trials that failed
    ("gabapentin", use("gabapentin", "800 mg tid", why=INEFFECTIVE, days=28), FAILED),
    ("gabapentin at the least dose",
     use("gabapentin", "400 mg tid", why=INEFFECTIVE, days=28), FAILED),
    ("nothing known of dose and length", use("gabapentin", why=INEFFECTIVE), FAILED),
    ("pregabalin", use("pregabalin", "150 mg bid", why=INEFFECTIVE, days=28), FAILED),
    ("duloxetine", use("duloxetine", "60 mg daily", why=INEFFECTIVE, days=28), FAILED),
    ("naproxen", use("naproxen", "500 mg bid", why=INEFFECTIVE, days=28), FAILED),
    ("ibuprofen", use("ibuprofen", "600 mg tid", why=INEFFECTIVE, days=28), FAILED),
    ("another NSAID, regular",
     use("celecoxib", "200 mg bid", why=INEFFECTIVE, days=40), FAILED),
    ("another NSAID, dose unknown", use("meloxicam", why=INEFFECTIVE), FAILED),
    ("relaxant", use("cyclobenzaprine", "10 mg tid", why=INEFFECTIVE, days=4), FAILED),
    ("tricyclic", use("nortriptyline", "25 mg qhs", why=INEFFECTIVE, days=42), FAILED),
    ("tramadol", use("tramadol", "50 mg q6h", why=INEFFECTIVE, days=7), FAILED),
    ("another medicine", use("ropinirole", "1 mg qhs", why=INEFFECTIVE), FAILED),
    ("outcome unsuccessful", use("gabapentin", why="outcome-unsuccessful"), FAILED),
    ("switched, and it did not help", use("gabapentin", why="switched stopped-ineffective"),
     FAILED),
    ("a note says so", use("gabapentin", status="stopped", notes="No relief"), FAILED),
    ("a note on an active medicine says so",
     use("gabapentin", notes="no relief after six weeks"), FAILED),
    ("by supply", use("cyclobenzaprine", why=INEFFECTIVE, supply_days=10.0), FAILED),
    # Too little or too short
    ("gabapentin too low",
     use("gabapentin", "300 mg tid", why=INEFFECTIVE, days=60), SUB_THERAPEUTIC),
    ("gabapentin too short",
     use("gabapentin", "800 mg tid", why=INEFFECTIVE, days=27), SUB_THERAPEUTIC),
    ("a range counts by its low end",
     use("gabapentin", "300-600 mg tid", why=INEFFECTIVE, days=60), SUB_THERAPEUTIC),
    ("pregabalin too low",
     use("pregabalin", "75 mg bid", why=INEFFECTIVE, days=60), SUB_THERAPEUTIC),
    ("duloxetine too low",
     use("duloxetine", "30 mg daily", why=INEFFECTIVE, days=60), SUB_THERAPEUTIC),
    ("naproxen too low",
     use("naproxen", "250 mg bid", why=INEFFECTIVE, days=60), SUB_THERAPEUTIC),
    ("ibuprofen as needed",
     use("ibuprofen", "600 mg q6h prn", why=INEFFECTIVE, days=60), SUB_THERAPEUTIC),
    ("ibuprofen as needed, no frequency",
     use("ibuprofen", "400 mg prn", why=INEFFECTIVE), SUB_THERAPEUTIC),
    ("another NSAID as needed",
     use("meloxicam", "15 mg daily prn", why=INEFFECTIVE, days=60), SUB_THERAPEUTIC),
    ("NSAID too short in chronic pain",
     use("naproxen", "500 mg bid", why=INEFFECTIVE, days=10), SUB_THERAPEUTIC),
    ("relaxant too short",
     use("cyclobenzaprine", "10 mg tid", why=INEFFECTIVE, days=3), SUB_THERAPEUTIC),
    ("tricyclic too short",
     use("nortriptyline", "25 mg qhs", why=INEFFECTIVE, days=41), SUB_THERAPEUTIC),
    ("tramadol too low",
     use("tramadol", "50 mg bid", why=INEFFECTIVE, days=30), SUB_THERAPEUTIC),
    ("by supply too short",
     use("cyclobenzaprine", why=INEFFECTIVE, supply_days=3.0), SUB_THERAPEUTIC),
    # Harm
    ("side effect", use("gabapentin", why="stopped-side-effect"), INTOLERANCE),
    ("side effect outranks no effect",
     use("gabapentin", why="stopped-side-effect stopped-ineffective"), INTOLERANCE),
    ("one dose was not tolerated",
     use("gabapentin", "300 mg once", why="stopped-side-effect"), INTOLERANCE),
    ("a note tells of nausea",
     use("gabapentin", status="stopped", notes="nausea"), INTOLERANCE),
    ("a note warns of sedation while it is taken",
     use("gabapentin", notes="may cause sedation"), ACTIVE),
    ("contraindicated", use("gabapentin", why="stopped-contraindication"), CONTRAINDICATED),
    # In use
    ("in use", use("gabapentin"), ACTIVE),
    ("in use, on the way up", use("gabapentin", "300 mg qhs", started=ago(5)), ACTIVE),
    ("in use for long at a low dose",
     use("gabapentin", "300 mg qhs", started=ago(90)), SUB_THERAPEUTIC),
    ("NSAID in use as needed", use("ibuprofen", "800 mg tid prn", started=ago(3)),
     SUB_THERAPEUTIC),
    ("NSAID in use regularly", use("ibuprofen", "600 mg tid", started=ago(3)), ACTIVE),
    ("in use and helping", use("gabapentin", notes="some relief"), ACTIVE),
    # The outcome is not known
    ("completed", use("gabapentin", status="completed"), TRIED_UNKNOWN),
    ("stopped without a reason", use("gabapentin", status="stopped"), TRIED_UNKNOWN),
    ("switched", use("gabapentin", why="switched"), TRIED_UNKNOWN),
    ("partial relief", use("gabapentin", why="partial-relief"), TRIED_UNKNOWN),
    ("partial relief is no failure",
     use("gabapentin", why="partial-relief stopped-ineffective"), TRIED_UNKNOWN),
    ("unknown status", use("gabapentin", status="unknown"), TRIED_UNKNOWN),
    ("active but stale", use("gabapentin", kind="request", written=ago(400)), TRIED_UNKNOWN),
    ("the note names another medicine",
     use("gabapentin", status="stopped", notes="ibuprofen failed"), TRIED_UNKNOWN),
    # One dose
    ("one dose", use("gabapentin", "300 mg once", why=INEFFECTIVE), UNTRIED),
    ("given once", use("gabapentin", why=INEFFECTIVE, kind="administration"), UNTRIED),
    # No trial at all
    ("not taken", use("gabapentin", why=INEFFECTIVE, status="not-taken"), None),
    ("cancelled", use("gabapentin", why=INEFFECTIVE, status="cancelled"), None),
    ("draft", use("gabapentin", status="draft"), None),
    ("entered in error", use("gabapentin", why=INEFFECTIVE, status="entered-in-error"), None),
    ("dispense declined", use("gabapentin", kind="dispense", status="declined"), None),
    ("stopped for cost", use("gabapentin", why="stopped-other"), None),
    ("topical", use("gabapentin", why=INEFFECTIVE, route=Route.TOPICAL), None),
    ("epidural", use("gabapentin", why=INEFFECTIVE, route=Route.EPIDURAL), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("medicine", "expected"), [row[1:] for row in ONE], ids=[row[0] for row in ONE]
)
def test_the_status_of_one_course(
    medicine: MedicationUse, expected: TrialStatus | None
) -> None:
    assert status_of(medicine.drug.name, medicine) is expected


def test_a_medicine_that_is_not_for_pain_is_no_trial() -> None:
    other = Drug("metformin", "metformin", (Ingredient("metformin"),), frozenset())
    assert trials(chart(MedicationUse(reference="MedicationRequest/1", drug=other))) == {}


def test_an_nsaid_trial_may_be_shorter_in_acute_pain() -> None:
    course = use("naproxen", "500 mg bid", why=INEFFECTIVE, days=4)
    shorter = use("naproxen", "500 mg bid", why=INEFFECTIVE, days=3)
    assert status_of("naproxen", course, chronic=False) is FAILED
    assert status_of("naproxen", shorter, chronic=False) is SUB_THERAPEUTIC


def test_fills_without_a_gap_are_one_trial() -> None:
    earlier = use("naproxen", "500 mg bid", status="completed", started=ago(40), ended=ago(17))
    last = use("naproxen", "500 mg bid", why=INEFFECTIVE, days=10)
    assert status_of("naproxen", last) is SUB_THERAPEUTIC
    assert status_of("naproxen", earlier, last) is FAILED


MERGED = [
    ("failed once, in use now",
     (use("gabapentin", why=INEFFECTIVE), use("gabapentin")), FAILED),
    ("not tolerated long ago outranks a failure",
     (use("gabapentin", why="stopped-side-effect", ended=ago(2000)),
      use("gabapentin", why=INEFFECTIVE, ended=ago(9))), INTOLERANCE),
    ("it helped later", (use("gabapentin", why=INEFFECTIVE, ended=ago(90)),
     use("gabapentin", why="outcome-helped", ended=ago(9))), TRIED_UNKNOWN),
    ("it failed later", (use("gabapentin", why="outcome-helped", ended=ago(90)),
     use("gabapentin", why=INEFFECTIVE, ended=ago(9))), FAILED),
    ("a low dose after a failure", (use("gabapentin", why=INEFFECTIVE, ended=ago(90)),
     use("gabapentin", "300 mg qhs", why=INEFFECTIVE, days=9)), FAILED),
    ("completed after a failure", (use("gabapentin", why=INEFFECTIVE, ended=ago(90)),
     use("gabapentin", status="completed", ended=ago(9))), FAILED),
    ("one dose beside a list entry never taken",
     (use("gabapentin", "300 mg once"), use("gabapentin", status="not-taken")), UNTRIED),
    ("in use after a low dose failed",
     (use("gabapentin", "300 mg qhs", why=INEFFECTIVE, days=9), use("gabapentin")), ACTIVE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("uses", "expected"), [row[1:] for row in MERGED], ids=[row[0] for row in MERGED]
)
def test_several_records_of_one_ingredient(
    uses: tuple[MedicationUse, ...], expected: TrialStatus
) -> None:
    assert status_of("gabapentin", *uses) is expected
    assert status_of("gabapentin", *reversed(uses)) is expected


def test_a_trial_tells_what_it_rests_on() -> None:
    trial = trials(chart(use("gabapentin", "800 mg tid", why=INEFFECTIVE, days=30)))[
        "gabapentin"
    ]
    assert trial.fact == Fact(
        "MedicationStatement/gabapentin", "gabapentin 2400 mg/day, no effect, 2026-02-23"
    )
    assert (trial.on, trial.age_days, trial.days, trial.in_use) == (ago(7), 7, 30, False)
    assert trial.classes == classes_of("gabapentin")
    assert [course.use.reference for course in trial.courses] == [trial.fact.resource]


@pytest.mark.parametrize(
    ("days", "chronic", "expected"),
    [
        (730, True, Recency.CURRENT),
        (731, True, Recency.FADED),
        (365, False, Recency.CURRENT),
        (366, False, Recency.FADED),
        (1826, True, Recency.FADED),
        (1827, True, Recency.EXPIRED),
    ],
)
def test_a_failure_fades(days: int, chronic: bool, expected: Recency) -> None:
    trial = trials(chart(use("gabapentin", why=INEFFECTIVE, ended=ago(days))))["gabapentin"]
    assert trial.recency(chronic=chronic) is expected


@pytest.mark.parametrize(
    "medicine",
    [use("gabapentin", why="stopped-side-effect", ended=ago(5000)),
     use("gabapentin", why=INEFFECTIVE)],
    ids=["harm", "no date"],
)  # fmt: skip
def test_harm_and_what_has_no_date_do_not_fade(medicine: MedicationUse) -> None:
    assert trials(chart(medicine))["gabapentin"].recency(chronic=False) is Recency.CURRENT


def test_a_combination_is_a_trial_of_what_it_is_given_for() -> None:
    found = trials(chart(use("oxycodone/acetaminophen", why=INEFFECTIVE)))
    assert set(found) == {"oxycodone"}
    assert "acetaminophen" not in found["oxycodone"].classes


def test_each_part_of_an_equal_combination_is_a_trial_in_its_own_class() -> None:
    found = trials(chart(use("hydrocodone/ibuprofen", why=INEFFECTIVE)))
    assert {name: "nsaid" in trial.classes for name, trial in found.items()} == {
        "hydrocodone": False,
        "ibuprofen": True,
    }


def test_a_topical_trial_stands_apart() -> None:
    record = chart(use("diclofenac", why=INEFFECTIVE, route=Route.TOPICAL))
    assert trials(record) == {}
    assert topical_trials(record)["diclofenac"].status is FAILED


def test_a_systemic_trial_is_not_topical() -> None:
    assert topical_trials(chart(use("diclofenac", why=INEFFECTIVE))) == {}


def orphenadrine(first: int, last: int, **more: object) -> MedicationUse:
    return use("orphenadrine", why=INEFFECTIVE, started=ago(first), ended=ago(last), **more)  # type: ignore[arg-type]


COURSES = [
    ("the same relaxant twice", (orphenadrine(20, 15), orphenadrine(12, 7)), 2),
    ("two without dates",
     (use("orphenadrine", why=INEFFECTIVE), use("orphenadrine", why=INEFFECTIVE)), 2),
    ("the order and the list entry of one course",
     (orphenadrine(20, 15), orphenadrine(19, 14, kind="request")), 1),
    ("the order, of which only its day is known, and the list entry",
     (orphenadrine(20, 20, kind="request"), orphenadrine(20, 10)), 1),
    ("two agents", (orphenadrine(20, 15), use("tizanidine", why=INEFFECTIVE)), 2),
    ("a course too short", (orphenadrine(200, 190), orphenadrine(12, 10)), 1),
    ("older than the lookback", (orphenadrine(800, 790),), 0),
    ("another class", (use("gabapentin", why=INEFFECTIVE),), 0),
    ("still in use", (use("tizanidine"),), 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("uses", "count"), [row[1:] for row in COURSES], ids=[row[0] for row in COURSES]
)
def test_failed_courses_are_counted(uses: tuple[MedicationUse, ...], count: int) -> None:
    found = failed_courses(trials(chart(*uses)), "muscle-relaxant", today=TODAY)
    assert len(found) == count


def test_an_old_failure_counts_less_long_in_acute_pain() -> None:
    tried = trials(chart(orphenadrine(500, 490)))
    assert len(failed_courses(tried, "muscle-relaxant", today=TODAY, chronic=True)) == 1
    assert failed_courses(tried, "muscle-relaxant", today=TODAY, chronic=False) == ()


KETOROLAC = use(
    "ketorolac", "30 mg IM once", why=INEFFECTIVE, route=Route.INTRAMUSCULAR, ended=ago(1)
)


def test_an_injected_nsaid_is_no_failed_nsaid() -> None:
    record = chart(KETOROLAC)
    tried = trials(record)
    assert (tried["ketorolac"].status, tried["ketorolac"].parenteral) == (UNTRIED, True)
    assert failed_courses(tried, "nsaid", today=TODAY) == ()
    assert class_status(record, tried, "nsaid") is UNTRIED


def test_days_of_injections_are_no_failed_nsaid_either() -> None:
    course = use("ketorolac", "30 mg q6h", why=INEFFECTIVE, route=Route.INTRAVENOUS)
    assert status_of("ketorolac", course) is SUB_THERAPEUTIC


def test_an_injected_nsaid_is_the_step_before_an_opioid() -> None:
    record = chart(KETOROLAC)
    assert nsaid_tried_for_opioid_step(record, trials(record)) == Fact(
        "MedicationStatement/ketorolac", "ketorolac injected, no relief, 2026-03-01"
    )


STEP_NOT_DONE = [
    ("nothing tried", ()),
    ("under-dosed", (use("ibuprofen", "400 mg prn", why=INEFFECTIVE),)),
    ("in use", (use("naproxen", "500 mg bid", started=ago(2)),)),
    ("outcome unknown", (use("naproxen", status="completed"),)),
    ("failed too long ago", (use("naproxen", why=INEFFECTIVE, ended=ago(900)),)),
    ("injected in an earlier episode",
     (use("ketorolac", "30 mg once", why=INEFFECTIVE, route=Route.INTRAMUSCULAR,
          ended=ago(60)),)),
    ("injected, nobody says how it went",
     (use("ketorolac", "30 mg once", status="completed", route=Route.INTRAMUSCULAR),)),
    ("another class failed", (use("gabapentin", why=INEFFECTIVE),)),
]  # fmt: skip


@pytest.mark.parametrize(
    "uses", [row[1] for row in STEP_NOT_DONE], ids=[row[0] for row in STEP_NOT_DONE]
)
def test_the_nsaid_step_is_not_done(uses: tuple[MedicationUse, ...]) -> None:
    record = chart(*uses)
    assert nsaid_tried_for_opioid_step(record, trials(record)) is None


@pytest.mark.parametrize(
    "medicine",
    [use("naproxen", why=INEFFECTIVE), use("naproxen", why="stopped-side-effect")],
    ids=["failed", "not tolerated"],
)
def test_the_nsaid_step_is_done(medicine: MedicationUse) -> None:
    record = chart(medicine)
    found = nsaid_tried_for_opioid_step(record, trials(record))
    assert found == trials(record)["naproxen"].fact


def problem(name: str, clinical: str = "active", verification: str = "confirmed") -> Problem:
    return Problem(
        reference="Condition/1",
        concept=Concept(terms=frozenset({name})),
        clinical=clinical,
        verification=verification,
    )


def egfr(value: float, days: int) -> Measurement:
    return Measurement(
        reference="Observation/1",
        concept=Concept(terms=frozenset({"egfr"})),
        value=value,
        on=ago(days),
    )


def allergy_to(what: Drug, *, intolerance: bool = False) -> Allergy:
    return Allergy(reference="AllergyIntolerance/1", drug=what, intolerance=intolerance)


NSAID_CLASS = Drug("nsaid", "NSAIDs", (), frozenset({"nsaid"}))
WARFARIN = Drug("warfarin", "warfarin", (Ingredient("warfarin"),), frozenset({"anticoagulant"}))


@pytest.mark.parametrize(
    "more",
    [
        {"problems": (problem("gi-bleed", "resolved"),)},
        {"problems": (problem("heart-failure"),)},
        {"problems": (problem("pregnancy"),)},
        {"measurements": (egfr(29, 30),)},
        {"measurements": (egfr(80, 90), egfr(29, 30))},
        {"allergies": (allergy_to(NSAID_CLASS),)},
        {"allergies": (allergy_to(drug("ibuprofen")),)},
        {"allergies": (allergy_to(drug("aspirin")),)},
        {"medications": (MedicationUse(reference="MedicationRequest/1", drug=WARFARIN),)},
    ],
    ids=str,
)
def test_nsaids_are_contraindicated(more: dict[str, tuple[object, ...]]) -> None:
    record = Chart(today=TODAY, **more)  # type: ignore[arg-type]
    assert nsaid_contraindicated(record) is not None
    assert class_status(record, trials(record), "nsaid") is CONTRAINDICATED
    assert nsaid_tried_for_opioid_step(record, {}) == nsaid_contraindicated(record)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"problems": (problem("gi-bleed", "active", "refuted"),)},
        {"problems": (problem("pregnancy", "resolved"),)},
        {"problems": (problem("chronic-kidney-disease"),)},
        {"problems": (problem("hypertension"),)},
        {"measurements": (egfr(30, 30),)},
        {"measurements": (egfr(29, 366),)},
        {"measurements": (egfr(29, 90), egfr(80, 30))},
        {"allergies": (allergy_to(drug("ibuprofen"), intolerance=True),)},
        {"allergies": (allergy_to(drug("codeine")),)},
        {"medications": (
            MedicationUse(reference="MedicationRequest/1", drug=WARFARIN, status="stopped"),)},
    ],
    ids=str,
)  # fmt: skip
def test_nsaids_are_not_contraindicated(more: dict[str, tuple[object, ...]]) -> None:
    record = Chart(today=TODAY, **more)  # type: ignore[arg-type]
    assert nsaid_contraindicated(record) is None


@pytest.mark.parametrize(
    ("allergy", "ordered", "found"),
    [
        (allergy_to(drug("ibuprofen")), "ibuprofen", True),
        (allergy_to(drug("acetaminophen")), "oxycodone/acetaminophen", True),
        (allergy_to(NSAID_CLASS), "naproxen", True),
        (allergy_to(drug("ibuprofen")), "naproxen", False),
        (allergy_to(NSAID_CLASS), "gabapentin", False),
        (allergy_to(drug("ibuprofen"), intolerance=True), "ibuprofen", False),
    ],
)
def test_an_allergy_concerns_an_ingredient_or_a_class(
    allergy: Allergy, ordered: str, found: bool
) -> None:
    record = Chart(today=TODAY, allergies=(allergy,))
    assert (allergic(record, drug(ordered)) is not None) is found


def test_an_intolerance_is_no_allergy() -> None:
    record = Chart(today=TODAY, allergies=(allergy_to(drug("gabapentin"), intolerance=True),))
    assert intolerant(record, drug("gabapentin")) == Fact(
        "AllergyIntolerance/1", "intolerance to gabapentin"
    )
    assert trials(record)["gabapentin"].status is INTOLERANCE


def test_an_allergy_outranks_a_failure_and_keeps_its_courses() -> None:
    record = chart(
        use("gabapentin", why=INEFFECTIVE), allergies=(allergy_to(drug("gabapentin")),)
    )
    trial = trials(record)["gabapentin"]
    assert (trial.status, len(trial.failures)) == (CONTRAINDICATED, 1)


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        ((), UNTRIED),
        ((use("naproxen", status="completed"),), TRIED_UNKNOWN),
        ((use("naproxen", status="completed"), use("ibuprofen", why=INEFFECTIVE)), FAILED),
        ((use("ibuprofen", why=INEFFECTIVE, ended=ago(900)),), TRIED_UNKNOWN),
        ((use("ibuprofen", "400 mg prn", why=INEFFECTIVE),), SUB_THERAPEUTIC),
    ],
)
def test_the_status_of_a_class_is_its_highest(
    uses: tuple[MedicationUse, ...], expected: TrialStatus
) -> None:
    record = chart(*uses)
    assert class_status(record, trials(record), "nsaid") is expected


# The patients of the source documents


def test_refractory_patient_has_failed_nine_medicines() -> None:
    sigs = {
        "gabapentin": "800 mg tid", "pregabalin": "225 mg bid", "meloxicam": "15 mg daily",
        "celecoxib": "200 mg bid", "cyclobenzaprine": "10 mg tid", "methocarbamol": "",
        "baclofen": "", "tizanidine": "4 mg tid", "ropinirole": "1 mg qhs",
    }  # fmt: skip
    uses = [use(name, sig, why=INEFFECTIVE, days=60) for name, sig in sigs.items()]
    duloxetine = use("duloxetine", "60 mg daily", kind="request", written=ago(60))
    film = use("buprenorphine/naloxone", "3 films daily", route=Route.SUBLINGUAL)
    found = trials(chart(*uses, duloxetine, film))
    assert {name for name, trial in found.items() if trial.status in SPENT} == set(sigs)
    assert (found["duloxetine"].status, found["duloxetine"].at_target) == (ACTIVE, True)
    assert found["buprenorphine"].status is ACTIVE
    assert len(failed_courses(found, "muscle-relaxant", today=TODAY)) == 4
    assert len(failed_courses(found, "nsaid", today=TODAY)) == 2
    assert len(failed_courses(found, "gabapentinoid", today=TODAY)) == 2


def test_chronic_patient_had_too_little_ibuprofen() -> None:
    found = trials(
        chart(
            use("cyclobenzaprine", "10 mg tid", why=INEFFECTIVE, days=10),
            use("ibuprofen", "400 mg prn", why=INEFFECTIVE),
            use("acetaminophen", status="completed"),
        )
    )
    assert {name: trial.status for name, trial in found.items()} == {
        "cyclobenzaprine": FAILED,
        "ibuprofen": SUB_THERAPEUTIC,
        "acetaminophen": TRIED_UNKNOWN,
    }


def test_emergency_patient_failed_one_relaxant_twice() -> None:
    def given(name: str, sig: str, route: Route = Route.ORAL) -> MedicationUse:
        return use(name, sig, status="completed", notes="minimal relief", route=route)

    record = chart(
        given("ketorolac", "30 mg IM x1", Route.INTRAMUSCULAR),
        given("dexamethasone", "10 mg IV once", Route.INTRAVENOUS),
        given("prednisone", "40 mg daily x5 d"),
        given("orphenadrine", "100 mg BID"),
        given("orphenadrine", "100 mg BID"),
        given("gabapentin", "300 mg x1"),
    )
    found = trials(record, chronic=False)
    assert {name: trial.status for name, trial in found.items()} == {
        "ketorolac": UNTRIED,
        "dexamethasone": UNTRIED,
        "prednisone": FAILED,
        "orphenadrine": FAILED,
        "gabapentin": UNTRIED,
    }
    relaxants = failed_courses(found, "muscle-relaxant", today=TODAY, chronic=False)
    assert len(relaxants) == 2
    assert nsaid_tried_for_opioid_step(record, found, chronic=False) is not None


def test_strained_patient_takes_too_little_ibuprofen_now() -> None:
    record = chart(
        use("cyclobenzaprine", "10 mg tid", why=INEFFECTIVE, days=10),
        use("ibuprofen", "800 mg tid prn", started=ago(12)),
        use("diclofenac", route=Route.TOPICAL),
    )
    found = trials(record, chronic=False)
    assert set(found) == {"cyclobenzaprine", "ibuprofen"}
    ibuprofen = found["ibuprofen"]
    assert (ibuprofen.status, ibuprofen.in_use, ibuprofen.at_target) == (
        SUB_THERAPEUTIC,
        True,
        False,
    )
    assert topical_trials(record)["diclofenac"].in_use
