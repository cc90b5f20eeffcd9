"""Feedback as clients POST it: bytes to items to store, and the answer.

Tolerant where nothing is lost by it, as clients are known to send it: a lone object where
the array is due, a reason without system or code, a repeat, a card we do not know. An item
that does not say which card, what was done or when is refused by itself, with its path.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from service.errors import BadRequest, Issue, operation_outcome
from service.store import FeedbackItem

_MAX_ID = 255  # characters of a uuid, a code or a system: they are indexed and reported
_MAX_ISSUES = 50
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_SHAPE = 'Send {"feedback": [{"card": …, "outcome": …, "outcomeTimestamp": …}]}.'

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FeedbackBatch:
    """One POST: what is to be stored, and what was refused and why."""

    items: tuple[FeedbackItem, ...] = ()
    refused: tuple[Issue, ...] = ()


class _Refused(Exception):
    def __init__(self, text: str, path: str, remedy: str) -> None:
        super().__init__(text)
        self.issue = Issue(text, path, remedy)


def read_feedback(body: bytes) -> FeedbackBatch:
    """Read a POST; never raises."""
    try:
        entries = _entries(body)
    except _Refused as refusal:
        return FeedbackBatch(refused=(refusal.issue,))
    items: list[FeedbackItem] = []
    refused: list[Issue] = []
    for index, entry in enumerate(entries):
        try:
            items.append(_item(entry, f"feedback[{index}]"))
        except _Refused as refusal:
            refused.append(refusal.issue)
    return FeedbackBatch(tuple(items), tuple(refused))


def feedback_answer(batch: FeedbackBatch) -> tuple[int, dict[str, object]]:
    """Return status and body: 200 when anything was stored, else 400."""
    shown, hidden = batch.refused[:_MAX_ISSUES], batch.refused[_MAX_ISSUES:]
    if hidden:
        shown += (Issue(f"{len(hidden)} more items were refused."),)
    if not batch.items:
        refusal = BadRequest(*shown)
        return refusal.status, operation_outcome(refusal)
    total = len(batch.items) + len(batch.refused)
    stored = {
        "severity": "information",
        "code": "informational",
        "details": {"text": f"{len(batch.items)} of {total} items were stored."},
    }
    issues: Any = operation_outcome(BadRequest(*shown))["issue"]
    return 200, {"resourceType": "OperationOutcome", "issue": [stored, *issues]}


def _entries(body: bytes) -> list[Any]:
    try:
        document = orjson.loads(body.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError:
        raise _Refused("The body is not JSON.", "", _SHAPE) from None
    if not isinstance(document, dict):
        raise _Refused("The body is not an object.", "", _SHAPE)
    entries = document.get("feedback")
    if isinstance(entries, dict):
        return [entries]
    if not isinstance(entries, list) or not entries:
        raise _Refused("feedback is not an array with items.", "feedback", _SHAPE)
    return entries


def _item(entry: object, path: str) -> FeedbackItem:
    if not isinstance(entry, dict):
        raise _Refused("The item is not an object.", path, _SHAPE)
    card = _id(entry.get("card"), f"{path}.card", "Send the uuid of the card.")
    at = _moment(entry.get("outcomeTimestamp"), f"{path}.outcomeTimestamp")
    match entry.get("outcome"):
        case "accepted":
            suggestions = _accepted(entry.get("acceptedSuggestions"), path)
            return FeedbackItem(card=card, outcome="accepted", at=at, suggestions=suggestions)
        case "overridden":
            return _overridden(_object(entry, "overrideReason", path), card, at, path)
        case _:
            raise _Refused(
                "outcome is neither accepted nor overridden.",
                f"{path}.outcome",
                "Send one of the two; a card that was ignored is not reported.",
            )


def _overridden(reason: Json, card: str, at: datetime, path: str) -> FeedbackItem:
    where = f"{path}.overrideReason"
    coding = _object(reason, "reason", where)
    return FeedbackItem(
        card=card,
        outcome="overridden",
        at=at,
        reason_system=_optional_id(coding, "system", f"{where}.reason"),
        reason_code=_optional_id(coding, "code", f"{where}.reason"),
        comment=_comment(reason, f"{where}.userComment"),
    )


def _accepted(suggestions: object, path: str) -> tuple[str, ...]:
    where = f"{path}.acceptedSuggestions"
    remedy = 'Send [{"id": …}] with the uuid of each accepted suggestion.'
    if isinstance(suggestions, dict):
        suggestions = [suggestions]
    if not isinstance(suggestions, list) or not suggestions:
        raise _Refused("An accepted card needs its accepted suggestions.", where, remedy)
    return tuple(
        _id(
            suggestion.get("id") if isinstance(suggestion, dict) else None,
            f"{where}[{index}].id",
            remedy,
        )
        for index, suggestion in enumerate(suggestions)
    )


def _object(parent: Json, key: str, path: str) -> Json:
    """Return the object under ``key``; an absent one is empty."""
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Refused(
            f"{key} is not an object.", f"{path}.{key}", "Send an object, or leave it out."
        )
    return value


def _optional_id(parent: Json, key: str, path: str) -> str | None:
    value = parent.get(key)
    if value in (None, ""):
        return None
    return _id(value, f"{path}.{key}", "Send a string, or leave it out.")


def _id(value: object, path: str, remedy: str) -> str:
    if isinstance(value, str) and 0 < len(value) <= _MAX_ID and value.strip():
        return value.strip()
    raise _Refused(f"Not a string of 1 to {_MAX_ID} characters.", path, remedy)


def _comment(reason: Json, path: str) -> str | None:
    comment = reason.get("userComment")
    if comment is None or isinstance(comment, str):
        return comment or None
    raise _Refused("userComment is not a string.", path, "Send a string, or leave it out.")


def _moment(value: object, path: str) -> datetime:
    if isinstance(value, str) and _RFC_3339.fullmatch(value.strip()):
        try:
            return datetime.fromisoformat(value.strip().upper()).astimezone(UTC)
        except (ValueError, OverflowError):  # no such day; a year outside the calendar
            pass
    raise _Refused(
        "The time cannot be read.", path, "Send RFC 3339 in UTC, as 2026-06-30T14:07:31Z."
    )
