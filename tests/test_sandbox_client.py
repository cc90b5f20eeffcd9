"""The public CDS Hooks sandbox against the demo: every step that it takes is served."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.demo.fhir_server import create_fhir_app
from service.demo.stories import stories
from service.feedback_report import build_report
from service.settings import Settings
from service.store import Store
from tests.sandbox import Json, Sandbox, chosen, dated, nothing_chosen, study

TODAY = date(2026, 11, 21)
OXYCODONE = ("1049621", "Oxycodone Hydrochloride 5 MG Oral Tablet")
PREDNISONE = ("312615", "Prednisone 20 MG Oral Tablet")
NAPROXEN = ("198014", "Naproxen 500 MG Oral Tablet")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    file: Path = tmp_path_factory.mktemp("sandbox") / "demo.sqlite3"
    store = Store(f"sqlite:///{file}")
    yield store
    store.close()


@pytest.fixture(scope="module")
def service(store: Store) -> Iterator[Flask]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.routes._today", lambda: TODAY)
        yield create_app(Settings(workbench=True), store=store)


@pytest.fixture(scope="module")
def demo(service: Flask) -> tuple[FlaskClient, FlaskClient]:
    """Return clients of the service and of the FHIR server, both of the same day."""
    return service.test_client(), create_fhir_app(TODAY).test_client()


def opened(demo: tuple[FlaskClient, FlaskClient], patient: str) -> Sandbox:
    sandbox = Sandbox(*demo, patient)
    sandbox.open()
    return sandbox


@pytest.fixture
def sandbox(demo: tuple[FlaskClient, FlaskClient]) -> Sandbox:
    return opened(demo, "vignette-000")


def headlines(answer: Json) -> list[tuple[str, str]]:
    return [(card["indicator"], card["source"]["topic"]["code"]) for card in answer["cards"]]


def test_each_hook_has_a_service_of_its_own(sandbox: Sandbox) -> None:
    assert set(sandbox.services) == {"patient-view", "order-select", "order-sign"}
    assert len({each["id"] for each in sandbox.services.values()}) == 3


def test_conditions_of_the_patient_are_listed_by_their_text(sandbox: Sandbox) -> None:
    assert [each["text"] for each in sandbox.conditions] == [
        "Low back pain",
        "Opioid use disorder",
    ]


@pytest.mark.parametrize("patient", stories())
def test_every_patient_can_be_opened(
    demo: tuple[FlaskClient, FlaskClient], patient: str
) -> None:
    sandbox = opened(demo, patient)
    answer = sandbox.hook("patient-view")

    assert answer["extension"]["org.back-pain-cds.evaluation"]["unread"] == []


def test_opening_the_order_view_with_nothing_chosen_shows_no_card(sandbox: Sandbox) -> None:
    assert sandbox.select(nothing_chosen("vignette-000"))["cards"] == []


def test_opioid_beside_buprenorphine_is_critical_when_chosen(sandbox: Sandbox) -> None:
    answer = sandbox.select(chosen("vignette-000", *OXYCODONE, sandbox.conditions[0]))

    assert headlines(answer) == [("critical", "opioid-on-buprenorphine")]


@pytest.mark.parametrize(
    "start", ["Invalid date", "0002-11-21", "0020-11-21", "0202-11-21", "2026-11-21"]
)
def test_card_stays_while_a_date_is_typed(sandbox: Sandbox, start: str) -> None:
    draft = dated(chosen("vignette-000", *OXYCODONE, sandbox.conditions[0]), start)

    assert headlines(sandbox.select(draft)) == [("critical", "opioid-on-buprenorphine")]


def test_removing_the_drug_by_a_suggestion_ends_the_card(sandbox: Sandbox) -> None:
    (card,) = sandbox.select(chosen("vignette-000", *OXYCODONE))["cards"]
    remove = card["suggestions"][0]
    sandbox.feedback(
        "order-select",
        {
            "card": card["uuid"],
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": remove["uuid"]}],
        },
    )

    assert remove["actions"][0]["type"] == "delete"
    assert sandbox.select(nothing_chosen("vignette-000"))["cards"] == []


def test_order_is_signed_without_a_reason(sandbox: Sandbox) -> None:
    answer = sandbox.sign(chosen("vignette-000", *OXYCODONE, sandbox.conditions[0]))

    assert headlines(answer) == [("critical", "opioid-on-buprenorphine")]


def test_steroid_is_overridden_with_a_reason_and_the_report_tells_it(
    sandbox: Sandbox, service: Flask, store: Store
) -> None:
    draft = chosen("vignette-000", *PREDNISONE, sandbox.conditions[0])
    (card,) = sandbox.select(draft)["cards"]
    reason = {key: card["overrideReasons"][0][key] for key in ("code", "system")}
    item = {"card": card["uuid"], "outcome": "overridden"}
    sandbox.feedback("order-select", item)
    sandbox.feedback("order-select", {**item, "overrideReason": {"reason": reason}})
    service.extensions["back-pain-cds"].records.close()  # stores the cards that wait

    tally = build_report(store).rules["systemic-corticosteroid"]
    assert (tally.shown, tally.overridden) == (1, 1)
    assert tally.reasons == ((reason["code"], 1),)


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_open_tab_clicked_again_sends_no_drafts(sandbox: Sandbox, hook: str) -> None:
    assert sandbox.hook(hook)["cards"] == []


def test_imaging_tab_with_nothing_chosen_shows_no_card(sandbox: Sandbox) -> None:
    assert sandbox.select(study("vignette-000"))["cards"] == []


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ("vignette-003", [("warning", "imaging-without-red-flags")]),
        ("nothing-wrong", [("warning", "imaging-without-red-flags")]),
        ("cauda-equina", []),
    ],
)
def test_lumbar_mri_is_questioned_unless_a_red_flag_asks_for_it(
    demo: tuple[FlaskClient, FlaskClient], patient: str, expected: list[tuple[str, str]]
) -> None:
    sandbox = opened(demo, patient)

    assert headlines(sandbox.select(study(patient, "72148", "279039007"))) == expected


def test_good_order_stays_silent(demo: tuple[FlaskClient, FlaskClient]) -> None:
    sandbox = opened(demo, "acute-strain")
    draft = chosen("acute-strain", *NAPROXEN, sandbox.conditions[0])

    assert sandbox.select(draft)["cards"] == []
    assert sandbox.sign(draft)["cards"] == []


def test_hook_of_another_screen_is_answered(sandbox: Sandbox) -> None:
    services = sandbox.services
    sandbox.services = {**services, "order-select": services["patient-view"]}

    assert "cards" in sandbox.hook("order-select")
