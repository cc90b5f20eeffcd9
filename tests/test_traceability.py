"""Every statement of the sources is carried by something that exists, or argued away."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from cards import traceability
from cards.handbook import pages
from cards.rulebook import load_rulebook
from cards.traceability import NONE, Statement, faults, load_statements

BOOK = load_rulebook()
STATEMENTS = load_statements()
SOURCES = {
    "Treatment Options for Refractory Chronic Back Pain in Opioid Use Disorder": ("S0", 49),
    "Management of Chronic Back Pain Refractory to Initial Medications": ("S1", 57),
    "Opioid Therapy for Refractory Acute Back Pain in the Emergency Department": ("S2", 45),
    "Management of Chronic Back Pain": ("S3", 49),
    "Next Steps for Refractory Back Strain": ("S4", 40),
}

each_statement = pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: one.id)


def test_every_statement_of_every_source_stands_once_in_order() -> None:
    expected = [
        f"{document}-{number:02}"
        for document, count in SOURCES.values()
        for number in range(1, count + 1)
    ]

    assert [statement.id for statement in STATEMENTS] == expected
    assert len(expected) == 240


def test_each_id_belongs_to_its_source() -> None:
    assert {one.source: one.id[:2] for one in STATEMENTS} == {
        source: document for source, (document, _) in SOURCES.items()
    }


def test_the_table_and_the_rulebook_agree() -> None:
    assert list(faults(STATEMENTS, BOOK)) == []


def test_every_rule_from_the_sources_carries_a_statement() -> None:
    traced = Counter(statement.rule for statement in STATEMENTS)

    assert {rule.id: len(rule.statements) for rule in BOOK.rules if rule.origin == "seed"} == (
        traced
    )


@each_statement
def test_what_a_record_can_show_is_carried(statement: Statement) -> None:
    if statement.testable:
        assert statement.carried_by != (NONE,)
        assert not set(statement.carried_by) <= {"detail", "instead"} or statement.note, (
            "a checkable statement that only words carry is argued for"
        )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rule": "no-such-rule"}, "S0-25: no rule is called no-such-rule"),
        (
            {"rule": "bed-rest"},
            "S0-25: bed-rest does not list it",
        ),
        (
            {"source": "Another Document"},
            "S0-25: systemic-corticosteroid does not name its source",
        ),
        ({"carried_by": ()}, "S0-25: nothing carries it"),
        (
            {"carried_by": ("fires:someday",)},
            "S0-25: systemic-corticosteroid has no fires:someday",
        ),
        (
            {"carried_by": ("limit:dose_mg",)},
            "S0-25: systemic-corticosteroid has no limit:dose_mg",
        ),
        (
            {"carried_by": ("suggestion:gabapentin",)},
            "S0-25: systemic-corticosteroid has no suggestion:gabapentin",
        ),
        (
            {"carried_by": ("rule:systemic-corticosteroid",)},
            "S0-25: systemic-corticosteroid has no rule:systemic-corticosteroid",
        ),
        ({"carried_by": ("line",)}, "S0-25: systemic-corticosteroid has no line"),
        ({"carried_by": ("detail:x",)}, "S0-25: systemic-corticosteroid has no detail:x"),
        ({"carried_by": ("hope",)}, "S0-25: systemic-corticosteroid has no hope"),
        (
            {"carried_by": (NONE,), "note": ""},
            "S0-25: none stands alone, with a note that says why",
        ),
        (
            {"carried_by": (NONE, "detail"), "note": "both"},
            "S0-25: none stands alone, with a note that says why",
        ),
    ],
    ids=str,
)
def test_a_fault_is_named(change: Mapping[str, Any], expected: str) -> None:
    statement = next(one for one in STATEMENTS if one.id == "S0-25")

    assert expected in list(faults([statement._replace(**change)], BOOK))


def test_a_statement_that_stands_twice_is_named() -> None:
    assert "S0-25: stands twice" in list(faults([*STATEMENTS, STATEMENTS[24]], BOOK))


def test_a_statement_that_only_a_rule_knows_is_named() -> None:
    known = [one for one in STATEMENTS if one.id != "S0-25"]

    assert list(faults(known, BOOK)) == [
        "systemic-corticosteroid: lists S0-25, which is no statement"
    ]


def test_the_page_tells_every_statement_and_links_its_rule() -> None:
    page = pages(BOOK)["traceability.md"]

    assert "240 statements" in page
    assert page.count("\n| S") == 240
    assert (
        "| S0-25 | Do not add systemic corticosteroids for chronic low back pain | yes | "
        "[systemic-corticosteroid](rules/corticosteroids.md#systemic-corticosteroid) | "
        "`fires:first-course`, `fires:repeated` |  |"
    ) in page


def test_no_cell_breaks_the_table() -> None:
    cells = [cell for one in STATEMENTS for cell in (one.statement, one.note, *one.carried_by)]

    assert [cell for cell in cells if "|" in cell or "\n" in cell] == []
    assert traceability.FILE.read_text("utf-8").isascii()
