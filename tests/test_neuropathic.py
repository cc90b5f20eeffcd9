"""What answers the question of radicular pain, and when kidneys may be worse than measured."""

import pytest

from cards.chart import Fires
from cards.examples import case_of
from cards.relevance import radicular_assessed
from cards.rulebook import load_rulebook
from tests.fhir_requests import chart, resource


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Straight leg raise test", id="words"),
        pytest.param("Straight-leg raise, right", id="hyphen"),
        pytest.param("SLR", id="abbreviation"),
        pytest.param("Lasègue sign", id="eponym"),
    ],
)
def test_a_leg_raising_test_is_read_and_counts_as_assessed(text: str) -> None:
    seen = resource("Observation", code={"text": text}, valueString="negative")

    assert radicular_assessed(chart(seen))


def test_another_observation_does_not_count_as_assessed() -> None:
    seen = resource("Observation", code={"text": "Body weight"}, valueString="70 kg")

    assert not radicular_assessed(chart(seen))


@pytest.mark.parametrize(
    ("onset", "notes"), [("-3w", ("acute-kidney-injury",)), ("-3y", ())], ids=["late", "old"]
)
def test_only_a_late_kidney_injury_is_added_to_the_renal_dose(
    onset: str, notes: tuple[str, ...]
) -> None:
    rule = load_rulebook().by_id["gabapentinoid-renal"]
    order = {"drug": "gabapentin 600 mg oral tablet", "sig": "1 tablet three times daily"}
    given = {
        "order": order,
        "problems": [{"is": "acute-kidney-injury", "onset": onset}],
        "measurements": [{"is": "egfr", "value": 40}],
    }
    verdict = rule.decide(case_of(rule, given))

    assert isinstance(verdict, Fires)
    assert verdict.notes == notes
