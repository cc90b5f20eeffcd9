"""The log: one line an event, with fields from a list, and never the patient.

Every message of the service is an event name and its fields, as in
``log.warning("cards_not_stored waiting=%d fault=%s", ...)``. What other packages log is
reduced to who said something and how grave it is: their messages quote addresses and data.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import orjson

from service.calls import Call, missing_data, once, unread_types
from service.response import Answered

LOGGER = "back_pain_cds"

ALLOWED = frozenset(
    {
        # of every line
        "time",
        "level",
        "event",
        # of a call
        "service",
        "hook",
        "instance",
        "client",
        "claimed",
        "tenant",
        "rulebook",
        "status",
        "reason",
        "ms",
        "orders",
        "fired",
        "silent",
        "broken",
        "unread",
        "missing",
        # of what happens besides
        "at",
        "dropped",
        "fault",
        "faults",
        "invalid",
        "issuer",
        "judged",
        "location",
        "logger",
        "type",
        "unjudged",
        "waiting",
    }
)

_NAMES = re.compile(r"(\w+)=%")

log = logging.getLogger(f"{LOGGER}.calls")

Value = str | int | float | list[str]


class UnlistedField(ValueError):
    """Something was logged under a name that is not on the list."""


class LogLine(logging.Formatter):
    """Writes events as JSON, or for people; drops a field that is not on the list.

    Tests make it ``strict``: then such a field is an error.
    """

    def __init__(self, *, as_json: bool = True, strict: bool = False) -> None:
        super().__init__()
        self._as_json = as_json
        self._strict = strict

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        event, fields = _content(record)
        unlisted = fields.keys() - ALLOWED
        if unlisted and self._strict:
            raise UnlistedField(", ".join(sorted(unlisted)))
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Value] = {"event": event, "time": time, "level": record.levelname}
        line |= {name: fields[name] for name in fields if name not in unlisted}
        if self._as_json:
            return orjson.dumps(line).decode()
        told = " ".join(f"{name}={_shown(value)}" for name, value in line.items() if value)
        return told.removeprefix("event=")


def configure(level: str, *, as_json: bool) -> None:
    """Send everything that is logged to standard error; lines of calls at every level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogLine(as_json=as_json))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(LOGGER).setLevel(level)
    log.setLevel(logging.INFO)


def write(call: Call, status: int, rulebook: str) -> None:
    """Log one call."""
    if log.isEnabledFor(logging.INFO):
        log.info(call.event, extra={"fields": dict(_fields(call, status, rulebook))})


def _fields(call: Call, status: int, rulebook: str) -> Iterator[tuple[str, Value]]:
    """Yield what is known; a call that was refused has few of them."""
    yield "status", status
    yield "ms", round(call.watch.elapsed * 1000, 1)
    for name in ("service", "hook", "instance", "client", "tenant", "reason", "claimed"):
        if value := getattr(call, name):
            yield name, value
    yield "rulebook", rulebook
    if call.answered is not None:
        yield from _said(call.answered)


def _said(answered: Answered) -> Iterator[tuple[str, Value]]:
    said = answered.evaluation
    yield "orders", len(answered.reading.orders)
    yield "fired", once(finding.rule.id for finding in said.findings)
    yield "silent", once(f"{silence.rule}: {silence.outcome}" for silence in said.silences)
    yield "broken", [broken.rule for broken in said.broken]
    yield "unread", once(unread_types(answered))
    yield "missing", missing_data(answered)


def _content(record: logging.LogRecord) -> tuple[str, Mapping[str, Value]]:
    """Return the name of an event and its fields."""
    if record.name.partition(".")[0] != LOGGER:
        fault = record.exc_info[0] if record.exc_info else None
        told = {"logger": record.name} | ({"fault": fault.__name__} if fault else {})
        return "package_logged", told
    given = record.__dict__.get("fields")
    if isinstance(given, dict):
        return str(record.msg), given
    template = str(record.msg)
    values = record.args if isinstance(record.args, tuple) else (record.args,)
    pairs = zip(_NAMES.findall(template), values, strict=False)
    return template.partition(" ")[0], {name: _plain(value) for name, value in pairs}


def _plain(value: object) -> Value:
    return value if isinstance(value, int | float | str) else str(value)


def _shown(value: Value) -> str:
    return ",".join(value).replace(" ", "") if isinstance(value, list) else str(value)
