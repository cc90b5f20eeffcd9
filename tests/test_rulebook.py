"""The rulebook is complete, reviewable and written in plain statements."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cards.chart import Fires
from cards.examples import case_of
from cards.override_reasons import displays
from cards.policy import load_policy
from cards.rulebook import (
    FOLDER,
    Indicator,
    Rule,
    RulebookError,
    load_rulebook,
    placeholders,
    schema,
)
from cards.suggestion_templates import load_templates

ROOT = Path(__file__).parent.parent
BOOK = load_rulebook()
MODAL = re.compile(r"\b(should|must|shall)\b", re.IGNORECASE)

each_rule = pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)


# Info at signing teaches clinicians to sign past it; these two say what nobody else will.
INFO_AT_SIGNING = {"passive-modality", "data-incomplete"}


class Recorded(dict[str, float]):
    """Limits that remember which of them were read."""

    def __init__(self, limits: dict[str, float]) -> None:
        super().__init__(limits)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> float:
        self.read.add(name)
        return super().__getitem__(name)


@each_rule
def test_the_whole_file_follows_the_schema(rule: Rule) -> None:
    table = tomllib.loads((FOLDER / f"{rule.id}.toml").read_text("utf-8"))
    plain = json.loads(json.dumps(table, default=str))

    faults = Draft202012Validator(schema()).iter_errors(plain)
    assert [f"{fault.json_path}: {fault.message}" for fault in faults] == []


@each_rule
def test_every_outcome_has_an_example(rule: Rule) -> None:
    shown = {example["expect"] for example in rule.examples}

    assert shown == {*rule.fires, *rule.silent}


@each_rule
def test_nothing_less_than_a_warning_interrupts_signing(rule: Rule) -> None:
    at_signing = {name: one.tiers.get("order-sign") for name, one in rule.fires.items()}

    if rule.id not in INFO_AT_SIGNING:
        assert [name for name, tier in at_signing.items() if tier is Indicator.INFO] == []


@each_rule
def test_no_outcome_both_fires_and_is_silent(rule: Rule) -> None:
    assert not rule.fires.keys() & rule.silent.keys()


@each_rule
def test_every_limit_is_read(rule: Rule) -> None:
    limits = Recorded(dict(rule.numbers))
    for example in rule.examples:
        rule.decide(case_of(replace(rule, numbers=limits), example["given"]))

    assert limits.read == set(limits)


@each_rule
def test_every_limit_lies_in_its_range(rule: Rule) -> None:
    for name, limit in rule.limits.items():
        low, high = limit.range
        assert low <= limit.value <= high, name


@each_rule
def test_every_note_is_used(rule: Rule) -> None:
    said: set[str] = set()
    for example in rule.examples:
        verdict = rule.decide(case_of(rule, example["given"]))
        if isinstance(verdict, Fires):
            said |= set(verdict.notes)

    assert said == set(rule.notes)


@each_rule
def test_every_word_a_rule_gives_has_a_place(rule: Rule) -> None:
    outcomes = rule.fires.values()
    texts = [text for o in outcomes for text in (o.summary, o.detail, *o.instead)]
    places = frozenset[str]().union(*map(placeholders, [*texts, *rule.notes.values()]))
    given: set[str] = set()
    for example in rule.examples:
        verdict = rule.decide(case_of(rule, example["given"]))
        if isinstance(verdict, Fires):
            given |= verdict.words.keys()

    assert given - {"dose"} <= places  # "dose" may also fill a suggestion


@each_rule
def test_example_names_are_unique_plain_statements(rule: Rule) -> None:
    names = [example["name"] for example in rule.examples]

    assert len(names) == len(set(names))
    assert not [name for name in names if MODAL.search(name)]


@each_rule
def test_silence_has_as_many_examples_as_fire(rule: Rule) -> None:
    firing = sum(example["expect"] in rule.fires for example in rule.examples)

    assert len(rule.examples) - firing >= min(firing, 3)


@each_rule
def test_suggestions_and_override_reasons_exist(rule: Rule) -> None:
    for outcome in rule.fires.values():
        named = {
            *outcome.suggestions,
            *outcome.suggestions_acute,
            *outcome.suggestions_chronic,
        }
        assert named <= load_templates().keys()
        assert set(outcome.override_reasons) <= displays().keys()


@each_rule
def test_suggestions_a_rule_gives_exist(rule: Rule) -> None:
    for example in rule.examples:
        verdict = rule.decide(case_of(rule, example["given"]))
        if isinstance(verdict, Fires):
            assert set(verdict.suggestions) <= load_templates().keys()


@each_rule
def test_an_outcome_rests_on_sources_of_its_rule(rule: Rule) -> None:
    labels = {source.label for source in rule.sources}

    for outcome in rule.fires.values():
        assert set(outcome.sources) <= labels, outcome.name


@each_rule
def test_what_is_said_at_signing_is_said_as_loudly_at_selection(rule: Rule) -> None:
    """Proposals are checked as selected orders: nothing may be louder when they are signed."""
    for outcome in rule.fires.values():
        signed = outcome.tiers.get("order-sign")
        if signed and rule.origin != "service":
            assert outcome.tiers["order-select"].weight >= signed.weight, outcome.name


@each_rule
def test_a_warning_or_critical_can_be_overridden(rule: Rule) -> None:
    for outcome in rule.fires.values():
        if {"warning", "critical"} & {str(tier) for tier in outcome.tiers.values()}:
            assert outcome.override_reasons, outcome.name


@each_rule
def test_only_cards_that_an_opioid_can_raise_offer_naloxone_as_a_reason(rule: Rule) -> None:
    opioids = {"opioid-full-agonist", "opioid-mixed", "tramadol", "buprenorphine"}
    offered = {reason for o in rule.fires.values() for reason in o.override_reasons}

    assert "monitored" not in offered or rule.looks_at & opioids


def test_a_red_flag_is_not_overridden_as_a_question_of_pain_treatment() -> None:
    for outcome in BOOK.by_id["red-flag-urgent"].fires.values():
        assert outcome.override_reasons[0] == "being-evaluated"
        assert "specialist-recommended" not in outcome.override_reasons


@each_rule
def test_no_rule_is_signed_as_it_ships(rule: Rule) -> None:
    """A site signs in its site file; a name here would speak for clinicians everywhere."""
    assert rule.review == {"status": "awaiting clinical review"}
    assert not rule.is_reviewed


@each_rule
def test_the_rule_has_a_fixture(rule: Rule) -> None:
    assert list(ROOT.glob(f"fixtures/{rule.id}/*.request.json"))


@each_rule
def test_the_rule_has_its_place_in_the_ranking(rule: Rule) -> None:
    on_orders = any(hook != "patient-view" for o in rule.fires.values() for hook in o.tiers)

    assert not on_orders or rule.id in load_policy().rank


def _broken_files() -> Iterator[object]:
    text = (ROOT / "cards/rules/systemic-corticosteroid.toml").read_text("utf-8")
    yield pytest.param(text.replace("axis =", "axes ="), "axes", id="unknown-key")
    yield pytest.param(text + "\n[", "not TOML", id="not-toml")
    yield pytest.param(
        text.replace('looks_at = ["corticosteroid"]', 'looks_at = ["steroids"]'),
        "steroids",
        id="unknown-class",
    )
    yield pytest.param(
        text.replace('id = "systemic-corticosteroid"', 'id = "other-rule"'),
        "not the name of the file",
        id="wrong-id",
    )
    yield pytest.param(
        text.replace('status = "awaiting clinical review"', 'status = "reviewed"'),
        "'reviewer' is a required property",
        id="reviewed-by-nobody",
    )
    yield pytest.param(
        text.replace("[review]", '[review]\nreviewer = "Dr. Example"\non = 2026-11-30'),
        "review",
        id="reviewer-of-a-rule-that-awaits-review",
    )


@pytest.mark.parametrize(("text", "said"), list(_broken_files()))
def test_a_faulty_file_stops_the_start_and_names_the_fault(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "systemic-corticosteroid.toml").write_text(text, "utf-8")

    with pytest.raises(RulebookError, match=said) as caught:
        load_rulebook(tmp_path)

    assert "systemic-corticosteroid.toml" in str(caught.value)
