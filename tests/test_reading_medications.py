"""Medications of every version of FHIR become the same use."""

from datetime import date
from typing import Any

import pytest

from cards.chart import Amount, Dosage, Drug, Identified, Ingredient, Route
from tests.fhir_requests import (
    BACK_PAIN,
    MEDICATION,
    RXNORM,
    SNOMED,
    TRAMADOL,
    Json,
    chart,
    concept,
    medication,
    read,
    resource,
    use,
)


@pytest.mark.parametrize(
    ("more", "drafts"),
    [
        pytest.param(
            {
                "contained": [{"resourceType": "Medication", "id": "#x", "code": TRAMADOL}],
                "medicationReference": {"reference": "#x"},
            },
            [],
            id="contained",
        ),
        pytest.param(
            {"medicationReference": {"reference": "Medication/x"}}, [], id="prefetched"
        ),
        pytest.param(
            {
                "medicationReference": {
                    "reference": "https://ehr.org/r4/Medication/x/_history/2"
                }
            },
            [],
            id="absolute",
        ),
        pytest.param(
            {"medicationReference": {"reference": "urn:uuid:12"}},
            [{**MEDICATION, "id": "12"}],
            id="urn of a draft entry",
        ),
        pytest.param(
            {
                "medicationReference": {
                    "reference": "Medication/gone",
                    "display": "TRAMADOL 50 MG",
                }
            },
            [],
            id="display only",
        ),
        pytest.param({"medication": {"concept": TRAMADOL}}, [], id="R5 concept"),
        pytest.param(
            {"medication": {"reference": {"reference": "Medication/x"}}}, [], id="R5 reference"
        ),
        pytest.param({"medicationCodeableConcept": {"text": "Ultram"}}, [], id="brand as text"),
        pytest.param(
            {
                "medicationCodeableConcept": {
                    "coding": [{"system": "urn:x", "code": "1", "display": "tramadol 50 mg"}],
                    "text": "as discussed",
                }
            },
            [],
            id="display beside an empty text",
        ),
        pytest.param(
            {
                "contained": [
                    {
                        "resourceType": "Medication",
                        "id": "x",
                        "ingredient": [{"itemCodeableConcept": TRAMADOL}],
                    }
                ],
                "medicationReference": {"reference": "#x"},
            },
            [],
            id="ingredient of a Medication without a code",
        ),
    ],
)
def test_medicine_is_found(more: Json, drafts: list[Json]) -> None:
    found = chart(medication(**more), MEDICATION, drafts=drafts)
    assert [each.drug.ingredient_names for each in found.medications] == [{"tramadol"}]


OXYCODONE = concept(RXNORM, "7804", "Oxycodone")
TYLENOL = {"text": "acetaminophen"}
A_TABLET = {"value": 1, "unit": "tablet", "code": "{tbl}"}


def ratio(value: float, unit: str, beneath: Json | None = None) -> Json:
    stated = {"numerator": {"value": value, "unit": unit}}
    return {**stated, "denominator": beneath} if beneath else stated


def part(item: Json, strength: Json, **more: Any) -> Json:
    return {"itemCodeableConcept": item, "strength": strength, **more}


def made_of(*parts: Json, form: str = "", **more: Any) -> Drug:
    """Read the drug of a contained Medication that has no code."""
    medicine = {"resourceType": "Medication", "id": "x", "ingredient": list(parts), **more}
    if form:
        medicine["form"] = {"text": form}
    return use(contained=[medicine], medicationReference={"reference": "#x"}).drug


@pytest.mark.parametrize(
    ("strength", "form", "expected"),
    [
        (ratio(30, "mg", A_TABLET), "Tablet", Ingredient("oxycodone", 30)),
        (ratio(30, "mg", {"value": 1, "code": "1"}), "", Ingredient("oxycodone", 30)),
        (ratio(30, "mg"), "Film-coated tablet", Ingredient("oxycodone", 30)),
        (ratio(60, "mg", {"value": 2, "unit": "tablets"}), "", Ingredient("oxycodone", 30)),
        (ratio(0.03, "g", A_TABLET), "tablet", Ingredient("oxycodone", 30)),
        (ratio(5, "mg", {"value": 5, "unit": "mL"}), "Oral solution",
         Ingredient("oxycodone", 1, "mL")),
    ],
)  # fmt: skip
def test_strength_of_an_ingredient_is_kept(
    strength: Json, form: str, expected: Ingredient
) -> None:
    drug = made_of(part(OXYCODONE, strength), form=form)
    assert drug.ingredients == (expected,)
    assert drug.identified is Identified.CODE


@pytest.mark.parametrize(
    "strength",
    [
        {},
        ratio(30, "mmol", A_TABLET),
        ratio(30, "mg", {"value": 1, "unit": "box"}),
        ratio(30, "mg", {"value": 0, "unit": "tablet"}),
        ratio(0, "mg", A_TABLET),
        ratio(4e6, "mg", A_TABLET),
        {"numerator": "30 mg"},
    ],
)
def test_strength_that_is_not_understood_stays_unknown(strength: Json) -> None:
    drug = made_of(part(OXYCODONE, strength), form="Tablet")
    assert drug.ingredients == (Ingredient("oxycodone"),)


def test_strengths_of_a_combination_go_to_their_ingredients() -> None:
    drug = made_of(
        part(TYLENOL, ratio(325, "mg", A_TABLET)),
        part(OXYCODONE, ratio(5, "mg", A_TABLET)),
        part({"text": "lactose"}, ratio(100, "mg", A_TABLET), isActive=False),
        form="Tablet",
    )
    assert set(drug.ingredients) == {
        Ingredient("oxycodone", 5),
        Ingredient("acetaminophen", 325),
    }
    assert drug.form == "tablet"


def test_combination_with_one_strength_unknown_has_none() -> None:
    drug = made_of(part(TYLENOL, {}), part(OXYCODONE, ratio(5, "mg", A_TABLET)))
    assert {each.mg for each in drug.ingredients} == {None}


def test_release_of_the_form_is_kept() -> None:
    form = "Prolonged-release oral tablet"
    drug = made_of(part(OXYCODONE, ratio(20, "mg", A_TABLET)), form=form)
    assert drug.extended


def test_form_that_names_another_medicine_is_left_out() -> None:
    drug = made_of(part(OXYCODONE, ratio(5, "mg", A_TABLET)), form="with acetaminophen")
    assert drug.ingredients == (Ingredient("oxycodone", 5),)


def test_patch_is_of_an_hour() -> None:
    fentanyl = part({"text": "fentanyl"}, ratio(25, "ug", {"value": 1, "unit": "h"}))
    drug = made_of(fentanyl, form="Transdermal patch")
    assert (drug.ingredients, drug.route) == (
        (Ingredient("fentanyl", 0.025, "h"),),
        Route.TRANSDERMAL,
    )


@pytest.mark.parametrize(
    ("text", "mg", "extended"),
    [
        ("oxycodone 5 mg tablet", 5, False),
        ("oxycodone ER 20 mg", 20, True),
        ("OxyContin", None, True),
        ("oxycodone", None, False),
        ("oxycodone-acetaminophen 5-325 mg", None, False),
    ],
)
def test_text_says_what_the_code_of_an_ingredient_leaves_open(
    text: str, mg: float | None, extended: bool
) -> None:
    drug = use(medicationCodeableConcept={**OXYCODONE, "text": text}).drug
    assert drug.ingredients == (Ingredient("oxycodone", mg),)
    assert drug.extended is extended
    assert drug.identified is Identified.CODE


def test_medication_is_found_by_its_full_url() -> None:
    entries = [
        {"resource": medication(medicationReference={"reference": "urn:uuid:5"})},
        {"fullUrl": "urn:uuid:5", "resource": {"resourceType": "Medication", "code": TRAMADOL}},
    ]
    found = chart(prefetch={"meds": {"resourceType": "Bundle", "entry": entries}})
    assert len(found.medications) == 1


def test_reference_that_leads_nowhere_is_named() -> None:
    reading = read(medication(medicationReference={"reference": "Medication/gone"}))
    assert reading.unread == ("MedicationRequest/m: names no medicine",)


def test_unidentified_medicine_on_record_is_counted() -> None:
    reading = read(medication(medicationCodeableConcept={"text": "zzyzx elixir"}))
    assert reading.unidentified_on_record == 1
    assert reading.chart.medications == ()


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("MedicationRequest", {"status": "stopped"}, ("request", "stopped")),
        ("MedicationStatement", {"status": "not-taken"}, ("statement", "not-taken")),
        ("MedicationStatement", {"status": "active", "taken": "n"}, ("statement", "not-taken")),
        ("MedicationStatement", {"wasNotTaken": True}, ("statement", "not-taken")),
        ("MedicationStatement", {"status": "recorded"}, ("statement", "active")),
        (
            "MedicationStatement",
            {"status": "recorded", "adherence": {"code": concept("x", "not-taking")}},
            ("statement", "not-taken"),
        ),
        ("MedicationStatement", {"status": "unknown"}, ("statement", "unknown")),
        ("MedicationDispense", {"status": "completed"}, ("dispense", "completed")),
        ("MedicationAdministration", {"notGiven": True}, ("administration", "not-done")),
        ("MedicationRequest", {}, ("request", "unknown")),
    ],
)
def test_kind_and_status_of_a_medication(
    kind: str, more: Json, expected: tuple[str, str]
) -> None:
    found = use(kind=kind, **more)
    assert (found.kind, found.status) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"status": "entered-in-error"},
        {"status": "active", "doNotPerform": True},
        {"status": "active", "intent": "proposal"},
    ],
)
def test_what_was_never_ordered_stays_out_of_the_chart(more: Json) -> None:
    assert chart(medication(**more)).medications == ()


def test_statement_keeps_period_reasons_and_notes() -> None:
    found = use(
        kind="MedicationStatement",
        status="stopped",
        effectivePeriod={"start": "2026-01", "end": "2026-02"},
        dateAsserted="2026-03-01",
        statusReason=[concept(SNOMED, "395007004")],
        reasonCode=[BACK_PAIN],
        note=[{"text": "no relief"}],
        context={"reference": "Encounter/e"},
    )
    assert (found.started, found.ended) == (date(2026, 1, 1), date(2026, 2, 28))
    assert found.written == date(2026, 3, 1)
    [stopped] = found.status_reasons
    assert "stopped-ineffective" in stopped.terms
    assert (found.notes, found.encounter) == ("no relief", "Encounter/e")


def test_statement_of_one_day_need_not_end_that_day() -> None:
    found = use(kind="MedicationStatement", effectiveDateTime="2026-01-05T10:00:00Z")
    assert (found.started, found.ended) == (date(2026, 1, 5), None)


def test_dispense_gives_supply() -> None:
    found = use(
        kind="MedicationDispense",
        quantity={"value": 20, "unit": "TAB"},
        daysSupply={"value": 10, "unit": "days"},
        whenHandedOver="2026-11-01",
    )
    assert (found.quantity, found.supply_days) == (Amount(20, 20, "tablet"), 10)
    assert (found.dispensed, found.written) == (True, date(2026, 11, 1))


def test_dose_given_is_read_with_route_and_amount() -> None:
    found = use(
        kind="MedicationAdministration",
        effectiveDateTime="2026-11-20T08:00:00Z",
        dosage={"route": concept(SNOMED, "47625008"), "dose": {"value": 50, "unit": "mg"}},
    )
    assert found.dosages == (Dosage(route=Route.INTRAVENOUS, amount=Amount(50, 50, "mg")),)
    assert (found.started, found.ended) == (date(2026, 11, 20), date(2026, 11, 20))


def test_request_gives_quantity_refills_and_bounds() -> None:
    bounds = {"repeat": {"boundsPeriod": {"start": "2026-11-01", "end": "2026-11-05"}}}
    found = use(
        dispenseRequest={
            "quantity": {"value": 12, "unit": "tablet"},
            "numberOfRepeatsAllowed": 2,
        },
        dosageInstruction={"timing": bounds},
    )
    assert (found.quantity, found.refills, found.dispensed) == (
        Amount(12, 12, "tablet"),
        2,
        True,
    )
    assert (found.started, found.ended) == (date(2026, 11, 1), date(2026, 11, 5))
    assert found.dosages == (Dosage(days=5),)


def test_open_end_of_one_instruction_leaves_the_order_open() -> None:
    first = {
        "timing": {"repeat": {"boundsPeriod": {"start": "2026-11-01", "end": "2026-11-05"}}}
    }
    second = {"timing": {"repeat": {"boundsPeriod": {"start": "2026-11-06"}}}}
    assert use(dosageInstruction=[first, second]).ended is None


@pytest.mark.parametrize(
    "more",
    [
        {"reasonReference": [{"reference": "Condition/r"}]},
        {"reasonReference": {"reference": "Condition/gone", "display": "Low back pain"}},
        {"reason": [{"reference": {"reference": "Condition/r"}}]},
        {"reason": [{"concept": BACK_PAIN}]},
        {"supportingInformation": [{"reference": "Condition/r"}, {"reference": "Media/1"}]},
        {"reasonCode": BACK_PAIN},
        {"reasonCode": [BACK_PAIN]},
    ],
)
def test_reason_is_found(more: Json) -> None:
    found = chart(medication(**more), resource("Condition", code=BACK_PAIN))
    [reason] = found.medications[0].reasons
    assert "back-pain" in reason.terms


def test_reason_of_no_set_is_kept_because_it_is_a_reason() -> None:
    [reason] = use(reasonCode=[{"text": "ingrown toenail"}]).reasons
    assert (reason.text, reason.terms) == ("ingrown toenail", frozenset())


def test_resource_under_two_keys_is_read_once() -> None:
    found = chart(prefetch={"medications": [medication()], "again": [medication()]})
    assert len(found.medications) == 1
