"""What is known of one call: for its line in the log, and for the metrics."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from service.gather import DATA_OF_TYPE, OTHER, own_name
from service.response import Answered
from service.stopwatch import Stopwatch

_PLACES = frozenset({"context", "prefetch"})


@dataclass(slots=True)
class Call:
    """One call as it proceeds; nothing in it may come from the patient's data."""

    event: str
    watch: Stopwatch = field(default_factory=Stopwatch)
    service: str = ""
    hook: str = ""
    instance: str = ""
    client: str = ""
    claimed: str = ""  # the client that a refused token claims to be of
    tenant: str = ""
    reason: str = ""  # why it was refused; the caller is not told
    answered: Answered | None = None


def unread_types(answered: Answered) -> list[str]:
    """Return the types of what could not be read, each as often as it occurred.

    Their ids and places are the client's own words, which may hold anything.
    """
    return [_type_of(unread) for unread in answered.reading.unread]


def missing_data(answered: Answered) -> list[str]:
    """Name the data that could not be had; a key that only the client uses is other."""
    return sorted({own_name(name) for name in answered.reading.chart.missing})


def loggable_id(text: str) -> str:
    """Return an identifier made by a client if it is a UUID: other text may hold anything."""
    try:
        return str(UUID(text))
    except ValueError:
        return OTHER


def once(names: Iterable[str]) -> list[str]:
    """Return each name once, in their order."""
    return list(dict.fromkeys(names))


def _type_of(unread: str) -> str:
    """Return the type of ``MedicationStatement/7: names no medicine``, or where it stood."""
    kind = unread.partition("/")[0]
    if kind in DATA_OF_TYPE:
        return kind
    place = unread.partition(".")[0]
    return place if place in _PLACES else OTHER
