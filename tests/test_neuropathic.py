"""An examination of the legs in the record answers the question of radicular pain."""

import pytest

from cards.relevance import radicular_assessed
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
