"""The synthetic patients: valid FHIR, whole stories, and orders that show what they claim."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from service.answering import Answering
from service.catalogue import find
from service.conformance import faults
from service.demo.dates import shifted
from service.demo.stories import STORY_DAY, Story, Trial, fixtures, resources, stories
from service.envelope import read_request
from service.settings import Settings
from service.workbench.orders import Form, draft_of
from service.workbench.scenes import AS_OF, SERVICE_OF_HOOK, scene

STORIES = list(stories().values())
TRIALS = [(story, trial) for story in STORIES for trial in story.trials]
LATER = timedelta(days=264)

every_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
every_trial = pytest.mark.parametrize(
    ("story", "trial"), TRIALS, ids=[f"{s.id}: {t.label}" for s, t in TRIALS]
)


@pytest.fixture(scope="module")
def answering() -> Answering:
    return Answering(Settings())


def headlines(answering: Answering, asked: dict[str, Any]) -> list[str]:
    service = find(SERVICE_OF_HOOK[asked["hook"]])
    request = read_request(json.dumps(asked).encode(), None, service, extensions=True)
    assert request.as_of
    answer: Any = answering(request, request.as_of)
    return [card["source"]["topic"]["code"] for card in answer["cards"]]


def request_for(story: Story, trial: Trial, hook: str = "order-select") -> dict[str, Any]:
    shown = scene(f"patient/{story.id}")
    draft = draft_of(Form.of(trial.order), story.id, STORY_DAY.isoformat())
    assert draft
    return shown.request(hook, [draft], [f"{draft['resourceType']}/{draft['id']}"])


def test_index_and_files_name_the_same_patients() -> None:
    files = {path.stem for path in (fixtures() / "patients").glob("*.json")}

    assert set(stories()) == files


def test_there_are_the_vignettes_and_ten_more() -> None:
    vignettes = {id_ for id_ in stories() if id_.startswith("vignette-")}

    assert (len(vignettes), len(stories()) - len(vignettes) >= 10) == (5, True)


@every_story
def test_story_is_one_line_with_a_name(story: Story) -> None:
    person = next(r for r in resources(story.id) if r["resourceType"] == "Patient")
    (name,) = person["name"]

    assert story.name == f"{' '.join(name['given'])} {name['family']}"
    assert 10 < len(story.story) <= 110


@every_story
def test_chart_is_valid_fhir(story: Story) -> None:
    invalid = {r["id"]: faults(r) for r in resources(story.id) if faults(r)}

    assert invalid == {}


@every_story
def test_conditions_have_text_and_nothing_lies_after_the_story_day(story: Story) -> None:
    for resource in resources(story.id):
        if resource["resourceType"] == "Condition":
            assert resource["code"]["text"]
        assert max(dates_in(resource), default=STORY_DAY) <= STORY_DAY


def dates_in(value: Any) -> list[date]:
    if isinstance(value, dict):
        return [found for each in value.values() for found in dates_in(each)]
    if isinstance(value, list):
        return [found for each in value for found in dates_in(each)]
    try:
        return [date.fromisoformat(str(value)[:10])] if isinstance(value, str) else []
    except ValueError:
        return []


@every_trial
def test_order_worth_trying_is_valid_fhir(story: Story, trial: Trial) -> None:
    draft = draft_of(Form.of(trial.order), story.id, STORY_DAY.isoformat())

    assert draft
    assert faults(draft) == ()


@every_trial
def test_order_worth_trying_shows_what_the_index_says(
    answering: Answering, story: Story, trial: Trial
) -> None:
    first = next(iter(headlines(answering, request_for(story, trial))), "")

    assert first == trial.expect


@every_trial
def test_cards_are_the_same_when_chart_and_day_move_together(
    answering: Answering, story: Story, trial: Trial
) -> None:
    asked = request_for(story, trial, "order-sign")
    moved = shifted(asked, LATER.days)

    assert moved["extension"][AS_OF] == (STORY_DAY + LATER).isoformat()
    assert headlines(answering, moved) == headlines(answering, asked)


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        ({"onsetDateTime": "2026-02-27"}, {"onsetDateTime": "2026-03-02"}),
        ({"start": "2026-02-27T09:00:00Z"}, {"start": "2026-03-02T09:00:00Z"}),
        ({"start": "2026-02-27T09:00:00+02:00"}, {"start": "2026-03-02T09:00:00+02:00"}),
        ({"birthDate": "1979-06-14"}, {"birthDate": "1979-06-14"}),
        ({"text": "2026-02-27"}, {"text": "2026-02-27"}),
        ({"id": "2026-02-27"}, {"id": "2026-02-27"}),
        ({"valueString": "seen 2026-02-27"}, {"valueString": "seen 2026-02-27"}),
        (
            {"note": [{"time": "2026-02-27"}, None, 3]},
            {"note": [{"time": "2026-03-02"}, None, 3]},
        ),
    ],
    ids=lambda value: next(iter(value.items()))[0],
)
def test_dates_move_and_nothing_else(value: Any, moved: Any) -> None:
    assert shifted(value, 3) == moved


def test_moving_back_gives_the_same_chart() -> None:
    chart = list(resources("vignette-000"))

    assert shifted(shifted(chart, 500), -500) == chart
