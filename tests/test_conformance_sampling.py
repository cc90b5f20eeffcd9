"""A sample of what clients send is judged behind the answers, and told without the patient."""

import json
import logging
import multiprocessing
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from service import conformance_sampling
from service.app import create_app
from service.calls import Call
from service.conformance import Fault, faults
from service.conformance_sampling import MOST_OTHERS, MOST_WAITING, ConformanceSampler
from service.gather import Gathered
from service.response import Answered
from service.settings import Settings
from tests.live import REQUEST, SIGN

CANARY = "Qwertzuiop"
PATIENCE = 20.0  # seconds; reached only by a test that fails

GOOD = {"resourceType": "Patient", "id": "1"}
BAD = {"resourceType": "Patient", "id": "1", "gender": [CANARY]}
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "m1",
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/1"},
    "medicationCodeableConcept": {"text": "oxycodone"},
}


class Counted:
    """Keeps what is counted, and can hold the thread that counts."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, bool]] = []
        self.asked = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def __call__(self, client: str, kind: str, valid: bool) -> None:
        """Keep it."""
        self.asked.set()
        assert self.open.wait(PATIENCE)
        self.told.append((client, kind, valid))


@pytest.fixture
def counted() -> Iterator[Counted]:
    counted = Counted()
    yield counted
    counted.open.set()


@pytest.fixture(autouse=True)
def levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "back_pain_cds")


def answered(*drafts: Any, cited: tuple[str, ...] = (), **prefetch: Any) -> Answered:
    """Return as much of an answered call as is looked at."""
    facts = tuple(SimpleNamespace(resource=reference) for reference in cited)
    made: Any = SimpleNamespace(
        request=SimpleNamespace(drafts=drafts),
        gathered=Gathered(resources={key: tuple(sent) for key, sent in prefetch.items()}),
        evaluation=SimpleNamespace(findings=(SimpleNamespace(facts=facts),)),
    )
    return made  # type: ignore[no-any-return]


def call(client: str = "ehr") -> Call:
    return Call(
        "hook_answered", service="back-pain-order-sign", hook="order-sign", client=client
    )


def judged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the fields of what was logged for each call that was judged."""
    return [
        record.__dict__["fields"]
        for record in caplog.records
        if record.getMessage() == "conformance_judged"
    ]


def judge(sent: Answered, counted: Counted, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return what is logged of one call that is judged."""
    sampler = ConformanceSampler(1, 0, counted)
    sampler.offer(call(), sent)
    sampler.stop(PATIENCE)
    (told,) = judged(caplog)
    return told


@pytest.mark.parametrize(
    ("first", "every", "expected"),
    [
        pytest.param(3, 5, [1, 2, 3, 8, 13], id="the-first-then-one-in-five"),
        pytest.param(2, 0, [1, 2], id="the-first-alone"),
        pytest.param(0, 6, [6, 12], id="one-in-six-alone"),
        pytest.param(0, 0, [], id="none"),
    ],
)
def test_first_calls_are_judged_and_then_one_in_so_many(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
    every: int,
    expected: list[int],
) -> None:
    monkeypatch.setattr(conformance_sampling, "MOST_WAITING", 100)
    sampler = ConformanceSampler(first, every, Counted())

    for number in range(1, 14):
        sampler.offer(call(), answered(*[GOOD] * number))
    sampler.stop(PATIENCE)

    assert [told["judged"] for told in judged(caplog)] == expected


def test_every_client_has_its_own_first_calls(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    sampler = ConformanceSampler(1, 0, counted)

    for client in ("north", "south", "north"):
        sampler.offer(call(client), answered(GOOD))
    sampler.stop(PATIENCE)

    assert [told["client"] for told in judged(caplog)] == ["north", "south"]


def test_nothing_to_judge_starts_no_thread(counted: Counted) -> None:
    before = threading.active_count()
    sampler = ConformanceSampler(0, 500, counted)

    sampler.offer(call(), answered(GOOD))
    sampler.stop()

    assert threading.active_count() == before


def test_bad_draft_is_told_by_its_place_and_kind_of_fault(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    timing = {"timing": {"repeat": {"periodUnit": "d", "frequency": CANARY}}}
    element = "MedicationRequest.dosageInstruction.timing.repeat.frequency"
    draft = {**ORDER, "id": CANARY, "dosageInstruction": [timing, timing]}

    assert judge(answered(draft, ORDER), counted, caplog) == {
        "client": "ehr",
        "service": "back-pain-order-sign",
        "hook": "order-sign",
        "judged": 2,
        "invalid": 1,
        "unjudged": 0,
        "faults": [f"{element}: must be a whole number"],
    }
    assert counted.told == [
        ("ehr", "MedicationRequest", False),
        ("ehr", "MedicationRequest", True),
    ]


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        pytest.param(
            {**GOOD, "gender": [CANARY]}, "Patient.gender: must be a string", id="wrong-type"
        ),
        pytest.param(
            {**GOOD, CANARY: 1}, "Patient.*: FHIR R4 has no such element", id="name-at-the-top"
        ),
        pytest.param(
            {**GOOD, f"{CANARY}.{CANARY}": 1},
            "Patient.*: FHIR R4 has no such element",
            id="name-with-dot",
        ),
        pytest.param(
            {**GOOD, "name": [{}, {"family": "x", CANARY: CANARY}]},
            "Patient.name.*: FHIR R4 has no such element",
            id="name-inside",
        ),
        pytest.param(
            {**GOOD, "contained": [{"resourceType": CANARY}]},
            "Patient: holds what is not a resource of FHIR R4",
            id="contained-type",
        ),
        pytest.param(
            {"resourceType": CANARY, "id": CANARY},
            "other: is not a resource type of FHIR R4",
            id="unknown-type",
        ),
        pytest.param(
            {"resourceType": "HumanName", "family": CANARY},
            "other: is not a resource type of FHIR R4",
            id="data-type",
        ),
        pytest.param(
            {"resourceType": "MedicationOrder", "id": CANARY},
            "MedicationOrder: is not a resource type of FHIR R4",
            id="type-of-an-earlier-version",
        ),
        pytest.param({"id": CANARY}, "other: is missing", id="no-type"),
        pytest.param({"resourceType": [CANARY]}, "other: is missing", id="type-is-a-list"),
    ],
)
def test_what_the_sender_wrote_is_not_told(
    counted: Counted, caplog: pytest.LogCaptureFixture, resource: Any, told: str
) -> None:
    assert judge(answered(resource), counted, caplog)["faults"] == [told]
    assert CANARY not in repr(counted.told)
    assert CANARY not in "".join(repr(record.__dict__) for record in caplog.records)


def test_only_so_many_faults_are_told(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    lists = ("gender", "birthDate", "active", "multipleBirthInteger", "deceasedBoolean")
    objects = ("name", "telecom", "address", "photo", "contact", "communication", "link")
    bad = {**GOOD, **dict.fromkeys(lists, ()), **dict.fromkeys(objects, 1)}

    told = judge(answered(bad, bad), counted, caplog)

    assert (told["invalid"], len(set(told["faults"]))) == (2, 10)


def test_cited_resources_are_judged_and_of_the_others_only_some(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    others = [{**GOOD, "id": str(number)} for number in range(MOST_OTHERS + 20)]
    cited = {"resourceType": "Condition", "id": "c", "subject": CANARY}
    sent = answered(ORDER, cited=("Condition/c",), patient=others, conditions=[cited])

    told = judge(sent, counted, caplog)

    assert (told["judged"], told["invalid"]) == (1 + 1 + MOST_OTHERS, 1)
    assert [kind for _, kind, valid in counted.told if not valid] == ["Condition"]


@pytest.mark.parametrize("fault", [KeyError, RuntimeError, RecursionError])
def test_resource_that_breaks_the_models_does_not_hide_the_others(
    counted: Counted,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[Exception],
) -> None:
    def fail(resource: Any) -> tuple[Fault, ...]:
        if resource is ORDER:
            raise fault(CANARY)
        return faults(resource)

    monkeypatch.setattr(conformance_sampling, "faults", fail)

    told = judge(answered(ORDER, BAD), counted, caplog)

    assert (told["judged"], told["invalid"], told["unjudged"]) == (1, 1, 1)
    assert CANARY not in caplog.text


def test_deep_resource_is_a_fault(counted: Counted, caplog: pytest.LogCaptureFixture) -> None:
    nested: dict[str, Any] = {"url": CANARY}
    for _ in range(400):
        nested = {"url": CANARY, "extension": [nested]}

    told = judge(answered({**GOOD, "extension": [nested]}), counted, caplog)

    assert told["faults"] == ["Patient: is nested too deeply to be read"]


def test_large_resource_is_passed_over(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    large = {**ORDER, "note": [{"text": CANARY}] * conformance_sampling.MOST_VALUES}

    told = judge(answered(large, BAD), counted, caplog)

    assert (told["judged"], told["invalid"], told["unjudged"]) == (1, 1, 1)


def test_nobody_waits_and_the_next_call_is_taken_instead(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    counted.open.clear()
    sampler = ConformanceSampler(MOST_WAITING + 2, 0, counted)
    sampler.offer(call(), answered(GOOD))
    assert counted.asked.wait(PATIENCE)

    for _ in range(MOST_WAITING + 3):  # all return though the first is not done
        sampler.offer(call(), answered(GOOD))
    counted.open.set()
    while sampler._waiting.qsize():
        threading.Event().wait(0.001)
    sampler.offer(call(), answered(BAD))
    sampler.offer(call(), answered(BAD))
    sampler.stop(PATIENCE)

    assert [told["invalid"] for told in judged(caplog)] == [0] * (MOST_WAITING + 1) + [1]


def test_the_end_is_not_held_up_and_nothing_is_taken_after_it(counted: Counted) -> None:
    counted.open.clear()
    sampler = ConformanceSampler(9, 0, counted)
    sampler.offer(call(), answered(GOOD))
    assert counted.asked.wait(PATIENCE)

    sampler.stop(0.01)
    sampler.offer(call(), answered(BAD))
    counted.open.set()
    sampler.stop(PATIENCE)

    assert counted.told == [("ehr", "Patient", True)]


def test_a_forked_worker_judges_its_own_first_calls() -> None:
    context = multiprocessing.get_context("fork")
    told: multiprocessing.Queue[tuple[str, bool]] = context.Queue()
    sampler = ConformanceSampler(1, 0, lambda _client, kind, valid: told.put((kind, valid)))
    sampler.offer(call(), answered(GOOD))
    assert told.get(timeout=PATIENCE) == ("Patient", True)

    # The child neither stops the sampler nor waits: the end of the process does.
    child = context.Process(target=sampler.offer, args=(call(), answered(ORDER)))
    child.start()
    child.join(PATIENCE)

    assert (child.exitcode, told.get(timeout=PATIENCE)) == (0, ("MedicationRequest", True))
    sampler.stop(PATIENCE)


def request() -> Any:
    """Return a request that brings, besides its own data, some that is not valid."""
    body = json.loads(REQUEST.read_bytes())
    body["prefetch"]["observations"] = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "Observation", "id": CANARY, CANARY: CANARY}}],
    }
    return body


def sampler_of(app: Flask) -> ConformanceSampler | None:
    sampler: ConformanceSampler | None = app.extensions["back-pain-cds"].sampler
    return sampler


def test_call_is_answered_as_ever_and_told_in_log_and_metrics(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = create_app(Settings(conformance_first=1, conformance_every=0))
    plain = create_app(Settings(conformance_first=0, conformance_every=0))
    client, sampler = app.test_client(), sampler_of(app)
    assert sampler is not None

    answer = client.post(SIGN, json=request())
    client.post(SIGN, data=b"{")  # has nothing to judge, and is not one of the sample
    sampler.stop(PATIENCE)

    assert answer.data == plain.test_client().post(SIGN, json=request()).data
    (told,) = judged(caplog)
    assert (told["client"], told["invalid"]) == ("unauthenticated", 1)
    assert told["faults"] == [
        "Observation.code: is missing",
        "Observation.*: FHIR R4 has no such element",
    ]
    numbers = client.get("/metrics").text
    labels = '{client="unauthenticated",type="Observation"}'
    assert f"back_pain_cds_invalid_resources_total{labels} 1.0" in numbers
    assert CANARY not in numbers + repr([record.__dict__ for record in caplog.records])


def test_call_is_answered_while_the_worker_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(_: object) -> tuple[Fault, ...]:
        asked.set()
        assert go_on.wait(PATIENCE)
        raise KeyError(CANARY)

    app = create_app(Settings(conformance_first=99))
    monkeypatch.setattr(conformance_sampling, "faults", slow)
    statuses = [
        app.test_client().post(SIGN, json=request()).status_code
        for _ in range(MOST_WAITING + 3)
    ]
    assert asked.wait(PATIENCE)
    go_on.set()
    sampler = sampler_of(app)
    assert sampler is not None
    sampler.stop(PATIENCE)

    assert set(statuses) == {200}


def test_zero_and_zero_switch_it_off(caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Settings(conformance_first=0, conformance_every=0))

    app.test_client().post(SIGN, json=request())

    assert sampler_of(app) is None
    assert judged(caplog) == []


def test_unless_told_otherwise_three_calls_are_judged_and_one_in_five_hundred() -> None:
    fields = Settings.model_fields

    assert fields["conformance_first"].default == 3
    assert fields["conformance_every"].default == 500
