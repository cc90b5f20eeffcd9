"""The command ``back-pain-cds``."""

import click

from cards.site import SiteError
from service.checking import check_command
from service.clients import ClientsError
from service.docs_command import docs_command
from service.engines import DatabaseUrlError
from service.replay_command import replay_command
from service.rules_command import rules_command
from service.settings import PREFIX, Settings, SettingsError, read_settings
from service.storage_commands import db, feedback


@click.group()
@click.version_option(package_name="back-pain-cds")
def main() -> None:
    """Check back-pain prescribing: a CDS Hooks service and its tools."""


main.add_command(check_command)
main.add_command(db)
main.add_command(docs_command)
main.add_command(feedback)
main.add_command(replay_command)
main.add_command(rules_command)


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
    try:
        settings = read_settings(chosen)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
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


def _start(settings: Settings) -> None:
    from service import server  # noqa: PLC0415 - the other commands need no web server

    address = f"http://{_bracketed(settings.host)}:{settings.port}/cds-services"
    plural = "worker" if settings.workers == 1 else "workers"
    workers = f"{settings.workers} {plural}, {settings.threads} threads each"

    def started() -> None:
        click.echo(f"Listening on {address} ({workers})")
        if settings.clients_file is None:
            click.echo("Callers are not authenticated: no clients are named.")

    try:
        server.serve(settings, started)
    except (ClientsError, DatabaseUrlError, SiteError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {address}: {error.strerror}") from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    main()
