"""An NSAID is told from low-dose aspirin, from what acts locally, and from what is unclear."""

from datetime import date

import pytest

from cards.case import Assessment, Case
from cards.chart import Chart, MedicationUse, Order, Patient, Route
from cards.drugs import by_name
from cards.nsaids import NSAIDS, nsaid_on_skin, staying, systemic_nsaid
from cards.sig import read_sig
from cards.unsuitable import nsaid_unsuitable
from tests.records import TODAY


def use(name: str, sig: str = "", **more: object) -> MedicationUse:
    drug = by_name(name)
    assert drug
    dosages = (read_sig(sig),) if sig else ()
    return MedicationUse(
        **{  # type: ignore[arg-type]
            "reference": "MedicationRequest/1",
            "drug": drug,
            "dosages": dosages,
            "route": drug.route,
            "started": date(2026, 2, 20),
            **more,
        }
    )


@pytest.mark.parametrize(
    ("name", "sig", "expected"),
    [
        pytest.param("naproxen 500 mg oral tablet", "", True, id="tablet"),
        pytest.param("naproxen", "", True, id="bare-name"),
        pytest.param("diclofenac 1 % gel", "", False, id="gel"),
        pytest.param("Flector", "", False, id="patch"),
        pytest.param("Acular", "", False, id="eye-drops"),
        pytest.param("Sprix", "", True, id="ketorolac-by-the-nose"),
        pytest.param("ketorolac", "", True, id="bare-ketorolac"),
        pytest.param("diclofenac", "", False, id="bare-diclofenac-is-unclear"),
        pytest.param("diclofenac", "75 mg twice daily", True, id="diclofenac-in-mg"),
        pytest.param("aspirin 81 mg oral tablet", "1 tablet daily", False, id="aspirin-81"),
        pytest.param("aspirin 325 mg oral tablet", "1 tablet daily", False, id="aspirin-325"),
        pytest.param("aspirin 325 mg oral tablet", "2 tablets daily", True, id="aspirin-650"),
        pytest.param("aspirin 325 mg oral tablet", "", False, id="aspirin-of-unknown-dose"),
        pytest.param("aspirin 500 mg oral tablet", "", True, id="aspirin-500-of-unknown-dose"),
        pytest.param("aspirin", "", False, id="bare-aspirin"),
        pytest.param("acetaminophen 500 mg oral tablet", "", False, id="no-nsaid"),
    ],
)
def test_an_nsaid_that_acts_in_the_whole_body(name: str, sig: str, expected: bool) -> None:
    assert systemic_nsaid(use(name, sig)) is expected


def test_a_rule_may_draw_the_line_of_aspirin_lower() -> None:
    assert systemic_nsaid(use("aspirin 325 mg oral tablet", "1 tablet daily"), 162)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("diclofenac 1 % gel", True),
        ("Flector", True),
        ("Acular", False),
        ("naproxen 500 mg oral tablet", False),
        ("lidocaine 5 % patch", False),
    ],
)
def test_an_nsaid_on_the_skin(name: str, expected: bool) -> None:
    assert nsaid_on_skin(use(name)) is expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        pytest.param({"status": "stopped"}, 0, id="stopped"),
        pytest.param({"status": "cancelled"}, 0, id="cancelled"),
        pytest.param({"status": "draft"}, 1, id="renewed"),
        pytest.param({"status": "stopped", "drug": "meloxicam"}, 1, id="another-one-stopped"),
    ],
)
def test_what_an_order_on_the_screen_stops_does_not_stay(
    end: dict[str, str], expected: int
) -> None:
    ended = use(end.get("drug", "ibuprofen 800 mg oral tablet"), reference="x/2")
    ordered = Order(reference="x/1", medication=use("naproxen 500 mg oral tablet"))
    stop = Order(reference="x/2", status=end["status"], medication=ended)
    taken = use("ibuprofen 800 mg oral tablet", reference="MedicationStatement/9")
    chart = Chart(today=TODAY, medications=(taken,), drafts=(ordered, stop))
    case = Case(Assessment.of(chart).view(ordered), {})

    assert len(staying(case, NSAIDS)) == expected


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        (date(1951, 3, 2), "75 years of age"),
        (date(1951, 3, 3), None),
        (None, None),
    ],
    ids=["75", "one-day-short", "unknown"],
)
def test_old_age_speaks_against_an_nsaid(born: date | None, expected: str | None) -> None:
    found = nsaid_unsuitable(Chart(today=TODAY, patient=Patient(born=born)))

    assert (found.text if found else None) == expected


def test_the_route_of_the_order_counts() -> None:
    assert not systemic_nsaid(use("ketorolac", route=Route.OPHTHALMIC))
