"""The schema of our answers refuses what CDS Hooks forbids, and what we never mean to send."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from service.envelope import validator

UUID = "b7d6f0c4-2a53-4d0c-8f0e-6f6f7c1d9e55"
Change = Callable[[dict[str, Any]], object]


def answer() -> dict[str, Any]:
    """Return an answer that uses every field."""
    return {
        "cards": [
            {
                "uuid": UUID,
                "summary": "Oxycodone 5 mg: patient takes buprenorphine for OUD.",
                "detail": "Why.\n\n- A fact",
                "indicator": "critical",
                "source": {
                    "label": "A source",
                    "url": "https://example.org/source",
                    "topic": {
                        "system": "https://example.org/CodeSystem/rule",
                        "code": "opioid-on-buprenorphine",
                        "display": "Opioid added to buprenorphine",
                    },
                },
                "suggestions": [
                    {
                        "label": "Cancel the order",
                        "uuid": UUID,
                        "isRecommended": True,
                        "actions": [
                            {
                                "type": "delete",
                                "description": "Remove the draft order",
                                "resourceId": "MedicationRequest/1",
                            }
                        ],
                    },
                    {
                        "label": "Order physical therapy",
                        "uuid": UUID,
                        "actions": [
                            {
                                "type": "create",
                                "description": "Add a referral",
                                "resource": {
                                    "resourceType": "ServiceRequest",
                                    "code": {"text": "Physical therapy"},
                                },
                            }
                        ],
                    },
                ],
                "selectionBehavior": "any",
                "overrideReasons": [
                    {
                        "system": "https://example.org/CodeSystem/override-reason",
                        "code": "record-outdated",
                        "display": "The record is out of date",
                    }
                ],
                "links": [
                    {"label": "Guideline", "url": "https://example.org/g", "type": "absolute"}
                ],
                "extension": {
                    "org.back-pain-cds.findings": [
                        {
                            "rule": "opioid-on-buprenorphine",
                            "outcome": "maintenance",
                            "indicator": "critical",
                            "orders": ["MedicationRequest/1"],
                            "facts": [{"resource": "MedicationStatement/7", "text": "active"}],
                        }
                    ]
                },
            }
        ],
        "extension": {
            "org.back-pain-cds.evaluation": {
                "rulebook": "9c41e7d2",
                "missing": ["observations"],
                "incomplete": ["conditions"],
                "unidentified": [],
                "unread": [],
                "broken": [],
            },
            "org.back-pain-cds.trace": [
                {
                    "rule": "opioid-in-oud",
                    "outcome": "no-disorder",
                    "order": "MedicationRequest/1",
                }
            ],
        },
    }


def card(change: Change) -> Change:
    return lambda whole: change(whole["cards"][0])


def action(index: int, change: Change) -> Change:
    return lambda whole: change(whole["cards"][0]["suggestions"][index]["actions"][0])


def reason(change: Change) -> Change:
    return lambda card: change(card["overrideReasons"][0])


def put(key: str, value: Any) -> Change:
    return lambda target: target.__setitem__(key, value)


def drop(key: str) -> Change:
    return lambda target: target.pop(key)


def is_valid(change: Change) -> bool:
    changed = deepcopy(answer())
    change(changed)
    return validator("hook-response").is_valid(changed)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: None, id="every-field"),
        pytest.param(put("cards", []), id="no-cards"),
        pytest.param(drop("extension"), id="no-extension"),
        pytest.param(card(put("summary", "x" * 139)), id="longest-summary"),
        pytest.param(card(drop("overrideReasons")), id="no-override-reasons"),
        pytest.param(card(drop("links")), id="no-links"),
        pytest.param(
            card(lambda c: (c.pop("suggestions"), c.pop("selectionBehavior"))),
            id="no-suggestions",
        ),
        pytest.param(card(put("selectionBehavior", "at-most-one")), id="at-most-one"),
    ],
)
def test_valid_answer(change: Change) -> None:
    assert is_valid(change)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(drop("cards"), id="cards-missing"),
        pytest.param(put("cards", None), id="cards-null"),
        pytest.param(put("systemActions", []), id="system-actions"),
        pytest.param(put("extension", {}), id="extension-empty"),
        *(
            pytest.param(card(drop(name)), id=f"card-without-{name}")
            for name in ("uuid", "summary", "indicator", "detail", "source", "extension")
        ),
        pytest.param(card(put("summary", "x" * 140)), id="summary-of-140"),
        pytest.param(card(put("summary", "")), id="summary-empty"),
        pytest.param(card(put("summary", "two\nlines")), id="summary-of-two-lines"),
        pytest.param(card(put("detail", "")), id="detail-empty"),
        pytest.param(card(put("indicator", "hard-stop")), id="unknown-indicator"),
        pytest.param(card(put("uuid", f"urn:uuid:{UUID}")), id="uuid-with-prefix"),
        pytest.param(card(put("uuid", UUID.upper())), id="uuid-in-capitals"),
        pytest.param(card(put("source", {"label": "x"})), id="source-without-topic"),
        pytest.param(card(lambda c: c["source"].pop("label")), id="source-without-label"),
        pytest.param(card(lambda c: c["source"].update(url="/x")), id="relative-source"),
        pytest.param(card(put("suggestions", [])), id="suggestions-empty"),
        pytest.param(card(drop("selectionBehavior")), id="no-selection-behavior"),
        pytest.param(card(put("selectionBehavior", "all")), id="unknown-behavior"),
        pytest.param(card(drop("suggestions")), id="behavior-without-suggestions"),
        pytest.param(
            card(
                lambda c: (
                    c.update(selectionBehavior="at-most-one"),
                    c["suggestions"][1].update(isRecommended=True),
                )
            ),
            id="two-recommended-of-at-most-one",
        ),
        pytest.param(
            card(lambda c: c["suggestions"][0]["actions"].append({})), id="two-actions"
        ),
        pytest.param(card(lambda c: c["suggestions"][0].pop("actions")), id="no-action"),
        pytest.param(card(lambda c: c["suggestions"][0].pop("uuid")), id="suggestion-no-uuid"),
        pytest.param(action(0, drop("description")), id="action-without-description"),
        pytest.param(action(0, drop("resourceId")), id="delete-without-target"),
        pytest.param(action(0, put("resourceId", "1")), id="delete-by-bare-id"),
        pytest.param(
            action(0, put("resource", {"resourceType": "MedicationRequest"})),
            id="delete-with-resource",
        ),
        pytest.param(action(1, drop("resource")), id="create-without-resource"),
        pytest.param(action(1, put("resourceId", "X/1")), id="create-with-target"),
        pytest.param(action(1, put("resource", {"id": "1"})), id="resource-without-type"),
        pytest.param(
            action(1, lambda a: a["resource"].update(note=[{"text": None}])), id="deep-null"
        ),
        pytest.param(action(1, lambda a: a["resource"].update(note=[])), id="empty-list"),
        pytest.param(action(1, lambda a: a["resource"].update(code={})), id="empty-object"),
        pytest.param(
            action(1, lambda a: a["resource"]["code"].update(text="")), id="empty-text"
        ),
        pytest.param(card(put("overrideReasons", [])), id="override-reasons-empty"),
        pytest.param(card(put("overrideReasons", ["x"])), id="override-reason-is-text"),
        *(
            pytest.param(
                card(reason(drop(name))),
                id=f"override-reason-without-{name}",
            )
            for name in ("system", "code", "display")
        ),
        pytest.param(card(put("links", [])), id="links-empty"),
        pytest.param(card(lambda c: c["links"][0].pop("type")), id="link-without-type"),
        pytest.param(
            card(lambda c: c["links"][0].update(appContext="x")), id="context-of-absolute-link"
        ),
        pytest.param(
            card(lambda c: c["links"][0].update(url="javascript:alert(1)")), id="script-link"
        ),
        pytest.param(card(put("extension", {})), id="card-extension-empty"),
        pytest.param(
            card(lambda c: c["extension"]["org.back-pain-cds.findings"][0].pop("facts")),
            id="finding-without-facts",
        ),
        pytest.param(
            lambda w: w["extension"]["org.back-pain-cds.evaluation"].pop("missing"),
            id="evaluation-without-missing",
        ),
        pytest.param(card(put("title", "x")), id="unknown-field"),
    ],
)
def test_invalid_answer(change: Change) -> None:
    assert not is_valid(change)


FEEDBACK = {
    "card": UUID,
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": UUID}],
    "outcomeTimestamp": "2026-11-21T08:40:02.294Z",
}


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(FEEDBACK, id="accepted"),
        pytest.param(
            {"card": "x", "outcome": "overridden", "outcomeTimestamp": "2026-11-21T08:40:02Z"},
            id="overridden",
        ),
        pytest.param(
            FEEDBACK | {"outcome": "overridden", "overrideReason": {"reason": {"code": "own"}}},
            id="code-alone",
        ),
    ],
)
def test_valid_feedback(item: dict[str, Any]) -> None:
    assert validator("feedback").is_valid({"feedback": [item]})


@pytest.mark.parametrize(
    "document",
    [
        pytest.param([FEEDBACK], id="bare-list"),
        pytest.param({"feedback": FEEDBACK}, id="lone-object"),
        pytest.param({"feedback": [FEEDBACK | {"outcome": "ignored"}]}, id="unknown-outcome"),
        pytest.param(
            {"feedback": [FEEDBACK | {"acceptedSuggestions": []}]}, id="accepted-none"
        ),
        pytest.param({"feedback": [FEEDBACK | {"outcomeTimestamp": "today"}]}, id="no-instant"),
        pytest.param({"feedback": [FEEDBACK | {"card": ""}]}, id="no-card"),
    ],
)
def test_invalid_feedback(document: Any) -> None:
    assert not validator("feedback").is_valid(document)
