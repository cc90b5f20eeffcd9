"""What forbids an NSAID, and which heart attack may be recent."""

from collections.abc import Iterator
from datetime import date

import pytest

from cards import definitions
from cards.chart import Chart, Code, Encounter, Measurement, Problem
from cards.contraindications import nsaid_allergy, nsaid_contraindicated, recent_infarctions
from cards.terms import concept, example
from tests.records import TODAY, ago


def problem(what: str, **more: object) -> Problem:
    """Return a problem of a set, of a ``system|code``, or in words behind a ``~``."""
    if what.startswith("~"):
        meant = concept((), what[1:])
    elif "|" in what:
        system, code = what.split("|")
        meant = concept((Code(system, code),))
    else:
        meant = example(what)
    return Problem(reference="Condition/1", concept=meant, **more)  # type: ignore[arg-type]


def egfr(value: float, on: date | None) -> Measurement:
    return Measurement(
        reference="Observation/1", concept=example("egfr"), value=value, unit="mL/min", on=on
    )


@pytest.fixture(name="later_limit")
def _later_limit() -> Iterator[None]:
    definitions.use({"nsaid.severe_egfr": 45})
    yield
    definitions.use({})


@pytest.mark.usefixtures("later_limit")
def test_a_sites_own_limit_forbids_nsaids() -> None:
    chart = Chart(today=TODAY, measurements=(egfr(40, ago(30)),))

    assert nsaid_contraindicated(chart) is not None


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(egfr(40, ago(30)), id="above-the-shipped-limit"),
        pytest.param(egfr(20, None), id="undated"),
        pytest.param(egfr(20, ago(400)), id="old"),
    ],
)
def test_no_low_filtration_rate_forbids_nothing(seen: Measurement) -> None:
    assert nsaid_contraindicated(Chart(today=TODAY, measurements=(seen,))) is None


VISIT = Encounter(reference="Encounter/1", current=True)


@pytest.mark.parametrize(
    ("infarction", "recent"),
    [
        pytest.param(problem("icd10cm|I21.4", onset=ago(30)), True, id="a-month-ago"),
        pytest.param(problem("icd10cm|I21.4"), True, id="undated"),
        pytest.param(
            problem("icd10cm|I21.4", onset=ago(900), encounter="Encounter/1"),
            True,
            id="of-this-visit",
        ),
        pytest.param(problem("~history of heart attack"), True, id="history"),
        pytest.param(problem("icd10cm|I21.4", onset=ago(900)), False, id="years-ago"),
        pytest.param(problem("icd10cm|I25.2", recorded=ago(5)), False, id="old"),
        pytest.param(problem("icd9cm|412", recorded=ago(5)), False, id="old-in-icd-9"),
        pytest.param(problem("snomed|1755008", recorded=ago(5)), False, id="old-in-snomed"),
        pytest.param(problem("snomed|233840006", recorded=ago(5)), False, id="old-inferior"),
        pytest.param(
            problem("~Old myocardial infarction", recorded=ago(5)), False, id="old-in-words"
        ),
        pytest.param(
            problem("icd10cm|I21.4", onset=ago(30), clinical="resolved"), False, id="resolved"
        ),
    ],
)
def test_a_heart_attack_may_be_recent(infarction: Problem, *, recent: bool) -> None:
    chart = Chart(today=TODAY, problems=(infarction,), encounters=(VISIT,))

    assert bool(list(recent_infarctions(chart, 90))) is recent


@pytest.mark.parametrize(
    ("known", "forbids"),
    [
        pytest.param(problem("snomed|431857002"), True, id="stage-4"),
        pytest.param(problem("~stage V CKD"), True, id="stage-5-in-words"),
        pytest.param(problem("icd10cm|N18.32"), False, id="stage-3"),
        pytest.param(problem("icd10cm|N18.4", clinical="resolved"), False, id="resolved"),
        pytest.param(problem("icd10cm|N17.9", onset=ago(20)), True, id="acute-injury"),
        pytest.param(problem("icd10cm|N17.9", onset=ago(900)), False, id="old-acute-injury"),
    ],
)
def test_kidney_disease_that_forbids_nsaids(known: Problem, *, forbids: bool) -> None:
    chart = Chart(today=TODAY, problems=(known,))

    assert (nsaid_contraindicated(chart) is not None) is forbids


def test_a_measured_rate_counts_before_the_stage_on_record() -> None:
    stage = problem("icd10cm|N18.4")
    chart = Chart(today=TODAY, problems=(stage,), measurements=(egfr(52, ago(30)),))

    assert nsaid_contraindicated(chart) is None


@pytest.mark.parametrize(
    ("known", "forbids"),
    [
        pytest.param(problem("icd10cm|Z79.01"), True, id="long-term-anticoagulant"),
        pytest.param(problem("~on warfarin"), True, id="on-warfarin"),
        pytest.param(
            problem("icd10cm|Z79.01", clinical="resolved"), False, id="anticoagulant-no-more"
        ),
        pytest.param(problem("~not on warfarin"), False, id="not-on-warfarin"),
        pytest.param(
            problem("icd10cm|I61.9", clinical="resolved"), True, id="bleeding-inside-the-head"
        ),
        pytest.param(
            problem("icd10cm|I61.9", verification="refuted"), False, id="refuted-bleeding"
        ),
        pytest.param(problem("icd10cm|K29.61"), True, id="gastritis-with-bleeding"),
        pytest.param(problem("icd10cm|K29.60"), False, id="gastritis-without"),
    ],
)
def test_bleeding_and_anticoagulants_forbid_nsaids(known: Problem, *, forbids: bool) -> None:
    chart = Chart(today=TODAY, problems=(known,))

    assert (nsaid_contraindicated(chart) is not None) is forbids


@pytest.mark.parametrize(
    ("known", "forbids"),
    [
        pytest.param(problem("icd10cm|Z88.6"), True, id="analgesic"),
        pytest.param(problem("snomed|407674008"), True, id="asthma-from-aspirin"),
        pytest.param(problem("~Samter's triad"), True, id="samter"),
        pytest.param(problem("icd10cm|Z88.5"), False, id="narcotic"),
        pytest.param(problem("~asthma"), False, id="asthma"),
        pytest.param(
            problem("~NSAID allergy", verification="refuted"), False, id="refuted-allergy"
        ),
    ],
)
def test_an_allergy_among_the_problems_forbids_every_nsaid(
    known: Problem, *, forbids: bool
) -> None:
    chart = Chart(today=TODAY, problems=(known,))

    assert (nsaid_contraindicated(chart) is not None) is forbids
    assert (nsaid_allergy(chart) is not None) is forbids
