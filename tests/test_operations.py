"""The service as operators run it: several processes, killed workers, a database that goes."""

import json
import os
import signal
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from service.engines import open_engine, read_url
from service.tables import cards, feedback
from tests.live import (
    FEEDBACK,
    REQUEST,
    SIGN,
    Service,
    clients_file,
    feedback_on,
    log_lines,
    served,
    token_for,
    until,
)
from tests.test_metrics import CALLS, samples

if TYPE_CHECKING:  # pytest loads it as a plugin, and has to be the first to do so
    from tests.postgres import Postgres

pytest_plugins = ("tests.postgres",)

ASKED = REQUEST.read_bytes()


def kept(url: str, column: Any = feedback.c.card) -> list[str]:
    engine = open_engine(read_url(url), durable=True)
    with engine.connect() as connection:
        found = list(connection.execute(select(column)).scalars())
    engine.dispose()
    return found


def counted(service: Service) -> dict[str, float]:
    return samples(service.ask("GET", "/metrics").text)


def test_two_servers_on_one_database_refuse_a_token_between_them(
    postgres: "Postgres", tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "database_url": postgres.new_database(),
        "clients_file": clients_file(tmp_path),
        "public_base_urls": "https://cds.example.org",
    }
    token = token_for(f"https://cds.example.org{SIGN}")
    other = token_for(f"https://cds.example.org{SIGN}")

    with served(tmp_path, **settings) as one, served(tmp_path, **settings) as two:
        statuses = [
            one.ask("POST", SIGN, ASKED, token).status,
            two.ask("POST", SIGN, ASKED, token).status,
            one.ask("POST", SIGN, ASKED, token).status,
            two.ask("POST", SIGN, ASKED, other).status,
            one.ask("POST", SIGN, ASKED, other).status,
        ]
        lines = log_lines(tmp_path, two.port)

    assert statuses == [200, 401, 401, 200, 401]
    refused = next(line for line in lines if line["status"] == 401)
    assert (refused["reason"], refused["claimed"]) == ("replayed", "example-ehr")


class Sender:
    """Sends feedback without pause, and remembers what was acknowledged."""

    def __init__(self, service: Service, name: str) -> None:
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()
        self.lost = 0
        self._service = service
        self._name = name
        self._stopped = False
        self._thread = Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Wait for the last answer."""
        self._stopped = True
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stopped:
            number += 1
            card = f"{self._name}-{number}"
            try:
                answer = self._service.ask("POST", FEEDBACK, feedback_on(card))
            except (OSError, HTTPException):  # the worker was killed in the middle of it
                self.lost += 1
                time.sleep(0.05)
            else:
                self.statuses.add(answer.status)
                self.acknowledged += [card] * (answer.status == 200)


def test_acknowledged_feedback_survives_killed_workers(
    database_url: str, tmp_path: Path
) -> None:
    with served(tmp_path, database_url=database_url, workers=2) as service:
        senders = [Sender(service, name) for name in ("first", "second")]
        assert until(5, lambda: all(len(sender.acknowledged) > 5 for sender in senders))
        victim = service.workers()[0]
        os.kill(victim, signal.SIGKILL)
        before = sum(len(sender.acknowledged) for sender in senders)
        assert until(15, lambda: len(set(service.workers()) - {victim}) == 2)
        done = before + 20
        assert until(10, lambda: sum(len(sender.acknowledged) for sender in senders) > done)
        for sender in senders:
            sender.stop()

    assert [sender.statuses for sender in senders] == [{200}, {200}]
    acknowledged = [card for sender in senders for card in sender.acknowledged]
    found = kept(database_url)
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
    assert len(set(found) - set(acknowledged)) <= sum(sender.lost for sender in senders)


def sqlite_away(url: str) -> tuple[Callable[[], object], Callable[[], object]]:
    file = Path(url.removeprefix("sqlite:///"))
    away = file.with_name("away")
    return lambda: file.rename(away), lambda: away.rename(file)


def test_advice_outlives_the_database_and_feedback_comes_back_with_it(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if database_url.startswith("sqlite"):
        stop, start = sqlite_away(database_url)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        stop, start = server.stop, server.start

    with served(tmp_path, database_url=database_url) as service:
        before = service.ask("POST", FEEDBACK, feedback_on("before")).status
        stop()
        try:
            advised = service.ask("POST", SIGN, ASKED)
            refused = service.ask("POST", FEEDBACK, feedback_on("lost-1", "lost-2"))
            unready = service.ask("GET", "/ready")
            alive = service.ask("GET", "/health")
        finally:
            start()
        after = service.ask("POST", FEEDBACK, feedback_on("after")).status
        ready = service.ask("GET", "/ready").status

    assert (before, after, ready, alive.status) == (200, 200, 200, 200)
    assert (advised.status, len(advised.body["cards"])) == (200, 1)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    assert (unready.status, unready.body["database"]) == (503, "unavailable")
    assert sorted(kept(database_url)) == ["after", "before"]
    # The card that was issued meanwhile was stored when the database came, or at the stop.
    assert kept(database_url, cards.c.uuid) == [advised.body["cards"][0]["uuid"]]


def test_numbers_are_of_all_workers_together(tmp_path: Path) -> None:
    with served(tmp_path, database_url="none", workers=2) as service:
        for _ in range(20):
            assert service.ask("POST", SIGN, ASKED).status == 200
        first = [counted(service)[CALLS] for _ in range(6)]
        killed = service.workers()[0]
        os.kill(killed, signal.SIGKILL)
        assert until(15, lambda: len(set(service.workers()) - {killed}) == 2)
        assert until(10, lambda: answers(service))
        second = counted(service)[CALLS]

    assert first == [20] * 6
    assert second >= 20


def answers(service: Service) -> bool:
    try:
        return service.ask("POST", SIGN, ASKED).status == 200
    except OSError:
        return False


def test_running_call_is_finished_at_the_stop(tmp_path: Path) -> None:
    big = json.loads(ASKED)
    entry = {
        "resource": {"resourceType": "Condition", "id": "1", "code": {"text": "x" * 2_000}}
    }
    big["prefetch"]["conditions"] = {"resourceType": "Bundle", "entry": [entry] * 4_000}
    body = json.dumps(big).encode()
    statuses: list[int] = []

    with served(tmp_path, database_url="none") as service:
        service.ask("POST", SIGN, ASKED)
        caller = Thread(target=lambda: statuses.append(service.ask("POST", SIGN, body).status))
        caller.start()
        time.sleep(0.02)  # the call is under way
    caller.join()

    assert statuses == [200]


def test_service_says_who_may_call_and_leaves_its_database_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    with served(tmp_path) as service:
        assert service.process.stdout is not None
        told = service.process.stdout.readline()
        stored = service.ask("POST", FEEDBACK, feedback_on("1")).status
        while_serving = list(tmp_path.glob("back-pain-cds-metrics-*"))

    file = tmp_path / "back-pain-cds.sqlite3"
    assert told == "Callers are not authenticated: no clients are named.\n"
    assert (stored, kept(f"sqlite:///{file}")) == (200, ["1"])
    assert file.stat().st_mode & 0o077 == 0
    assert len(while_serving) == 1
    assert list(tmp_path.glob("back-pain-cds-metrics-*")) == []
