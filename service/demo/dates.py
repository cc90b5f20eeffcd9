"""Move a chart in time: every date in it, by the same number of days."""

import re
from datetime import date, timedelta
from typing import Any

# The fields of FHIR that are never dates but may look like one are ids and codes; all of
# ours are words. A date stands alone or at the head of a dateTime.
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?")
FIXED = frozenset({"birthDate", "id", "code", "text"})


def shifted(value: Any, days: int) -> Any:
    """Return JSON with its dates moved; birthdays stay, so that ages change with the day."""
    match value:
        case dict():
            return {
                key: each if key in FIXED and isinstance(each, str) else shifted(each, days)
                for key, each in value.items()
            }
        case list():
            return [shifted(each, days) for each in value]
        case str() if found := _DATE.fullmatch(value):
            moved = date.fromisoformat(found[1]) + timedelta(days=days)
            return moved.isoformat() + (found[2] or "")
        case _:
            return value
