"""The command ``back-pain-cds``."""

import click

from service.checking import check_command
from service.docs_command import docs_command
from service.replay_command import replay_command
from service.rules_command import rules_command
from service.settings import Settings, SettingsError, read_settings


@click.group()
@click.version_option(package_name="back-pain-cds")
def main() -> None:
    """Check back-pain prescribing: a CDS Hooks service and its tools."""


main.add_command(check_command)
main.add_command(docs_command)
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
    if not settings.serves_loopback_only and not allow_unauthenticated:
        raise click.ClickException(
            f"{settings.host} can be reached from other machines, and callers are not "
            "authenticated. Listen on 127.0.0.1, or add --allow-unauthenticated."
        )
    _start(settings)


def _start(settings: Settings) -> None:
    from service import server  # noqa: PLC0415 - the other commands need no web server

    address = f"http://{_bracketed(settings.host)}:{settings.port}/cds-services"
    plural = "worker" if settings.workers == 1 else "workers"
    workers = f"{settings.workers} {plural}, {settings.threads} threads each"
    try:
        server.serve(settings, lambda: click.echo(f"Listening on {address} ({workers})"))
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {address}: {error.strerror}") from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    main()
