"""Names in a sentence: all of them, or as many as a summary has room for."""

from collections.abc import Iterable
from typing import Final

MOST_NAMED: Final = 2


def joined(names: Iterable[str]) -> str:
    """Return "a", "a and b" or "a, b and c"; of no name nothing."""
    *first, last = names or ("",)
    return f"{', '.join(first)} and {last}" if first else last


def shortly(names: Iterable[str]) -> str:
    """Return the names as they fit into a summary: at most two, then how many more."""
    every = tuple(names)
    more = len(every) - MOST_NAMED
    return f"{', '.join(every[:MOST_NAMED])} +{more} more" if more > 0 else joined(every)
