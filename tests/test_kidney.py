"""Kidney function is read from filtration rate, creatinine and dialysis, newest first."""

from datetime import date, timedelta

import pytest

from cards.chart import Chart, Encounter, Fact, Measurement, Patient, Problem
from cards.kidney import Clearance, Impairment, acute_injuries, clearance
from cards.terms import example
from tests.records import TODAY, ago

BORN = date(1943, 5, 5)  # 82 years old


def seen(term: str, value: float, unit: str = "", days: int = 10) -> Measurement:
    on = TODAY - timedelta(days=days)
    return Measurement(
        reference=f"Observation/{term}-{days}",
        concept=example(term),
        value=value,
        unit=unit,
        on=on,
    )


def chart(*measurements: Measurement, sex: str = "female", born: date | None = BORN) -> Chart:
    patient = Patient(born=born, sex=sex)
    return Chart(today=TODAY, patient=patient, measurements=measurements)


CREATININE = seen("creatinine", 1.1, "mg/dl")
WEIGHT = seen("weight", 50, "kg")


def test_the_newest_filtration_rate_counts() -> None:
    found = clearance(chart(seen("egfr", 40, days=200), seen("egfr", 70, days=5)))

    fact = Fact("Observation/egfr-5", "eGFR 70, 2026-02-25")
    assert found == Clearance(fact, "eGFR 70", 70)


def test_creatinine_clearance_follows_cockcroft_and_gault() -> None:
    found = clearance(chart(CREATININE, WEIGHT))

    # (140 - 82) x 50 kg x 0.85 / (72 x 1.1 mg/dL) = 31.1
    fact = Fact(
        "Observation/creatinine-10",
        "creatinine clearance 31 mL/min, calculated from creatinine, weight and age, "
        "2026-02-20",
    )
    assert found == Clearance(fact, "creatinine clearance 31 mL/min", 31)


@pytest.mark.parametrize(
    ("creatinine", "weight", "sex", "value"),
    [
        pytest.param(CREATININE, WEIGHT, "male", 37, id="male"),
        pytest.param(seen("creatinine", 97.26, "umol/l"), WEIGHT, "female", 31, id="umol"),
        pytest.param(CREATININE, seen("weight", 110.23, "lb_av"), "female", 31, id="pounds"),
        pytest.param(CREATININE, seen("weight", 50000, "g"), "female", 31, id="grams"),
    ],
)
def test_creatinine_clearance_in_other_units(
    creatinine: Measurement, weight: Measurement, sex: str, value: float
) -> None:
    found = clearance(chart(creatinine, weight, sex=sex))

    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(
    "incomplete",
    [
        pytest.param(chart(), id="nothing"),
        pytest.param(chart(CREATININE), id="no-weight"),
        pytest.param(chart(WEIGHT), id="no-creatinine"),
        pytest.param(chart(CREATININE, WEIGHT, sex=""), id="no-sex"),
        pytest.param(chart(CREATININE, WEIGHT, sex="unknown"), id="unknown-sex"),
        pytest.param(chart(CREATININE, WEIGHT, born=None), id="no-age"),
        pytest.param(chart(seen("creatinine", 1.1), WEIGHT), id="no-unit"),
        pytest.param(chart(seen("creatinine", 0, "mg/dl"), WEIGHT), id="zero"),
        pytest.param(chart(seen("egfr", 40, days=400)), id="too-old"),
    ],
)
def test_incomplete_data_is_unknown(incomplete: Chart) -> None:
    assert clearance(incomplete) is None


@pytest.mark.parametrize(
    ("egfr", "name"),
    [
        pytest.param(62, "creatinine clearance 31 mL/min", id="frail"),
        pytest.param(25, "eGFR 25", id="low-filtration"),
    ],
)
def test_the_lower_of_two_measures_counts(egfr: float, name: str) -> None:
    found = clearance(chart(seen("egfr", egfr), CREATININE, WEIGHT))

    assert found is not None
    assert found.name == name


def test_a_stage_of_kidney_disease_is_no_number() -> None:
    problem = Problem(reference="Condition/1", concept=example("chronic-kidney-disease-severe"))

    assert clearance(Chart(today=TODAY, problems=(problem,))) is None


def test_dialysis_outranks_what_was_measured() -> None:
    problem = Problem(reference="Condition/1", concept=example("dialysis"))
    found = clearance(Chart(today=TODAY, problems=(problem,), measurements=(seen("egfr", 90),)))

    assert found is not None
    assert (found.name, found.impairment) == (
        "end-stage kidney disease or dialysis",
        Impairment.FAILURE,
    )


@pytest.mark.parametrize(
    ("value", "impairment"),
    [
        pytest.param(60, None, id="60"),
        pytest.param(59, Impairment.MODERATE, id="59"),
        pytest.param(30, Impairment.MODERATE, id="30"),
        pytest.param(29, Impairment.SEVERE, id="29"),
        pytest.param(15, Impairment.SEVERE, id="15"),
        pytest.param(14, Impairment.FAILURE, id="14"),
    ],
)
def test_bands_end_where_the_labels_end_them(
    value: float, impairment: Impairment | None
) -> None:
    assert Clearance(Fact("Observation/1", ""), "", value).impairment is impairment


def injury(**more: object) -> Problem:
    concept = example("acute-kidney-injury")
    return Problem(reference="Condition/1", concept=concept, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("problem", "measurements", "counts"),
    [
        pytest.param(injury(onset=ago(90)), (), True, id="90-days-ago"),
        pytest.param(injury(onset=ago(91)), (), False, id="91-days-ago"),
        pytest.param(injury(recorded=ago(1700)), (), False, id="recorded-years-ago"),
        pytest.param(injury(), (), True, id="undated"),
        pytest.param(injury(), (seen("egfr", 95),), False, id="undated-and-a-good-rate"),
        pytest.param(injury(encounter="Encounter/1"), (), True, id="of-this-visit"),
        pytest.param(
            injury(encounter="Encounter/1"),
            (seen("egfr", 95),),
            True,
            id="good-before-this-visit",
        ),
        pytest.param(injury(onset=ago(40)), (seen("egfr", 60),), False, id="good-since-then"),
        pytest.param(injury(onset=ago(40)), (seen("egfr", 59),), True, id="low-since-then"),
        pytest.param(
            injury(onset=ago(40)), (seen("egfr", 95, days=60),), True, id="good-before-it"
        ),
        pytest.param(
            injury(onset=ago(40)),
            (seen("egfr", 95, days=30), seen("egfr", 35, days=5)),
            True,
            id="good-and-then-low",
        ),
        pytest.param(injury(onset=ago(10), clinical="resolved"), (), False, id="resolved"),
    ],
)
def test_acute_kidney_injury_counts_while_it_may_last(
    problem: Problem, measurements: tuple[Measurement, ...], *, counts: bool
) -> None:
    visit = Encounter(reference="Encounter/1", current=True)
    found = Chart(
        today=TODAY, problems=(problem,), measurements=measurements, encounters=(visit,)
    )

    assert bool(list(acute_injuries(found))) is counts
