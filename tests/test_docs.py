"""The pages made from the rule files are current, and say what the files say."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cards import drug_classes
from cards.definitions import definitions
from cards.handbook import entry, pages
from cards.previews import numbers_read
from cards.rulebook import Rule, load_rulebook
from cards.steps import load_steps
from service.cli import main
from service.docs_command import outdated

DOCS = Path(__file__).parent.parent / "docs"
BOOK = load_rulebook()
PAGES = pages(BOOK)
TEXT = "\n".join(PAGES.values())


def test_the_pages_are_current() -> None:
    assert outdated(DOCS, PAGES) == [], "run: back-pain-cds docs"


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_a_page_says_everything_a_reviewer_signs(rule: Rule) -> None:
    said = [rule.title, rule.review["status"], *rule.silent.values()]
    said += [outcome.summary for outcome in rule.fires.values()]
    said += [outcome.when for outcome in rule.fires.values()]
    said += [example["name"] for example in rule.examples]
    said += [source.says for source in rule.sources]

    missing = [text for text in said if " ".join(text.split()).replace("|", "\\|") not in TEXT]
    assert missing == []


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_a_page_shows_a_card_of_every_outcome_filled_in(rule: Rule) -> None:
    _, _, shown = entry(rule).partition("#### For example")
    shown, _, _ = shown.partition("\n### ")

    assert [name for name in rule.fires if f"*{name}*, " not in shown] == []
    assert "{" not in shown


def test_the_steps_of_treatment_stand_on_a_page_in_the_words_of_the_card() -> None:
    page = PAGES["rules/steps.md"]

    for step in load_steps().values():
        for said in (f"`{step.name}`", step.short, step.says, step.source):
            assert said in page


def test_every_class_stands_on_a_page_with_its_drugs() -> None:
    page = PAGES["rules/drug_classes.md"]

    for name, meaning in drug_classes.meanings().items():
        assert meaning[1:] in page
        assert ", ".join(sorted(drug_classes.ingredients_of(name))) in page


def test_every_shared_number_stands_on_a_page_with_its_source() -> None:
    page = PAGES["rules/definitions.md"]

    for name, number in definitions().items():
        assert f"| `{name}` | {number.value:g} |" in page
        assert f"| {number.says} | {number.source} |" in page


def test_a_rule_names_the_shared_numbers_that_its_examples_read() -> None:
    rule = BOOK.by_id["gabapentinoid-renal"]

    assert "renal.gabapentin.severe_mg" in numbers_read(rule)
    assert "renal.gabapentin failure_mg 300, moderate_mg 1400, severe_mg 700" in entry(rule)


def test_what_a_rule_reads_is_the_same_whenever_it_is_asked() -> None:
    """A value remembered between calls would make the pages depend on what ran before."""
    assert [rule.id for rule in BOOK.rules if numbers_read(rule) != numbers_read(rule)] == []


def test_every_link_between_the_pages_leads_to_its_place() -> None:
    for name, text in PAGES.items():
        for target, place in re.findall(r"\]\(([^):]+\.md)(?:#([^)]+))?\)", text):
            path = (DOCS / name).parent.joinpath(target).resolve().relative_to(DOCS)
            assert path.as_posix() in PAGES
            assert not place or f'<a id="{place}"></a>' in PAGES[path.as_posix()]


def test_the_workbench_has_no_links_to_pages_that_it_does_not_serve() -> None:
    assert [rule.id for rule in BOOK.rules if ".md" in entry(rule)] == []


def test_no_page_names_a_reviewer_who_has_not_signed() -> None:
    signed = [rule for rule in BOOK.rules if "reviewer" in rule.review]

    assert signed or "No rule has been reviewed by a clinician" in PAGES["rules.md"]


def test_the_command_writes_and_checks(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/gone.md").write_text("left over", "utf-8")
    before = CliRunner().invoke(main, ["docs", str(tmp_path), "--check"])
    written = CliRunner().invoke(main, ["docs", str(tmp_path)])
    after = CliRunner().invoke(main, ["docs", str(tmp_path), "--check"])

    assert before.exit_code == 1
    assert before.output.endswith("Run back-pain-cds docs.\n")
    assert "rules/gone.md" in before.output
    assert written.exit_code == 0
    assert after.exit_code == 0
