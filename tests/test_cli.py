"""The command line: every tool is found under its name."""

import click
import pytest
from click.testing import CliRunner

from service.cli import TOOLS, main

NAMES = main.list_commands(click.Context(main))


def test_serve_and_every_tool_are_listed() -> None:
    assert sorted([*TOOLS, "serve"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_command_is_found_and_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {name} ")


def test_unknown_command_is_refused() -> None:
    result = CliRunner().invoke(main, ["serv"])

    assert result.exit_code == 2
    assert "No such command" in result.output
