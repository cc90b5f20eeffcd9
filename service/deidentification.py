"""Take tokens and identifying fields out of a recorded request and its answer.

What is left may still identify a person: dates, rare diagnoses, free text. A recording is
read by a person before it leaves the place where it was made.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from service.fhir import string

PERSONS = frozenset({"Patient", "Person", "Practitioner", "PractitionerRole", "RelatedPerson"})
# What may be named to be removed, and whether it goes when nothing is said.
CHOICES = {
    "name": True,
    "identifier": True,
    "address": True,
    "telecom": True,
    "photo": True,
    "contact": True,
    "extension": True,  # of persons: mother's maiden name, race, place of birth
    "fhirServer": True,
    "birthDate": False,  # without it ages are unknown, and rules about age are silent
    "note": False,  # free text that rules read
    "patientId": False,
}
DEFAULT = frozenset(name for name, chosen in CHOICES.items() if chosen)
PSEUDONYM = "patient"
_OF_PERSONS = frozenset({"name", "address", "telecom", "photo", "contact", "extension"})
_EVERYWHERE = frozenset({"identifier", "note", "birthDate"})
_TOKENS = frozenset({"fhirAuthorization"})
_COMMENTS = frozenset({"userComment"})

Json = Any


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is removed, and by how many days birth dates are moved."""

    removed: frozenset[str] = DEFAULT
    birth_date_days: int = 0


def deidentified(document: Json, privacy: Privacy, patient: str = "") -> Json:
    """Return a copy without tokens, narratives and what is chosen to be removed.

    ``patient`` is the id of the patient, which is replaced if that is chosen.
    """
    known = patient.rpartition("/")[2] if "patientId" in privacy.removed else ""
    return _Removal(privacy, known).of(document)


def chosen(names: Iterable[str]) -> frozenset[str]:
    """Return the names; raise ValueError with those that are no choice."""
    given = frozenset(names)
    if unknown := sorted(given - CHOICES.keys()):
        raise ValueError(", ".join(unknown))
    return given


class _Removal:
    """One pass over a document."""

    def __init__(self, privacy: Privacy, patient: str) -> None:
        self._privacy = privacy
        self._patient = patient

    def of(self, value: Json) -> Json:
        match value:
            case dict():
                gone = self._gone(value)
                return {k: self._field(k, v) for k, v in value.items() if k not in gone}
            case list():
                return [self.of(each) for each in value]
            case str():
                return self._text(value)
            case _:
                return value

    def _gone(self, value: dict[str, Json]) -> frozenset[str]:
        """Return the fields of this object that go."""
        removed, kind = self._privacy.removed, string(value.get("resourceType"))
        gone = _TOKENS | _COMMENTS | (removed & (_EVERYWHERE | {"fhirServer"}))
        if kind in PERSONS:
            gone |= removed & _OF_PERSONS
        if kind and isinstance(value.get("text"), dict):
            gone |= {"text"}  # the narrative says it all again
        if "name" in removed and _is_reference_to_a_person(value):
            gone |= {"display"}
        return gone

    def _field(self, key: str, value: Json) -> Json:
        if key == "birthDate" and isinstance(value, str):
            return _moved(value, self._privacy.birth_date_days)
        return self.of(value)

    def _text(self, value: str) -> str:
        """Return a string with the patient's id replaced where it stands as an id."""
        if not self._patient:
            return value
        if value == self._patient:
            return PSEUDONYM
        head, slash, last = value.rpartition("Patient/")
        return f"{head}{slash}{PSEUDONYM}" if slash and last == self._patient else value


def _is_reference_to_a_person(value: dict[str, Json]) -> bool:
    said = [
        each for each in (value.get("type"), value.get("reference")) if isinstance(each, str)
    ]
    kinds = {part for each in said for part in each.split("/")}
    return "resourceType" not in value and not kinds.isdisjoint(PERSONS)


def _moved(birth_date: str, days: int) -> str:
    """Move a whole date; of a year or a month nothing is moved."""
    try:
        return (date.fromisoformat(birth_date) + timedelta(days=days)).isoformat()
    except (ValueError, OverflowError):
        return birth_date
