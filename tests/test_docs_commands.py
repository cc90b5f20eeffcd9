"""Every command that the testing page shows is one that the program takes."""

import re
import shlex
from pathlib import Path

import click
import pytest

from service.cli import main

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/testing.md").read_text("utf-8")
COMMANDS = re.findall(r"^back-pain-cds (.+)$", PAGE, re.MULTILINE)
TOOLS = ("check", "new-fixture", "record", "replay", "rules")


def taken(line: str) -> click.Context:
    """Parse a command as the program does, without running it."""
    name, *arguments = shlex.split(line)
    with main.make_context("back-pain-cds", [name]) as context:
        command = main.get_command(context, name)
        assert command is not None, name
        return command.make_context(name, arguments)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_is_taken(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert taken(line).params


def test_the_page_shows_every_tool_of_testers() -> None:
    assert {line.split()[0] for line in COMMANDS} == set(TOOLS)


def test_the_page_names_only_options_that_exist() -> None:
    with main.make_context("back-pain-cds", ["replay"]) as context:
        known = {
            option
            for each in TOOLS
            if (command := main.get_command(context, each)) is not None
            for parameter in command.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - known == set()


@pytest.mark.parametrize("line", ["replay", "replay fixtures --nonsense", "record --listen 1"])
def test_a_command_that_is_wrong_is_not_taken(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(click.UsageError):
        taken(line)
