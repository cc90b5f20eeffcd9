"""The workbench when something is wrong: refusals, numbers that no order has, no such page."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from service.workbench.orders import Form, mistakes
from tests.test_workbench import OXYCODONE, asked, drawn

OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": "error",
            "code": "timeout",
            "details": {"text": "The call took too long."},
            "diagnostics": "Send it again.",
        }
    ],
}
OF_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def browser() -> FlaskClient:
    """Return a browser on a service with a workbench that stores nothing."""
    return create_app(Settings(workbench=True)).test_client()


def answer(browser: FlaskClient, status: object, body: object) -> dict[str, Any]:
    made = asked(browser)
    told = {"scene": "patient/vignette-000", "request": made["request"], "status": status}
    parts: dict[str, Any] = browser.post(
        "/workbench/answer", json={**told, "response": body, "current": "draft-1"}
    ).get_json()
    return parts


def test_failed_call_is_not_told_as_no_card(browser: FlaskClient) -> None:
    shown = answer(browser, 503, OUTCOME)

    assert shown["status"] == "order-select: not checked (503)"
    assert "Not checked: the service answered with status 503" in shown["cards"]
    assert "The call took too long. Send it again." in shown["cards"]


@pytest.mark.parametrize(
    "body", [{}, {"issue": "x"}, {"issue": [{"details": 3}]}, {"issue": []}]
)
def test_failure_without_a_reason_says_so(browser: FlaskClient, body: object) -> None:
    assert "It gave no reason." in answer(browser, 502, body)["cards"]


def test_refusal_of_the_service_is_told_with_what_to_do(browser: FlaskClient) -> None:
    made = asked(browser)
    made["request"]["context"]["patientId"] = 3
    shown = drawn(browser, made)

    assert shown["status"] == "order-select: not checked (400)"
    assert "Send the id of the patient as a string." in shown["cards"]


def test_card_on_the_chart_is_dismissed_for_there_is_no_order_to_keep(
    browser: FlaskClient,
) -> None:
    scene = "patient/cauda-equina"
    made = asked(browser, scene=scene, hook="patient-view", fields=None)
    shown = drawn(browser, made)

    assert shown["status"] == "patient-view: 1 critical"
    assert "Dismiss and say why" in shown["cards"]
    assert "Keep the order" not in shown["cards"]


# --- numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"days": "99999999999"}, "Days of supply: a number from 1 to 365."),
        ({"days": "9000000"}, "Days of supply: a number from 1 to 365."),
        ({"days": "-3"}, "Days of supply: a number from 1 to 365."),
        ({"days": "nan"}, "Days of supply: a number from 1 to 365."),
        ({"dose": "-5"}, "Dose: a number from 0.001 to 10000."),
        ({"dose": "abc"}, "Dose: a number from 0.001 to 10000."),
        ({"dose": "1,5"}, "Dose: a number from 0.001 to 10000."),
    ],
    ids=str,
)
def test_number_that_no_order_has_is_told(
    browser: FlaskClient, changes: dict[str, str], told: str
) -> None:
    body = {
        "scene": "patient/vignette-000",
        "hook": "order-select",
        "drafts": [],
        "current": "draft-1",
        "fields": {**OXYCODONE, **changes},
    }
    refused = browser.post("/workbench/request", json=body)

    assert refused.status_code == 400
    assert [issue["details"]["text"] for issue in refused.get_json()["issue"]] == [told]


@pytest.mark.parametrize(
    "changes",
    [
        {"dose": "0.5"},
        {"dose": "1000"},
        {"dose": ""},
        {"days": "365"},
        {"days": ""},
        {"kind": "imaging", "service": "mri-lumbar", "days": "-3"},
    ],
    ids=str,
)
def test_numbers_of_real_orders_are_taken(changes: dict[str, str]) -> None:
    assert mistakes(Form.of({**OXYCODONE, **changes})) == []


def test_answer_about_a_draft_of_any_length_is_drawn(browser: FlaskClient) -> None:
    made = asked(browser)
    (entry,) = made["request"]["context"]["draftOrders"]["entry"]
    entry["resource"]["dispenseRequest"]["expectedSupplyDuration"]["value"] = 99_999_999_999
    shown = drawn(browser, made)

    assert "99999999999 days" in shown["drafts"]


# --- pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/?patient=nobody", "/?fixture=none/such", "/rules/nosuch"])
def test_person_who_asks_for_what_is_not_there_gets_a_page(
    browser: FlaskClient, path: str
) -> None:
    page = browser.get(path, headers=OF_A_BROWSER)

    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "<title>Not found" in page.text
    assert 'href="/rules"' in page.text
    assert "aria-current" not in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_program_that_asks_for_what_is_not_there_gets_an_outcome(
    browser: FlaskClient, accept: str
) -> None:
    answer = browser.get("/rules/nosuch", headers={"Accept": accept})

    assert (answer.status_code, answer.get_json()["resourceType"]) == (404, "OperationOutcome")


def test_private_network_is_allowed_to_the_pages_of_the_web_in_the_demo_only(
    browser: FlaskClient, client: FlaskClient
) -> None:
    preflight = {
        "Origin": "https://sandbox.cds-hooks.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Private-Network": "true",
    }
    allowed = [
        one.options("/cds-services", headers=preflight).headers[
            "Access-Control-Allow-Private-Network"
        ]
        for one in (browser, client)
    ]

    assert allowed == ["true", "false"]
