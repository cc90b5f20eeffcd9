"""A person at the workbench: orders, reads, accepts, overrides, with mouse and keyboard."""

import json
import re
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Demo, status_of

pytestmark = pytest.mark.browser
axe = pytest.importorskip("axe_playwright_python.sync_playwright")


def open_patient(page: Any, patient: str, hook: str = "patient-view") -> None:
    page.goto(f"/?patient={patient}")
    wait_for(page, hook)


def wait_for(page: Any, status: str) -> None:
    page.locator("#status", has_text=status).wait_for()
    page.locator("#cards:not([aria-busy])").wait_for()


def order(page: Any, drug: str) -> None:
    page.get_by_label("Drug", exact=True).nth(-1).fill(drug)
    page.keyboard.press("Tab")


def test_what_the_demo_prints_leads_somewhere(demo: Demo) -> None:
    links = re.findall(r"https?://\S+", demo.printed)
    local = [link for link in links if "localhost" in link.partition("?")[0]]
    (sandbox,) = (link for link in links if "sandbox" in link)
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(sandbox).query)

    assert [status_of(link) for link in local] == [200, 200, 200, 404]  # the last: FHIR base
    assert status_of(f"{demo.fhir}/metadata") == 200
    assert asked == {
        "fhirServiceUrl": [demo.fhir],
        "serviceDiscoveryURL": [f"{demo.service}/cds-services"],
        "patientId": ["vignette-000"],
        "hook": ["order-select"],
        "screen": ["rx-view"],
    }


def test_a_person_orders_accepts_and_overrides(page: Any) -> None:
    open_patient(page, "vignette-000")
    order(page, "oxycodone hydrochloride 5 MG Oral Tablet")
    wait_for(page, "order-select: 1 critical")
    card = page.locator("article.card.critical")
    assert "buprenorphine" in card.locator("h3").inner_text()
    assert page.locator("svg.timeline.wide .draft").count() == 1

    card.get_by_role("button", name="Remove oxycodone 5 mg").click()
    wait_for(page, "patient-view")
    assert page.locator(".drafts li").count() == 0
    assert "Accepted: Remove oxycodone 5 mg" in page.locator("#told").inner_text()

    order(page, "prednisone 20 MG Oral Tablet")
    wait_for(page, "order-select: 1 warning")
    card = page.locator("article.card.warning")
    card.get_by_text("Keep the order and say why").click()
    reasons = card.get_by_label("Reason")
    display = reasons.locator("option").nth(1).inner_text()
    reasons.select_option(label=display)
    card.get_by_label("Comment, if any").fill("Only for this week")
    card.get_by_role("button", name="Override").click()
    page.locator("#told", has_text=f"Overridden: {display}").wait_for()

    row = wait_for_row(page, "Systemic corticosteroid for back pain", "1")
    assert f"{display} (1)" in row
    assert wait_for_row(page, "Opioid added to buprenorphine", "1")


def wait_for_row(page: Any, rule: str, count: str) -> str:
    """Open the report until the cards, which are stored in the background, are in it."""
    for _ in range(20):
        page.goto("/report")
        row = page.locator("tbody tr", has=page.get_by_role("link", name=rule))
        if row.count() and count in row.locator("td").all_inner_texts()[1:3]:
            text: str = row.inner_text()
            return text
        page.wait_for_timeout(200)
    raise AssertionError(f"the report does not tell of {rule}")


def test_signing_asks_again_with_every_draft(page: Any) -> None:
    open_patient(page, "long-term-opioid")
    page.get_by_role("button", name="Lorazepam").click()
    wait_for(page, "order-select: 1 critical")
    page.get_by_role("button", name="Add another order").click()
    order(page, "naproxen 500 MG Oral Tablet")
    page.locator(".drafts li").nth(1).wait_for()
    page.get_by_role("button", name="Sign orders").click()
    wait_for(page, "order-sign: 1 critical")

    request = json.loads(page.locator("#request").text_content())
    assert request["hook"] == "order-sign"
    assert len(request["context"]["draftOrders"]["entry"]) == 2


def test_fact_lights_up_its_resource(page: Any) -> None:
    open_patient(page, "vignette-000")
    page.get_by_role("button", name="Oxycodone 5 mg").click()
    wait_for(page, "order-select: 1 critical")
    fact = page.locator(".fact").first
    resource = fact.get_attribute("data-show")
    fact.click()

    lit = page.locator("svg.timeline.wide .lit")
    assert lit.get_attribute("data-resource") == resource
    assert page.locator("#told").inner_text() == f"Shown in the chart: {fact.inner_text()}"


def test_timeline_is_drawn_with_how_each_treatment_ended(page: Any) -> None:
    open_patient(page, "vignette-000")
    drawn = page.locator("svg.timeline.wide")

    assert drawn.locator(".treatments .mark").count() == 13
    assert drawn.locator(".treatments.ineffective .cross").count() == 9
    assert drawn.bounding_box()["height"] > 200


def test_suggested_order_joins_the_drafts(page: Any) -> None:
    open_patient(page, "vignette-000")
    page.get_by_role("button", name="Prednisone 20 mg").click()
    wait_for(page, "order-select: 1 warning")
    page.get_by_role("button", name=re.compile("Refer to supervised exercise")).click()
    page.locator(".drafts li").nth(1).wait_for()

    names = page.locator(".drafts strong").all_inner_texts()
    assert names[1].startswith("Supervised exercise")


def test_draft_is_changed_and_removed(page: Any) -> None:
    open_patient(page, "vignette-003")
    page.get_by_role("button", name="Lumbar MRI").click()
    wait_for(page, "order-select: 1 warning")
    page.get_by_role("button", name="Change Lumbar spine MRI").click()
    page.locator("#service-imaging").select_option(label="Lumbar spine X-ray")
    page.locator(".drafts strong", has_text="X-ray").wait_for()
    page.get_by_role("button", name=re.compile("from the drafts")).click()
    wait_for(page, "patient-view")

    assert page.locator(".drafts li").count() == 0


def test_request_can_be_copied_and_kept_as_a_fixture(page: Any, tmp_path: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_patient(page, "sciatica")
    page.get_by_text("Exact request").click()
    page.get_by_role("button", name="Copy").first.click()
    page.locator("#told", has_text="copied").wait_for()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as fixture").click()
    waiting.value.save_as(tmp_path / "saved.json")

    assert waiting.value.suggested_filename == "sciatica.request.json"
    assert json.loads((tmp_path / "saved.json").read_text()) == copied


def test_typing_offers_products(page: Any) -> None:
    open_patient(page, "sciatica")
    page.locator("#drug").press_sequentially("gabap 300")
    page.locator("#drugs option").first.wait_for(state="attached")
    offered = page.locator("#drugs option").evaluate_all("all => all.map(one => one.value)")

    assert "gabapentin 300 MG Oral Capsule" in offered


def test_keyboard_alone_orders_and_overrides(page: Any) -> None:
    open_patient(page, "vignette-000")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(page, "Prednisone 20 mg")
    page.keyboard.press("Enter")
    wait_for(page, "order-select: 1 warning")
    tab_to(page, "Keep the order and say why")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Override")
    page.keyboard.press("Enter")
    page.locator("#told", has_text="Overridden").wait_for()

    assert focused(page) == "Cards"


def focused(page: Any) -> str:
    text: str = page.evaluate("document.activeElement.textContent.trim()")
    return text


def tab_to(page: Any, name: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if focused(page) == name:
            return
    raise AssertionError(f"the keyboard does not reach {name!r}")


def test_rules_are_found_and_tried(page: Any) -> None:
    page.goto("/rules")
    page.get_by_label("Search").fill("buprenorphine")
    page.get_by_label("Looks at").select_option("opioid-full-agonist")
    page.get_by_label("Indicator").select_option("critical")
    shown = page.locator(".rules > li:visible strong").all_inner_texts()
    assert "Opioid added to buprenorphine" in shown
    assert 0 < len(shown) < 10
    assert page.locator("#found").inner_text().startswith(f"{len(shown)} of ")

    page.get_by_role("link", name=re.compile("Opioid added to buprenorphine")).click()
    page.get_by_role("link", name="Oxycodone prescribed to a patient on buprenorphine").click()
    wait_for(page, "critical")
    assert page.locator(".drafts li").count() == 1


def test_statement_leads_to_the_rules_that_carry_it(page: Any) -> None:
    page.goto("/rules/opioid-on-buprenorphine")
    page.get_by_role("link", name="S0-26").click()
    page.locator("#found", has_text=" of ").wait_for()

    shown = page.locator(".rules > li:visible strong").all_inner_texts()
    assert "Opioid added to buprenorphine" in shown
    assert len(shown) < 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1500, 390])
@pytest.mark.parametrize(
    "path", ["/?patient=vignette-000", "/rules", "/rules/bed-rest", "/report"]
)
def test_axe_finds_nothing(page: Any, path: str, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(path)
    if path.startswith("/?"):
        wait_for(page, "patient-view")
        page.get_by_role("button", name="Oxycodone 5 mg").click()
        wait_for(page, "order-select: 1 critical")
        for details in page.locator("details").all():
            details.evaluate("one => one.open = true")
    found = axe.Axe().run(page).response["violations"]

    assert [
        (fault["id"], fault["nodes"][0]["html"], fault["nodes"][0]["failureSummary"])
        for fault in found
    ] == []


def test_names_of_numbers_are_not_broken(page: Any) -> None:
    page.goto("/rules/buprenorphine-reduced")
    lines = page.locator("td:first-child code").evaluate_all(
        "all => all.map(one => one.getClientRects().length)"
    )

    assert set(lines) == {1}


@pytest.mark.parametrize("width", [599, 390, 360])
def test_tables_are_stacked_on_a_phone(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.goto("/rules/mme-threshold")
    when = page.locator("td[data-label=when] div").first

    assert when.bounding_box()["width"] > width / 2.5
    assert page.get_by_role("region", name="When it fires").get_by_role("row").count() == 3


@pytest.mark.parametrize(
    "path", ["/?patient=vignette-000", "/rules", "/rules/bed-rest", "/report"]
)
def test_phone_needs_no_sideways_scrolling(page: Any, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path)
    wide: int = page.evaluate("document.documentElement.scrollWidth")

    assert wide <= 360


def test_phone_shows_the_way_to_the_cards_until_they_are_reached(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    open_patient(page, "vignette-000")
    way = page.locator("#jump")
    way.wait_for()

    way.click()
    way.wait_for(state="hidden")
    page.evaluate("scrollTo(0, 0)")
    way.wait_for()
