"""A FHIR server is read for whom it may be, with a permission that holds, as far as it goes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from service.clients import UNAUTHENTICATED, Client
from service.envelope import FhirAuthorization, HookRequest
from service.fhir_access import ClosedSource, FhirAccess, FhirSource
from service.fhir_client import FhirClient, FhirLimits, Pages, Query
from service.fhir_scopes import Coverage, coverage, read_scopes
from service.settings import Settings
from tests import faulty_fhir
from tests.faulty_fhir import FaultyFhir, bundle, says
from tests.test_ssrf import asked_for

LOCAL = "http://127.0.0.1:8992/fhir"
PAGE = "a web page of another site asked, and the client is not known"


@pytest.fixture(scope="module")
def reader() -> Iterator[FhirClient]:
    reader = FhirClient(FhirLimits(seconds=2, connect_seconds=0.5))
    yield reader
    reader.close()


@pytest.fixture
def fhir() -> Iterator[FaultyFhir]:
    with faulty_fhir.running() as server:
        yield server


def found(
    request: HookRequest, client: Client, reader: FhirClient, settings: Settings | None = None
) -> FhirSource | ClosedSource | None:
    return FhirAccess(settings or Settings(), reader=reader).source(request, client)


def from_page(origin: str) -> Client:
    return replace(UNAUTHENTICATED, origin=origin)


def given(scope: str = "", **more: Any) -> HookRequest:
    authorization = FhirAuthorization("t", scope, **more)
    return replace(asked_for(LOCAL), fhir_authorization=authorization)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://192.168.1.7", "https://localhost.evil.example"],
)
def test_page_of_another_site_has_nothing_read(origin: str, reader: FhirClient) -> None:
    source = found(asked_for(LOCAL), from_page(origin), reader)

    assert source == ClosedSource("unauthenticated", PAGE)


@pytest.mark.parametrize(
    "origin",
    ["", "http://localhost:8000", "http://127.0.0.1:3000", "http://[::1]", "HTTP://LOCALHOST"],
)
def test_page_of_this_machine_and_no_page_have_it_read(origin: str, reader: FhirClient) -> None:
    assert isinstance(found(asked_for(LOCAL), from_page(origin), reader), FhirSource)


@pytest.mark.parametrize("origins", [("https://a.example",), ("*", "https://a.example")])
def test_page_that_the_operator_names_has_it_read(
    origins: tuple[str, ...], reader: FhirClient
) -> None:
    settings = Settings(cors_origins=origins)
    named = found(asked_for(LOCAL), from_page("https://a.example"), reader, settings)
    other = found(asked_for(LOCAL), from_page("https://b.example"), reader, settings)

    assert isinstance(named, FhirSource)
    assert isinstance(other, ClosedSource)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"token_type": "MAC"}, "the token_type of fhirAuthorization is not Bearer"),
        ({"token_type": 7}, "the token_type of fhirAuthorization is not Bearer"),
        ({"expires_in": 0}, "fhirAuthorization has expired"),
        ({"expires_in": -3.5}, "fhirAuthorization has expired"),
        ({"patient": "q"}, "fhirAuthorization is for another patient"),
        ({"patient": "Patient/q"}, "fhirAuthorization is for another patient"),
    ],
)
def test_permission_that_does_not_hold_is_not_used(
    more: dict[str, Any], reason: str, reader: FhirClient
) -> None:
    assert found(given(**more), UNAUTHENTICATED, reader) == ClosedSource(
        "unauthenticated", reason
    )


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"token_type": "bearer", "expires_in": 300, "patient": "p"},
        {"token_type": None, "expires_in": None, "patient": ""},
        {"expires_in": "soon", "patient": "Patient/p"},
        {"patient": 7},
    ],
)
def test_permission_that_holds_is_used(more: dict[str, Any], reader: FhirClient) -> None:
    assert isinstance(found(given(**more), UNAUTHENTICATED, reader), FhirSource)


@pytest.mark.parametrize(
    ("scope", "target", "expected"),
    [
        ("patient/Condition.read", "Condition?patient=p", Coverage.WHOLE),
        ("patient/Condition.read", "Procedure?patient=p", Coverage.NONE),
        ("patient/Condition.read", "ConditionX?patient=p", Coverage.NONE),
        ("user/*.*", "Procedure?patient=p", Coverage.WHOLE),
        ("patient/*.write", "Procedure?patient=p", Coverage.NONE),
        ("system/*.read", "Patient/p", Coverage.WHOLE),
        ("patient/Condition.rs", "Condition?patient=p", Coverage.WHOLE),
        ("patient/Condition.s", "Condition?patient=p", Coverage.WHOLE),
        ("patient/Condition.r", "Condition?patient=p", Coverage.NONE),
        ("patient/Patient.s", "Patient/p", Coverage.NONE),
        ("patient/Patient.cruds", "Patient/p", Coverage.WHOLE),
        ("patient/Condition.rs?category=x", "Condition?patient=p", Coverage.PART),
        (
            "patient/Condition.rs?category=x user/Condition.rs",
            "Condition?patient=p",
            Coverage.WHOLE,
        ),
        ("launch/patient openid patient/Patient.read", "Encounter/e", Coverage.NONE),
        # What cannot be read changes nothing.
        ("", "Condition?patient=p", Coverage.WHOLE),
        ("launch/patient openid fhirUser", "Condition?patient=p", Coverage.WHOLE),
        ("patient/Patient.read patient/Observation.sr", "Condition?x=1", Coverage.WHOLE),
        ("patient/Patient.", "Condition?patient=p", Coverage.WHOLE),
        # Nor does a link to a further page.
        ("patient/Patient.read", "https://x.example/fhir?page=2", Coverage.WHOLE),
    ],
)
def test_scopes_cover_what_they_say(scope: str, target: str, expected: Coverage) -> None:
    assert coverage(read_scopes(scope), target) is expected


def test_what_no_scope_covers_is_not_asked_for(
    fhir: FaultyFhir, reader: FhirClient, caplog: pytest.LogCaptureFixture
) -> None:
    fhir.told["Observation"] = says(bundle({"resourceType": "Observation"}))
    request = replace(
        given("patient/Condition.read patient/Observation.rs?category=x"), fhir_server=fhir.url
    )
    source = found(request, UNAUTHENTICATED, reader)
    assert isinstance(source, FhirSource)

    pages = source.read(
        {
            "conditions": Query("Condition?patient=p"),
            "procedures": Query("Procedure?patient=p"),
            "observations": Query("Observation?patient=p"),
        }
    )

    assert fhir.types_read == ["Condition", "Observation"]
    assert pages["conditions"].fault is None
    assert pages["procedures"] == Pages(fault="scope")
    assert (pages["observations"].fault, len(pages["observations"].documents)) == (
        "narrowed",
        1,
    )
    assert sorted(caplog.messages) == [
        "fhir_not_read client=unauthenticated fault=narrowed missing=observations",
        "fhir_not_read client=unauthenticated fault=scope missing=procedures",
    ]
