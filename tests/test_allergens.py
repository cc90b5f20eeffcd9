"""A text that means a whole class of drugs gives that class."""

import pytest

from cards.allergens import allergen_named, class_of_drugs
from cards.drug_classes import class_names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NSAIDs", {"nsaid", "aspirin"}),
        ("Non-steroidal anti-inflammatory agent", {"nsaid", "aspirin"}),
        ("NSAIDS (NON-STEROIDAL ANTI-INFLAMMATORY DRUG)", {"nsaid", "aspirin"}),
        ("Nonsteroidal Antiinflammatory Drugs (NSAIDs)", {"nsaid", "aspirin"}),
        ("Nsaids, Non-selective", {"nsaid", "aspirin"}),
        ("Non-steroidal anti-inflammatory agent (product)", {"nsaid", "aspirin"}),
        ("COX-2 Inhibitors", {"nsaid", "aspirin"}),
        (
            "Opioids (narcotics)",
            {"opioid-full-agonist", "opioid-mixed", "tramadol", "buprenorphine"},
        ),
        ("Allergy to NSAID", {"nsaid", "aspirin"}),
        (
            "Opioid Analgesics",
            {"opioid-full-agonist", "opioid-mixed", "tramadol", "buprenorphine"},
        ),
        ("benzodiazepines", {"benzodiazepine"}),
        ("Corticosteroids", {"corticosteroid"}),
        ("tricyclic antidepressants", {"tca"}),
    ],
)
def test_name_of_a_class_gives_the_class(text: str, expected: set[str]) -> None:
    drug = class_of_drugs(text)
    assert drug is not None
    assert drug.classes == expected
    assert drug.ingredients == ()
    assert drug.classes <= class_names()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ibuprofen allergy", "Ibuprofen"),
        ("codeine intolerance", "codeine"),
        ("no ibuprofen allergy", "no ibuprofen allergy"),
        ("ibuprofen", "ibuprofen"),
    ],
)
def test_drug_before_its_allergy_is_named(text: str, name: str) -> None:
    assert allergen_named(text) == name


@pytest.mark.parametrize(
    "text", ["", "no NSAID allergy", "not allergic to opioids", "opioid use disorder", "sulfa"]
)
def test_text_that_says_more_or_less_gives_none(text: str) -> None:
    assert class_of_drugs(text) is None
