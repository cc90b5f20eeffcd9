"""A minute of steady calls: all are answered, what was acknowledged is kept, memory is flat."""

import http.client
import json
import re
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from service.tables import cards
from tests.live import FEEDBACK, REQUEST, ROOT, SIGN, Service, feedback_on, log_lines, served
from tests.test_operations import kept

SECONDS, SETTLED = 60, 15  # after so many seconds memory is looked at first
PER_SECOND, LINES = 60, 4  # calls, over so many connections: slow enough for any machine
GROWTH = 1.1

VIEW = SIGN.replace("order-sign", "patient-view")
VIEWED = ROOT / "fixtures/functional-follow-up/chronic-back-pain-without-a-score.request.json"
ROUND = (SIGN, SIGN, SIGN, VIEW, SIGN, SIGN, SIGN, FEEDBACK)
ASKED: Mapping[str, Any] = {
    SIGN: json.loads(REQUEST.read_bytes()),
    VIEW: json.loads(VIEWED.read_bytes()),
}
STATUS = Path("/proc/self/status")


class Told(NamedTuple):
    """What came of one call."""

    path: str
    status: int
    cards: tuple[str, ...]  # of the answer; of feedback, those that it is about


@dataclass(frozen=True)
class Minute:
    """What came of all calls."""

    told: list[Told]
    settled: Mapping[int, int]  # kB in memory, by worker
    ended: Mapping[int, int]
    levels: set[str]  # in the log
    database: str


def post(line: http.client.HTTPConnection, path: str, about: tuple[str, ...]) -> Told:
    """Make one call; feedback is about these cards."""
    feedback = path == FEEDBACK
    asked = ASKED.get(path, {}) | {"hookInstance": str(uuid.uuid4())}
    body = feedback_on(*about) if feedback else json.dumps(asked).encode()
    line.request("POST", path, body, {"Content-Type": "application/json"})
    response = line.getresponse()
    answer = json.loads(response.read())
    return Told(
        path,
        response.status,
        about if feedback else tuple(card["uuid"] for card in answer.get("cards", ())),
    )


def post_on_one_line(port: int, seconds: int, first: float) -> list[Told]:
    """Post at the times of a schedule; a late answer moves no later call."""
    told: list[Told] = []
    about: tuple[str, ...] = ()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as line:
        for number, path in enumerate(islice(cycle(ROUND), seconds * PER_SECOND // LINES)):
            time.sleep(max(0, first + number * LINES / PER_SECOND - time.monotonic()))
            told.append(post(line, path, about))
            about = told[-1].cards
            if path == FEEDBACK:
                line.close()  # the next one may lead to the other worker
    return told


def post_for(port: int, seconds: int) -> list[Told]:
    now = time.monotonic()
    starts = [now + line / PER_SECOND for line in range(LINES)]
    with ThreadPoolExecutor(LINES) as lines:
        parts = list(lines.map(partial(post_on_one_line, port, seconds), starts))
    return [told for part in parts for told in part]


def resident(service: Service) -> dict[int, int]:
    """Return the kB in memory of each worker; nothing where the system does not tell."""
    if not STATUS.exists():
        return {}
    statuses = {
        pid: Path(f"/proc/{pid}/status").read_text("utf-8") for pid in service.workers()
    }
    return {
        pid: int(re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[0])
        for pid, status in statuses.items()
    }


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Minute:
    directory = tmp_path_factory.mktemp("load")
    database = f"sqlite:///{directory}/cds.sqlite3"
    # Another process, so that the calls keep their times whatever the tests do.
    with (
        served(directory, database_url=database, workers=2) as service,
        ProcessPoolExecutor(1, get_context("spawn")) as clients,
    ):
        told = clients.submit(post_for, service.port, SETTLED).result()
        settled = resident(service)
        told += clients.submit(post_for, service.port, SECONDS - SETTLED).result()
        ended = resident(service)
    levels = {line["level"] for line in log_lines(directory, service.port)}
    return Minute(told, settled, ended, levels, database)


def test_every_call_is_answered(minute: Minute) -> None:
    assert len(minute.told) == SECONDS * PER_SECOND
    assert {told.status for told in minute.told} == {200}
    assert {told.path for told in minute.told if told.cards} == set(ROUND)
    assert minute.levels == {"INFO"}


def test_what_was_acknowledged_is_in_the_database(minute: Minute) -> None:
    reported = [card for told in minute.told if told.path == FEEDBACK for card in told.cards]
    issued = [card for told in minute.told if told.path != FEEDBACK for card in told.cards]

    assert sorted(kept(minute.database)) == sorted(reported)
    assert sorted(kept(minute.database, cards.c.uuid)) == sorted(issued)


@pytest.mark.skipif(not STATUS.exists(), reason="no /proc that tells the memory of a process")
def test_memory_is_flat(minute: Minute) -> None:
    grown = {pid: minute.ended[pid] / kilobytes for pid, kilobytes in minute.settled.items()}

    assert len(grown) == 2
    assert {pid: ratio for pid, ratio in grown.items() if ratio >= GROWTH} == {}
