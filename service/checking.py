"""The command ``back-pain-cds check``: explain what the service makes of one request."""

import json
import textwrap
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.text import Text

from service.answering import Answering
from service.catalogue import SERVICES, ServiceDefinition
from service.command_output import console, format_option
from service.envelope import read_request
from service.errors import ServiceError
from service.explanation import explanation, refusal
from service.settings import read_settings

Json = dict[str, Any]

_INDENT = "    "


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--silent/--no-silent", default=True, help="Also list the rules that were silent."
)
@format_option
def check_command(file: Path, form: str, *, silent: bool) -> None:
    """Explain a request: what is read, what is not valid, which rules fire and why.

    The exit status is 1 when the service would refuse the request, or when something in it
    is not valid CDS Hooks or FHIR R4.
    """
    told = _explained(file.read_bytes(), silent=silent)
    if form == "json":
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _show(console(), told)
    raise SystemExit(1 if "refused" in told or told["invalid"] else 0)


def _explained(body: bytes, *, silent: bool) -> Json:
    try:
        request = read_request(body, None, _service(body), extensions=True)
        answering = Answering(read_settings())
        answered = answering.consider(request, request.as_of or _today())
    except ServiceError as error:
        return refusal(error)
    return explanation(answered, answering.book, silent=silent)


def _today() -> date:
    return datetime.now().astimezone().date()


def _service(body: bytes) -> ServiceDefinition:
    """Return the service of the request's hook; a body without one is explained later."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return SERVICES[0]
    hook = parsed.get("hook") if isinstance(parsed, dict) else None
    return next((service for service in SERVICES if service.hook == hook), SERVICES[0])


def _show(screen: Console, told: Json) -> None:
    """Print an explanation in lines that fold: nothing of it is cut, however narrow."""
    if "refused" in told:
        _show_refusal(screen, told["refused"])
        return
    _heading(screen, f"{told['hook']}, evaluated for {told['evaluatedFor']}")
    _show_read(screen, told)
    _show_invalid(screen, told["invalid"])
    _show_orders(screen, told["orders"])
    _show_rules(screen, told)
    _heading(screen, "Cards")
    for card in told["cards"]:
        _line(screen, f"{card['indicator']}  {card['summary']}", "bold")
    if not told["cards"]:
        _line(screen, "No card.")


def _show_refusal(screen: Console, refused: Json) -> None:
    _line(screen, f"The service refuses this request with status {refused['status']}.", "red")
    for issue in refused["issues"]:
        text, path = issue["text"], issue["path"]
        where = f" (at {path})" if path and path not in text else ""
        _line(screen, f"- {text.removesuffix('.')}{where}. {issue['remedy']}".rstrip())


def _show_read(screen: Console, told: Json) -> None:
    counted = ", ".join(f"{count} {name}" for name, count in told["read"].items())
    _line(screen, f"Read as meaningful to a rule: {counted}.")
    if count := told["unidentifiedOnRecord"]:
        _line(screen, f"{count} recorded medicines are none that a rule looks at.")
    for title, key in {
        "Could not be had": "missing",
        "Came in part (more pages were not fetched)": "incomplete",
        "Could not be read": "unread",
        "Drafts of an unknown medicine": "unidentified",
    }.items():
        if told[key]:
            _line(screen, f"{title}: {', '.join(told[key])}", "yellow")


def _show_invalid(screen: Console, invalid: list[Json]) -> None:
    if not invalid:
        _line(screen, "Every resource is valid FHIR R4.")
        return
    _heading(screen, "Not valid FHIR R4 (read all the same)")
    for one in invalid:
        where = f"{one['source']} {one['resource']}"
        _entry(screen, where, [f"{one['path']}: {one['fault']}"])


def _show_orders(screen: Console, orders: list[Json]) -> None:
    if orders:
        _heading(screen, "Drafts")
    for order in orders:
        counts = "evaluated" if order["evaluated"] else "context"
        lines = [f"taken for: {order['takenFor'] or 'nothing known'}"]
        if "foundBy" in order:
            doubt = f"; {order['doubt']}" if order["doubt"] else ""
            days = "unknown" if order["days"] is None else f"{order['days']:g}"
            lines += [
                f"found by: {order['foundBy']}{doubt}",
                f"route: {order['route']}",
                f"a day: {'; '.join(order['aDay']) or 'unknown'}",
                f"days: {days}",
            ]
        head = f"{order['reference']} ({order['status']}), {counts}"
        _entry(screen, head, [*lines, f"why: {order['why']}"])


def _show_rules(screen: Console, told: Json) -> None:
    _heading(screen, "Rules that fire")
    for one in told["findings"]:
        facts = [f"{fact['text']} [{fact['resource']}]" for fact in one["facts"]]
        head = f"{one['indicator']}  {one['rule']}: {one['outcome']}"
        _entry(screen, head, [*_on(one), *facts])
    for one in told["broken"]:
        _entry(screen, f"broken  {one['rule']}", [one["fault"]])
    if not told["findings"] and not told["broken"]:
        _line(screen, "None.")
    if told["silences"]:
        _heading(screen, "Rules that are silent")
    for one in told["silences"]:
        _entry(screen, f"{one['rule']}: {one['outcome']}", [*_on(one), one["why"]])


def _on(one: Json) -> list[str]:
    return [f"on {one['order']}"] if one["order"] else []


def _heading(screen: Console, title: str) -> None:
    screen.print()
    screen.rule(Text(title), align="left")


def _entry(screen: Console, head: str, lines: Iterable[str]) -> None:
    _line(screen, head, "bold")
    for line in lines:
        _line(screen, line, indent=_INDENT)


def _line(screen: Console, text: str, style: str = "", indent: str = "") -> None:
    """Print text of a request as it is: no markup is read, and no word is lost."""
    told = textwrap.fill(
        text,
        screen.width,
        initial_indent=indent,
        subsequent_indent=indent or "  ",
        break_on_hyphens=False,
    )
    screen.print(Text(told, style), soft_wrap=True)
