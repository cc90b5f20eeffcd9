"""Which reads the scopes of an access token cover, as SMART App Launch 1 and 2 write them."""

import re
from dataclasses import dataclass
from enum import Enum

# "patient/Condition.read" of version 1; "user/*.rs", "patient/Observation.rs?category=…" of 2.
_GRANT = re.compile(
    r"(?:patient|user|system)/(?P<kind>\*|[A-Z][A-Za-z]*)"
    r"\.(?P<may>\*|read|write|(?=[cruds])c?r?u?d?s?)(?P<only>\?.*)?"
)
_OF_RESOURCES = ("patient/", "user/", "system/")  # others, as "launch/patient", grant no reads
_TARGET = re.compile(r"(?P<kind>[A-Z][A-Za-z]*)(?P<after>[/?])")  # a link to a page is neither


class Coverage(Enum):
    """How much of a read the scopes cover."""

    WHOLE = "whole"
    PART = "part"  # what is found may not be all that there is
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Grant:
    """One scope that lets resources be read."""

    kind: str  # "Condition", or "*" for all
    read: bool
    search: bool
    whole: bool  # not narrowed down to some of them

    def allows(self, kind: str, *, search: bool) -> bool:
        """Say whether resources of this type may be read by id, or searched."""
        return self.kind in ("*", kind) and (self.search if search else self.read)


def read_scopes(text: str) -> tuple[Grant, ...] | None:
    """Return what the scopes grant; None when they cannot be read, or name no resources."""
    said = [scope for scope in text.split() if scope.startswith(_OF_RESOURCES)]
    found = [_GRANT.fullmatch(scope) for scope in said]
    grants = [_grant(each) for each in found if each is not None]
    return tuple(grants) if grants and len(grants) == len(said) else None


def coverage(grants: tuple[Grant, ...] | None, target: str) -> Coverage:
    """Say how much of a query is covered; all of it when that cannot be told."""
    asked = _TARGET.match(target)
    if grants is None or asked is None:
        return Coverage.WHOLE
    search = asked["after"] == "?"
    fitting = [grant for grant in grants if grant.allows(asked["kind"], search=search)]
    if not fitting:
        return Coverage.NONE
    return Coverage.WHOLE if any(grant.whole for grant in fitting) else Coverage.PART


def _grant(scope: re.Match[str]) -> Grant:
    may = scope["may"]
    everything = may in ("*", "read")
    letters = "" if may in ("*", "read", "write") else may
    return Grant(
        scope["kind"],
        read=everything or "r" in letters,
        search=everything or "s" in letters,
        whole=scope["only"] is None,
    )
