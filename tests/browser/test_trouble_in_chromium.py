"""The workbench when the service fails, goes away, or is asked for what cannot be."""

from typing import Any

import pytest

from tests.browser.test_workbench_in_chromium import open_patient, order, wait_for

pytestmark = pytest.mark.browser

OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"details": {"text": "The call took too long."}, "diagnostics": "Send it again."}
    ],
}
GONE = "The service cannot be reached. Is it still running?"


def with_critical_card(page: Any) -> Any:
    open_patient(page, "vignette-000")
    page.get_by_role("button", name="Oxycodone 5 mg").click()
    wait_for(page, "order-select: 1 critical")
    return page.locator("article.card.critical")


def alert(page: Any) -> str:
    text: str = page.locator("#cards [role=alert] p").inner_text()
    return text


def test_failed_call_is_told_and_can_be_asked_again(troubled: Any) -> None:
    with_critical_card(troubled)
    troubled.route("**/cds-services/*", lambda route: route.fulfill(status=503, json=OUTCOME))
    troubled.get_by_role("button", name="Sign orders").click()
    wait_for(troubled, "order-sign: not checked (503)")
    said = troubled.locator("#cards article").inner_text()
    assert "The call took too long. Send it again." in said
    assert troubled.locator("article.card.critical").count() == 0

    troubled.unroute("**/cds-services/*")
    troubled.get_by_role("button", name="Ask again").click()
    wait_for(troubled, "order-sign: 1 critical")


def test_lost_service_takes_its_cards_along(troubled: Any) -> None:
    card = with_critical_card(troubled)
    troubled.context.set_offline(True)
    troubled.get_by_role("button", name="Prednisone 20 mg").click()
    wait_for(troubled, "Not checked")
    assert alert(troubled) == GONE
    assert card.count() == 0
    assert troubled.locator("#behind").is_hidden()
    assert troubled.get_by_role("button", name="Sign orders").is_disabled()

    troubled.context.set_offline(False)
    troubled.get_by_role("button", name="Ask again").click()
    wait_for(troubled, "order-select: 1 warning")
    assert troubled.get_by_role("button", name="Sign orders").is_enabled()


def test_what_is_accepted_or_overridden_while_the_service_is_gone_is_told(
    troubled: Any,
) -> None:
    card = with_critical_card(troubled)
    troubled.context.set_offline(True)
    card.get_by_text("Keep the order and say why").click()
    card.get_by_label("Reason").select_option(index=1)
    card.get_by_role("button", name="Override").click()
    troubled.locator("#told", has_text=f"The feedback could not be stored. {GONE}").wait_for()
    assert card.get_by_role("button", name="Override").is_visible()

    card.get_by_role("button", name="Remove oxycodone 5 mg").click()
    wait_for(troubled, "Not checked")
    said = troubled.locator("#told").inner_text()
    assert said == "Accepted: Remove oxycodone 5 mg. The feedback could not be stored."
    assert alert(troubled) == GONE


@pytest.mark.parametrize(
    ("field", "entered", "told"),
    [
        ("days", "99999999999", "Days of supply: a number from 1 to 365."),
        ("days", "-3", "Days of supply: a number from 1 to 365."),
        ("dose", "--5", "Dose: a number from 0.001 to 10000."),
    ],
)
def test_number_that_no_order_has_is_told_at_its_field(
    page: Any, field: str, entered: str, told: str
) -> None:
    with_critical_card(page)
    number = page.locator(f"#{field}")
    number.press("Control+a")
    number.press_sequentially(entered)
    page.keyboard.press("Tab")
    wait_for(page, "Not checked")
    assert alert(page) == told
    assert page.get_by_role("button", name="Ask again").count() == 0
    assert number.get_attribute("aria-invalid") == "true"
    assert page.locator(f"#{field}-mistake").inner_text() == told
    assert "undefined" not in page.locator("body").inner_text()

    number.fill("2")
    page.keyboard.press("Tab")
    wait_for(page, "order-select: 1 critical")
    assert page.locator(f"#{field}-mistake").is_hidden()


def test_card_on_the_chart_is_dismissed(page: Any) -> None:
    open_patient(page, "cauda-equina")
    card = page.locator("article.card.critical")
    card.get_by_text("Dismiss and say why").click()
    card.get_by_label("Reason").select_option(index=1)
    card.get_by_role("button", name="Dismiss").click()
    page.locator("#told", has_text="Dismissed: ").wait_for()


def test_suggestion_pressed_twice_is_ordered_once(page: Any) -> None:
    open_patient(page, "vignette-000")
    page.get_by_role("button", name="Prednisone 20 mg").click()
    wait_for(page, "order-select: 1 warning")
    page.get_by_role("button", name="Refer to supervised exercise").dblclick()
    page.locator(".drafts li").nth(1).wait_for()
    wait_for(page, "order-select")

    assert page.locator(".drafts li").count() == 2


def test_keyboard_keeps_its_place_when_a_draft_is_changed_or_removed(page: Any) -> None:
    open_patient(page, "vignette-003")
    page.get_by_role("button", name="Lumbar MRI").click()
    wait_for(page, "order-select: 1 warning")
    page.get_by_role("button", name="Change Lumbar spine MRI").press("Enter")
    assert page.evaluate("document.activeElement.id") == "service-imaging"
    wait_for(page, "order-select")

    page.get_by_role("button", name="Remove Lumbar spine MRI from the drafts").press("Enter")
    assert page.evaluate("document.activeElement.id") == "orders-title"


def test_way_to_the_cards_hides_no_button_that_has_the_focus(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    open_patient(page, "vignette-000")
    order(page, "oxycodone hydrochloride 5 MG Oral Tablet")
    wait_for(page, "order-select: 1 critical")
    page.evaluate("scrollTo(0, 0)")
    way = page.locator("main #jump.urgent").bounding_box()
    assert 0 < way["y"] + way["height"] < 740
    for button in page.locator("#drafts button, .actions button").all():
        button.focus()
        box = button.bounding_box()
        middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
        top = page.evaluate("([x, y]) => document.elementFromPoint(x, y).textContent", middle)
        assert top == button.inner_text()


@pytest.mark.parametrize("path", ["/?patient=nobody", "/rules/nosuch"])
def test_what_is_not_there_has_a_page_that_leads_on(troubled: Any, path: str) -> None:
    troubled.goto(path)
    assert troubled.title() == "Not found · Back pain CDS"

    troubled.get_by_role("link", name="The patients of the workbench").click()
    wait_for(troubled, "patient-view")
