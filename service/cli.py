"""The command ``back-pain-cds``."""

from collections.abc import Mapping
from importlib import import_module
from typing import cast

import click

from cards.site import SiteError
from service.clients import ClientsError, load_clients
from service.engines import DatabaseUrlError
from service.settings import PREFIX, Settings, SettingsError, read_settings

CONFIGURATION_ERRORS = (ClientsError, DatabaseUrlError, SettingsError, SiteError)

# The tools, by the function that does their work.
TOOLS: Mapping[str, str] = {
    "check": "service.checking:check_command",
    "db": "service.storage_commands:db",
    "demo": "service.demo.command:demo_command",
    "docs": "service.docs_command:docs_command",
    "feedback": "service.storage_commands:feedback",
    "new-fixture": "service.new_fixture_command:new_fixture_command",
    "record": "service.record_command:record_command",
    "replay": "service.replay_command:replay_command",
    "rules": "service.rules_command:rules_command",
}


class Commands(click.Group):
    """Imports a tool when it is called: to serve starts sooner without what only they need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command."""
        return sorted([*TOOLS, *super().list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        if cmd_name not in TOOLS:
            return super().get_command(ctx, cmd_name)
        module, _, name = TOOLS[cmd_name].partition(":")
        return cast(click.Command, getattr(import_module(module), name))

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; what is wrong with its configuration is one line in all of them."""
        try:
            return super().invoke(ctx)
        except CONFIGURATION_ERRORS as fault:
            raise click.ClickException(str(fault)) from None


@click.group(cls=Commands)
@click.version_option(package_name="back-pain-cds")
def main() -> None:
    """Check back-pain prescribing: a CDS Hooks service and its tools."""


@main.command()
@click.option("--host", help="Address to listen on; 127.0.0.1 unless told otherwise.")
@click.option("--port", type=int, help="Port to listen on; 8000 unless told otherwise.")
@click.option("--workers", type=int, help="Worker processes.")
@click.option("--threads", type=int, help="Threads a worker: calls answered at one time.")
@click.option(
    "--allow-unauthenticated",
    is_flag=True,
    help="Listen on an address that other machines reach although callers are not "
    "authenticated. Only behind a gateway that does it, or without real patients.",
)
def serve(
    host: str | None,
    port: int | None,
    workers: int | None,
    threads: int | None,
    *,
    allow_unauthenticated: bool,
) -> None:
    """Start the service."""
    chosen = {"host": host, "port": port, "workers": workers, "threads": threads}
    settings = read_settings(chosen)
    _check_reach(settings, allow_unauthenticated=allow_unauthenticated)
    _start(settings)


def _check_reach(settings: Settings, *, allow_unauthenticated: bool) -> None:
    """Stop where others could call and their tokens could not be checked."""
    if settings.serves_loopback_only:
        return
    if settings.clients_file is None and not allow_unauthenticated:
        raise click.ClickException(
            f"{settings.host} can be reached from other machines, and callers are not "
            f"authenticated. Name the clients in {PREFIX}CLIENTS_FILE, listen on 127.0.0.1, "
            "or add --allow-unauthenticated."
        )
    if settings.clients_file is not None and not settings.public_base_urls:
        raise click.ClickException(
            f"Tokens are meant for the address that clients call. Say in {PREFIX}"
            "PUBLIC_BASE_URLS which that is, without /cds-services."
        )
    if settings.clients_file is not None and settings.workbench:
        raise click.ClickException(
            f"The pages of the workbench ask for no token, and {settings.host} can be reached "
            f"from other machines. Leave {PREFIX}WORKBENCH out, or listen on 127.0.0.1."
        )


def _start(settings: Settings) -> None:
    from service import server  # noqa: PLC0415 - the other commands need no web server

    address = f"http://{_bracketed(settings.host)}:{settings.port}/cds-services"
    plural = "worker" if settings.workers == 1 else "workers"
    workers = f"{settings.workers} {plural}, {settings.threads} threads each"

    def started() -> None:
        click.echo(f"Listening on {address} ({workers})")
        click.echo(_who_may_call(settings))

    try:
        server.serve(settings, started)
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {address}: {error.strerror}") from None


def _who_may_call(settings: Settings) -> str:
    if settings.clients_file is None:
        return "Callers are not authenticated: no clients are named."
    number = len(load_clients(settings.clients_file).by_issuer)
    return f"Callers are authenticated: {number} client{'' if number == 1 else 's'}."


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    main()
