"""Take tokens and identifying fields out of a recorded request and its answer.

What is left may still identify a person: dates, rare diagnoses, free text. A recording is
read by a person before it leaves the place where it was made.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from service.fhir import Resource, objects, string

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
# Fields that refer to who did, said or wanted something; most of them are persons.
ACTORS = frozenset(
    {
        *("actor", "agent", "asserter", "attester", "author", "collector", "enterer"),
        *("generalPractitioner", "individual", "informationSource", "interpreter", "operator"),
        *("participant", "patient", "performer", "practitioner", "prescriber", "provider"),
        *("receiver", "recorder", "requester", "resultsInterpreter", "sender", "source"),
        *("subject", "supervisor", "verifier", "who", "witness"),
    }
)
_OF_PERSONS = frozenset({"name", "address", "telecom", "photo", "contact", "extension"})
_EVERYWHERE = frozenset({"identifier", "note", "birthDate"})
_TOKENS = frozenset({"fhirAuthorization"})
_COMMENTS = frozenset({"userComment"})
# What is said there is no id, even if it reads like one.
_TERMS = frozenset({"code", "system", "unit", "resourceType"})
_SHORT = 5  # characters; fewer are found in doses and dates too
_NEXT = {"relation": "next", "url": "urn:removed"}
# A resource by its address: "https://ehr.example.org/fhir/Condition/7/_history/2".
_ADDRESS = re.compile(r"https?://\S+?/([A-Z][A-Za-z]+/[\w.-]+(?:/_history/[\w.-]+)?)", re.ASCII)

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
    """One pass over a document; ``persons`` are references to persons in the same resource."""

    def __init__(
        self, privacy: Privacy, patient: str, persons: frozenset[str] = frozenset()
    ) -> None:
        self._privacy = privacy
        self._patient = patient
        self._persons = persons
        self._id = _id_pattern(patient)

    def of(self, value: Json, key: str = "") -> Json:
        """Return a value without what goes; ``key`` is the field in which it stands."""
        match value:
            case dict():
                return self._within(value)._object(value, key)
            case list():
                return [self.of(each, key) for each in value]
            case str():
                return self._text(value, key)
            case _:
                return value

    def _within(self, value: dict[str, Json]) -> "_Removal":
        """Return who knows the persons that this resource contains."""
        inside = [one for one in objects(value.get("contained")) if _is_person(one)]
        if not inside:
            return self
        persons = frozenset(f"#{string(one.get('id')).removeprefix('#')}" for one in inside)
        return _Removal(self._privacy, self._patient, persons)

    def _object(self, value: dict[str, Json], key: str) -> Json:
        gone = self._gone(value, key)
        kept = {
            name: self._field(name, held) for name, held in value.items() if name not in gone
        }
        if _is_person(value) and value.get("id") == self._patient != "":
            kept["id"] = PSEUDONYM
        if "link" in gone and _has_next(value):
            kept["link"] = [dict(_NEXT)]  # that there was more decides what can be said
        return kept

    def _gone(self, value: dict[str, Json], key: str) -> frozenset[str]:
        """Return the fields of this object that go."""
        removed, kind = self._privacy.removed, string(value.get("resourceType"))
        gone = _TOKENS | _COMMENTS | (removed & (_EVERYWHERE | {"fhirServer"}))
        if kind in PERSONS:
            gone |= removed & _OF_PERSONS
        if kind and isinstance(value.get("text"), dict):
            gone |= {"text"}  # the narrative says it all again
        if "name" in removed and self._refers_to_a_person(value, key):
            gone |= {"display"}
        if "fhirServer" in removed:
            gone |= {"link"} if kind == "Bundle" else set()
            gone |= {"source"} if key == "meta" else set()
        return gone

    def _refers_to_a_person(self, value: dict[str, Json], key: str) -> bool:
        """Say whether this is a Reference to a person, by what it says or where it stands."""
        if not value.keys().isdisjoint({"resourceType", "code", "system"}):
            return False
        said = [string(value.get("type")), string(value.get("reference"))]
        kinds = {part for each in said for part in each.split("/")}
        return key in ACTORS or said[1] in self._persons or not kinds.isdisjoint(PERSONS)

    def _field(self, key: str, value: Json) -> Json:
        if key == "birthDate" and isinstance(value, str):
            return _moved(value, self._privacy.birth_date_days)
        return self.of(value, key)

    def _text(self, value: str, key: str) -> str:
        """Return a string without the server's address and the patient's id."""
        if key in {"fullUrl", "reference"} and "fhirServer" in self._privacy.removed:
            address = _ADDRESS.fullmatch(value)
            value = address[1] if address else value
        if self._id is None or key in _TERMS:
            return value
        if key == "patientId" and value == self._patient:
            return PSEUDONYM
        return self._id.sub(PSEUDONYM, value)


def _id_pattern(patient: str) -> re.Pattern[str] | None:
    """Return what finds the patient's id as a whole; a short one only where it is an id."""
    if not patient:
        return None
    before = r"(?<![\w.-])"
    if len(patient) < _SHORT:
        before = r"(?:(?<=Patient/)|(?<=Patient%2F)|(?<=patient=)|(?<=subject=)|(?<=\b_id=))"
    return re.compile(rf"{before}{re.escape(patient)}(?![\w-]|\.\w)", re.ASCII)


def _is_person(value: Resource) -> bool:
    return string(value.get("resourceType")) in PERSONS


def _has_next(bundle: dict[str, Json]) -> bool:
    return any(link.get("relation") == "next" for link in objects(bundle.get("link")))


def _moved(birth_date: str, days: int) -> str:
    """Move a whole date; of a year or a month nothing is moved."""
    try:
        return (date.fromisoformat(birth_date) + timedelta(days=days)).isoformat()
    except (ValueError, OverflowError):
        return birth_date
