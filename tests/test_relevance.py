"""How surely an order is for back pain, how long the pain has lasted, whether it radiates."""

from datetime import date, timedelta

import pytest

from cards.chart import (
    Chart,
    Code,
    Concept,
    Dosage,
    Drug,
    Encounter,
    Fact,
    Ingredient,
    Measurement,
    MedicationUse,
    Order,
    Problem,
    ServiceUse,
)
from cards.record import is_active, problem_fact
from cards.relevance import (
    Acuity,
    Phase,
    Relevance,
    acuity,
    back_pain,
    competing,
    radicular,
    radicular_assessed,
    relevance,
)
from cards.terms import names, title
from tests.records import TODAY, ago, concept

BACK = concept("back-pain", code="M54.50")
STRAIN = concept("back-pain", "back-strain", code="S39.012A")
SCIATICA = concept("back-pain", "radicular", code="M54.31")
CHRONIC = concept("back-pain", "chronic-back-pain", code="M96.1")
CHRONIC_PAIN = concept("chronic-pain", code="G89.29")
ASTHMA = concept("asthma", code="J45.40")
ASTHMA_ATTACK = concept("asthma", "steroid-indication", code="J45.901")
COPD = concept("copd", code="J44.9")
COPD_ATTACK = concept("copd", "steroid-indication", code="J44.1")
BRONCHITIS = concept(code="J20.9")
PAIN_UNSPECIFIED = concept(code="R52")


def problem(what: Concept, **fields: object) -> Problem:
    return Problem(reference="Condition/1", concept=what, **fields)  # type: ignore[arg-type]


def visit(*reasons: Concept, class_code: str = "AMB", **fields: object) -> Encounter:
    return Encounter(
        reference="Encounter/1",
        class_code=class_code,
        current=True,
        reasons=reasons,
        **fields,  # type: ignore[arg-type]
    )


def chart(*problems: Problem, visits: tuple[Encounter, ...] = ()) -> Chart:
    return Chart(today=TODAY, problems=problems, encounters=visits)


def order(
    *reasons: Concept, drug_class: str = "opioid-full-agonist", sig: str = "", notes: str = ""
) -> Order:
    drug = Drug("a drug", "a drug", (Ingredient("a drug"),), frozenset({drug_class}))
    use = MedicationUse(
        reference="MedicationRequest/1",
        drug=drug,
        reasons=reasons,
        dosages=(Dosage(text=sig),),
        notes=notes,
    )
    return Order(reference=use.reference, medication=use)


def service(*reasons: Concept, notes: str = "") -> Order:
    use = ServiceUse(
        reference="ServiceRequest/1",
        concept=concept("spine-imaging"),
        reasons=reasons,
        notes=notes,
    )
    return Order(reference=use.reference, service=use)


DIAGNOSIS = problem(BACK, encounter_diagnosis=True, encounter="Encounter/1")
LISTED = problem(BACK, onset=ago(800))
PROVISIONAL = problem(BACK, verification="provisional")
FOR_BACK = (visit(BACK),)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        pytest.param((BACK,), Relevance.DEFINITE, id="back pain"),
        pytest.param((BRONCHITIS, SCIATICA), Relevance.DEFINITE, id="back pain among others"),
        pytest.param((BRONCHITIS,), Relevance.OTHER, id="a code that no set has"),
        pytest.param((ASTHMA_ATTACK,), Relevance.OTHER, id="another known condition"),
        pytest.param((concept("neck-pain"),), Relevance.OTHER, id="neck pain"),
        pytest.param((concept("anxiety", text="anxiety"),), Relevance.OTHER, id="known text"),
        pytest.param((concept(text="pain"),), Relevance.PROBABLE, id="unknown text"),
        pytest.param((PAIN_UNSPECIFIED,), Relevance.PROBABLE, id="unspecified pain"),
        pytest.param((CHRONIC_PAIN,), Relevance.PROBABLE, id="chronic pain of no place"),
        pytest.param((), Relevance.PROBABLE, id="none"),
    ],
)
def test_reason_of_the_order_decides_before_the_visit(
    reasons: tuple[Concept, ...], expected: Relevance
) -> None:
    assert relevance(order(*reasons), chart(visits=FOR_BACK)) is expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(chart(visits=FOR_BACK), Relevance.PROBABLE, id="reason for the visit"),
        pytest.param(
            chart(DIAGNOSIS, visits=(visit(),)), Relevance.PROBABLE, id="diagnosis of the visit"
        ),
        pytest.param(
            chart(problem(BACK, encounter_diagnosis=True, recorded=TODAY)),
            Relevance.PROBABLE,
            id="diagnosis of today",
        ),
        pytest.param(
            chart(
                problem(BACK, encounter_diagnosis=True, encounter="Encounter/0"),
                visits=(visit(),),
            ),
            Relevance.POSSIBLE,
            id="diagnosis of an earlier visit",
        ),
        pytest.param(chart(LISTED, visits=(visit(),)), Relevance.POSSIBLE, id="problem list"),
        pytest.param(
            chart(problem(BACK, clinical="recurrence")), Relevance.POSSIBLE, id="recurrence"
        ),
        pytest.param(
            chart(problem(BACK, clinical="relapse")), Relevance.POSSIBLE, id="relapse"
        ),
        pytest.param(chart(PROVISIONAL), Relevance.POSSIBLE, id="provisional on the list"),
        pytest.param(
            chart(
                problem(
                    BACK,
                    verification="differential",
                    encounter_diagnosis=True,
                    encounter="Encounter/1",
                ),
                visits=(visit(),),
            ),
            Relevance.POSSIBLE,
            id="differential diagnosis of the visit",
        ),
        pytest.param(chart(problem(BACK, clinical="resolved")), Relevance.NONE, id="resolved"),
        pytest.param(chart(problem(BACK, abated=ago(3))), Relevance.NONE, id="abated"),
        pytest.param(
            chart(problem(BACK, verification="refuted")), Relevance.NONE, id="refuted"
        ),
        pytest.param(
            chart(problem(BACK, verification="entered-in-error")), Relevance.NONE, id="in error"
        ),
        pytest.param(chart(problem(concept("neck-pain"))), Relevance.NONE, id="neck pain only"),
        pytest.param(chart(visits=(visit(ASTHMA),)), Relevance.NONE, id="another visit"),
    ],
)
def test_without_a_reason_the_record_decides(record: Chart, expected: Relevance) -> None:
    assert relevance(order(), record) is expected


def test_visit_that_is_not_the_current_one_gives_no_reason() -> None:
    earlier = Encounter(reference="Encounter/0", reasons=(BACK,))

    assert relevance(order(), chart(visits=(earlier,))) is Relevance.NONE


def test_reason_that_is_a_provisional_problem_counts_half() -> None:
    assert relevance(order(BACK), chart(PROVISIONAL)) is Relevance.POSSIBLE


def test_other_problems_do_not_confirm_a_provisional_reason() -> None:
    record = chart(PROVISIONAL, problem(ASTHMA), problem(BACK, verification="refuted"))

    assert relevance(order(BACK), record) is Relevance.POSSIBLE


def test_reason_that_is_a_confirmed_problem_too_counts_in_full() -> None:
    assert relevance(order(BACK), chart(PROVISIONAL, LISTED)) is Relevance.DEFINITE


def test_reason_of_a_service_counts() -> None:
    assert relevance(service(BACK), chart()) is Relevance.DEFINITE
    assert relevance(service(BRONCHITIS), chart(visits=FOR_BACK)) is Relevance.OTHER


@pytest.mark.parametrize(
    ("sig", "expected"),
    [
        pytest.param("1 tab q6h prn for low back pain", Relevance.DEFINITE, id="for back pain"),
        pytest.param("1 tab q6h PRN back pain", Relevance.DEFINITE, id="as needed"),
        pytest.param("not for back pain", Relevance.POSSIBLE, id="denied"),
        pytest.param("take one for spasm", Relevance.DEFINITE, id="spasm and back pain listed"),
        pytest.param("for bladder spasm", Relevance.POSSIBLE, id="spasm elsewhere"),
        pytest.param("take 1 tablet for 7 days", Relevance.POSSIBLE, id="a duration"),
        pytest.param("as directed", Relevance.POSSIBLE, id="nothing said"),
    ],
)
def test_instructions_may_say_what_the_order_is_for(sig: str, expected: Relevance) -> None:
    assert relevance(order(sig=sig), chart(LISTED)) is expected
    assert relevance(order(notes=sig), chart(LISTED)) is expected


@pytest.mark.parametrize(
    "sig",
    [
        pytest.param("hold for sedation", id="a side effect"),
        pytest.param("monitor for respiratory depression", id="a word of another disease"),
        pytest.param("for anxiety", id="not a use of the class"),
    ],
)
def test_instructions_of_an_opioid_name_no_other_reason(sig: str) -> None:
    assert relevance(order(sig=sig), chart(visits=FOR_BACK)) is Relevance.PROBABLE


def test_notes_name_no_other_reason() -> None:
    drafted = order(drug_class="benzodiazepine", notes="took lorazepam for anxiety")

    assert relevance(drafted, chart(visits=FOR_BACK)) is Relevance.PROBABLE


def test_notes_of_a_service_may_name_back_pain() -> None:
    assert relevance(service(notes="imaging for low back pain"), chart()) is Relevance.DEFINITE


def test_spasm_without_back_pain_on_record_proves_nothing() -> None:
    assert relevance(order(sig="for spasm"), chart()) is Relevance.NONE


def test_instructions_for_another_condition_are_another_reason() -> None:
    drafted = order(drug_class="benzodiazepine", sig="1 tab prn for anxiety")

    assert relevance(drafted, chart(visits=FOR_BACK)) is Relevance.OTHER


def test_without_an_order_the_record_decides() -> None:
    nothing = Order(reference="", intent="none")

    assert relevance(nothing, chart(visits=FOR_BACK)) is Relevance.PROBABLE
    assert relevance(nothing, chart()) is Relevance.NONE


def test_two_levels_fire() -> None:
    assert [level for level in Relevance if level.fires] == ["definite", "probable"]


@pytest.mark.parametrize(
    ("drug_class", "other", "expected"),
    [
        pytest.param(
            "corticosteroid", ASTHMA_ATTACK, Relevance.PROBABLE, id="old attack, on the list"
        ),
        pytest.param("corticosteroid", ASTHMA, Relevance.PROBABLE, id="stable asthma"),
        pytest.param("corticosteroid", COPD, Relevance.PROBABLE, id="stable COPD"),
        pytest.param(
            "corticosteroid", concept("steroid-indication"), Relevance.POSSIBLE, id="lupus"
        ),
        pytest.param(
            "corticosteroid", concept("cord-compression"), Relevance.POSSIBLE, id="cord"
        ),
        pytest.param("corticosteroid", concept("seizure"), Relevance.PROBABLE, id="epilepsy"),
        pytest.param("benzodiazepine", concept("seizure"), Relevance.POSSIBLE, id="seizure"),
        pytest.param("benzodiazepine", concept("spasticity"), Relevance.POSSIBLE, id="spastic"),
        pytest.param("benzodiazepine", concept("depression"), Relevance.PROBABLE, id="mood"),
        pytest.param(
            "muscle-relaxant", concept("spasticity"), Relevance.POSSIBLE, id="relaxant"
        ),
        pytest.param(
            "gabapentinoid", concept("restless-legs"), Relevance.POSSIBLE, id="restless legs"
        ),
        pytest.param(
            "gabapentinoid",
            concept("back-pain", "radicular", "gabapentinoid-indication"),
            Relevance.PROBABLE,
            id="sciatica is the back",
        ),
        pytest.param("tca", concept("depression"), Relevance.POSSIBLE, id="tricyclic"),
        pytest.param("duloxetine", concept("depression"), Relevance.POSSIBLE, id="duloxetine"),
        pytest.param(
            "opioid-full-agonist", concept("depression"), Relevance.PROBABLE, id="opioid"
        ),
    ],
)
def test_condition_usually_treated_with_the_class_competes(
    drug_class: str, other: Concept, expected: Relevance
) -> None:
    record = chart(problem(other), visits=FOR_BACK)

    assert relevance(order(drug_class=drug_class), record) is expected


def test_flare_that_is_this_visits_diagnosis_competes() -> None:
    steroid = order(drug_class="corticosteroid")
    flare = problem(COPD_ATTACK, encounter_diagnosis=True, encounter="Encounter/1")

    assert relevance(steroid, chart(flare, visits=FOR_BACK)) is Relevance.POSSIBLE
    assert relevance(steroid, chart(visits=(visit(BACK, COPD_ATTACK),))) is Relevance.POSSIBLE


def test_competing_condition_leaves_a_stated_reason_alone() -> None:
    record = chart(problem(concept("depression")), visits=FOR_BACK)

    assert relevance(order(BACK, drug_class="tca"), record) is Relevance.DEFINITE


@pytest.mark.parametrize("field", [{"clinical": "resolved"}, {"verification": "refuted"}])
def test_past_or_refuted_condition_does_not_compete(field: dict[str, str]) -> None:
    record = chart(problem(concept("seizure"), **field), visits=FOR_BACK)

    assert competing(order(drug_class="benzodiazepine"), record) == ()


def test_competing_conditions_are_named_with_their_dates() -> None:
    epilepsy = problem(concept("seizure", code="G40.909"), onset=date(2019, 5, 1))

    assert competing(order(drug_class="benzodiazepine"), chart(epilepsy)) == (
        Fact("Condition/1", f"{title('seizure')} (G40.909), since 2019-05-01"),
    )


def test_service_has_no_competing_condition() -> None:
    assert competing(service(), chart(problem(concept("seizure")))) == ()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            chart(problem(BACK, onset=ago(7))), Acuity(Phase.ACUTE, ago(7), 1.0), id="7 days"
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(28))),
            Acuity(Phase.SUBACUTE, ago(28), 4.0),
            id="4 weeks",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(77))),
            Acuity(Phase.SUBACUTE, ago(77), 11.0),
            id="11 weeks",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(84))),
            Acuity(Phase.CHRONIC, ago(84), 12.0),
            id="12 weeks",
        ),
        pytest.param(
            chart(problem(BACK, onset=TODAY)), Acuity(Phase.ACUTE, TODAY, 0.0), id="today"
        ),
        pytest.param(
            chart(problem(BACK, recorded=ago(14))),
            Acuity(Phase.ACUTE, ago(14), 2.0),
            id="no onset: recorded",
        ),
        pytest.param(
            chart(problem(CHRONIC, onset=ago(7))),
            Acuity(Phase.CHRONIC, ago(7), 1.0),
            id="the code says chronic",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(7)), problem(CHRONIC_PAIN)),
            Acuity(Phase.CHRONIC, ago(7), 1.0),
            id="chronic pain beside it",
        ),
        pytest.param(
            chart(problem(CHRONIC_PAIN)), Acuity(), id="chronic pain, not of the back"
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(14)), problem(BACK, onset=ago(200), abated=ago(150))),
            Acuity(Phase.CHRONIC, ago(200), 200 / 7),
            id="one chain",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(10)), problem(BACK, onset=ago(300), abated=ago(192))),
            Acuity(Phase.CHRONIC, ago(300), 300 / 7),
            id="a gap of 182 days",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(10)), problem(BACK, onset=ago(300), abated=ago(193))),
            Acuity(Phase.ACUTE, ago(10), 10 / 7),
            id="a gap of 183 days",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(14)), problem(BACK, onset=ago(900), abated=ago(800))),
            Acuity(Phase.ACUTE, ago(14), 2.0),
            id="an old episode",
        ),
        pytest.param(
            chart(
                problem(BACK, onset=ago(14)),
                problem(BACK, onset=ago(900), verification="refuted"),
            ),
            Acuity(Phase.ACUTE, ago(14), 2.0),
            id="a refuted one",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(14)), problem(ASTHMA, onset=ago(900))),
            Acuity(Phase.ACUTE, ago(14), 2.0),
            id="another illness",
        ),
        pytest.param(
            chart(problem(BACK), visits=(visit(BACK, started=TODAY),)),
            Acuity(Phase.ACUTE, TODAY, 0.0),
            id="undated: the visit",
        ),
        pytest.param(chart(problem(BACK)), Acuity(), id="undated"),
        pytest.param(chart(problem(ASTHMA, onset=ago(7))), Acuity(), id="no back pain"),
        pytest.param(
            chart(problem(BACK, onset=TODAY + timedelta(days=9))), Acuity(), id="in the future"
        ),
    ],
)
def test_length_of_the_episode(record: Chart, expected: Acuity) -> None:
    assert acuity(record) == expected


def test_emergency_visit_without_an_onset_is_acute() -> None:
    recorded = problem(BACK, recorded=ago(35))

    assert acuity(chart(recorded)).phase is Phase.SUBACUTE
    assert acuity(chart(recorded, visits=(visit(class_code="EMER"),))) == Acuity(
        Phase.ACUTE, ago(35), 5.0, emergency=True
    )


def test_onset_on_record_holds_in_an_emergency() -> None:
    record = chart(problem(BACK, onset=ago(35)), visits=(visit(class_code="EMER"),))

    assert acuity(record) == Acuity(Phase.SUBACUTE, ago(35), 5.0, emergency=True)


def test_urgent_care_is_an_emergency_visit() -> None:
    record = chart(
        problem(BACK), visits=(visit(kinds=(concept(text="Urgent care clinic visit"),)),)
    )

    assert acuity(record) == Acuity(Phase.ACUTE, emergency=True)


def test_pain_recorded_years_ago_stays_chronic_in_an_emergency() -> None:
    record = chart(problem(BACK, recorded=ago(900)), visits=(visit(class_code="EMER"),))

    assert acuity(record).phase is Phase.CHRONIC


def test_acute_on_chronic_pain_keeps_the_acute_limits_in_an_emergency() -> None:
    problems = (problem(STRAIN, onset=TODAY), problem(BACK, onset=date(2023, 1, 1)))
    flare = acuity(chart(*problems, visits=(visit(STRAIN, class_code="EMER"),)))
    at_clinic = acuity(chart(*problems, visits=(visit(STRAIN),)))

    assert (flare.chronic, flare.acute, flare.acute_limits) == (True, False, True)
    assert (at_clinic.chronic, at_clinic.acute, at_clinic.acute_limits) == (True, False, False)


def test_subacute_pain_is_handled_as_acute() -> None:
    found = acuity(chart(problem(BACK, onset=ago(40))))

    assert (found.chronic, found.acute, found.acute_limits) == (False, True, True)


def test_reason_of_the_order_may_say_chronic() -> None:
    assert acuity(chart(), order(CHRONIC)).phase is Phase.CHRONIC
    assert acuity(chart(), order(BACK)) == Acuity()
    assert acuity(chart(), order(BRONCHITIS)) == Acuity()


def test_first_visit_for_back_pain_dates_an_undated_episode() -> None:
    earlier = Encounter(reference="Encounter/0", reasons=(BACK,), started=ago(100))
    unrelated = Encounter(reference="Encounter/9", reasons=(ASTHMA,), started=ago(150))
    record = chart(visits=(visit(BACK, started=TODAY), earlier, unrelated))

    assert acuity(record) == Acuity(Phase.CHRONIC, ago(100), 100 / 7)


@pytest.mark.parametrize(
    ("record", "drafted", "expected"),
    [
        pytest.param(
            chart(problem(SCIATICA, onset=ago(7))),
            None,
            Fact("Condition/1", f"{title('radicular')} (M54.31), since 2026-02-23"),
            id="problem",
        ),
        pytest.param(
            chart(problem(SCIATICA, verification="provisional")),
            None,
            Fact("Condition/1", f"{title('radicular')} (M54.31), on record"),
            id="provisional problem",
        ),
        pytest.param(
            chart(),
            order(SCIATICA),
            Fact("MedicationRequest/1", f"{title('radicular')}, the reason for the order"),
            id="reason of the order",
        ),
        pytest.param(
            chart(visits=(visit(SCIATICA),)),
            None,
            Fact("Encounter/1", f"{title('radicular')}, the reason for this visit"),
            id="reason for the visit",
        ),
        pytest.param(chart(problem(BACK)), order(BACK), None, id="axial pain"),
        pytest.param(chart(problem(SCIATICA, clinical="resolved")), None, None, id="resolved"),
        pytest.param(
            chart(problem(SCIATICA, verification="refuted")), None, None, id="refuted"
        ),
    ],
)
def test_radicular_pain_is_documented_or_not(
    record: Chart, drafted: Order | None, expected: Fact | None
) -> None:
    assert radicular(record, drafted) == expected


def seen(text: str) -> Chart:
    test = Measurement(reference="Observation/1", concept=concept(text=text), text="negative")
    return Chart(today=TODAY, measurements=(test,))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(chart(problem(SCIATICA)), True, id="found"),
        pytest.param(chart(problem(SCIATICA, verification="refuted")), True, id="refuted"),
        pytest.param(seen("Straight leg raise test"), True, id="leg raised"),
        pytest.param(seen("SLR right"), True, id="leg raised, short"),
        pytest.param(seen("Oswestry index"), False, id="another observation"),
        pytest.param(chart(problem(BACK)), False, id="axial code alone"),
        pytest.param(
            chart(problem(SCIATICA, verification="entered-in-error")), False, id="in error"
        ),
    ],
)
def test_radicular_pain_was_looked_for_or_not(record: Chart, expected: bool) -> None:
    assert radicular_assessed(record) is expected


def test_back_pain_problems_are_active_and_in_scope() -> None:
    kept = (LISTED, PROVISIONAL)
    dropped = (
        problem(BACK, clinical="resolved"),
        problem(BACK, verification="refuted"),
        problem(concept("neck-pain")),
    )

    assert back_pain(chart(*kept, *dropped)) == kept


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, True, id="active"),
        pytest.param({"clinical": "recurrence", "abated": ago(9)}, True, id="it came back"),
        pytest.param({"abated": ago(9)}, False, id="it ended"),
        pytest.param({"clinical": "inactive"}, False, id="inactive"),
        pytest.param({"clinical": "remission"}, False, id="remission"),
    ],
)
def test_problem_is_active_or_not(fields: dict[str, object], expected: bool) -> None:
    assert is_active(problem(BACK, **fields)) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(Code("icd10cm", "M54.50"), "(M54.50), ", id="icd-10-cm"),
        pytest.param(Code("icd10cm", "M54.50<b>"), ", ", id="not a code"),
        pytest.param(Code("http://local", "M54.50"), ", ", id="a local system"),
    ],
)
def test_fact_shows_only_what_must_be_a_code(code: Code, expected: str) -> None:
    entry = problem(Concept((code,), "anything", frozenset({"back-pain"})))
    space = " " if expected.startswith("(") else ""

    assert problem_fact(entry, "back-pain").text == (
        f"{title('back-pain')}{space}{expected}on record"
    )


@pytest.mark.parametrize("term", sorted(names()))
def test_fact_of_any_term_fits_on_a_line(term: str) -> None:
    entry = problem(concept(term, code="S32.010A"), recorded=TODAY)

    assert len(problem_fact(entry, term).text) <= 100
