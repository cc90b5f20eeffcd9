"""Where references lead: contained resources, the drafts, and everything prefetched."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cards.chart import Concept
from cards.terms import concept
from service.fhir import Resource, coded, items, objects, reference, string

_REASONS = ("reasonCode", "reasonCodeableConcept", "reasonForUseCodeableConcept", "indication")
_REASON_LINKS = ("reasonReference", "reasonForUseReference")
_SUPPORTING = ("supportingInformation", "supportingInfo")
_GIVING_REASONS = frozenset({*_REASONS, *_REASON_LINKS, *_SUPPORTING, "reason"})


@dataclass(frozen=True, slots=True)
class Record:
    """The resources of one call, to be found by reference."""

    patient: str  # "Patient/1"
    visit: str = ""  # "Encounter/1", the one that this call belongs to
    drafts: Mapping[str, Resource] = field(default_factory=dict)
    stored: Mapping[str, Resource] = field(default_factory=dict)
    located: Mapping[str, Resource] = field(default_factory=dict)  # by urn
    _inside: dict[int, Mapping[str, Resource]] = field(default_factory=dict, repr=False)

    def resolve(self, value: object, within: Resource) -> Resource | None:
        """Find what a Reference of the resource ``within`` points at."""
        target = reference(value)
        if target.startswith("#"):
            return self._contained(within).get(target[1:])
        if target.startswith("urn:"):
            return self.located.get(target)
        return self.drafts.get(target) or self.stored.get(target)

    def belongs(self, resource: Resource) -> bool:
        """Say whether a resource is about this patient, as far as it says."""
        subject = resource.get("subject") or resource.get("patient")
        if isinstance(subject, dict) and subject.get("reference") == self.patient:
            return True
        target = reference(subject)
        if target == self.patient or not target:
            return True
        if target.startswith(("urn:", "#")):
            person = self.resolve(subject, resource)
            return person is None or string(person.get("id")) in {
                "",
                target.strip("#"),
                self.id,
            }
        kind, _, name = target.rpartition("/")
        return kind in {"", "Patient"} and name == self.id

    def _contained(self, within: Resource) -> Mapping[str, Resource]:
        """Return what a resource contains by its id, of two with one id the first."""
        found = self._inside.get(id(within))
        if found is None:
            inside = [
                (_bare(each.get("id")), each) for each in objects(within.get("contained"))
            ]
            found = self._inside[id(within)] = dict(reversed(inside))
        return found

    @property
    def id(self) -> str:
        """The patient's id."""
        return self.patient.removeprefix("Patient/")


def _bare(value: object) -> str:
    return string(value).removeprefix("#")


def read_concept(value: object) -> Concept:
    """Read a CodeableConcept."""
    codes, text, _ = coded(value)
    return concept(codes, text)


def read_concepts(resource: Resource, *names: str) -> tuple[Concept, ...]:
    """Read the CodeableConcepts of these fields; empty ones are left out."""
    present = [resource[name] for name in names if name in resource]
    if not present:
        return ()
    found = [coded(item) for value in present for item in items(value)]
    return tuple(concept(codes, text) for codes, text, _ in found if codes or text)


def referred_concepts(record: Record, within: Resource, links: object) -> Iterator[Concept]:
    """Read the codes of what references lead to, or their displays if they lead nowhere."""
    for link in objects(links):
        target = record.resolve(link, within)
        found = coded(target.get("code") if target else link.get("display"))
        if found.codes or found.text:
            yield concept(found.codes, found.text)


def read_reasons(record: Record, resource: Resource) -> tuple[Concept, ...]:
    """Read why something was ordered or done, from every field that versions of FHIR have."""
    if resource.keys().isdisjoint(_GIVING_REASONS):
        return ()
    reasons = list(read_concepts(resource, *_REASONS))
    for name in _REASON_LINKS:
        if name in resource:
            reasons += referred_concepts(record, resource, resource[name])
    for name in _SUPPORTING:
        if name in resource:
            reasons += referred_concepts(record, resource, _conditions(resource[name]))
    for reason in items(resource.get("reason")):  # a concept, or in R5 maybe a reference
        if isinstance(reason, dict) and "reference" in reason:
            reasons += referred_concepts(record, resource, _link(reason))
        else:
            reasons += read_concepts({"reason": reason}, "reason")
    return tuple(reasons)


def _link(item: Resource) -> Resource:
    """Take the Reference out of a CodeableReference."""
    inner = item.get("reference")
    return inner if isinstance(inner, dict) else item


def _conditions(links: object) -> list[Resource]:
    """Keep the references to conditions."""
    return [link for link in objects(links) if reference(link).startswith("Condition/")]
