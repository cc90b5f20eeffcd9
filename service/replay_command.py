"""The command ``back-pain-cds replay``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson
import requests
from rich.console import Console
from rich.syntax import Syntax

from service.replay import (
    Json,
    Outcome,
    ReplayError,
    Reply,
    Send,
    Verdict,
    find_requests,
    junit,
    replay,
)
from service.settings import read_settings

SECONDS = 30  # to wait for a service that is being tested
MARKS = {
    Verdict.SAME: "[green]same[/]",
    Verdict.UPDATED: "[cyan]updated[/]",
    Verdict.NEW: "[yellow]new[/]",
    Verdict.DIFFERENT: "[red]different[/]",
    Verdict.FAILED: "[red]failed[/]",
}


@click.command("replay")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--url", help="Address of a running service, up to but without /cds-services.")
@click.option("--update", is_flag=True, help="Keep the answers as the expected ones.")
@click.option("--junit", "report", type=click.Path(path_type=Path), help="Write JUnit XML.")
@click.option("--quiet", is_flag=True, help="Name only what is not the same.")
def replay_command(
    paths: tuple[Path, ...], url: str | None, report: Path | None, **flags: bool
) -> None:
    """Replay requests and compare the answers with those kept beside them.

    PATHS are files named *.request.json, or folders that hold them. Without --url the answers
    come from this program itself; with it, from any CDS Hooks service. The exit status is 0
    when every answer is as kept.
    """
    try:
        found = find_requests(paths)
        send = _over_http(url.rstrip("/")) if url else _in_process()
        outcomes = [replay(path, send, update=flags["update"]) for path in found]
    except ReplayError as fault:
        raise click.ClickException(str(fault)) from None
    _show(outcomes, quiet=flags["quiet"])
    if report:
        report.write_text(junit(outcomes), "utf-8")
    good = {Verdict.SAME, Verdict.UPDATED}
    if not outcomes or any(outcome.verdict not in good for outcome in outcomes):
        raise SystemExit(1)


def _in_process() -> Send:
    from service.app import create_app  # noqa: PLC0415 - loads every table and rule

    # The requests carry no tokens: here nobody calls but this program.
    settings = read_settings().model_copy(
        update={"clients_file": None, "allow_request_extensions": True}
    )
    client = create_app(settings).test_client()

    def send(request: Json) -> Reply:
        response = client.post(
            f"/cds-services/back-pain-{request.get('hook')}",
            data=orjson.dumps(request),
            content_type="application/json",
        )
        return Reply(response.status_code, orjson.loads(response.data))

    return send


def _over_http(base: str) -> Send:
    session = requests.Session()
    services = _discovered(session, base)

    def send(request: Json) -> Reply:
        hook = str(request.get("hook"))
        if hook not in services:
            raise ReplayError(f"the service offers nothing at the hook {hook}")
        return _posted(session, f"{base}/cds-services/{services[hook]}", request)

    return send


def _discovered(session: requests.Session, base: str) -> dict[str, str]:
    """Return the id of the first service offered at each hook."""
    address = f"{base}/cds-services"
    reply = _received(session, "GET", address)
    match reply.body:
        case {"services": list(services)}:
            return {one["hook"]: one["id"] for one in reversed(services)}
        case _:
            told = f"not a CDS Hooks discovery answer (status {reply.status})"
            raise ReplayError(f"{address}: {told}")


def _posted(session: requests.Session, address: str, request: Json) -> Reply:
    return _received(session, "POST", address, data=orjson.dumps(request))


def _received(
    session: requests.Session, method: str, address: str, data: bytes | None = None
) -> Reply:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    try:
        response = session.request(
            method, address, data=data, headers=headers, timeout=SECONDS, allow_redirects=False
        )
        body: Any = response.json()
    except requests.JSONDecodeError:
        raise ReplayError(f"{address}: the answer is not JSON") from None
    except requests.RequestException as fault:
        raise ReplayError(f"{address}: {type(fault).__name__}") from None
    return Reply(response.status_code, body)


def _show(outcomes: Sequence[Outcome], *, quiet: bool) -> None:
    console = Console()
    for outcome in outcomes:
        if quiet and outcome.verdict is Verdict.SAME:
            continue
        name = f"{outcome.path.parent.name}/{outcome.path.name}"
        cards = ", ".join(outcome.cards) or "no cards"
        console.print(f"{MARKS[outcome.verdict]}  {name}  [dim]{cards}[/]", soft_wrap=True)
        if outcome.difference:
            console.print(Syntax(outcome.difference, "diff", background_color="default"))
    counts = {v: sum(o.verdict is v for o in outcomes) for v in Verdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    console.print(f"{len(outcomes)} replayed: {told or 'nothing found'}")
