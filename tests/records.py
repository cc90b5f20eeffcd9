"""The day on which the tests of the chart logic look, and how they name what is on record."""

from datetime import date, timedelta

from cards.chart import Code, Concept

TODAY = date(2026, 3, 2)


def ago(days: float) -> date:
    """Return the day so many days before ``TODAY``."""
    return TODAY - timedelta(days=days)


def concept(*terms: str, code: str = "", text: str = "") -> Concept:
    """Return a concept of these terms; the code is one of ICD-10-CM."""
    return Concept((Code("icd10cm", code),) if code else (), text, frozenset(terms))
