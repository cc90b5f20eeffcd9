"""``back-pain-cds demo``: the service, a FHIR server with patients, and links to both."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import urlencode

import click
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from service.demo.fhir_server import BASE, create_fhir_app
from service.demo.stories import stories
from service.settings import ANY_ORIGIN, PREFIX, Settings, SettingsError, read_settings

HOST = "127.0.0.1"
SANDBOX_ORIGIN = "https://sandbox.cds-hooks.org"
SANDBOX = f"{SANDBOX_ORIGIN}/"


@click.command("demo")
@click.option("--port", default=8000, show_default=True, help="Port of the service.")
@click.option("--fhir-port", default=8001, show_default=True, help="Port of the FHIR server.")
def demo_command(port: int, fhir_port: int) -> None:
    """Start the service with a workbench and invented patients, on this machine only.

    Feedback is kept while it runs; to keep it longer, name a database in
    BACK_PAIN_CDS_DATABASE_URL.
    """
    from service import server  # noqa: PLC0415 - the other commands need no web server

    with _database() as database:
        settings = _settings(port, database)
        fhir = _fhir_server(fhir_port)

        def started() -> None:
            Thread(target=fhir.serve_forever, daemon=True).start()
            click.echo(announcement(settings, fhir_port))
            sys.stdout.flush()

        try:
            server.serve(settings, started)
        except OSError as error:
            raise click.ClickException(f"Cannot listen on {port}: {error.strerror}") from None
        finally:
            fhir.server_close()


def _settings(port: int, database: str | None) -> Settings:
    chosen = {
        "host": HOST,
        "port": port,
        "workers": 1,
        "workbench": True,
        "database_url": database,
        "cors_origins": _origins(),
    }
    try:
        settings = read_settings(chosen)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if settings.clients_file is not None:
        raise click.ClickException(
            f"The pages of the demo have no token. Start it without {PREFIX}CLIENTS_FILE."
        )
    return settings


def _origins() -> tuple[str, ...] | None:
    """Let the public sandbox have the FHIR server read, unless the environment chooses."""
    if f"{PREFIX}CORS_ORIGINS" in os.environ:
        return None
    return ANY_ORIGIN, SANDBOX_ORIGIN


@contextmanager
def _database() -> Iterator[str | None]:
    """Give a database for as long as the demo runs, unless the environment names one."""
    if f"{PREFIX}DATABASE_URL" in os.environ:
        yield None
        return
    with TemporaryDirectory(prefix="back-pain-cds-") as folder:
        yield f"sqlite:///{Path(folder) / 'demo.sqlite3'}"


class _Quiet(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log_request(self, *_args: object, **_kwargs: object) -> None:
        """Say nothing."""


def _fhir_server(port: int) -> BaseWSGIServer:
    today = datetime.now().astimezone().date()
    try:
        bound = socket.create_server((HOST, port))
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {port}: {error.strerror}") from None
    with bound:  # make_server() takes a copy
        app = create_fhir_app(today)
        return make_server(
            HOST, port, app, threaded=True, request_handler=_Quiet, fd=bound.fileno()
        )


def announcement(settings: Settings, fhir_port: int) -> str:
    """Return what is printed when both servers answer."""
    service = f"http://localhost:{settings.port}"
    fhir = f"http://localhost:{fhir_port}{BASE}"
    return "\n".join(
        (
            "",
            f"Workbench     {service}/",
            f"Rules         {service}/rules",
            f"CDS services  {service}/cds-services",
            f"FHIR server   {fhir}  ({len(stories())} invented patients)",
            "",
            "In the public CDS Hooks sandbox, which calls both from your browser:",
            sandbox_link(service, fhir),
            "The browser asks whether the page may reach this device: allow it.",
            "In Chrome: site settings > Local network access.",
            "",
            "Stop with Ctrl-C.",
        )
    )


def sandbox_link(service: str, fhir: str, patient: str = "vignette-000") -> str:
    """Return the address of the public sandbox with a patient's orders open."""
    asked = {
        "fhirServiceUrl": fhir,
        "serviceDiscoveryURL": f"{service}/cds-services",
        "patientId": patient,
        "hook": "order-select",
        "screen": "rx-view",
    }
    return f"{SANDBOX}?{urlencode(asked)}"
