"""Where commands write: a terminal, a pipe that someone reads later, files in new folders."""

import sys
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The keys of the JSON are in docs/testing.md.",
)

PLAIN_WIDTH = 140  # characters of a line that goes to a file or a pipe


def console(file: TextIO | None = None) -> Console:
    """Return a console: a terminal as wide as it is, anything else of a fixed width."""
    found = Console(file=file or sys.stdout)
    return found if found.is_terminal else Console(file=found.file, width=PLAIN_WIDTH)


def write_file(path: Path, text: str) -> None:
    """Write a file and the folders that it needs; what hinders is told in one line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as fault:
        raise click.ClickException(f"{path}: {fault.strerror}") from None
