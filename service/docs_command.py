"""The command ``back-pain-cds docs``: write the pages that are made from the rule files."""

from collections.abc import Mapping
from pathlib import Path

import click

from cards.handbook import pages
from cards.rulebook import load_rulebook


@click.command("docs")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="docs")
@click.option("--check", is_flag=True, help="Write nothing; fail if a page is out of date.")
def docs_command(folder: Path, *, check: bool) -> None:
    """Write the rulebook for clinicians into FOLDER, which is docs unless named."""
    made = pages(load_rulebook())
    if check:
        if stale := outdated(folder, made):
            raise click.ClickException(
                f"Out of date: {', '.join(stale)}. Run back-pain-cds docs."
            )
        return
    for name in left_over(folder, made):
        (folder / name).unlink()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    click.echo(f"{len(made)} pages written into {folder}.")


def outdated(folder: Path, made: Mapping[str, str]) -> list[str]:
    """Return the pages that are missing, out of date, or left over."""
    differ = [
        name
        for name, text in made.items()
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != text
    ]
    return sorted([*differ, *left_over(folder, made)])


def left_over(folder: Path, made: Mapping[str, str]) -> list[str]:
    """Return the pages of what is no more."""
    found = (path.relative_to(folder).as_posix() for path in folder.glob("rules/*.md"))
    return sorted(name for name in found if name not in made)
