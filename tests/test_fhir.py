"""FHIR data types are read as clients send them, and nothing in them can raise."""

import time
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.chart import Amount, Code, Route
from cards.routes import route_of
from service import fhir
from service.fhir import Coded, Period

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"

FIELDS = (
    *("coding", "code", "text", "value", "low", "high", "unit", "start", "end"),
    *("reference", "concept", "display", "system", "resourceType", "entry", "severity"),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=12)
    | st.sampled_from(
        ["2026-11", "2026-02-30", "Invalid date", "urn:", "#", "/", "q0h", "1e999"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS) | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (RXNORM, "rxnorm"),
        ("urn:oid:2.16.840.1.113883.6.88", "rxnorm"),
        ("http://snomed.info/sct/731000124108/version/20260301", "snomed"),
        ("http://snomed.info/sct|2026", "snomed"),
        ("https://loinc.org/", "loinc"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "icd10cm"),
        ("http://hl7.org/fhir/sid/icd-10", "icd10cm"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "icd9cm"),
        ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "hcpcs"),
        ("https://example.org/local", "https://example.org/local"),
        (None, ""),
        (7, ""),
    ],
)
def test_code_system_has_a_short_name_or_keeps_its_url(url: object, name: str) -> None:
    assert fhir.system_name(url) == name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            {"coding": [{"system": SNOMED, "code": "278860009", "display": "d"}], "text": "t"},
            Coded((Code("snomed", "278860009"),), "t", ("d",)),
            id="text goes before display",
        ),
        pytest.param(
            {"coding": [{"code": " G30.0"}, {}, {"display": "only a display"}]},
            Coded((Code("", "G30.0"),), "only a display", ("only a display",)),
            id="blanks are cut and an empty coding is skipped",
        ),
        pytest.param(
            {"coding": {"system": RXNORM, "code": "312615"}},
            Coded((Code("rxnorm", "312615"),)),
            id="a lone coding stands for a list",
        ),
        pytest.param(
            {"system": RXNORM, "code": "312615"},
            Coded((Code("rxnorm", "312615"),)),
            id="a Coding stands for a CodeableConcept",
        ),
        pytest.param(
            [{"text": "first"}, {"text": "second"}],
            Coded((), "first"),
            id="the first of a list stands for one",
        ),
        pytest.param(
            {"concept": {"text": "R5"}}, Coded((), "R5"), id="an R5 CodeableReference is opened"
        ),
        pytest.param(" as written ", Coded((), "as written"), id="a string is a text"),
        pytest.param(
            {"coding": [{"system": RXNORM, "code": 7804}]},
            Coded((Code("rxnorm", "7804"),)),
            id="a code may be a number",
        ),
        pytest.param({"coding": [{"code": True}]}, Coded(), id="a boolean is no code"),
        pytest.param({}, Coded(), id="an empty object says nothing"),
        pytest.param([], Coded(), id="an empty list says nothing"),
        pytest.param(None, Coded(), id="null says nothing"),
        pytest.param(5, Coded(), id="a number says nothing"),
    ],
)
def test_codeable_concept_is_read_in_any_shape(value: object, expected: Coded) -> None:
    assert fhir.coded(value) == expected


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2026-11-21", date(2026, 11, 21), date(2026, 11, 21)),
        ("2026-11-21T23:59:59-05:00", date(2026, 11, 21), date(2026, 11, 21)),
        ("1978-10-22T10:23", date(1978, 10, 22), date(1978, 10, 22)),
        (" 2026-11-21 ", date(2026, 11, 21), date(2026, 11, 21)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("Invalid date", None, None),
        ("0202-11-21", None, None),
        ("2026-02-30", None, None),
        ("9999-12-31", None, None),
        ("", None, None),
        (None, None, None),
        (20261121, None, None),
        (["2026-11-21"], None, None),
    ],
)
def test_date_is_a_day_or_unknown(value: object, first: date | None, last: date | None) -> None:
    assert fhir.day(value) == first
    assert fhir.day(value, last=True) == last


@pytest.fixture
def new_york() -> Iterator[None]:
    """Let the machine be in New York."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        fhir.local_day.cache_clear()
        yield
    time.tzset()
    fhir.local_day.cache_clear()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("2026-03-03T01:30:00Z", date(2026, 3, 2), id="evening, as UTC"),
        pytest.param("2026-03-03T01:30:00.123+00:00", date(2026, 3, 2), id="with fractions"),
        pytest.param("2026-03-02T20:30:00-05:00", date(2026, 3, 2), id="evening, as here"),
        pytest.param("2026-03-02T20:30:00", date(2026, 3, 2), id="no zone"),
        pytest.param("2026-03-02T00:00:00Z", date(2026, 3, 2), id="a date written as midnight"),
        pytest.param("2026-03-02T14:00:00Z", date(2026, 3, 2), id="morning"),
        pytest.param("2026-03-02T99:00:00Z", date(2026, 3, 2), id="no such hour"),
        pytest.param("2026-03-02", date(2026, 3, 2), id="a date"),
    ],
)
@pytest.mark.usefixtures("new_york")
def test_instant_is_a_day_where_the_clinic_is(written: str, expected: date) -> None:
    assert fhir.day(written) == expected


def test_period_with_a_half_typed_start_keeps_its_end() -> None:
    read = fhir.period({"start": "0020-11-21", "end": "2026-12"})
    assert read == Period(None, date(2026, 12, 31))


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"performedDateTime": "2026-01-02"}, Period(date(2026, 1, 2), date(2026, 1, 2))),
        ({"performedPeriod": {"start": "2026-01-02"}}, Period(date(2026, 1, 2), None)),
        ({"occurrencePeriod": {"end": "2026-01-02"}}, Period(None, date(2026, 1, 2))),
        ({"performedString": "last year"}, Period()),
    ],
)
def test_choice_of_date_types_is_read(resource: fhir.Resource, expected: Period) -> None:
    assert fhir.when(resource, "performed", "occurrence") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"value": 1, "code": "{pill}"}, Amount(1, 1, "pill")),
        ({"value": 1, "code": "{tbl}"}, Amount(1, 1, "tablet")),
        ({"value": 1, "unit": "Tablet", "code": "732936001"}, Amount(1, 1, "tablet")),
        ({"value": 40, "unit": "percent", "code": "%"}, Amount(40, 40, "%")),
        ({"value": 2, "unit": "Tablet(s)", "code": "1"}, Amount(2, 2, "tablet")),
        ({"value": 2, "unit": "caps"}, Amount(2, 2, "capsule")),
        ({"value": 12.5, "unit": "µg"}, Amount(12.5, 12.5, "mcg")),
        ({"value": 5, "unit": "mL", "code": "mL"}, Amount(5, 5, "ml")),
        ({"value": "5", "unit": "MG"}, Amount(5, 5, "mg")),
        ({"value": 1}, Amount(1, 1, "")),
        ({"low": {"value": 1, "unit": "tab"}, "high": {"value": 2}}, Amount(1, 2, "tablet")),
        ({"low": {"value": 2}, "high": {"value": 1}}, Amount(1, 2, "")),
        ({"high": {"value": 2, "unit": "tab"}}, Amount(2, 2, "tablet")),
        (30, Amount(30, 30, "")),
        ({"value": 0, "unit": "mg"}, None),
        ({"value": -1, "unit": "mg"}, None),
        ({"value": "one"}, None),
        ({"value": True}, None),
        ({"value": 1e300}, None),
        ({"unit": "mg"}, None),
        ("5 mg", None),
        (None, None),
    ],
)
def test_quantity_is_an_amount_or_unknown(value: object, expected: Amount | None) -> None:
    assert fhir.quantity(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"value": 30, "unit": "days", "code": "d"}, 30),
        ({"value": 2, "code": "wk"}, 14),
        ({"value": 1, "unit": "Month"}, 30),
        ({"value": 12, "code": "h"}, 0.5),
        ({"value": 7}, 7),
        ({"low": {"value": 3, "code": "d"}, "high": {"value": 5, "code": "d"}}, 5),
        ({"value": 7, "unit": "tablets"}, None),
        ({}, None),
    ],
)
def test_duration_is_in_days(value: object, expected: float | None) -> None:
    assert fhir.duration(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"reference": "Patient/bp-1"}, "Patient/bp-1"),
        ({"reference": "https://x.org/fhir/Patient/bp-1"}, "Patient/bp-1"),
        ({"reference": "https://x.org/fhir//Patient/bp-1/_history/3"}, "Patient/bp-1"),
        ({"reference": "urn:uuid:0c3d"}, "urn:uuid:0c3d"),
        ({"reference": "#med"}, "#med"),
        ({"reference": {"reference": "Condition/7"}}, "Condition/7"),
        ([{"reference": "Condition/7"}], "Condition/7"),
        ("Medication/x", "Medication/x"),
        ({"reference": "bp-1"}, "bp-1"),
        ({"identifier": {"value": "1"}}, ""),
        ({"reference": 7}, ""),
        (None, ""),
    ],
)
def test_reference_is_local(value: object, expected: str) -> None:
    assert fhir.reference(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Active", "active"),
        ({"coding": [{"code": "active "}]}, "active"),
        ({"text": "Resolved"}, "resolved"),
        (None, ""),
    ],
)
def test_status_is_a_word_in_any_version(value: object, expected: str) -> None:
    assert fhir.word(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("DSTU2 text", "DSTU2 text"),
        ([{"text": "one"}, {"time": "2026"}, {"text": "two"}], "one; two"),
        ({"text": "alone"}, "alone"),
        (None, ""),
    ],
)
def test_notes_are_joined(value: object, expected: str) -> None:
    assert fhir.notes(value) == expected


READERS: list[Callable[[object], object]] = [
    fhir.objects,
    fhir.first_object,
    fhir.items,
    fhir.string,
    fhir.number,
    fhir.count,
    fhir.word,
    fhir.words,
    fhir.coded,
    fhir.day,
    fhir.period,
    fhir.quantity,
    fhir.duration,
    fhir.reference,
    fhir.notes,
]


@given(value=JSON)
def test_no_json_value_makes_a_reader_fail(value: object) -> None:
    for reader in READERS:
        reader(value)


@pytest.mark.parametrize(
    ("codes", "text", "expected"),
    [
        ([Code("snomed", "26643006")], "", Route.ORAL),
        ([Code("snomed", "404820008")], "injection", Route.EPIDURAL),
        ([Code("http://terminology.hl7.org/x", "PO")], "", Route.ORAL),
        ([], "Intramuscular", Route.INTRAMUSCULAR),
        ([], "intramuscular injection", Route.INTRAMUSCULAR),
        ([], "injection, intra-articular use", Route.INTRA_ARTICULAR),
        ([], "injection", Route.INJECTION),
        ([], "under the tongue", Route.SUBLINGUAL),
        ([], "oral or rectal", Route.UNKNOWN),
        ([], "import", Route.UNKNOWN),
        ([Code("snomed", "1")], "", Route.UNKNOWN),
    ],
)
def test_route_comes_from_code_or_words(codes: list[Code], text: str, expected: Route) -> None:
    assert route_of(codes, text) is expected
