"""Load before the first call what would otherwise be loaded by it."""

from cards.examples import case_of
from cards.rulebook import Rulebook
from service.conformance import faults
from service.envelope import quick_validator

# Enough of an order to have its models built.
ORDER = {
    "resourceType": "MedicationRequest",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "none"},
    "subject": {"reference": "Patient/none"},
    "dosageInstruction": [{"timing": {"repeat": {"frequency": 1}}}],
    "dispenseRequest": {"numberOfRepeatsAllowed": 0},
}


def warm_up(book: Rulebook) -> None:
    """Decide one example of every rule, judge one order, and build what checks every call."""
    for rule in book.rules:
        for example in rule.examples[:1]:
            rule.decide(case_of(rule, example["given"]))
    faults(ORDER)
    quick_validator("hook-request")
