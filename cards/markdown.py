"""The little Markdown that generated pages are made of."""

from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; a bar or a line break in a cell does not end it."""
    titles = tuple(head)
    lines = [_row(titles), _row("---" for _ in titles)]
    return "\n".join([*lines, *map(_row, rows)])


def quoted(text: str) -> str:
    """Return the text as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def anchor(name: str) -> str:
    """Return a place that links lead to."""
    return f'<a id="{name}"></a>'


def title(name: str) -> str:
    """Return the name of a module, a class or a group of numbers as a title."""
    return name.replace("_", " ").replace("-", " ").replace(".", ", ").capitalize()


def _row(cells: Iterable[str]) -> str:
    return (
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
    )
