"""FHIR reads end within their budget, in data or in a named fault, and keep the token."""

import gc
import logging
import socket
import threading
import traceback
import weakref
from collections.abc import Iterator
from queue import SimpleQueue
from typing import cast

import pytest
from urllib3.connection import HTTPConnection

from service import fhir_client
from service.addresses import Reach, read_server
from service.fhir_client import (
    MOST_PAGES,
    Allowance,
    FhirClient,
    FhirLimits,
    FhirServer,
    Outcome,
    Pages,
    Query,
    _Read,
    next_link,
)
from tests import faulty_fhir
from tests.faulty_fhir import FAULTS, OUTCOME, PATIENT, FaultyFhir, bundle, says

TOKEN = "canary-4f1d.token"  # noqa: S105 - of no server
LIMITS = FhirLimits(seconds=5, octets=50_000, resources=50)
SHORT = 0.3  # seconds, for servers that take too long
LONG = 2 * faulty_fhir.PATIENCE
PAIN = {"resourceType": "Condition", "id": "c"}
SEARCH = Query("Condition?patient=p&_count=200")
READ = Query("Patient/p", "Patient")


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyFhir]:
    with faulty_fhir.running() as server:
        yield server


@pytest.fixture
def fhir(running: FaultyFhir) -> FaultyFhir:
    running.told.clear()
    running.seen.clear()
    return running


@pytest.fixture
def client() -> Iterator[FhirClient]:
    client = FhirClient(LIMITS, threads=8)
    yield client
    client.close()


def server(fhir: FaultyFhir, token: str | None = TOKEN) -> FhirServer:
    return FhirServer(read_server(fhir.url), Reach.LOOPBACK, token)


def read(
    client: FhirClient, fhir: FaultyFhir, query: Query = SEARCH, seconds: float = 5
) -> Pages:
    return client.read(server(fhir), {"key": query}, client.allow(seconds))["key"]


def patience(fault: str) -> float:
    """Return how long to read for: briefly when it is the time that is to run out."""
    return SHORT if fault == "timeout" else LIMITS.seconds


def test_search_is_read_with_the_token(client: FhirClient, fhir: FaultyFhir) -> None:
    fhir.told["Condition"] = says(bundle(PAIN))

    assert read(client, fhir) == Pages((bundle(PAIN),), None, ("ok",))
    [(path, headers)] = fhir.seen
    assert path == "/fhir/r4/Condition?patient=p&_count=200"
    assert headers == {
        "Host": f"127.0.0.1:{fhir.server_port}",
        "Accept": "application/fhir+json",
        "Accept-Encoding": "gzip",
        "Authorization": f"Bearer {TOKEN}",
        "User-Agent": "back-pain-cds",
    }


def test_without_a_token_none_is_sent(client: FhirClient, fhir: FaultyFhir) -> None:
    client.read(server(fhir, None), {"key": SEARCH})

    assert ["Authorization" in headers for _, headers in fhir.seen] == [False]


def test_nothing_of_the_environment_is_used(
    fhir: FaultyFhir, client: FhirClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")

    assert read(client, fhir).fault is None


def test_single_resource_is_read(client: FhirClient, fhir: FaultyFhir) -> None:
    assert read(client, fhir, READ) == Pages((PATIENT,), None, ("ok",))


@pytest.mark.parametrize(
    "media_type",
    [
        "application/fhir+json",
        "application/fhir+json; charset=utf-8; fhirVersion=4.0",
        "Application/JSON;charset=UTF-8",
        "application/json+fhir",
    ],
)
def test_every_name_of_fhir_json_is_read(
    client: FhirClient, fhir: FaultyFhir, media_type: str
) -> None:
    fhir.told["Condition"] = says(bundle(PAIN), Content_Type=media_type)

    assert read(client, fhir).fault is None


def test_packed_answer_is_read(client: FhirClient, fhir: FaultyFhir) -> None:
    fhir.told["Condition"] = faulty_fhir.packed(bundle(PAIN))

    assert read(client, fhir).documents == (bundle(PAIN),)


def test_queries_are_read_at_the_same_time(client: FhirClient, fhir: FaultyFhir) -> None:
    kinds = ("Condition", "Procedure", "Observation", "Encounter", "ServiceRequest")
    all_there = threading.Barrier(len(kinds), timeout=4)

    def together(exchange: faulty_fhir.Exchange) -> None:
        all_there.wait()
        says(bundle())(exchange)

    fhir.told.update(dict.fromkeys(kinds, together))

    found = client.read(server(fhir), {kind: Query(f"{kind}?patient=p") for kind in kinds})

    assert {kind: pages.fault for kind, pages in found.items()} == dict.fromkeys(kinds)


def test_connection_is_used_again(client: FhirClient, fhir: FaultyFhir) -> None:
    connected = fhir.get_request
    connections: list[object] = []

    def count() -> tuple[object, object]:
        connections.append(1)
        return connected()

    fhir.get_request = count  # type: ignore[method-assign, assignment]
    try:
        for _ in range(3):
            read(client, fhir)
    finally:
        fhir.get_request = connected  # type: ignore[method-assign]

    assert len(fhir.seen) == 3
    assert len(connections) == 1


@pytest.mark.parametrize(("answer", "fault"), FAULTS.values(), ids=FAULTS)
def test_fault_is_named_within_the_budget(
    client: FhirClient, fhir: FaultyFhir, answer: faulty_fhir.Answer, fault: Outcome
) -> None:
    fhir.told["Condition"] = answer
    queries = {"conditions": SEARCH, "patient": READ}

    found = client.read(server(fhir), queries, client.allow(patience(fault)))

    # Any other name than that of a time-out is given only while there is time left.
    assert found["conditions"].fault == fault
    assert found["patient"].documents == (PATIENT,)
    assert "Condition" in fhir.types_read


def watched(answer: faulty_fhir.Answer, ends: SimpleQueue[str]) -> faulty_fhir.Answer:
    """Answer, and note whether the client stayed to the end."""

    def watching(exchange: faulty_fhir.Exchange) -> None:
        try:
            answer(exchange)
        except OSError:
            ends.put("left")
            raise
        ends.put("stayed")

    return watching


@pytest.mark.parametrize("fault", ["silent", "dripping", "dripping-headers"])
@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        pytest.param(SHORT, LONG, id="limit-of-the-client"),
        pytest.param(LONG, SHORT, id="time-of-the-call"),
    ],
)
def test_server_that_takes_too_long_is_left(
    fhir: FaultyFhir, fault: str, limit: float, seconds: float
) -> None:
    ends: SimpleQueue[str] = SimpleQueue()
    fhir.told["Condition"] = watched(FAULTS[fault][0], ends)
    client = FhirClient(FhirLimits(seconds=limit))

    assert read(client, fhir, seconds=seconds) == Pages((), "timeout", ("timeout",))
    assert ends.get(timeout=LONG) == "left"
    assert len(fhir.seen) == 1
    client.close()


@pytest.mark.parametrize(("answer", "fault"), FAULTS.values(), ids=FAULTS)
def test_token_is_told_to_nobody(
    fhir: FaultyFhir,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    answer: faulty_fhir.Answer,
    fault: Outcome,
) -> None:
    caplog.set_level(logging.DEBUG)
    fhir.told["Condition"] = answer
    client = FhirClient(LIMITS)
    asked = server(fhir)
    found = client.read(asked, {"key": SEARCH}, client.allow(patience(fault)))
    client.close()

    told = [caplog.text, repr(asked), repr(found), repr(client), *capfd.readouterr()]

    assert any(TOKEN in value for _, headers in fhir.seen for value in headers.values())
    assert [text for text in told if TOKEN in text] == []


def test_token_is_in_no_traceback(
    client: FhirClient, fhir: FaultyFhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("a fault of ours")

    monkeypatch.setattr(fhir_client, "_judged", broken)

    with pytest.raises(TypeError) as caught:
        read(client, fhir)

    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_token_is_not_kept(client: FhirClient, fhir: FaultyFhir) -> None:
    class Token(str):
        """A string whose end can be seen."""

    token = Token(TOKEN)
    end = weakref.ref(token)

    assert client.read(server(fhir, token), {"key": SEARCH})["key"].fault is None
    del token
    gc.collect()

    assert end() is None


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faulty_fhir.reset, id="reset"),
        pytest.param(says(OUTCOME, 503), id="503"),
    ],
)
def test_read_is_tried_twice_when_nobody_answered(
    client: FhirClient, fhir: FaultyFhir, fault: faulty_fhir.Answer
) -> None:
    fhir.told["Condition"] = faulty_fhir.first(fault, says(bundle(PAIN)))

    found = read(client, fhir)

    assert (found.documents, found.fault) == ((bundle(PAIN),), None)
    assert len(found.calls) == 2
    assert found.calls[1] == "ok"


@pytest.mark.parametrize("fault", ["reset", "503"])
def test_read_is_not_tried_a_third_time(
    client: FhirClient, fhir: FaultyFhir, fault: str
) -> None:
    answer, outcome = FAULTS[fault]
    fhir.told["Condition"] = answer

    assert read(client, fhir).calls == (outcome, outcome)
    assert len(fhir.seen) == 2


@pytest.mark.parametrize("fault", ["401", "404", "429", "500", "503-later", "html", "silent"])
def test_read_that_was_answered_is_not_tried_again(
    client: FhirClient, fhir: FaultyFhir, fault: str
) -> None:
    answer, outcome = FAULTS[fault]
    fhir.told["Condition"] = answer

    assert read(client, fhir, seconds=patience(outcome)).calls == (outcome,)
    assert len(fhir.seen) == 1


def test_connection_that_the_server_closed_is_replaced(
    client: FhirClient, fhir: FaultyFhir
) -> None:
    def goodbye(exchange: faulty_fhir.Exchange) -> None:
        faulty_fhir.empty(exchange)  # without saying that it is the last one
        exchange.close_connection = True

    fhir.told["Condition"] = goodbye

    assert [read(client, fhir).fault for _ in range(3)] == [None, None, None]


def test_pages_are_followed_in_their_order(client: FhirClient, fhir: FaultyFhir) -> None:
    contents = [[{"resourceType": "Condition", "id": str(number)}] for number in range(4)]
    fhir.told["Condition"] = faulty_fhir.pages(*contents)

    found = read(client, fhir)

    assert found.fault is None
    assert [entry["resource"] for page in found.documents for entry in page["entry"]] == [
        resource for page in contents for resource in page
    ]
    assert {headers["Authorization"] for _, headers in fhir.seen} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("link", ["Condition?page=1", "?page=1", "/fhir/r4?page=1"])
def test_relative_link_is_followed(client: FhirClient, fhir: FaultyFhir, link: str) -> None:
    fhir.told["Condition"] = faulty_fhir.first(says(bundle(following=link)), says(bundle(PAIN)))
    fhir.told[""] = says(bundle(PAIN))

    assert read(client, fhir).documents == (bundle(following=link), bundle(PAIN))


@pytest.mark.parametrize(
    ("fault", "outcome"), [("silent", "timeout"), ("500", "server-error"), ("html", "not-json")]
)
def test_pages_before_a_fault_are_kept(
    client: FhirClient, fhir: FaultyFhir, fault: str, outcome: Outcome
) -> None:
    page = bundle(PAIN, following="Condition?page=1")
    fhir.told["Condition"] = faulty_fhir.first(says(page), FAULTS[fault][0])

    found = read(client, fhir, seconds=patience(outcome))

    assert found == Pages((page,), outcome, ("ok", outcome))


def test_pages_end_somewhere(fhir: FaultyFhir) -> None:
    def next_one(exchange: faulty_fhir.Exchange) -> None:
        says(bundle(following=f"Condition?page={len(exchange.fhir.seen)}"))(exchange)

    fhir.told["Condition"] = next_one
    client = FhirClient(FhirLimits(seconds=5))
    found = read(client, fhir)
    client.close()

    assert (found.fault, len(fhir.seen)) == ("endless", MOST_PAGES)


def test_limits_hold_for_all_reads_together(fhir: FaultyFhir) -> None:
    fhir.told["Condition"] = fhir.told["Procedure"] = says(bundle(PAIN, PAIN))
    queries = {"conditions": SEARCH, "procedures": Query("Procedure?patient=p")}
    few = FhirClient(FhirLimits(resources=3))
    small = FhirClient(FhirLimits(octets=len(str(bundle(PAIN, PAIN))) + 10))

    for client, fault in ((few, "too-many"), (small, "too-large")):
        found = client.read(server(fhir), queries)
        client.close()
        assert {pages.fault for pages in found.values()} == {None, fault}


@pytest.mark.parametrize("fault", ["silent", "dripping", "dripping-headers"])
def test_thread_is_free_again_after_the_budget(fhir: FaultyFhir, fault: str) -> None:
    fhir.told["Condition"] = FAULTS[fault][0]
    client = FhirClient(LIMITS, threads=1)

    assert read(client, fhir, seconds=SHORT).fault == "timeout"
    assert read(client, fhir, READ).fault is None
    client.close()


def test_read_that_had_no_turn_is_out_of_time(fhir: FaultyFhir) -> None:
    fhir.told["Condition"] = faulty_fhir.silent
    client = FhirClient(LIMITS, threads=1)

    found = client.read(server(fhir), {"first": SEARCH, "second": READ}, client.allow(SHORT))
    client.close()

    assert found["second"] == Pages((), "timeout", ("timeout",))
    assert fhir.types_read == ["Condition"]


def test_no_time_is_no_read(client: FhirClient, fhir: FaultyFhir) -> None:
    assert (
        client.read(server(fhir), {"key": SEARCH}, client.allow(-1))["key"].fault == "timeout"
    )
    assert fhir.seen == []


def test_absent_server_is_unreachable(client: FhirClient) -> None:
    absent = FhirServer(read_server("http://127.0.0.1:9/fhir"), Reach.LOOPBACK)

    assert client.read(absent, {"key": SEARCH})["key"] == Pages(
        (), "unreachable", ("unreachable",)
    )


@pytest.mark.parametrize(
    ("links", "following"),
    [
        ([{"relation": "self", "url": "a"}], None),
        ([{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}], "b"),
        ({"relation": "next", "url": "b"}, "b"),
        ([{"relation": "next"}], ""),
        ([{"relation": "next", "url": 7}], ""),
        ([None, "next", {}], None),
        (None, None),
    ],
)
def test_next_page_is_found(links: object, following: str | None) -> None:
    assert next_link({"link": links}) == following


class Vanishing:
    """A connection whose thread closes it while another looks at it."""

    def __init__(self) -> None:
        self.looks = 0
        self.held = socket.socket()

    @property
    def sock(self) -> socket.socket | None:
        """Give the socket to the first who asks."""
        self.looks += 1
        return self.held if self.looks == 1 else None


def test_read_is_abandoned_while_its_thread_closes_the_connection(fhir: FaultyFhir) -> None:
    abandoned = _Read(server(fhir), READ, Allowance(LIMITS, 1))
    connection = Vanishing()
    abandoned.use(cast(HTTPConnection, connection))

    with connection.held:
        abandoned.abandon()

    assert connection.looks == 1


def test_read_leaves_the_connection_to_others_between_pages(
    client: FhirClient, fhir: FaultyFhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    fhir.told["Condition"] = says(bundle(PAIN))
    between: list[object] = []
    monkeypatch.setattr(
        _Read, "end", lambda self, fault: between.append((self.connection, fault))
    )

    read(client, fhir)

    assert between == [(None, None)]
