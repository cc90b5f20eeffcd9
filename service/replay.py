"""Replay recorded requests and compare each answer with the one kept beside it."""

import difflib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

REQUEST = ".request.json"

Json = dict[str, Any]


class Verdict(StrEnum):
    """How a replay came out."""

    SAME = "same"
    DIFFERENT = "different"
    NEW = "new"  # there is no kept answer to compare with
    UPDATED = "updated"
    FAILED = "failed"  # no answer that could be compared


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request replayed."""

    path: Path
    verdict: Verdict
    seconds: float
    cards: tuple[str, ...] = ()  # "critical opioid-on-buprenorphine"
    difference: str = ""
    sent: Json = field(default_factory=dict)
    reply: Reply | None = None
    remarks: tuple[str, ...] = ()  # what a reader of the outcome should know
    invalid: tuple[str, ...] = ()  # what is not valid CDS Hooks or FHIR, if that was asked
    resolved: bool = False  # its prefetch was looked up for it


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request made ready to be sent, and what could not be done about it."""

    request: Json
    remarks: tuple[str, ...] = ()
    resolved: bool = False  # it came without prefetch, and got some


Send = Callable[[Json], Reply]
Prepare = Callable[[Json], Prepared]


class ReplayError(Exception):
    """A request cannot be sent or read; the text says why, without its content."""


def find_requests(paths: Iterable[Path]) -> list[Path]:
    """Return every ``*.request.json`` among the files and below the folders."""
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found |= set(path.rglob(f"*{REQUEST}"))
        elif path.name.endswith(REQUEST):
            found.add(path)
        else:
            raise ReplayError(f"{path}: neither a folder nor a file named *{REQUEST}")
    return sorted(found)


def replay(
    path: Path, send: Send, *, update: bool = False, prepare: Prepare = Prepared
) -> Outcome:
    """Send one request and compare its answer; ``update`` keeps the new answer instead."""
    started = time.perf_counter()
    try:
        ready = prepare(json.loads(path.read_bytes()))
        started = time.perf_counter()
        reply = send(ready.request)
    except (ReplayError, json.JSONDecodeError) as fault:
        seconds = time.perf_counter() - started
        return Outcome(path, Verdict.FAILED, seconds, difference=str(fault))
    seconds = time.perf_counter() - started
    actual = Reply(reply.status, steady(reply.body))
    outcome = Outcome(
        path,
        Verdict.SAME,
        seconds,
        tuple(_headlines(reply.body)),
        sent=ready.request,
        reply=actual,
        remarks=ready.remarks,
        resolved=ready.resolved,
    )
    return _compared(outcome, actual, update=update)


def _compared(outcome: Outcome, actual: Reply, *, update: bool) -> Outcome:
    kept = kept_reply(outcome.path)
    if kept == actual:
        return outcome
    if update:
        keep(outcome.path, actual)
        return replace(outcome, verdict=Verdict.UPDATED)
    if kept is None:
        return replace(outcome, verdict=Verdict.NEW)
    told = difference(kept, actual)
    return replace(outcome, verdict=Verdict.DIFFERENT, difference=told)


def kept_reply(request: Path) -> Reply | None:
    """Return the answer kept beside a request.

    ``x.response.json`` is kept for status 200, ``x.412.response.json`` for status 412.
    """
    for path, status in _kept(request):
        return Reply(status, steady(json.loads(path.read_bytes())))
    return None


def keep(request: Path, reply: Reply) -> None:
    """Write an answer beside its request, in place of the one that was there."""
    for old, _ in list(_kept(request)):
        old.unlink()
    stem = request.name.removesuffix(REQUEST)
    status = "" if reply.status == HTTPStatus.OK else f".{reply.status}"
    path = request.with_name(f"{stem}{status}.response.json")
    path.write_text(_pretty(reply.body) + "\n", "utf-8")


def _kept(request: Path) -> Iterator[tuple[Path, int]]:
    stem = re.escape(request.name.removesuffix(REQUEST))
    pattern = re.compile(rf"{stem}(?:\.(\d{{3}}))?\.response\.json")
    for path in sorted(request.parent.glob("*.response.json")):
        if match := pattern.fullmatch(path.name):
            yield path, int(match[1] or HTTPStatus.OK)


def steady(body: Any) -> Any:
    """Return the body without the version of the rulebook, which changes with every edit."""
    match body:
        case {"extension": {"org.back-pain-cds.evaluation": {"rulebook": _, **rest}, **others}}:
            kept = {"org.back-pain-cds.evaluation": rest, **others}
            return {**body, "extension": kept}
        case _:
            return body


def difference(kept: Reply, actual: Reply) -> str:
    """Return the lines that differ, in the form that ``diff -u`` uses."""
    lines = difflib.unified_diff(
        _lines(kept), _lines(actual), "expected", "answered", n=2, lineterm=""
    )
    return "\n".join(lines)


def junit(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as JUnit XML, which build servers show as a test report."""
    bad = [o for o in outcomes if o.verdict not in {Verdict.SAME, Verdict.UPDATED}]
    suite = ET.Element(
        "testsuite",
        name="back-pain-cds replay",
        tests=str(len(outcomes)),
        failures=str(len(bad)),
        time=f"{sum(o.seconds for o in outcomes):.3f}",
    )
    for outcome in outcomes:
        folder = outcome.path.resolve().parent.name  # of "x.request.json" too
        name = outcome.path.name.removesuffix(REQUEST)
        case = ET.SubElement(
            suite, "testcase", classname=folder, name=name, time=f"{outcome.seconds:.3f}"
        )
        if outcome in bad:
            failure = ET.SubElement(case, "failure", message=outcome.verdict.value)
            failure.text = outcome.difference
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _headlines(body: Any) -> Iterator[str]:
    cards = body.get("cards") if isinstance(body, dict) else None
    for card in cards if isinstance(cards, list) else ():
        match card:
            case {"indicator": str(indicator), "source": {"topic": {"code": str(rule)}}}:
                yield f"{indicator} {rule}"
            case {"indicator": str(indicator)}:
                yield indicator
            case _:
                yield "?"


def _lines(reply: Reply) -> list[str]:
    return [f"status {reply.status}", *_pretty(reply.body).splitlines()]


def _pretty(body: Any) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)
