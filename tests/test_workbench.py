"""The workbench: its pages, the requests it makes, the cards it draws, the rules it shows."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from cards.rulebook import load_rulebook
from service.app import create_app
from service.conformance import faults
from service.demo.stories import STORY_DAY, stories
from service.settings import Settings
from service.workbench import orders
from service.workbench.markup import as_html
from service.workbench.orders import FREQUENCIES, ROUTES, SERVICES, Form, draft_of, form_of
from service.workbench.scenes import (
    UnknownScene,
    fixture_names,
    fixtures_of,
    scene,
    words,
)

OXYCODONE = {
    "id": "draft-1",
    "kind": "drug",
    "drug": "oxycodone hydrochloride 5 MG Oral Tablet",
    "dose": "1",
    "unit": "tablet",
    "frequency": "q6h",
    "days": "5",
    "route": "oral",
    "reason": "Condition/v000-back",
}
RULES = load_rulebook().rules

Json = dict[str, Any]


@pytest.fixture(scope="module")
def browser() -> FlaskClient:
    """Return a browser on a service with a workbench that stores nothing."""
    return create_app(Settings(workbench=True)).test_client()


def page(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return answer.get_data(as_text=True)


def asked(browser: FlaskClient, **changes: Any) -> Json:
    body = {
        "scene": "patient/vignette-000",
        "hook": "order-select",
        "drafts": [],
        "current": "draft-1",
        "fields": OXYCODONE,
    }
    answer = browser.post("/workbench/request", json={**body, **changes})
    assert answer.status_code == 200
    made: Json = answer.get_json()
    return made


def drawn(browser: FlaskClient, made: Json, response: Json | None = None) -> Json:
    """Ask the service, and have its answer drawn."""
    answer = browser.post(made["url"], json=made["request"])
    body = {
        "scene": "patient/vignette-000",
        "request": made["request"],
        "status": answer.status_code if response is None else 200,
        "response": answer.get_json() if response is None else response,
        "current": "draft-1",
    }
    parts = browser.post("/workbench/answer", json=body)
    assert parts.status_code == 200
    shown: Json = parts.get_json()
    return shown


# --- where it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/rules", "/report", "/workbench/static/workbench.js"])
def test_workbench_is_off_unless_set(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/rules", "/report", "/rules/bed-rest"])
def test_pages_load_nothing_from_elsewhere(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path)
    policy = answer.headers["Content-Security-Policy"]
    loaded = re.findall(r'<(?:script|link|img|iframe)[^>]* (?:src|href)="([^"]+)"', answer.text)

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert all(url.startswith("/workbench/static/") for url in loaded)
    assert not re.search(r'(?:\sstyle=|\son\w+=)"', answer.text)


def test_other_answers_keep_the_stricter_policy(browser: FlaskClient) -> None:
    answer = browser.get("/cds-services")

    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; frame")


@pytest.mark.parametrize("name", ["workbench.js", "workbench.css", "mark.svg"])
def test_parts_of_a_page_are_served(browser: FlaskClient, name: str) -> None:
    with browser.get(f"/workbench/static/{name}") as answer:
        assert answer.status_code == 200


# --- patients ------------------------------------------------------------------------------


@pytest.mark.parametrize("patient", stories())
def test_page_of_a_patient_draws_the_chart(browser: FlaskClient, patient: str) -> None:
    text = page(browser, f"/?patient={patient}")
    story = stories()[patient]

    assert f"<h1>{story.name}</h1>" in text
    assert text.count('<svg class="timeline') == 2
    assert text.count('aria-current="page"') == 2  # the page, and the patient
    start = json.loads(re.findall(r'id="scene">(.*?)</script>', text, re.S)[0])
    assert (start["key"], start["hook"], start["drafts"]) == (
        f"patient/{patient}",
        "patient-view",
        [],
    )


def test_first_patient_is_shown_when_none_is_named(browser: FlaskClient) -> None:
    assert "<h1>Ethan Caldwell</h1>" in page(browser, "/")


@pytest.mark.parametrize(
    "query", ["patient=nobody", "fixture=none/such", "fixture=../patients/vignette-000"]
)
def test_unknown_patient_is_not_found(browser: FlaskClient, query: str) -> None:
    assert browser.get(f"/?{query}").status_code == 404


@pytest.mark.parametrize("name", sorted(fixture_names()))
def test_every_fixture_opens_with_its_draft(browser: FlaskClient, name: str) -> None:
    text = page(browser, f"/?fixture={name}")
    start = json.loads(re.findall(r'id="scene">(.*?)</script>', text, re.S)[0])
    shown = scene(f"fixture/{name}")

    assert start["drafts"] == list(shown.drafts)
    assert start["hook"] == shown.hook


# --- the request ---------------------------------------------------------------------------


def test_request_is_what_an_ehr_would_send(browser: FlaskClient) -> None:
    made = asked(browser)
    request = made["request"]

    assert made["url"] == "/cds-services/back-pain-order-select"
    assert request["context"]["selections"] == ["MedicationRequest/draft-1"]
    assert request["context"]["draftOrders"]["entry"] == [{"resource": made["drafts"][0]}]
    assert request["context"]["encounterId"] == "v000-visit"
    assert request["extension"] == {
        "org.back-pain-cds.as-of": STORY_DAY.isoformat(),
        "org.back-pain-cds.trace": True,
    }
    assert request["prefetch"]["patient"]["id"] == "vignette-000"
    assert request["prefetch"]["allergies"] == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
    }


def test_each_request_has_an_instance_of_its_own(browser: FlaskClient) -> None:
    first, second = asked(browser)["request"], asked(browser)["request"]

    assert first["hookInstance"] != second["hookInstance"]


def test_form_changes_its_own_draft_and_no_other(browser: FlaskClient) -> None:
    other = {"resourceType": "ServiceRequest", "id": "draft-2", "code": {"text": "x"}}
    made = asked(
        browser, drafts=[{"id": "draft-1", "resourceType": "MedicationRequest"}, other]
    )

    assert [draft["id"] for draft in made["drafts"]] == ["draft-1", "draft-2"]
    assert made["drafts"][0]["medicationCodeableConcept"]["coding"][0]["code"] == "1049621"
    assert made["drafts"][1] == other


def test_emptied_form_takes_the_draft_away(browser: FlaskClient) -> None:
    drafts = asked(browser)["drafts"]
    made = asked(browser, drafts=drafts, fields={**OXYCODONE, "drug": ""})

    assert (made["drafts"], made["request"]["hook"]) == ([], "patient-view")


@pytest.mark.parametrize("hook", ["order-sign", "order-select", "appointment-book", "", 3])
def test_without_drafts_the_chart_itself_is_asked_about(
    browser: FlaskClient, hook: object
) -> None:
    made = asked(browser, hook=hook, fields=None)

    assert made["url"] == "/cds-services/back-pain-patient-view"
    assert "draftOrders" not in made["request"]["context"]


@pytest.mark.parametrize("path", ["/workbench/request", "/workbench/answer"])
@pytest.mark.parametrize("body", ["[]", '"x"', "nonsense", "{}", '{"scene": 3}'])
def test_what_the_script_does_not_send_is_refused(
    browser: FlaskClient, path: str, body: str
) -> None:
    answer = browser.post(path, data=body, content_type="application/json")

    assert answer.status_code in {400, 404}
    assert answer.get_json()["resourceType"] == "OperationOutcome"


# --- the order form ------------------------------------------------------------------------


@pytest.mark.parametrize("key", FREQUENCIES)
def test_drug_order_is_valid_and_returns_to_its_fields(key: str) -> None:
    fields = {**OXYCODONE, "frequency": key, "dose": "0.5"}
    draft = draft_of(Form.of(fields), "vignette-000", "2026-03-02")

    assert draft
    assert faults(draft) == ()
    assert form_of(draft) == fields


@pytest.mark.parametrize("key", SERVICES)
def test_service_order_is_valid_and_returns_to_its_fields(key: str) -> None:
    fields = {"id": "draft-3", "kind": SERVICES[key].kind, "service": key, "reason": ""}
    draft = draft_of(Form.of(fields), "vignette-000", "2026-03-02")

    assert draft
    assert faults(draft) == ()
    assert form_of(draft) == fields


@pytest.mark.parametrize("route", ROUTES)
def test_route_is_coded(route: str) -> None:
    draft = draft_of(Form.of({**OXYCODONE, "route": route}), "p", "2026-03-02")

    assert draft
    assert form_of(draft)["route"] == route


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"dose": "many"}, "doseAndRate"),
        ({"dose": ""}, "doseAndRate"),
        ({"frequency": "hourly"}, "timing"),
        ({"route": "by ear trumpet"}, "route"),
    ],
    ids=str,
)
def test_what_the_form_cannot_mean_is_left_out(fields: dict[str, str], missing: str) -> None:
    draft = draft_of(Form.of({**OXYCODONE, **fields}), "p", "2026-03-02")

    assert draft
    assert missing not in draft["dosageInstruction"][0]


def test_drug_that_is_not_in_the_table_is_ordered_by_its_text() -> None:
    draft = draft_of(Form.of({"drug": "Grandmother's drops"}), "p", "2026-03-02")

    assert draft
    assert draft["medicationCodeableConcept"] == {"text": "Grandmother's drops"}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("oxycodone 5", "Oxycodone 5 MG Oral Tablet"),
        ("PREDNISONE 20", "prednisone 20 MG Oral Tablet"),
        ("percocet", "acetaminophen 325 MG / oxycodone 5 MG Oral Tablet [Percocet]"),
    ],
)
def test_typing_finds_products(browser: FlaskClient, query: str, first: str) -> None:
    names = browser.get("/workbench/drugs", query_string={"q": query}).get_json()

    assert names[0].lower() == first.lower()
    assert len(names) <= orders.MOST_NAMES


@pytest.mark.parametrize("query", ["", "o", "  ", "no such drug"])
def test_typing_too_little_or_nonsense_finds_nothing(browser: FlaskClient, query: str) -> None:
    assert browser.get("/workbench/drugs", query_string={"q": query}).get_json() == []


@pytest.mark.parametrize("story", stories().values(), ids=lambda story: story.id)
def test_orders_worth_trying_fill_the_form(story: Any) -> None:
    conditions = {
        f"Condition/{r['id']}"
        for r in scene(f"patient/{story.id}").resources
        if r["resourceType"] == "Condition"
    }
    for trial in story.trials:
        assert trial.order["reason"] in conditions
        assert trial.order.get("frequency", "") in {"", *FREQUENCIES}
        assert trial.order.get("service", "") in {"", *SERVICES}


# --- the answer ----------------------------------------------------------------------------


def test_card_is_drawn_as_an_ehr_would(browser: FlaskClient) -> None:
    shown = drawn(browser, asked(browser))

    assert shown["status"] == "order-select: 1 critical"
    assert '<article class="card critical"' in shown["cards"]
    assert ">Remove oxycodone 5 mg</button>" in shown["cards"]
    assert 'href="/rules/opioid-on-buprenorphine"' in shown["cards"]
    assert "Keep the order and say why" in shown["cards"]


def test_facts_lead_to_what_the_chart_draws(browser: FlaskClient) -> None:
    shown = drawn(browser, asked(browser))
    facts = set(re.findall(r'data-show="([^"]+)"', shown["cards"]))

    assert {"MedicationRequest/v000-buprenorphine", "Condition/v000-oud"} <= facts
    assert all(f'data-resource="{fact}"' in shown["timeline"] for fact in facts)


def test_draft_is_listed_and_drawn(browser: FlaskClient) -> None:
    shown = drawn(browser, asked(browser))

    assert "1 tablet, every 6 hours as needed, oral, 5 days" in shown["drafts"]
    assert 'data-resource="MedicationRequest/draft-1"' in shown["timeline"]
    assert shown["forms"] == {"draft-1": OXYCODONE}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dose": "2", "days": "1"}, "2 tablets, every 6 hours as needed, oral, 1 day"),
        ({"dose": "0.5"}, "0.5 tablet, every 6 hours as needed, oral, 5 days"),
        ({"dose": "1234.5", "unit": "mg"}, "1234.5 mg, every 6 hours as needed, oral, 5 days"),
    ],
    ids=str,
)
def test_order_is_told_in_proper_numbers(changes: dict[str, str], said: str) -> None:
    draft = draft_of(Form.of({**OXYCODONE, **changes}), "p", "2026-03-02")

    assert draft
    assert orders.sentence(draft) == said


def test_date_in_a_fact_is_kept_on_one_line(browser: FlaskClient) -> None:
    shown = drawn(browser, asked(browser))

    assert 'since <span class="day">2022-02-10</span>' in shown["cards"]


def test_several_warnings_are_told_as_several(browser: FlaskClient) -> None:
    cards = [{"indicator": name} for name in ("warning", "warning", "info", "info")]
    shown = drawn(browser, asked(browser), {"cards": cards})

    assert shown["status"] == "order-select: 2 warnings, 2 info"


def test_silent_rules_say_why(browser: FlaskClient) -> None:
    shown = drawn(browser, asked(browser))

    assert shown["silences"] == shown["silent"].count("<dt>") > 5
    assert "/rules/opioid-benzodiazepine" in shown["silent"]
    assert not re.search(r"<dd>[a-z]+(-[a-z]+)*</dd>", shown["silent"])  # words, not names


def test_no_card_is_said_in_words(browser: FlaskClient) -> None:
    made = asked(browser, fields={"id": "draft-1", "kind": "referral", "service": "cbt"})
    shown = drawn(browser, made)

    assert shown["status"] == "order-select: no card"
    assert "nothing speaks against" in shown["cards"]


HOSTILE: Json = {
    "cards": [
        {
            "uuid": '"><script>alert(1)</script>',
            "summary": "<img src=x onerror=alert(1)>",
            "detail": "<script>alert(1)</script>\n\n[a](javascript:x) <b onclick=x>b</b>",
            "indicator": "loud",
            "source": {"label": "<style>*{}</style>", "topic": {"code": "x", "display": "y"}},
            "suggestions": [{"uuid": "1", "label": "<iframe>"}],
            "extension": {
                "org.back-pain-cds.findings": [
                    {"facts": [{"resource": '" onclick="x', "text": "<script>"}]}
                ]
            },
        }
    ]
}


def test_nothing_in_an_answer_becomes_markup(browser: FlaskClient) -> None:
    seen = Seen()
    seen.feed(drawn(browser, asked(browser), HOSTILE)["cards"])

    assert seen.tags.isdisjoint({"script", "img", "iframe", "style", "b"})
    assert not any(name.startswith("on") or name == "style" for name in seen.attributes)
    assert seen.links == ["/rules/x"]


class Seen(HTMLParser):
    """What a browser makes of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name == "href" and tag == "a"]


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**a** and *b*", "<p><strong>a</strong> and <em>b</em></p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("<b>a</b>", "<p>&lt;b&gt;a&lt;/b&gt;</p>\n"),
        (
            "[a](https://example.org)",
            '<p><a href="https://example.org" rel="noopener noreferrer">a</a></p>\n',
        ),
        ("[a](javascript:x)", "<p>[a](javascript:x)</p>\n"),
        ("![a](https://example.org/x.png)", "<p></p>\n"),
    ],
    ids=["emphasis", "list", "raw html", "link", "script link", "image"],
)
def test_markdown_becomes_safe_html(markdown: str, html: str) -> None:
    assert as_html(markdown) == html


# --- the rulebook --------------------------------------------------------------------------


def test_every_rule_is_listed_and_can_be_filtered(browser: FlaskClient) -> None:
    text = page(browser, "/rules")

    for rule in RULES:
        assert f'href="/rules/{rule.id}"' in text
    assert text.count("data-indicators=") == len(RULES)
    assert 'data-classes="opioid-full-agonist opioid-mixed"' in text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_page_of_a_rule_has_its_statements_and_fixtures(
    browser: FlaskClient, rule: Any
) -> None:
    text = page(browser, f"/rules/{rule.id}")

    assert f"<h1>{escape(rule.title)}</h1>" in text
    assert "When it stays silent" in text
    for statement in rule.statements:
        assert f'href="/rules?q={statement}"' in text
    for name in fixtures_of(rule.id):
        assert f"/?fixture={name.replace('/', '%2F')}" in text or f"/?fixture={name}" in text


def test_no_page_claims_a_review_that_has_not_been(browser: FlaskClient) -> None:
    for path in ("/", "/rules", "/report"):
        assert "No rule has been reviewed by a clinician." in page(browser, path)


def test_pages_say_what_a_site_has_reviewed_and_what_is_off_until_then(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    review = 'reviewer = "Dr. Example, Example Clinic"\non = 2026-11-30'
    site.write_text(f"reviewed_only = true\n[rules.bed-rest.review]\n{review}", "utf-8")
    browser = create_app(Settings(workbench=True, site_file=site)).test_client()
    listed, signed = page(browser, "/rules"), page(browser, "/rules/bed-rest")

    assert f"1 of {len(RULES)} rules reviewed by a clinician." in listed
    assert "reviewed by Dr. Example, Example Clinic, 2026-11-30" in listed
    assert "reviewed by Dr. Example, Example Clinic, 2026-11-30" in signed
    assert listed.count("off at this site") == len(RULES) - 2  # one is about missing data
    assert "Off at this site" not in signed
    assert "Off at this site" in page(browser, "/rules/serotonergic")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_headings_and_tables_of_a_rule_have_names_in_order(
    browser: FlaskClient, rule: Any
) -> None:
    text = page(browser, f"/rules/{rule.id}")
    names = re.findall(r'role="region" aria-label="([^"]+)"', text)
    (first_row,) = re.findall(r"<tr.*?</tr>", text.partition("<tbody")[2], re.S)[:1]

    assert "<h4>" not in text
    assert {"When it fires", "Examples"} <= set(names)
    assert len(names) == len(set(names)) == text.count("<table")
    assert re.findall(r'<td [^>]*data-label="([^"]+)"', first_row) == [
        "outcome", "when", "patient-view", "order-select", "order-sign",
    ]  # fmt: skip


def test_unknown_rule_is_not_found(browser: FlaskClient) -> None:
    assert browser.get("/rules/no-such-rule").status_code == 404


def test_report_says_that_nothing_is_kept(browser: FlaskClient) -> None:
    assert "keeps no feedback" in page(browser, "/report")


@pytest.mark.parametrize("key", ["", "patient/", "fixture/", "vignette-000", "patient/x"])
def test_unknown_scene_is_an_error(key: str) -> None:
    with pytest.raises(UnknownScene):
        scene(key)


def test_fixture_is_named_in_words() -> None:
    assert words("bed-rest/work-note-for-two-days") == "Work note for two days"


def test_styles_and_script_name_no_other_host() -> None:
    static = Path(__file__).parent.parent / "service/workbench/static"

    for file in static.iterdir():
        urls = set(re.findall(r"https?://[^\s\"')]+", file.read_text("utf-8")))
        assert urls <= {"http://www.w3.org/2000/svg"}
