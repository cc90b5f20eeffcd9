"""``rules`` shows the rulebook as a site uses it, and the whole card to who reviews it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cards import definitions
from cards.rulebook import load_rulebook
from service.cli import main


@pytest.fixture(autouse=True)
def shipped_numbers() -> Iterator[None]:
    """Let no site's numbers outlive a test."""
    yield
    definitions.use({})


def rules(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, ["rules", *arguments])


@pytest.mark.parametrize(
    "environment", [{"COLUMNS": "80"}, {"COLUMNS": "80", "FORCE_COLOR": "1"}]
)
def test_every_name_is_whole(environment: dict[str, str]) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", rules(**environment).stdout)
    printed = set(plain.split())

    assert [r.id for r in load_rulebook().rules if r.id not in printed] == []
    assert [n for r in load_rulebook().rules for n in r.fires if n not in printed] == []
    assert "…" not in plain


def test_the_list_is_a_document_too() -> None:
    document = json.loads(rules("nsaid-renal", "--format", "json").stdout)
    (rule,) = document["rules"]

    assert document["rulebook"] == load_rulebook().version
    assert document["site"] == []
    assert rule["id"] == "nsaid-renal"
    assert rule["review"] == "awaiting clinical review"
    assert rule["outcomes"][0].keys() == {"name", "tiers"}


def test_a_preview_is_no_document() -> None:
    assert rules("--preview", "--format", "json").exit_code == 2


def test_a_preview_shows_what_a_clinician_can_choose() -> None:
    output = rules("systemic-corticosteroid", "--preview").stdout

    assert "Remove prednisone 20 mg (delete): Remove the draft order" in output
    assert "Order naproxen 500 mg twice a day (create)" in output
    assert "Benefit outweighs the risk for this patient" in output


def test_a_card_of_a_preview_shows_no_more_suggestions_than_the_site_allows(
    tmp_path: Path,
) -> None:
    site = tmp_path / "site.toml"
    site.write_text("[cards]\nsuggestions = 1", "utf-8")
    output = rules("systemic-corticosteroid", "--preview", "--site", str(site)).stdout

    assert "Remove prednisone 20 mg" in output
    assert "Order naproxen" not in output


def test_a_preview_decides_with_the_numbers_of_the_site(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text("[definitions]\n'lookback.injection_failed_days' = 730", "utf-8")
    example = "epidural two years after one without effect"
    shipped = rules("interventional-selection", "--preview").stdout
    changed = rules("interventional-selection", "--preview", "--site", str(site)).stdout

    assert f"example: {example}" in shipped
    assert f"example: {example}" not in changed
    assert rules("interventional-selection", "--preview").stdout == shipped
