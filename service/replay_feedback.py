"""Feedback on the cards that a replay received, as a clinician's software would send it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal

from service.fhir import Resource, first_object, objects
from service.hooks_client import HooksClient
from service.replay import Json, Outcome, ReplayError, Verdict

Choice = Literal["accept", "override"]


def with_feedback(outcome: Outcome, client: HooksClient, choice: Choice) -> Outcome:
    """Send feedback on every card of an outcome; one that is not taken makes it fail."""
    cards = _cards(outcome)
    items = list(feedback_items(cards, choice, datetime.now(UTC)))
    if not items:
        return outcome
    try:
        status = client.give_feedback(str(outcome.sent.get("hook")), items)
    except ReplayError as fault:
        return _failed(outcome, str(fault))
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return _failed(outcome, f"feedback was answered with {client.said(status)}")
    told = f"feedback on {len(items)} of {len(cards)} cards: {choice}"
    return replace(outcome, remarks=(*outcome.remarks, told))


def feedback_items(cards: list[Resource], choice: Choice, at: datetime) -> Iterator[Json]:
    """Yield what was done with each card; one without a uuid cannot be spoken of.

    Accepting takes the recommended suggestion, or else the first; a card without any cannot
    be accepted. Overriding gives the first reason that the card offers.
    """
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    for card in cards:
        uuid = card.get("uuid")
        said = _acceptance(card) if choice == "accept" else _override(card)
        if isinstance(uuid, str) and said is not None:
            yield {"card": uuid, **said, "outcomeTimestamp": moment}


def _acceptance(card: Resource) -> Json | None:
    offered = [one for one in objects(card.get("suggestions")) if one.get("uuid")]
    chosen = next((one for one in offered if one.get("isRecommended") is True), None)
    chosen = chosen or next(iter(offered), None)
    if chosen is None:
        return None
    return {"outcome": "accepted", "acceptedSuggestions": [{"id": chosen["uuid"]}]}


def _override(card: Resource) -> Json:
    reason = first_object(card.get("overrideReasons"))
    coding = {key: reason[key] for key in ("code", "system", "display") if reason.get(key)}
    given = {"overrideReason": {"reason": coding}} if "code" in coding else {}
    return {"outcome": "overridden", **given}


def _cards(outcome: Outcome) -> list[Resource]:
    reply = outcome.reply
    if reply is None or reply.status != HTTPStatus.OK or not isinstance(reply.body, dict):
        return []
    return objects(reply.body.get("cards"))


def _failed(outcome: Outcome, why: str) -> Outcome:
    told = "\n".join(filter(None, (outcome.difference, why)))
    return replace(outcome, verdict=Verdict.FAILED, difference=told)
