"""The pages made from the rule files are current, and say what the files say."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cards.handbook import pages
from cards.rulebook import Rule, load_rulebook
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
    assert "rules/gone.md" in before.output
    assert written.exit_code == 0
    assert after.exit_code == 0
