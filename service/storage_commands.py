"""``back-pain-cds db`` and ``back-pain-cds feedback``: the database and what it tells."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TextIO

import click

from service import migrations
from service.command_output import console
from service.feedback_report import Report, as_csv, as_json, build_report
from service.feedback_views import chart, tables
from service.settings import DATABASE_URL, RETENTION_DAYS
from service.store import StorageUnavailable, Store

_database = click.option(
    "--database",
    "url",
    envvar="BACK_PAIN_CDS_DATABASE_URL",
    default=DATABASE_URL,
    metavar="URL",
    help="sqlite:///path/to/file or postgresql://user:password@host/database; "
    "BACK_PAIN_CDS_DATABASE_URL unless given.",
)
_day = click.DateTime(["%Y-%m-%d"])


@click.group()
def db() -> None:
    """Create, migrate and clean the database."""


@click.group()
def feedback() -> None:
    """Show what became of the cards."""


@db.command()
@_database
def upgrade(url: str) -> None:
    """Create the tables, or bring them to this version."""
    with _opened(url) as store:
        click.echo(f"The database is at revision {store.upgrade()}.")


@db.command()
@_database
def current(url: str) -> None:
    """Show the revision of the database; fail unless it is the one of this version."""
    with _opened(url) as store:
        found, wanted = store.current(), migrations.head()
    if found != wanted:
        raise click.ClickException(
            f"The database is at revision {found or 'none'}, this version uses {wanted}."
        )
    click.echo(f"The database is at revision {found}, as this version needs it.")


@db.command()
@_database
@click.option(
    "--older-than",
    type=click.IntRange(min=1),
    envvar="BACK_PAIN_CDS_RETENTION_DAYS",
    default=RETENTION_DAYS,
    metavar="DAYS",
    help="Remove what is older; BACK_PAIN_CDS_RETENTION_DAYS unless given.",
)
def purge(url: str, older_than: int) -> None:
    """Remove old cards and feedback, and tokens that have expired."""
    with _opened(url) as store:
        purged = store.purge(datetime.now(UTC) - timedelta(days=older_than))
    click.echo(
        f"Removed {purged.cards} cards, {purged.feedback} feedback items and "
        f"{purged.used_tokens} expired tokens."
    )


@feedback.command()
@_database
@click.option("--since", type=_day, help="First day on which the cards were issued (UTC).")
@click.option("--until", type=_day, help="Last day (UTC).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "svg"]),
    default="table",
    show_default=True,
)
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", atomic=True),
    help="File to write; otherwise the terminal.",
)
def report(
    url: str, since: datetime | None, until: datetime | None, form: str, output: TextIO | None
) -> None:
    """Count cards shown, accepted, overridden and why, ignored; by rule and week."""
    if since and until and until < since:
        raise click.UsageError("--until is before --since.")
    with _opened(url) as store:
        counted = build_report(store, since and since.date(), until and until.date())
    _write(counted, form, output or sys.stdout)


def _write(counted: Report, form: str, output: TextIO) -> None:
    match form:
        case "csv":
            output.write(as_csv(counted))
        case "json":
            output.write(as_json(counted))
        case "svg":
            output.write(chart(counted))
        case _:
            console(output).print(tables(counted))


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    store = Store(url)
    try:
        yield store
    except StorageUnavailable as error:
        raise click.ClickException(
            f"The database cannot be used ({error.fault}). Is it there, and was "
            "back-pain-cds db upgrade run?"
        ) from None
    finally:
        store.close()
