"""Feedback as clients POST it: bytes to items to store, and the answer.

Tolerant where nothing is lost by it, as clients are known to send it: a lone object where
the array is due, a reason without system or code, a repeat, a card we do not know. An item
that does not say which card, what was done or when is refused by itself, with the paths of
all that is wrong with it.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from service.errors import BadRequest, Issue, PayloadTooLarge, operation_outcome
from service.store import FeedbackItem

_MAX_ID = 255  # characters of a uuid, a code or a system: they are indexed and reported
_MAX_ISSUES = 50
_MAX_COMMENT = 4_000  # characters
# Of a POST: the database is held while they are stored, and has tokens to look after too.
_MAX_ITEMS = 1_000
_MAX_SUGGESTIONS = 100  # of an item
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NEVER = datetime.min.replace(tzinfo=UTC)  # of an item that is refused
_SHAPE = 'Send {"feedback": [{"card": …, "outcome": …, "outcomeTimestamp": …}]}.'

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FeedbackBatch:
    """One POST: what is to be stored, what was refused and why, of each item everything."""

    items: tuple[FeedbackItem, ...] = ()
    refused: tuple[Issue, ...] = ()
    refused_items: int = 0


class _Refused(Exception):
    def __init__(self, text: str, path: str, remedy: str) -> None:
        super().__init__(text)
        self.issue = Issue(text, path, remedy)


def read_feedback(body: bytes) -> FeedbackBatch:
    """Read a POST; raise :class:`PayloadTooLarge` for more items than are stored at once."""
    try:
        entries = _entries(body)
    except _Refused as refusal:
        return FeedbackBatch(refused=(refusal.issue,), refused_items=1)
    items: list[FeedbackItem] = []
    refused: list[Issue] = []
    for index, entry in enumerate(entries):
        faults: list[Issue] = []
        item = _item(entry, f"feedback[{index}]", faults)
        if item and not faults:
            items.append(item)
        refused += faults
    return FeedbackBatch(tuple(items), tuple(refused), len(entries) - len(items))


def feedback_answer(batch: FeedbackBatch) -> tuple[int, dict[str, object]]:
    """Return status and body: 200 when anything was stored, else 400."""
    shown, hidden = batch.refused[:_MAX_ISSUES], batch.refused[_MAX_ISSUES:]
    if hidden:
        shown += (Issue(f"{len(hidden)} more faults were found."),)
    if not batch.items:
        refusal = BadRequest(*shown)
        return refusal.status, operation_outcome(refusal)
    total = len(batch.items) + batch.refused_items
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
    if len(entries) > _MAX_ITEMS:
        text = f"The body brings more than {_MAX_ITEMS} items; none was stored."
        raise PayloadTooLarge(Issue(text, "feedback", "Send them in several calls."))
    return entries


def _item(entry: object, path: str, faults: list[Issue]) -> FeedbackItem | None:
    """Return the item, and add to ``faults`` all that is wrong with it."""
    if not isinstance(entry, dict):
        faults.append(Issue("The item is not an object.", path, _SHAPE))
        return None
    card = _id(entry, "card", path, faults, "Send the uuid of the card.")
    at = _moment(entry, path, faults)
    match entry.get("outcome"):
        case "accepted":
            suggestions = _accepted(entry.get("acceptedSuggestions"), path, faults)
            return FeedbackItem(card=card, outcome="accepted", at=at, suggestions=suggestions)
        case "overridden":
            return _overridden(
                _object(entry, "overrideReason", path, faults), card, at, path, faults
            )
        case other:
            text = (
                "outcome is missing."
                if other is None
                else "outcome is neither accepted nor overridden."
            )
            remedy = "Send one of the two; a card that was ignored is not reported."
            faults.append(Issue(text, f"{path}.outcome", remedy))
            return None


def _overridden(
    reason: Json, card: str, at: datetime, path: str, faults: list[Issue]
) -> FeedbackItem:
    where = f"{path}.overrideReason"
    coding = _object(reason, "reason", where, faults)
    return FeedbackItem(
        card=card,
        outcome="overridden",
        at=at,
        reason_system=_optional_id(coding, "system", f"{where}.reason", faults),
        reason_code=_optional_id(coding, "code", f"{where}.reason", faults),
        comment=_comment(reason, f"{where}.userComment", faults),
    )


def _accepted(suggestions: object, path: str, faults: list[Issue]) -> tuple[str, ...]:
    where = f"{path}.acceptedSuggestions"
    remedy = 'Send [{"id": …}] with the uuid of each accepted suggestion.'
    if isinstance(suggestions, dict):
        suggestions = [suggestions]
    if not isinstance(suggestions, list) or not suggestions:
        faults.append(Issue("An accepted card needs its accepted suggestions.", where, remedy))
        return ()
    if len(suggestions) > _MAX_SUGGESTIONS:
        faults.append(Issue(f"More than {_MAX_SUGGESTIONS} suggestions.", where, remedy))
        return ()
    return tuple(
        _id(one if isinstance(one, dict) else {}, "id", f"{where}[{index}]", faults, remedy)
        for index, one in enumerate(suggestions)
    )


def _object(parent: Json, key: str, path: str, faults: list[Issue]) -> Json:
    """Return the object under ``key``; an absent one is empty."""
    value = parent.get(key)
    if isinstance(value, dict):
        return value
    if value is not None:
        text = f"{key} is not an object."
        faults.append(Issue(text, f"{path}.{key}", "Send an object, or leave it out."))
    return {}


def _optional_id(parent: Json, key: str, path: str, faults: list[Issue]) -> str | None:
    if parent.get(key) in (None, ""):
        return None
    return _id(parent, key, path, faults, "Send a string, or leave it out.")


def _id(parent: Json, key: str, path: str, faults: list[Issue], remedy: str) -> str:
    value = parent.get(key)
    if isinstance(value, str) and 0 < len(value) <= _MAX_ID and value.strip():
        return value.strip()
    text = f"{key} is not a string of 1 to {_MAX_ID} characters."
    told = f"{key} is missing." if value is None else text
    faults.append(Issue(told, f"{path}.{key}", remedy))
    return ""


def _comment(reason: Json, path: str, faults: list[Issue]) -> str | None:
    comment = reason.get("userComment")
    if isinstance(comment, str) and len(comment) > _MAX_COMMENT:
        # Not cut off: what is acknowledged is on disk, whole.
        text = f"userComment has more than {_MAX_COMMENT} characters."
        faults.append(Issue(text, path, "Send a shorter one."))
        return None
    if comment is None or isinstance(comment, str):
        return comment or None
    told = Issue("userComment is not a string.", path, "Send a string, or leave it out.")
    faults.append(told)
    return None


def _moment(entry: Json, path: str, faults: list[Issue]) -> datetime:
    value = entry.get("outcomeTimestamp")
    if isinstance(value, str) and _RFC_3339.fullmatch(value.strip()):
        try:
            return datetime.fromisoformat(value.strip().upper()).astimezone(UTC)
        except (ValueError, OverflowError):  # no such day; a year outside the calendar
            pass
    told = "is missing" if value is None else "is no time that can be read"
    remedy = "Send RFC 3339 in UTC, as 2026-06-30T14:07:31Z."
    faults.append(Issue(f"outcomeTimestamp {told}.", f"{path}.outcomeTimestamp", remedy))
    return _NEVER
