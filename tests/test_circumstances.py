"""Where the patient is, what exempts from opioid rules, what warns of a serious cause."""

from datetime import date

import pytest

from cards.chart import (
    Amount,
    Chart,
    Concept,
    Dosage,
    Drug,
    Encounter,
    Fact,
    Ingredient,
    Measurement,
    MedicationUse,
    Order,
    Patient,
    Problem,
    Route,
    ServiceUse,
)
from cards.circumstances import (
    age,
    exemption,
    latest,
    pregnancy,
    red_flags,
    supervised,
)
from cards.terms import title
from tests.records import TODAY, ago, concept

BACK = concept("back-pain", code="M54.50")
CANCER = concept("cancer", code="C50.911")
FRACTURE = concept("fracture", code="S12.9XXA")
SURGERY = concept("surgery", text="femur fracture repair")


def problem(what: Concept, **fields: object) -> Problem:
    return Problem(reference="Condition/1", concept=what, **fields)  # type: ignore[arg-type]


def visit(*reasons: Concept, class_code: str = "AMB", **fields: object) -> Encounter:
    stated: dict[str, object] = {"reference": "Encounter/1", "current": True, **fields}
    return Encounter(class_code=class_code, reasons=reasons, **stated)  # type: ignore[arg-type]


def chart(*problems: Problem, **fields: object) -> Chart:
    return Chart(today=TODAY, problems=problems, **fields)  # type: ignore[arg-type]


def drug(*classes: str, route: Route = Route.ORAL) -> Drug:
    return Drug(
        "a drug",
        "a drug",
        (Ingredient("a drug"),),
        frozenset(classes),
        form="tablet",
        route=route,
    )


def use(taken: Drug, **fields: object) -> MedicationUse:
    return MedicationUse(reference="MedicationRequest/1", drug=taken, **fields)  # type: ignore[arg-type]


def order(*reasons: Concept, **fields: object) -> Order:
    medication = use(drug("opioid-full-agonist"), reasons=reasons, **fields)
    return Order(reference="MedicationRequest/1", medication=medication)


def imaging(*reasons: Concept) -> Order:
    service = ServiceUse(
        reference="ServiceRequest/1", concept=concept("spine-imaging"), reasons=reasons
    )
    return Order(reference="ServiceRequest/1", service=service)


AT_HOSPITAL = chart(encounters=(visit(class_code="IMP"),))
IN_EMERGENCY = chart(encounters=(visit(class_code="EMER"),))
AT_CLINIC = chart(encounters=(visit(),))
ONCE = (Dosage(once=True),)


@pytest.mark.parametrize(
    ("drafted", "record", "expected"),
    [
        pytest.param(
            order(categories=frozenset({"inpatient"})), AT_CLINIC, True, id="category inpatient"
        ),
        pytest.param(
            order(categories=frozenset({"inpatient"}), dosages=(Dosage(as_needed=True),)),
            chart(),
            True,
            id="category inpatient, no visit known",
        ),
        pytest.param(
            order(categories=frozenset({"inpatient", "discharge"})),
            AT_HOSPITAL,
            False,
            id="category discharge too",
        ),
        pytest.param(
            order(categories=frozenset({"community"})), AT_HOSPITAL, False, id="community"
        ),
        pytest.param(
            order(categories=frozenset({"outpatient"}), dosages=ONCE),
            IN_EMERGENCY,
            False,
            id="outpatient",
        ),
        pytest.param(order(dosages=ONCE), IN_EMERGENCY, True, id="emergency, once"),
        pytest.param(order(), IN_EMERGENCY, True, id="emergency, nothing dispensed"),
        pytest.param(order(dispensed=True), IN_EMERGENCY, False, id="emergency, dispensed"),
        pytest.param(
            order(dosages=(Dosage(days=5),)), IN_EMERGENCY, False, id="emergency, a course"
        ),
        pytest.param(
            order(dosages=(Dosage(days=1),)), IN_EMERGENCY, True, id="emergency, a day"
        ),
        pytest.param(order(supply_days=3), IN_EMERGENCY, False, id="emergency, days of supply"),
        pytest.param(
            order(quantity=Amount(12, 12, "tablet")), IN_EMERGENCY, False, id="emergency, #12"
        ),
        pytest.param(order(dosages=(Dosage(days=5),)), AT_HOSPITAL, True, id="ward, a course"),
        pytest.param(order(refills=1), AT_HOSPITAL, False, id="ward, refills"),
        pytest.param(
            order(), chart(encounters=(visit(class_code="OBSENC"),)), True, id="observation"
        ),
        pytest.param(
            order(), chart(encounters=(visit(class_code="ACUTE"),)), True, id="acute ward"
        ),
        pytest.param(order(dosages=ONCE), AT_CLINIC, False, id="clinic"),
        pytest.param(order(dosages=ONCE), chart(), False, id="no visit known"),
        pytest.param(
            order(),
            chart(encounters=(visit(class_code="IMP", current=False),)),
            False,
            id="an earlier stay",
        ),
    ],
)
def test_medicine_is_supervised(drafted: Order, record: Chart, expected: bool) -> None:
    assert supervised(drafted, record) is expected


def test_service_is_not_supervised() -> None:
    assert not supervised(imaging(), AT_HOSPITAL)


def done(what: Concept, **fields: object) -> Chart:
    stated: dict[str, object] = {
        "reference": "Procedure/1",
        "kind": "procedure",
        "status": "completed",
        "ended": ago(1),
        **fields,
    }
    service = ServiceUse(concept=what, **stated)  # type: ignore[arg-type]
    return chart(services=(service,))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            chart(problem(CANCER, onset=date(2025, 5, 4))),
            Fact("Condition/1", f"{title('cancer')} (C50.911), since 2025-05-04"),
            id="cancer",
        ),
        pytest.param(
            chart(problem(concept("palliative-care"))),
            Fact("Condition/1", f"{title('palliative-care')}, on record"),
            id="palliative care",
        ),
        pytest.param(
            chart(problem(concept("sickle-cell-crisis"))),
            Fact("Condition/1", f"{title('sickle-cell-crisis')}, on record"),
            id="sickle-cell crisis",
        ),
        pytest.param(
            chart(problem(FRACTURE, onset=ago(14))),
            Fact("Condition/1", f"{title('fracture')} (S12.9XXA), since 2026-02-16"),
            id="fracture",
        ),
        pytest.param(
            chart(problem(concept("major-trauma"), recorded=ago(2))),
            Fact("Condition/1", f"{title('major-trauma')}, on record since 2026-02-28"),
            id="major trauma",
        ),
        pytest.param(
            chart(problem(concept("burn"), onset=ago(3))),
            Fact("Condition/1", f"{title('burn')}, since 2026-02-27"),
            id="burn",
        ),
        pytest.param(
            chart(problem(concept("labour"), onset=TODAY)),
            Fact("Condition/1", f"{title('labour')}, since 2026-03-02"),
            id="labour today",
        ),
        pytest.param(
            done(SURGERY),
            Fact("Procedure/1", f"{title('surgery')}, 2026-03-01"),
            id="operated yesterday",
        ),
        pytest.param(
            done(concept("palliative-care"), status="active", kind="request", ended=None),
            Fact("Procedure/1", title("palliative-care")),
            id="comfort-care order",
        ),
        pytest.param(
            chart(encounters=(visit(kinds=(SURGERY,)),)),
            Fact("Encounter/1", f"{title('surgery')}, the reason for this visit"),
            id="surgical visit",
        ),
        pytest.param(
            chart(encounters=(visit(kinds=(SURGERY,), current=False, ended=ago(3)),)),
            Fact("Encounter/1", f"{title('surgery')}, 2026-02-27"),
            id="surgical stay last week",
        ),
        pytest.param(
            chart(encounters=(visit(concept("cancer", text="oncology follow-up")),)),
            Fact("Encounter/1", f"{title('cancer')}, the reason for this visit"),
            id="oncology visit",
        ),
    ],
)
def test_exemption_holds(record: Chart, expected: Fact) -> None:
    assert exemption(order(), record) == expected


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(chart(problem(CANCER, clinical="remission")), id="cancer in remission"),
        pytest.param(chart(problem(CANCER, clinical="resolved")), id="cancer resolved"),
        pytest.param(chart(problem(CANCER, verification="provisional")), id="suspected cancer"),
        pytest.param(chart(problem(CANCER, verification="refuted")), id="cancer refuted"),
        pytest.param(chart(problem(concept("cancer-history"))), id="history of cancer"),
        pytest.param(chart(problem(concept("sickle-cell"))), id="sickle cell, no crisis"),
        pytest.param(chart(problem(FRACTURE, onset=ago(15))), id="old fracture"),
        pytest.param(chart(problem(FRACTURE)), id="undated fracture"),
        pytest.param(chart(problem(concept("burn"), onset=ago(200))), id="old burn"),
        pytest.param(chart(problem(concept("labour"), onset=ago(5))), id="labour last week"),
        pytest.param(chart(problem(concept("trauma"), onset=ago(1))), id="minor trauma"),
        pytest.param(done(SURGERY, ended=ago(40)), id="old operation"),
        pytest.param(done(SURGERY, ended=None), id="undated operation"),
        pytest.param(done(SURGERY, status="not-done"), id="operation not done"),
        pytest.param(done(SURGERY, kind="request", status="active"), id="operation planned"),
        pytest.param(done(concept("palliative-care"), status="revoked"), id="hospice revoked"),
        pytest.param(
            chart(encounters=(visit(kinds=(SURGERY,), current=False, ended=ago(40)),)),
            id="surgical stay long ago",
        ),
        pytest.param(chart(problem(BACK)), id="back pain"),
        pytest.param(chart(), id="nothing"),
    ],
)
def test_exemption_does_not_hold(record: Chart) -> None:
    assert exemption(order(), record) is None


def test_reason_of_the_order_exempts() -> None:
    assert exemption(order(CANCER), chart()) == Fact(
        "MedicationRequest/1", f"{title('cancer')}, the reason for the order"
    )


@pytest.mark.parametrize(
    ("reason", "record"),
    [
        pytest.param(concept("fracture", text="r/o fracture"), chart(), id="doubted"),
        pytest.param(FRACTURE, chart(problem(FRACTURE, onset=ago(90))), id="known as old"),
        pytest.param(BACK, chart(), id="back pain"),
    ],
)
def test_reason_of_the_order_does_not_exempt(reason: Concept, record: Chart) -> None:
    assert exemption(order(reason), record) is None


CAUDA = problem(concept("cauda-equina", code="G83.4"), onset=date(2026, 2, 27))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            chart(CAUDA),
            Fact("Condition/1", f"{title('cauda-equina')} (G83.4), since 2026-02-27"),
            id="cauda equina",
        ),
        pytest.param(
            chart(problem(concept("spinal-infection"), verification="provisional")),
            Fact("Condition/1", f"{title('spinal-infection')}, on record"),
            id="suspected infection",
        ),
        pytest.param(
            chart(problem(CANCER, clinical="resolved", recorded=ago(3000))),
            Fact("Condition/1", f"{title('cancer')} (C50.911), on record since 2017-12-14"),
            id="cancer once",
        ),
        pytest.param(
            chart(problem(concept("cancer-history"))),
            Fact("Condition/1", f"{title('cancer-history')}, on record"),
            id="history of cancer",
        ),
        pytest.param(
            chart(problem(concept("fever"), onset=ago(2))),
            Fact("Condition/1", f"{title('fever')}, since 2026-02-28"),
            id="fever",
        ),
        pytest.param(
            chart(problem(concept("trauma"))),
            Fact("Condition/1", f"{title('trauma')}, on record"),
            id="undated trauma",
        ),
        pytest.param(
            chart(problem(concept("osteoporosis"), onset=ago(3000))),
            Fact("Condition/1", f"{title('osteoporosis')}, since 2017-12-14"),
            id="osteoporosis",
        ),
        pytest.param(
            chart(encounters=(visit(concept("saddle-anaesthesia")),)),
            Fact("Encounter/1", f"{title('saddle-anaesthesia')}, the reason for this visit"),
            id="reason for the visit",
        ),
        pytest.param(
            chart(
                measurements=(
                    Measurement(
                        reference="Observation/1",
                        concept=concept("motor-deficit"),
                        text="Present",
                        on=ago(1),
                    ),
                )
            ),
            Fact("Observation/1", f"{title('motor-deficit')}, 2026-03-01"),
            id="seen at the examination",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(7)), patient=Patient(born=date(1950, 1, 1))),
            Fact("Patient", "new back pain at 76 years of age"),
            id="new pain at 76",
        ),
        pytest.param(
            chart(patient=Patient(born=date(2010, 1, 1))),
            Fact("Patient", "back pain under 18 years of age"),
            id="a child",
        ),
        pytest.param(
            chart(medications=(use(drug("corticosteroid"), started=ago(100), written=ago(5)),)),
            Fact("MedicationRequest/1", "long-term steroid, 2025-11-22"),
            id="long-term steroid",
        ),
    ],
)
def test_red_flag_is_found(record: Chart, expected: Fact) -> None:
    assert red_flags(record) == (expected,)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(chart(problem(BACK, onset=ago(7))), id="back pain"),
        pytest.param(chart(problem(concept("fever"), onset=ago(60))), id="old fever"),
        pytest.param(chart(problem(concept("trauma"), recorded=ago(60))), id="old trauma"),
        pytest.param(
            chart(problem(concept("spinal-infection"), clinical="resolved")), id="healed"
        ),
        pytest.param(
            chart(problem(concept("cauda-equina"), verification="refuted")), id="refuted"
        ),
        pytest.param(chart(problem(CANCER, verification="refuted")), id="cancer refuted"),
        pytest.param(chart(problem(concept("substance-use-disorder"))), id="not injecting"),
        pytest.param(
            chart(
                measurements=(
                    Measurement(
                        reference="Observation/1",
                        concept=concept("motor-deficit"),
                        text="absent",
                        on=ago(1),
                    ),
                )
            ),
            id="absent at the examination",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(700)), patient=Patient(born=date(1950, 1, 1))),
            id="old pain at 76",
        ),
        pytest.param(
            chart(problem(BACK, onset=ago(7)), patient=Patient(born=date(1956, 1, 1))),
            id="new pain at 70",
        ),
        pytest.param(
            chart(medications=(use(drug("corticosteroid"), started=ago(20), written=ago(5)),)),
            id="short steroid course",
        ),
        pytest.param(
            chart(
                medications=(
                    use(
                        drug("corticosteroid", route=Route.INHALED),
                        started=ago(400),
                        written=ago(5),
                    ),
                )
            ),
            id="inhaled steroid",
        ),
        pytest.param(
            chart(medications=(use(drug("anticoagulant"), started=ago(30), written=ago(5)),)),
            id="anticoagulant without injury",
        ),
        pytest.param(
            chart(medications=(use(drug("corticosteroid"), status="stopped", ended=ago(90)),)),
            id="steroid stopped",
        ),
        pytest.param(chart(medications=(use(drug("nsaid"), written=ago(5)),)), id="an NSAID"),
        pytest.param(chart(problem(concept("falls"), onset=ago(2))), id="a fall"),
    ],
)
def test_red_flag_is_not_found(record: Chart) -> None:
    assert red_flags(record) == ()


def test_fall_on_an_anticoagulant_is_a_red_flag() -> None:
    warfarin = use(drug("anticoagulant"), started=ago(30), written=ago(5))

    assert red_flags(
        chart(problem(concept("falls"), onset=ago(2)), medications=(warfarin,))
    ) == (Fact("MedicationRequest/1", "injury while on an anticoagulant"),)


def test_red_flags_are_listed_once_and_the_most_urgent_first() -> None:
    record = chart(
        problem(concept("osteoporosis", "fracture", "vertebral-fracture")),
        problem(concept("cancer", "metastasis")),
        CAUDA,
        CAUDA,
    )

    assert [fact.text for fact in red_flags(record)] == [
        f"{title('cauda-equina')} (G83.4), since 2026-02-27",
        f"{title('metastasis')}, on record",
        f"{title('vertebral-fracture')}, on record",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("LBP, r/o fracture", "vertebral-fracture", id="r/o fracture"),
        pytest.param("rule out epidural abscess", "spinal-infection", id="rule out abscess"),
        pytest.param("suspected mets", "metastasis", id="suspected mets"),
        pytest.param("?cauda equina", "cauda-equina", id="question mark"),
        pytest.param("concern for AAA", "aortic-aneurysm", id="concern"),
        pytest.param("r/o compression fracture", "vertebral-fracture", id="not the cord"),
        pytest.param("r/o cord compression", "cord-compression", id="the cord"),
    ],
)
def test_suspicion_in_the_reason_is_a_red_flag(text: str, expected: str) -> None:
    assert red_flags(chart(), imaging(concept(text=text))) == (
        Fact("ServiceRequest/1", f"{title(expected)} suspected, the reason for the order"),
    )


def ordered(text: str = "MRI lumbar spine", notes: str = "") -> Order:
    service = ServiceUse(
        reference="ServiceRequest/1", concept=concept("spine-imaging", text=text), notes=notes
    )
    return Order(reference="ServiceRequest/1", service=service)


@pytest.mark.parametrize(
    ("value", "unit", "days", "expected"),
    [
        pytest.param(
            38.6, "cel", 1, "temperature 38.6 \N{DEGREE SIGN}C, 2026-03-01", id="celsius"
        ),
        pytest.param(
            101.3, "[degf]", 0, "temperature 38.5 \N{DEGREE SIGN}C, 2026-03-02", id="fahrenheit"
        ),
        pytest.param(37.4, "cel", 0, None, id="warm"),
        pytest.param(98.6, "", 0, None, id="normal without a unit"),
        pytest.param(39.2, "cel", 9, None, id="last week"),
    ],
)
def test_measured_fever_is_a_red_flag(
    value: float, unit: str, days: int, expected: str | None
) -> None:
    measured = Measurement(
        reference="Observation/1",
        concept=concept("body-temperature"),
        value=value,
        unit=unit,
        on=ago(days),
    )
    facts = (Fact("Observation/1", expected),) if expected else ()

    assert red_flags(chart(measurements=(measured,))) == facts


@pytest.mark.parametrize(
    ("order", "flag"),
    [
        pytest.param(ordered("MRI lumbar spine, trauma"), "trauma", id="name of the order"),
        pytest.param(ordered(notes="saddle anesthesia"), "saddle-anaesthesia", id="note"),
        pytest.param(ordered(notes="r/o abscess"), "spinal-infection", id="suspicion"),
    ],
)
def test_red_flag_is_read_from_the_words_of_a_service_order(order: Order, flag: str) -> None:
    assert red_flags(chart(), order) == (
        Fact("ServiceRequest/1", f"{title(flag)}, named on the order"),
    )


@pytest.mark.parametrize("notes", ["", "chronic low back pain", "no fever, no trauma"])
def test_other_words_of_a_service_order_are_no_red_flag(notes: str) -> None:
    assert red_flags(chart(), ordered(notes=notes)) == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("low back pain", id="no suspicion"),
        pytest.param("no concern for infection", id="denied"),
        pytest.param("rule out disc disease", id="not a serious cause"),
    ],
)
def test_reason_without_suspicion_is_no_red_flag(text: str) -> None:
    assert red_flags(chart(), imaging(concept(text=text))) == ()


def test_coded_reason_of_the_order_is_a_red_flag() -> None:
    reason = concept("fracture", "vertebral-fracture", code="S32.010A")

    assert red_flags(chart(), imaging(reason)) == (
        Fact("ServiceRequest/1", f"{title('vertebral-fracture')}, the reason for the order"),
    )


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        pytest.param(date(1980, 3, 2), 46, id="birthday"),
        pytest.param(date(1980, 3, 3), 45, id="day before it"),
        pytest.param(date(2027, 1, 1), None, id="not born"),
        pytest.param(None, None, id="unknown"),
    ],
)
def test_age_is_in_whole_years(born: date | None, expected: int | None) -> None:
    assert age(chart(patient=Patient(born=born))) == expected


def egfr(value: float | None, on: date | None) -> Measurement:
    return Measurement(
        reference="Observation/1", concept=concept("egfr"), value=value, on=on, unit="mL/min"
    )


def test_latest_measurement_with_a_value_counts() -> None:
    newest = egfr(45, ago(10))
    others = (egfr(92, ago(300)), newest, egfr(None, ago(1)), egfr(30, None))
    record = chart(measurements=others)

    assert latest(record, "egfr", 365) == newest
    assert latest(record, "creatinine", 365) is None
    assert latest(record, "egfr", 5) is None


PREGNANT = concept("pregnancy", code="Z34.90")


def dated(text: str = "", value: float | None = None, unit: str = "") -> Measurement:
    return Measurement(
        reference="Observation/1",
        concept=concept("pregnancy"),
        text=text,
        value=value,
        unit=unit,
        on=ago(7),
    )


ON_FILE = Fact("Condition/1", f"{title('pregnancy')} (Z34.90), on record")
OBSERVED = Fact("Observation/1", f"{title('pregnancy')}, 2026-02-23")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(chart(problem(PREGNANT)), (ON_FILE, None), id="weeks unknown"),
        pytest.param(
            chart(problem(concept("pregnancy", code="Z3A.28"), recorded=ago(14))),
            (
                Fact(
                    "Condition/1",
                    f"{title('pregnancy')} (Z3A.28), on record since 2026-02-16",
                ),
                30.0,
            ),
            id="coded weeks, counted on",
        ),
        pytest.param(
            chart(
                problem(
                    concept("pregnancy", code="Z3A.28"),
                    encounter="Encounter/1",
                    encounter_diagnosis=True,
                ),
                encounters=(visit(),),
            ),
            (Fact("Condition/1", f"{title('pregnancy')} (Z3A.28), on record"), 28.0),
            id="coded at this visit",
        ),
        pytest.param(
            chart(encounters=(visit(concept("pregnancy", code="Z3A.31")),)),
            (Fact("Encounter/1", f"{title('pregnancy')}, the reason for this visit"), 31.0),
            id="the visit is for it",
        ),
        pytest.param(
            chart(problem(concept("pregnancy", code="Z3A.00"), recorded=ago(14))),
            (
                Fact(
                    "Condition/1",
                    f"{title('pregnancy')} (Z3A.00), on record since 2026-02-16",
                ),
                None,
            ),
            id="coded as not specified",
        ),
        pytest.param(
            chart(problem(PREGNANT), measurements=(dated(value=20, unit="wk"),)),
            (ON_FILE, 21.0),
            id="gestational age",
        ),
        pytest.param(
            chart(measurements=(dated(text="2026-05-11"),)), (OBSERVED, 30.0), id="due date"
        ),
        pytest.param(
            chart(measurements=(dated(text="Pregnant"),)), (OBSERVED, None), id="status"
        ),
    ],
)
def test_pregnancy_is_on_record(record: Chart, expected: tuple[Fact, float | None]) -> None:
    assert pregnancy(record) == expected


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(chart(problem(PREGNANT, clinical="resolved")), id="over"),
        pytest.param(chart(problem(PREGNANT, recorded=ago(400))), id="never closed"),
        pytest.param(chart(problem(PREGNANT, verification="refuted")), id="refuted"),
        pytest.param(chart(measurements=(dated(text="Not pregnant"),)), id="not pregnant"),
        pytest.param(chart(measurements=(dated(text="2025-06-01"),)), id="due date passed"),
        pytest.param(chart(measurements=(dated(value=3, unit="mIU/mL"),)), id="a hormone"),
        pytest.param(
            chart(encounters=(visit(Concept(text="r/o pregnancy", terms=PREGNANT.terms)),)),
            id="only asked at this visit",
        ),
        pytest.param(chart(), id="nothing"),
    ],
)
def test_pregnancy_is_not_on_record(record: Chart) -> None:
    assert pregnancy(record) is None
