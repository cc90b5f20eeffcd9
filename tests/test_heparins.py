"""A heparin or fondaparinux treats a clot or prevents one, as its text or dose says."""

import pytest

from cards.chart import Concept, MedicationUse, Route
from cards.drugs import by_name
from cards.heparins import Purpose, purpose
from cards.sig import read_sig

LIMITS = {
    "enoxaparin_mg": 60,
    "fondaparinux_mg": 2.5,
    "heparin_units": 15000,
    "low_weight_units": 5000,
}
SYRINGE = "0.4 ML enoxaparin sodium 100 MG/ML Prefilled Syringe"
VIAL = "heparin sodium, porcine 5000 UNT/ML Injectable Solution"


def use(name: str, *sigs: str, **more: object) -> MedicationUse:
    drug = by_name(name)
    assert drug
    dosages = tuple(map(read_sig, sigs))
    return MedicationUse(reference="x", drug=drug, dosages=dosages, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(use(SYRINGE, "0.4 mL once daily"), Purpose.PREVENTION, id="40-mg-a-day"),
        pytest.param(
            use(SYRINGE, "30 mg every 12 hours"), Purpose.PREVENTION, id="30-mg-twice"
        ),
        pytest.param(use(SYRINGE, "80 mg every 12 hours"), Purpose.TREATMENT, id="80-mg-twice"),
        pytest.param(
            use("enoxaparin", "4000 units daily"), Purpose.PREVENTION, id="enoxaparin-in-units"
        ),
        pytest.param(use(SYRINGE, "1 mg/kg every 12 hours"), Purpose.TREATMENT, id="by-weight"),
        pytest.param(use(SYRINGE), Purpose.UNKNOWN, id="no-dose"),
        pytest.param(
            use(SYRINGE, "40 mg once daily", "80 mg twice daily"),
            Purpose.TREATMENT,
            id="steps-of-one-course-count-as-the-highest",
        ),
        pytest.param(use(VIAL, "5,000 units SC every 8 hours"), Purpose.PREVENTION, id="low"),
        pytest.param(use(VIAL, "17500 units SC every 12 hours"), Purpose.TREATMENT, id="high"),
        pytest.param(
            use(VIAL, "5000 units every 12 hours", "5000 units every 8 hours"),
            Purpose.UNKNOWN,
            id="two-instructions-in-units",
        ),
        pytest.param(use(VIAL, route=Route.INTRAVENOUS), Purpose.TREATMENT, id="into-a-vein"),
        pytest.param(
            use(VIAL, "5 mL flush", route=Route.INTRAVENOUS), Purpose.FLUSH, id="flush"
        ),
        pytest.param(
            use("dalteparin", "5000 units once daily"), Purpose.PREVENTION, id="dalteparin-low"
        ),
        pytest.param(
            use("dalteparin", "10000 units once daily"), Purpose.TREATMENT, id="dalteparin-high"
        ),
        pytest.param(
            use("enoxaparin", "40 mg twice daily", reasons=(Concept(text="DVT prophylaxis"),)),
            Purpose.PREVENTION,
            id="the-reason-says-prevention",
        ),
        pytest.param(
            use("fondaparinux", "2.5 mg SC once daily"),
            Purpose.PREVENTION,
            id="fondaparinux-low",
        ),
        pytest.param(
            use("Arixtra", "5 mg SC once daily"), Purpose.TREATMENT, id="fondaparinux-high"
        ),
        pytest.param(
            use("Arixtra 7.5 mg", "1 syringe daily"), Purpose.TREATMENT, id="by-the-syringe"
        ),
        pytest.param(use("Arixtra"), Purpose.UNKNOWN, id="fondaparinux-of-unknown-dose"),
        pytest.param(
            use("enoxaparin", notes="Bridging to warfarin"), Purpose.TREATMENT, id="bridging"
        ),
    ],
)
def test_purpose_is_what_text_or_dose_says(given: MedicationUse, expected: Purpose) -> None:
    assert purpose(given, LIMITS) is expected
