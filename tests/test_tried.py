"""What was tried is told with how it ended, and whether it goes on all the same."""

from datetime import timedelta

import pytest

from cards.chart import Chart, Concept, MedicationUse
from cards.drugs import by_name
from cards.sig import read_sig
from cards.terms import example
from cards.trials import trials
from cards.tried import tried_lines
from tests.records import TODAY


def naproxen(status: str, *reasons: Concept) -> MedicationUse:
    drug = by_name("naproxen 500 mg oral tablet")
    assert drug
    return MedicationUse(
        reference="MedicationStatement/1",
        drug=drug,
        status=status,
        kind="statement",
        route=drug.route,
        dosages=(read_sig("1 tablet twice a day"),),
        started=TODAY - timedelta(days=200),
        written=TODAY - timedelta(days=20),
        status_reasons=reasons,
    )


@pytest.mark.parametrize(
    ("use", "told"),
    [
        pytest.param(
            naproxen("active", example("stopped-ineffective")),
            "still in use",
            id="noted-as-ineffective-and-going-on",
        ),
        pytest.param(naproxen("active"), "In use: naproxen", id="in-use"),
    ],
)
def test_a_medicine_in_use_is_told_as_such(use: MedicationUse, told: str) -> None:
    chart = Chart(today=TODAY, medications=(use,))
    (line,) = tried_lines(chart, trials(chart), {}, chronic=True)

    assert told in line


def test_a_stopped_medicine_is_not_told_as_in_use() -> None:
    chart = Chart(
        today=TODAY, medications=(naproxen("stopped", example("stopped-ineffective")),)
    )
    (line,) = tried_lines(chart, trials(chart), {}, chronic=True)

    assert line.startswith("No effect: naproxen")
    assert "in use" not in line
