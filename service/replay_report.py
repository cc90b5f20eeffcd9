"""A replay as one HTML file that holds everything: no script, style or picture from outside."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader, Template
from markupsafe import Markup

from service.fhir import Resource, first_object, objects, string
from service.replay import REQUEST, Outcome, Verdict
from service.replay_timings import timings
from service.workbench.markup import as_html

INDICATORS = ("critical", "warning", "info")
# What a reader came for is open; the rest is one click away.
_OPEN = frozenset({Verdict.DIFFERENT, Verdict.FAILED})
_KINDS = {"+": "added", "-": "removed", "@": "place"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One outcome as the page draws it."""

    number: int
    outcome: Outcome

    @property
    def name(self) -> str:
        """The request's name, without what all names end in."""
        return self.outcome.path.name.removesuffix(REQUEST).replace("-", " ")

    @property
    def is_open(self) -> bool:
        """Whether it stands open from the start."""
        return self.outcome.verdict in _OPEN or bool(self.outcome.invalid)

    @property
    def cards(self) -> list[Resource]:
        """The cards of the answer, in its order."""
        reply = self.outcome.reply
        if reply is None or reply.status != HTTPStatus.OK or not isinstance(reply.body, dict):
            return []
        return objects(reply.body.get("cards"))

    @property
    def indicators(self) -> list[str]:
        """One word a card, for its dot; a word that CDS Hooks does not know is none."""
        said = [string(card.get("indicator")) for card in self.cards]
        return [each if each in INDICATORS else "unknown" for each in said]

    @property
    def orders(self) -> list[str]:
        """The drafts in a line each."""
        context = first_object(self.outcome.sent.get("context"))
        entries = objects(first_object(context.get("draftOrders")).get("entry"))
        return [_order(first_object(entry.get("resource"))) for entry in entries]

    @property
    def lines(self) -> Iterator[tuple[str, str]]:
        """The lines of the difference, each with what kind it is."""
        for line in self.outcome.difference.splitlines():
            heading = line.startswith(("---", "+++"))
            yield ("place" if heading else _KINDS.get(line[:1], "kept")), line


def page(outcomes: Sequence[Outcome], target: str, at: datetime) -> str:
    """Return the report as HTML."""
    entries = [Entry(number, outcome) for number, outcome in enumerate(outcomes, 1)]
    return _template().render(
        entries=entries,
        target=target,
        at=at,
        counts=Counter(outcome.verdict.value for outcome in outcomes),
        verdicts=[verdict.value for verdict in Verdict],
        cards=Counter(each for entry in entries for each in entry.indicators),
        indicators=INDICATORS,
        timings=timings(outcomes),
        style=Markup(_asset("replay_report.css")),  # noqa: S704 - our own file
        script=Markup(_asset("replay_report.js")),  # noqa: S704 - our own file
        script_hash=_hash(_asset("replay_report.js")),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("service"),
        autoescape=True,
        undefined=ChainableUndefined,  # a card may lack what it should have
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "markdown": _markdown,
        "objects": objects,
        "pretty": _pretty,
        "web": _web_address,
    }
    return environment.get_template("replay_report.html")


@cache
def _asset(name: str) -> str:
    return files("service").joinpath("templates", name).read_text("utf-8")


def _hash(script: str) -> str:
    """Return the source expression that lets this script run, and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _pretty(body: Any) -> str:
    return json.dumps(body, indent=1, ensure_ascii=False)


def _markdown(text: object) -> Markup:
    return Markup(as_html(string(text)))  # noqa: S704 - sanitised there


def _web_address(url: object) -> str:
    """Return an address that may be linked to; nothing of any other scheme."""
    address = string(url)
    return address if address.startswith(("https://", "http://")) else ""


def _order(resource: Resource) -> str:
    coded = first_object(
        resource.get("medicationCodeableConcept")
        or resource.get("code")
        or resource.get("codeCodeableConcept")
    )
    coding = first_object(coded.get("coding"))
    names = (coded.get("text"), coding.get("display"), coding.get("code"))
    name = next(filter(None, map(string, names)), string(resource.get("resourceType")))
    sig = string(first_object(resource.get("dosageInstruction")).get("text"))
    return f"{name}: {sig}" if sig else name
