"""The command line: every tool is found under its name, and says in a line what is wrong."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from service.cli import TOOLS, main
from service.command_output import write_file

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


FIXTURE = "fixtures/silence/morphine-in-hospice-care.request.json"


@pytest.mark.parametrize("command", ["check", "replay"])
@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("PORT", "many", "Error: BACK_PAIN_CDS_PORT: "),
        ("SITE_FILE", "no-such-file.toml", "Error: no-such-file.toml: cannot be read"),
    ],
)
def test_a_fault_in_the_configuration_is_one_line(
    command: str, setting: str, value: str, told: str
) -> None:
    file = str(Path(__file__).parent.parent / FIXTURE)
    environment = {f"BACK_PAIN_CDS_{setting}": value}
    result = CliRunner().invoke(main, [command, file], env=environment)

    assert result.exit_code == 1
    assert result.output.startswith(told)
    assert result.output.count("\n") == 1


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_file(tmp_path / "new/folder/x.txt", "é")

    assert (tmp_path / "new/folder/x.txt").read_text("utf-8") == "é"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(click.ClickException, match=r"file/x\.txt: "):
        write_file(tmp_path / "file/x.txt", "")
