"""The command ``back-pain-cds replay``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.syntax import Syntax

from service.command_output import console, write_file
from service.fhir_sources import source
from service.hook_conformance import answer_faults, request_faults
from service.hooks_client import HooksClient, Signer
from service.keys import KEY_KINDS
from service.prefetch_resolution import prefetched
from service.replay import (
    Json,
    Outcome,
    Prepare,
    Prepared,
    ReplayError,
    Reply,
    Send,
    Verdict,
    find_requests,
    junit,
    replay,
)
from service.replay_feedback import Choice, with_feedback
from service.replay_report import page
from service.settings import read_settings
from service.signing import SigningKeyError, read_key

GOOD = frozenset({Verdict.SAME, Verdict.UPDATED})
MARKS = {
    Verdict.SAME: "[green]same[/]",
    Verdict.UPDATED: "[cyan]updated[/]",
    Verdict.NEW: "[yellow]new[/]",
    Verdict.DIFFERENT: "[red]different[/]",
    Verdict.FAILED: "[red]failed[/]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command was told."""

    paths: tuple[Path, ...]
    url: str | None
    patients: str | None
    feedback: Choice | None
    jobs: int
    conformance: bool
    update: bool
    junit: Path | None
    html: Path | None
    quiet: bool
    sign_key: Path | None
    issuer: str | None
    alg: str
    kid: str
    jku: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """Who answers: this program, or a service at an address."""

    name: str
    send: Send
    templates: Callable[[str], Mapping[str, str]]  # the prefetch templates at a hook
    client: HooksClient | None = None


_FILE = click.Path(dir_okay=False, path_type=Path)
_FOUND = click.Path(exists=True, path_type=Path)


@click.command("replay")
@click.argument("paths", nargs=-1, required=True, type=_FOUND)
@click.option("--url", help="Address of a running service, up to but without /cds-services.")
@click.option(
    "--patients",
    metavar="FOLDER|URL",
    help="Where to find the prefetch of requests that bring none: a folder of FHIR Bundles, "
    "or a FHIR server.",
)
@click.option("--sign-key", type=_FILE, help="Sign calls with this private key (PEM).")
@click.option("--issuer", help="Who signs: the iss of the tokens.")
@click.option("--alg", type=click.Choice(sorted(KEY_KINDS)), default="ES384", show_default=True)
@click.option("--kid", default="replay", show_default=True, help="The key's id.")
@click.option("--jku", help="Where the public key is published.")
@click.option(
    "--feedback",
    type=click.Choice(["accept", "override"]),
    help="Accept, or override, every card that is received.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Calls at a time."
)
@click.option(
    "--conformance",
    is_flag=True,
    help="Also list what is not valid CDS Hooks or FHIR R4, in requests and answers. "
    "It does not change the exit status.",
)
@click.option("--update", is_flag=True, help="Keep the answers as the expected ones.")
@click.option("--junit", type=_FILE, help="Write JUnit XML.")
@click.option("--html", type=_FILE, help="Write a report, one HTML file with all in it.")
@click.option("--quiet", is_flag=True, help="Name only what is not the same.")
def replay_command(**given: Any) -> None:
    """Replay requests and compare the answers with those kept beside them.

    PATHS are files named *.request.json, or folders that hold them. Without --url the answers
    come from this program itself; with it, from any CDS Hooks service. The exit status is 0
    when every answer is as kept.
    """
    options = Options(**given)
    try:
        found = find_requests(options.paths)
        target = _target(options)
        outcomes = _replayed(found, target, options)
    except ReplayError as fault:
        raise click.ClickException(str(fault)) from None
    _show(outcomes, quiet=options.quiet)
    if options.patients:
        click.echo(_needed(outcomes))
    if options.junit:
        write_file(options.junit, junit(outcomes))
    if options.html:
        now = datetime.now().astimezone()
        write_file(options.html, page(outcomes, target.name, now))
    if not outcomes or any(outcome.verdict not in GOOD for outcome in outcomes):
        raise SystemExit(1)


def _target(options: Options) -> Target:
    if options.url:
        client = HooksClient(options.url, _signer(options))
        return Target(options.url, client.call, lambda h: client.service(h).prefetch, client)
    if options.sign_key or options.feedback:
        raise click.UsageError("--sign-key and --feedback need the --url of a service.")
    return _this_program()


def _signer(options: Options) -> Signer | None:
    if options.sign_key is None:
        return None
    if not options.issuer:
        raise click.UsageError("--sign-key needs an --issuer.")
    try:
        key = read_key(options.sign_key.read_bytes(), options.alg)
    except OSError as fault:
        raise click.ClickException(f"{options.sign_key}: {fault.strerror}") from None
    except SigningKeyError as fault:
        raise click.ClickException(f"{options.sign_key}: {fault}") from None
    return Signer(key, options.issuer, options.alg, options.kid, options.jku)


def _this_program() -> Target:
    from service.app import create_app  # noqa: PLC0415 - loads every table and rule
    from service.catalogue import SERVICES  # noqa: PLC0415

    # The requests carry no tokens: here nobody calls but this program.
    settings = read_settings().model_copy(
        update={"clients_file": None, "allow_request_extensions": True}
    )
    app = create_app(settings)
    templates = {service.hook: service.prefetch for service in SERVICES}

    def send(request: Json) -> Reply:
        response = app.test_client().post(
            f"/cds-services/back-pain-{request.get('hook')}",
            data=orjson.dumps(request),
            content_type="application/json",
        )
        return Reply(response.status_code, orjson.loads(response.data))

    return Target("this program", send, lambda hook: templates.get(hook, {}))


def _replayed(found: Sequence[Path], target: Target, options: Options) -> list[Outcome]:
    """Replay all, several at a time; the outcomes stand in the order of the files."""
    prepare = _preparation(target, options.patients)

    def one(path: Path) -> Outcome:
        outcome = replay(path, target.send, update=options.update, prepare=prepare)
        if options.conformance:
            outcome = replace(outcome, invalid=tuple(_invalid(outcome)))
        if options.feedback and target.client:
            outcome = with_feedback(outcome, target.client, options.feedback)
        return _advised(outcome, target.client)

    with ThreadPoolExecutor(options.jobs) as threads:
        return list(_watched(threads.map(one, found), len(found)))


def _advised(outcome: Outcome, client: HooksClient | None) -> Outcome:
    """Say what to do about an answer that only lacks a signature."""
    refused = outcome.reply and outcome.reply.status == HTTPStatus.UNAUTHORIZED
    if not refused or client is None or outcome.verdict is Verdict.SAME:
        return outcome
    advice = client.said(HTTPStatus.UNAUTHORIZED)
    return replace(outcome, remarks=(*outcome.remarks, advice))


def _preparation(target: Target, patients: str | None) -> Prepare:
    if patients is None:
        return Prepared
    place = source(patients)

    def prepare(request: Json) -> Prepared:
        templates = target.templates(str(request.get("hook")))
        ready, remarks = prefetched(request, templates, place)
        return Prepared(ready, remarks, resolved=ready is not request)

    return prepare


def _watched(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
    """Show how far it is, to people only: what is written into a file stays as it was."""
    screen = Console(stderr=True)
    return track(
        outcomes,
        "Replaying",
        total=total,
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )


def _invalid(outcome: Outcome) -> Iterable[str]:
    yield from request_faults(outcome.sent)
    if outcome.reply:
        yield from answer_faults(outcome.reply.status, outcome.reply.body)


def _show(outcomes: Sequence[Outcome], *, quiet: bool) -> None:
    screen = console()
    for outcome in outcomes:
        told = bool(outcome.remarks or outcome.invalid)
        if not quiet or outcome.verdict is not Verdict.SAME or told:
            _show_one(screen, outcome)
    counts = {v: sum(o.verdict is v for o in outcomes) for v in Verdict}
    told_counts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    click.echo(f"{len(outcomes)} replayed: {told_counts or 'nothing found'}")
    if invalid := sum(bool(outcome.invalid) for outcome in outcomes):
        click.echo(f"{invalid} with something that is not valid CDS Hooks or FHIR R4")


def _show_one(screen: Console, outcome: Outcome) -> None:
    cards = ", ".join(outcome.cards) or "no cards"
    name = escape(_named(outcome.path))
    screen.print(f"{MARKS[outcome.verdict]}  {name}  [dim]{escape(cards)}[/]", soft_wrap=True)
    for line in (*outcome.remarks, *outcome.invalid):
        screen.print(f"    [yellow]{escape(line)}[/]", soft_wrap=True)
    if outcome.difference and screen.is_terminal:
        text = Syntax(outcome.difference, "diff", background_color="default", word_wrap=True)
        screen.print(text)
    elif outcome.difference:
        click.echo(outcome.difference)  # whole: a log has no width


def _named(path: Path) -> str:
    """Return the path from where the command was called, if the file is below it."""
    whole, here = path.resolve(), Path.cwd()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else path)


def _needed(outcomes: Sequence[Outcome]) -> str:
    count = sum(outcome.resolved for outcome in outcomes)
    if count == 0:
        return "No request needed --patients: all bring prefetch"
    return f"{count} request{'s' if count > 1 else ''} needed --patients"
