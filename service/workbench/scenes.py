"""What is on the table: a patient of the demo or a fixture, and the request made of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from service.catalogue import SERVICES
from service.demo.stories import STORY_DAY, Trial, fixtures, resources, stories
from service.fhir import Resource, day, first_object, items, objects, string
from service.gather import DATA, DATA_OF_TYPE
from service.replay import REQUEST

AS_OF = "org.back-pain-cds.as-of"
TRACE = "org.back-pain-cds.trace"
USER = "Practitioner/example"
ONE = frozenset({"patient", "encounter"})  # read, not searched for
SERVICE_OF_HOOK: Mapping[str, str] = {service.hook: service.id for service in SERVICES}

Json = dict[str, Any]


class UnknownScene(Exception):
    """Neither a patient of the demo nor a fixture has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One patient with everything that an EHR would send about them."""

    key: str  # "patient/vignette-000" or "fixture/rule/name"
    name: str
    story: str
    patient: str  # id
    today: date
    prefetch: Mapping[str, Any]
    context: Mapping[str, Any]
    resources: tuple[Resource, ...] = field(repr=False)
    trials: tuple[Trial, ...] = ()
    hook: str = "patient-view"
    drafts: tuple[Resource, ...] = ()

    @property
    def person(self) -> Resource:
        """The Patient resource, empty when it was not sent."""
        return next((r for r in self.resources if r.get("resourceType") == "Patient"), {})

    @property
    def age(self) -> str:
        """The age in whole years today, or nothing."""
        born = day(self.person.get("birthDate"))
        if born is None:
            return ""
        had_birthday = (self.today.month, self.today.day) >= (born.month, born.day)
        return str(self.today.year - born.year - (not had_birthday))

    def request(
        self, hook: str, drafts: Iterable[Resource] = (), selections: Iterable[str] = ()
    ) -> Json:
        """Return the CDS Hooks request that an EHR would send now."""
        context = dict(self.context)
        if hook == "order-select":
            context["selections"] = list(selections)
        if hook != "patient-view":
            entries = [{"resource": draft} for draft in drafts]
            bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
            context["draftOrders"] = bundle
        return {
            "hook": hook,
            "hookInstance": str(uuid4()),
            "context": context,
            "prefetch": dict(self.prefetch),
            "extension": {AS_OF: self.today.isoformat(), TRACE: True},
        }


def scene(key: str) -> Scene:
    """Return the scene of this name."""
    kind, _, rest = key.partition("/")
    if kind == "patient" and rest in stories():
        return _of_patient(rest)
    if kind == "fixture" and rest in fixture_names():
        return _of_fixture(rest)
    raise UnknownScene


@cache
def fixture_names() -> frozenset[str]:
    """Return the name of every fixture: its folder and file, without the ending."""
    root = fixtures()
    return frozenset(
        f"{path.parent.name}/{path.name.removesuffix(REQUEST)}"
        for path in root.glob(f"*/*{REQUEST}")
    )


def fixtures_of(rule: str) -> list[str]:
    """Return the names of the fixtures of a rule."""
    return sorted(name for name in fixture_names() if name.startswith(f"{rule}/"))


def words(name: str) -> str:
    """Return the name of a fixture as a sentence."""
    text = name.rpartition("/")[2].replace("-", " ")
    return text[:1].upper() + text[1:]


def _of_patient(patient: str) -> Scene:
    story, chart = stories()[patient], resources(patient)
    context = {"userId": USER, "patientId": patient}
    for resource in chart:
        if resource["resourceType"] == "Encounter":
            context["encounterId"] = resource["id"]
    return Scene(
        key=f"patient/{patient}",
        name=story.name,
        story=story.story,
        patient=patient,
        today=STORY_DAY,
        prefetch=_prefetch(chart),
        context=context,
        resources=chart,
        trials=story.trials,
    )


def _prefetch(chart: Iterable[Json]) -> Json:
    """Return the chart as the answers to our prefetch templates; every key is answered."""
    found: dict[str, list[Json]] = {key: [] for key in sorted(DATA)}
    for resource in chart:
        found[DATA_OF_TYPE[resource["resourceType"]]].append(resource)
    return {
        key: (ones[0] if ones else None) if key in ONE else _searchset(ones)
        for key, ones in found.items()
    }


def _searchset(ones: list[Json]) -> Json:
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(ones)}
    return {**bundle, "entry": [{"resource": one} for one in ones]} if ones else bundle


def _of_fixture(name: str) -> Scene:
    asked = json.loads(_fixture_file(name).read_bytes())
    context, prefetch = asked.get("context", {}), asked.get("prefetch", {})
    drafts = tuple(_resources_in(context.get("draftOrders")))
    known = tuple(one for value in prefetch.values() for one in _resources_in(value))
    patient = string(context.get("patientId")).rpartition("/")[2]
    as_of = day(first_object(asked.get("extension")).get(AS_OF))
    kept = {key: value for key, value in context.items() if key in _KEPT}
    return Scene(
        key=f"fixture/{name}",
        name=_name(known) or "Fixture patient",
        story=words(name),
        patient=patient,
        today=as_of or STORY_DAY,
        prefetch=prefetch,
        context=kept,
        resources=known,
        hook=string(asked.get("hook")),
        drafts=drafts,
    )


_KEPT = frozenset({"userId", "patientId", "encounterId"})


def _fixture_file(name: str) -> Path:
    return fixtures() / f"{name}{REQUEST}"


def _resources_in(value: object) -> Iterable[Resource]:
    """Yield the resources of one prefetch value: a resource, a Bundle, or nothing."""
    for one in objects(value):
        if one.get("resourceType") == "Bundle":
            for entry in objects(one.get("entry")):
                yield from objects(entry.get("resource"))
        elif "resourceType" in one:
            yield one


def _name(known: Iterable[Resource]) -> str:
    for resource in known:
        if resource.get("resourceType") == "Patient":
            said = first_object(resource.get("name"))
            given = (string(name) for name in items(said.get("given")))
            return " ".join(filter(None, (*given, string(said.get("family")))))
    return ""
