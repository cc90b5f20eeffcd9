"""Problems are found by the named sets they belong to, in the order of the chart."""

from datetime import date

import pytest

from cards.chart import Chart, Code, Concept, Problem
from cards.record import active_problems, is_doubted, problems_of

ULCER = frozenset({"gi-ulcer"})
BLEEDING_ULCER = frozenset({"gi-ulcer", "gi-bleed"})
DIABETES = frozenset({"diabetes"})


def problem(number: int, terms: frozenset[str], clinical: str = "active") -> Problem:
    return Problem(
        reference=f"Condition/{number}", concept=Concept(terms=terms), clinical=clinical
    )


CHART = Chart(
    today=date(2026, 3, 2),
    problems=(
        problem(1, DIABETES),
        problem(2, BLEEDING_ULCER, "resolved"),
        problem(3, frozenset()),
        problem(4, ULCER),
    ),
)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        pytest.param(("gi-ulcer",), ("2", "4"), id="one-set"),
        pytest.param(("gi-bleed", "gi-ulcer"), ("2", "4"), id="a-member-of-two-is-named-once"),
        pytest.param(("gi-ulcer", "diabetes"), ("1", "2", "4"), id="in-the-order-of-the-chart"),
        pytest.param(("fever",), (), id="a-set-without-members"),
        pytest.param((), (), id="no-set"),
    ],
)
def test_problems_of_sets(terms: tuple[str, ...], expected: tuple[str, ...]) -> None:
    found = problems_of(CHART, terms)

    assert tuple(one.reference.removeprefix("Condition/") for one in found) == expected


def test_resolved_problem_is_not_active() -> None:
    assert list(active_problems(CHART, ("gi-ulcer",))) == [CHART.problems[3]]


def test_problems_are_grouped_once() -> None:
    assert CHART.problems_by_term is CHART.problems_by_term


@pytest.mark.parametrize(
    ("codes", "text", "expected"),
    [
        pytest.param((), "possible fracture", True, id="possible"),
        pytest.param((), "R/O abscess", True, id="rule-out"),
        pytest.param((), "fracture?", True, id="question"),
        pytest.param((), "low suspicion for fracture", False, id="hardly"),
        pytest.param((), "fracture", False, id="stated"),
        pytest.param((Code("icd10cm", "S32.0"),), "r/o fracture", False, id="coded"),
    ],
)
def test_what_text_only_suspects_is_doubted(
    codes: tuple[Code, ...], text: str, expected: bool
) -> None:
    assert is_doubted(Concept(codes, text)) is expected
