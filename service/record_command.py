"""The command ``back-pain-cds record``."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from werkzeug.serving import WSGIRequestHandler, make_server

from service.deidentification import CHOICES, DEFAULT, Privacy, chosen
from service.hooks_client import service_base
from service.recorder import Recorder
from service.replay import ReplayError


class _Quiet(WSGIRequestHandler):
    """Logs nothing: addresses and bodies are not for the screen."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - theirs
        """Write nothing."""


def _removed(_: click.Context, __: click.Parameter, value: str) -> frozenset[str]:
    try:
        return chosen(name.strip() for name in value.split(",") if name.strip())
    except ValueError as fault:
        raise click.BadParameter(f"{fault}; the choices are {', '.join(CHOICES)}.") from None


def _behind(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        return service_base(value)
    except ReplayError as fault:
        raise click.BadParameter(str(fault)) from None


@click.command("record")
@click.option("--listen", type=click.IntRange(0, 65535), required=True, metavar="PORT")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Others can call if this is not it."
)
@click.option(
    "--to", "target", required=True, metavar="URL", callback=_behind, help="The service behind."
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--remove",
    callback=_removed,
    default=",".join(sorted(DEFAULT)),
    show_default=True,
    help=f"What to take out of what is written. Choices: {', '.join(CHOICES)}.",
)
@click.option(
    "--shift-birth-date", type=int, default=0, metavar="DAYS", help="Move dates of birth."
)
@click.option(
    "--as-of/--no-as-of",
    default=True,
    show_default=True,
    help="Write today into each request, so that a later replay is answered as today.",
)
def record_command(listen: int, host: str, target: str, out: Path, **how: Any) -> None:
    """Stand between a CDS client and a service, and write fixtures from what passes.

    The client is given http://127.0.0.1:PORT in place of the service's address. Calls go on
    unchanged. What is written to the folder has no tokens, no narratives and nothing of what
    --remove names, but dates, codes and free text stay: read it before you share it.
    """
    privacy = Privacy(how["remove"], how["shift_birth_date"])
    today = datetime.now().astimezone().date() if how["as_of"] else None
    recorder = Recorder(target, out, privacy, today)
    try:
        server = make_server(host, listen, recorder, threaded=True, request_handler=_Quiet)
    except OSError as fault:
        raise click.ClickException(f"Cannot listen on {listen}: {fault.strerror}") from None
    click.echo(f"Recording http://{host}:{server.port} -> {target} into {out}; Ctrl-C ends it.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
