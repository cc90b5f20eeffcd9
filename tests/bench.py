"""Measure the service against a baseline in the same run: ``python -m tests.bench``.

Two requests: an order-sign of about 3 kB, and one of about 480 kB with 300 prefetched
resources, made here. In process: from bytes to the bytes of the cards. Over HTTP: requests a
second and latency at 1 and at 16 connections, as ratios to a Flask view that only parses the
body with ``json`` and returns a fixed card, on the same server with the same settings.

Then the small request without its conditions, which the service reads from a FHIR server
that takes 20 ms for a read: there is nothing to compare it with.
"""

import argparse
import http.client
import json
import multiprocessing
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
from flask import Flask, request

from tests import faulty_fhir

FIXTURE = (
    Path(__file__).parent.parent
    / "fixtures/opioid-on-buprenorphine"
    / "oxycodone-prescribed-to-a-patient-on-buprenorphine.request.json"
)
OURS = [sys.executable, "-m", "service.cli", "serve", "--port", "8911"]
PATH = "/cds-services/back-pain-order-sign"
FIXED = {"cards": [{"summary": "ok", "indicator": "info", "source": {"label": "baseline"}}]}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LARGE = 300
FHIR_SECONDS = 0.02

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of requests took."""

    per_second: float
    p50_ms: float
    p99_ms: float


def small_request() -> bytes:
    """Return the README's request with one problem and one medicine: about 3 kB."""
    body = json.loads(FIXTURE.read_bytes())
    prefetch = body["prefetch"]
    for key, value in prefetch.items():
        if key in {"conditions", "medicationRequests"}:  # the disorder, and buprenorphine
            value["entry"] = value["entry"][-1:]
        elif key != "patient":
            prefetch[key] = None
    return orjson.dumps(body)


def large_request() -> bytes:
    """Return the README's request with 300 resources more: about 480 kB."""
    body = json.loads(FIXTURE.read_bytes())
    patient = body["context"]["patientId"]
    made = [_resource(number, patient) for number in range(LARGE)]
    for key, kind in (
        ("medicationRequests", "MedicationRequest"),
        ("conditions", "Condition"),
        ("observations", "Observation"),
        ("procedures", "Procedure"),
    ):
        bundle = body["prefetch"].get(key) or {"resourceType": "Bundle", "type": "searchset"}
        entries = [{"resource": one} for one in made if one["resourceType"] == kind]
        bundle["entry"] = [*bundle.get("entry", []), *entries]
        bundle.pop("total", None)
        body["prefetch"][key] = bundle
    return orjson.dumps(body)


# Two in five are drugs that our rules know; the others are what charts are full of.
_KNOWN = ("197806", "310431", "313412", "596930", "198014", "1049621", "198045", "312615")
_OTHER = (
    "Lisinopril 10 MG Oral Tablet",
    "Metformin hydrochloride 500 MG Oral Tablet",
    "Atorvastatin 20 MG Oral Tablet",
    "Levothyroxine sodium 0.05 MG Oral Tablet",
    "Omeprazole 20 MG Delayed Release Oral Capsule",
    "Amlodipine 5 MG Oral Tablet",
    "Hydrochlorothiazide 25 MG Oral Tablet",
    "Amoxicillin 500 MG Oral Capsule",
    "Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler",
    "Losartan potassium 50 MG Oral Tablet",
    "Simvastatin 40 MG Oral Tablet",
    "Cetirizine hydrochloride 10 MG Oral Tablet",
)
_DRUGS = (
    *({"coding": [{"system": RXNORM, "code": code}]} for code in _KNOWN),
    *({"text": name} for name in _OTHER),
)


def _resource(number: int, patient: str) -> Json:
    day = (date(2026, 1, 1) - timedelta(days=number * 3)).isoformat()
    shared: Json = {
        "id": f"bench-{number}",
        "meta": {
            "versionId": "1",
            "lastUpdated": f"{day}T10:00:00Z",
            "profile": ["http://example.org/StructureDefinition/bench"],
        },
        "identifier": [{"system": "http://example.org/ids", "value": f"{number:08}"}],
        "text": {"status": "generated", "div": f"<div>{'narrative ' * 92}</div>"},
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": f"Encounter/bench-{number}"},
    }
    match number % 4:
        case 0:
            return _medication(shared, number, day)
        case 1:
            return _condition(shared, number, day)
        case 2:
            return _observation(shared, number, day)
        case _:
            return {
                **shared,
                "resourceType": "Procedure",
                "status": "completed",
                "code": {"text": "Office visit", "coding": [_coding("cpt", "99213")]},
                "performedDateTime": day,
            }


def _coding(system: str, code: str) -> Json:
    return {"system": f"http://example.org/{system}", "code": code, "display": code}


def _medication(shared: Json, number: int, day: str) -> Json:
    return {
        **shared,
        "resourceType": "MedicationRequest",
        "status": "completed",
        "intent": "order",
        "medicationCodeableConcept": _DRUGS[number // 4 % len(_DRUGS)],
        "authoredOn": day,
        "dosageInstruction": [
            {
                "text": "1 tablet three times a day",
                "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {"quantity": {"value": 30, "unit": "tablet"}},
    }


def _condition(shared: Json, number: int, day: str) -> Json:
    codes = ("I10", "E78.5", "K21.9", "J06.9", "M25.561", "R51.9")
    return {
        **shared,
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": {
            "coding": [
                {
                    "system": "http://hl7.org/fhir/sid/icd-10-cm",
                    "code": codes[number // 4 % len(codes)],
                }
            ]
        },
        "recordedDate": day,
    }


def _observation(shared: Json, number: int, day: str) -> Json:
    code = ("98979-8", "2160-0", "718-7", "2345-7")[number // 4 % 4]
    return {
        **shared,
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": day,
        "valueQuantity": {"value": 80 + number % 20, "unit": "mL/min"},
    }


def baseline() -> Flask:
    """Return the app that everything is compared with."""
    app = Flask("baseline")

    @app.post("/<path:_path>")
    def parse(_path: str) -> Json:
        json.loads(request.get_data())
        return FIXED

    return app


def in_process(body: bytes, rounds: int) -> tuple[float, float]:
    """Return the median milliseconds of a whole answer, and of parsing alone."""
    from service.answering import Answering  # noqa: PLC0415 - not needed by the baseline
    from service.catalogue import find  # noqa: PLC0415
    from service.envelope import read_request  # noqa: PLC0415
    from service.server import settle_memory  # noqa: PLC0415
    from service.settings import read_settings  # noqa: PLC0415

    answering = Answering(read_settings())
    service = find("back-pain-order-sign")

    def answer() -> None:
        asked = read_request(body, "application/json", service, extensions=True)
        orjson.dumps(answering(asked, date(2026, 3, 2)))

    answer()
    settle_memory()
    return _median(answer, rounds), _median(lambda: orjson.loads(body), rounds)


def _median(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000


@contextmanager
def fhir_server(conditions: Json) -> Iterator[str]:
    """Run a FHIR server in another process until the block is left; yield its address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve_fhir, args=(theirs, conditions))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("over")
        process.join()


def _serve_fhir(pipe: Connection, conditions: Json) -> None:
    answer = faulty_fhir.says(conditions)

    def slow(exchange: faulty_fhir.Exchange) -> None:
        time.sleep(FHIR_SECONDS)
        answer(exchange)

    with faulty_fhir.running() as server:
        server.told["Condition"] = slow
        pipe.send(server.url)
        pipe.recv()


@contextmanager
def served(command: list[str], port: int) -> Iterator[None]:
    """Run a server until the block is left."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
    try:
        _wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the server did not start")


def load(port: int, body: bytes, connections: int, seconds: float) -> Load:
    """Post the body over kept-alive connections for some seconds, from another process."""
    queue: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    arguments = (port, body, connections, seconds, queue)
    process = multiprocessing.Process(target=_post_all, args=arguments)
    process.start()
    taken = queue.get(timeout=seconds + 60)
    process.join()
    cuts = statistics.quantiles(taken, n=100)
    return Load(len(taken) / seconds, cuts[49] * 1000, cuts[98] * 1000)


def _post_all(port: int, body: bytes, connections: int, seconds: float, queue: Any) -> None:
    taken: list[float] = []
    until = time.perf_counter() + seconds
    threads = [
        Thread(target=_post, args=(port, body, until, taken)) for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(taken)


def _post(port: int, body: bytes, until: float, taken: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"}
    while time.perf_counter() < until:
        started = time.perf_counter()
        connection.request("POST", PATH, body, headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"status {response.status}")
        taken.append(time.perf_counter() - started)


def with_reads(body: bytes, connections: int, seconds: float, rounds: int) -> Load:
    """Return our load when each call reads the conditions, the best of some rounds."""
    call = json.loads(body)
    runs = []
    with fhir_server(call["prefetch"].pop("conditions")) as url:
        asked = orjson.dumps(call | {"fhirServer": url})
        for _ in range(rounds):
            with served(OURS, 8911):
                load(8911, asked, connections, 0.5)
                runs.append(load(8911, asked, connections, seconds))
    return max(runs, key=_rate)


def compare(body: bytes, connections: int, seconds: float, rounds: int) -> tuple[Load, Load]:
    """Return our load and the baseline's, the best of alternating rounds."""
    ours, theirs = [], []
    for _ in range(rounds):
        with served(OURS, 8911):
            load(8911, body, connections, 0.5)
            ours.append(load(8911, body, connections, seconds))
        with served([sys.executable, "-m", "tests.bench", "--baseline", "8912"], 8912):
            load(8912, body, connections, 0.5)
            theirs.append(load(8912, body, connections, seconds))
    return max(ours, key=_rate), max(theirs, key=_rate)


def _rate(run: Load) -> float:
    return run.per_second


def serve_baseline(port: int) -> None:
    """Serve the baseline as the service is served."""
    from service.server import run  # noqa: PLC0415
    from service.settings import read_settings  # noqa: PLC0415

    run(read_settings({"port": port}), baseline, lambda: None)


def print_comparison(name: str, body: bytes, chosen: argparse.Namespace) -> None:
    ours, parsing = in_process(body, 300 if name == "small" else 60)
    print(
        f"{name}: {len(body) / 1000:.1f} kB, in process {ours:.2f} ms, "
        f"parsing alone {parsing:.2f} ms"
    )
    for connections in (1, 16):
        we, they = compare(body, connections, chosen.seconds, chosen.rounds)
        print(
            f"{name}, {connections} connections: {we.per_second / they.per_second:.2f} "
            f"of the baseline ({we.per_second:.0f}/s against {they.per_second:.0f}/s); "
            f"p50 {we.p50_ms:.1f} ms ({we.p50_ms / they.p50_ms:.2f}), "
            f"p99 {we.p99_ms:.1f} ms ({we.p99_ms / they.p99_ms:.2f})"
        )


def print_reads(body: bytes, chosen: argparse.Namespace) -> None:
    for connections in (1, 16):
        we = with_reads(body, connections, chosen.seconds, chosen.rounds)
        print(
            f"small with a read of {FHIR_SECONDS * 1000:.0f} ms, {connections} connections: "
            f"{we.per_second:.0f}/s; p50 {we.p50_ms:.1f} ms, p99 {we.p99_ms:.1f} ms"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", type=int, help="only serve the baseline on this port")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.baseline:
        serve_baseline(chosen.baseline)
        return
    for name, body in (("small", small_request()), ("large", large_request())):
        print_comparison(name, body, chosen)
    print_reads(small_request(), chosen)


if __name__ == "__main__":
    main()
