"""The timeline: what is drawn of a chart, how treatments ended, and where things stand."""

from datetime import date
from typing import Any

import pytest

from cards.courses import Outcome, outcome_of
from service.demo.stories import STORY_DAY, resources, stories
from service.reading_medications import identify_drug, named_medicine, read_use
from service.references import Record
from service.workbench.history import GROUPS, Event, events, reference_of
from service.workbench.scenes import fixture_names, scene
from service.workbench.timeline import NARROW, WIDE, picture

Json = dict[str, Any]


def statement(**changes: Any) -> Json:
    return {
        "resourceType": "MedicationStatement",
        "id": "1",
        "status": "stopped",
        "medicationCodeableConcept": {"text": "naproxen 500 mg"},
        "effectivePeriod": {"start": "2025-06-01", "end": "2025-08-01"},
        **changes,
    }


def only(resource: Json, *drafts: Json) -> Event:
    (event,) = events([resource], drafts, STORY_DAY)
    return event


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"status": "active", "effectivePeriod": {"start": "2025-06-01"}}, "ongoing"),
        ({}, "ended"),
        ({"status": "completed"}, "ended"),
        ({"statusReason": [{"text": "Did not help"}]}, "ineffective"),
        ({"note": [{"text": "No relief"}]}, "ineffective"),
        ({"note": [{"text": "Stopped because of side effects"}]}, "side-effect"),
        ({"note": [{"text": "some relief"}]}, "relief"),
        ({"note": [{"text": "Contraindicated"}]}, "contraindicated"),
        ({"status": "active", "note": [{"text": "No relief"}]}, "ineffective"),
        ({"status": "not-taken"}, "ended"),
        ({"note": [{"text": "taken with food"}]}, "ended"),
        ({"note": [{"text": "Ibuprofen: no relief, naproxen begun"}]}, "ended"),
    ],
    ids=str,
)
def test_how_a_treatment_ended_is_read_from_status_and_notes(
    changes: Json, ending: str
) -> None:
    assert only(statement(**changes)).ending == ending


def test_medicine_that_no_card_judges_is_read_in_its_own_words() -> None:
    drops = {"medicationCodeableConcept": {"text": "Grandmother's drops"}}
    event = only(statement(note=[{"text": "No relief"}], **drops))

    assert (event.label, event.ending) == ("Grandmother's drops", "ineffective")


@pytest.mark.parametrize("name", sorted(fixture_names()))
def test_picture_and_card_judge_a_course_alike(name: str) -> None:
    shown = scene(f"fixture/{name}")
    record = Record("", stored={reference_of(one): one for one in shown.resources})
    drawn = {event.resource: event.ending for event in events(shown.resources, (), shown.today)}
    for resource in shown.resources:
        if resource["resourceType"] not in {"MedicationStatement", "MedicationRequest"}:
            continue
        if drug := identify_drug(named_medicine(resource, record)):
            outcome = outcome_of(read_use(resource, "", drug, record), shown.today)
            ending = drawn[reference_of(resource)]
            assert (ending == "ineffective") == (outcome is Outcome.INEFFECTIVE)
            assert (ending == "side-effect") == (outcome is Outcome.SIDE_EFFECT)


def test_what_did_not_help_and_goes_on_is_drawn_until_today() -> None:
    taken = {"effectivePeriod": {"start": "2025-06-01"}, "note": [{"text": "No relief"}]}

    assert only(statement(status="active", **taken)).end is None


def test_medicine_of_a_reference_has_its_name() -> None:
    medication = {"resourceType": "Medication", "id": "9", "code": {"text": "naproxen 500 mg"}}
    order = statement(medicationReference={"reference": "Medication/9"})
    del order["medicationCodeableConcept"]
    (event,) = events([medication, order], (), STORY_DAY)

    assert event.label == "naproxen 500 mg"


@pytest.mark.parametrize("days", [9_000_000, 99_999_999_999, -3, 0])
def test_supply_of_impossible_length_is_drawn(days: int) -> None:
    draft = {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "medicationCodeableConcept": {"text": "naproxen 500 mg"},
        "dispenseRequest": {"expectedSupplyDuration": {"value": days, "unit": "days"}},
    }
    event = only(draft)

    assert event.end is None or event.end >= STORY_DAY
    assert events([], [draft], STORY_DAY)[0].end


def test_treatment_has_its_dates_and_its_own_words() -> None:
    event = only(statement(statusReason=[{"text": "Did not help"}]))

    assert event == Event(
        group="Treatments",
        label="naproxen 500 mg",
        resource="MedicationStatement/1",
        start=date(2025, 6, 1),
        end=date(2025, 8, 1),
        ending="ineffective",
        says="Did not help",
    )


def test_prescription_that_is_active_goes_on() -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "2",
        "status": "active",
        "authoredOn": "2026-02-01",
        "medicationCodeableConcept": {"text": "naproxen 500 mg"},
        "dispenseRequest": {"expectedSupplyDuration": {"value": 10}},
    }

    assert (only(order).end, only({**order, "status": "completed"}).end) == (
        None,
        date(2026, 2, 11),
    )


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (
            {
                "resourceType": "Condition",
                "code": {"text": "Low back pain"},
                "onsetDateTime": "2025-01",
            },
            ("Conditions", "Low back pain", date(2025, 1, 1), None, ""),
        ),
        (
            {
                "resourceType": "Condition",
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": "195967001"}]},
                "clinicalStatus": {"coding": [{"code": "resolved"}]},
            },
            ("Conditions", "Asthma", None, None, "ended"),
        ),
        (
            {
                "resourceType": "Observation",
                "code": {"text": "eGFR"},
                "effectiveDateTime": "2026-01-10",
                "valueQuantity": {"value": 88.0, "unit": "mL/min"},
            },
            ("Results", "eGFR", date(2026, 1, 10), date(2026, 1, 10), ""),
        ),
        (
            {"resourceType": "AllergyIntolerance", "code": {"text": "codeine"}},
            ("Results", "Allergy: codeine", None, None, ""),
        ),
    ],
    ids=["condition", "condition by its code", "result", "allergy"],
)
def test_other_resources_are_drawn(resource: Json, expected: tuple[Any, ...]) -> None:
    event = only({"id": "1", **resource})

    assert (event.group, event.label, event.start, event.end, event.ending) == expected


@pytest.mark.parametrize("kind", ["Patient", "Encounter", "Medication", ""])
def test_what_has_no_place_in_time_is_left_out(kind: str) -> None:
    assert events([{"resourceType": kind, "id": "1"}], (), STORY_DAY) == []


@pytest.mark.parametrize("value", [None, 3, "x", [], [None], {"coding": "x"}], ids=str)
def test_resource_of_wrong_types_is_drawn_without_a_name(value: object) -> None:
    event = only(
        {"resourceType": "Condition", "id": "1", "code": value, "onsetDateTime": value}
    )

    assert event.start is None


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=lambda shape: shape.name)
@pytest.mark.parametrize("patient", stories())
def test_everything_stands_inside_the_picture(patient: str, shape: Any) -> None:
    shown = events(resources(patient), (), STORY_DAY)
    drawn = picture(shown, STORY_DAY, shape)

    bars = [bar for row in drawn.rows for bar in row.bars]
    assert len(bars) == len(shown)
    for bar in bars:
        assert shape.left <= bar.x <= bar.x + bar.width <= shape.width
    for row in drawn.rows:
        assert row.y + shape.row <= drawn.height
    assert [tick.x for tick in drawn.ticks] == sorted({tick.x for tick in drawn.ticks})
    assert all(tick.x < drawn.today_x for tick in drawn.ticks)
    assert 1 <= len(drawn.ticks) <= 8


def test_courses_of_one_drug_share_a_row() -> None:
    again = statement(id="2", effectivePeriod={"start": "2025-10-01", "end": "2025-11-01"})
    drawn = picture(events([statement(), again], (), STORY_DAY), STORY_DAY, WIDE)

    (row,) = drawn.rows
    assert [bar.event.resource for bar in row.bars] == [
        "MedicationStatement/1",
        "MedicationStatement/2",
    ]


def test_draft_stands_after_today() -> None:
    draft = {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "medicationCodeableConcept": {"text": "naproxen 500 mg"},
    }
    drawn = picture(events([statement()], [draft], STORY_DAY), STORY_DAY, WIDE)

    assert [head for head, _ in drawn.heads] == ["Treatments", "Orders"]
    (bar,) = drawn.rows[-1].bars
    assert (bar.x, bar.event.ending, bar.width >= 20) == (drawn.today_x, "draft", True)


def test_groups_stand_in_their_order() -> None:
    shown = events(resources("vignette-000"), (), STORY_DAY)
    seen = [GROUPS.index(event.group) for event in shown]

    assert seen == sorted(seen)


def test_empty_chart_has_an_empty_picture() -> None:
    drawn = picture([], STORY_DAY, WIDE)

    assert (drawn.rows, drawn.heads) == ((), ())
