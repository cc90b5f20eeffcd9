"""A site file changes what it may, and says what is wrong with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from cards import definitions
from cards.policy import load_policy
from cards.rulebook import Indicator, load_rulebook
from cards.site import Site, SiteError, read_site
from service.answering import Answering, versions
from service.catalogue import find
from service.cli import main
from service.envelope import read_request
from service.settings import Settings
from tests.vignettes import drug_order, patient, request

BOOK = load_rulebook()
POLICY = load_policy()


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    return tmp_path / "site.toml"


@pytest.fixture(autouse=True)
def shipped_numbers() -> Iterator[None]:
    yield
    definitions.use({})


def read(path: Path, text: str) -> Site:
    path.write_text(text, "utf-8")
    return read_site(path, BOOK, POLICY)


def test_an_empty_file_changes_nothing(site_file: Path) -> None:
    site = read(site_file, "")

    assert site.book.rules == BOOK.rules
    assert site.policy == POLICY
    assert site.changes == ()


def test_a_safety_rule_can_be_switched_off(site_file: Path) -> None:
    site = read(site_file, "[rules.opioid-benzodiazepine]\noff = true")

    assert site.book.off == {"opioid-benzodiazepine"}
    assert not [
        rule
        for rule in site.book.about("order-sign", ["benzodiazepine"])
        if rule.id == "opioid-benzodiazepine"
    ]


def test_a_tier_can_be_lowered(site_file: Path) -> None:
    text = '[rules.systemic-corticosteroid.outcomes.first-course]\norder-sign = "info"'
    outcome = read(site_file, text).book.by_id["systemic-corticosteroid"].fires["first-course"]

    assert outcome.tiers["order-sign"] is Indicator.INFO
    assert outcome.tiers["order-select"] is Indicator.WARNING


def test_a_tier_can_be_taken_away(site_file: Path) -> None:
    text = '[rules.systemic-corticosteroid.outcomes.first-course]\norder-sign = "off"'
    rule = read(site_file, text).book.by_id["systemic-corticosteroid"]

    assert "order-sign" not in rule.fires["first-course"].tiers


def test_a_critical_finding_can_become_a_warning(site_file: Path) -> None:
    text = '[rules.opioid-on-buprenorphine.outcomes.prescription]\norder-sign = "warning"'
    rule = read(site_file, text).book.by_id["opioid-on-buprenorphine"]

    assert rule.fires["prescription"].tiers["order-sign"] is Indicator.WARNING


def test_a_number_can_be_changed_within_its_range(site_file: Path) -> None:
    rule = next(rule for rule in BOOK.rules if rule.limits)
    name, limit = next(iter(rule.limits.items()))
    text = f"[rules.{rule.id}.limits]\n{name} = {limit.range[1]}"

    assert read(site_file, text).book.by_id[rule.id].numbers[name] == limit.range[1]


def test_a_shared_number_can_be_changed(site_file: Path) -> None:
    site = read(site_file, '[definitions]\n"lookback.stale_days" = 400')
    definitions.use(site.definitions)

    assert definitions.number("lookback.stale_days") == 400
    assert definitions.number("lookback.failed_chronic_days") == 730


def test_caps_reasons_links_and_base_are_taken_over(site_file: Path) -> None:
    site = read(
        site_file,
        """
        canonical_base = "https://hospital.example/cds"
        [cards]
        order-sign = 3
        [override_reasons.formulary]
        display = "Required by the formulary"
        [rules.systemic-corticosteroid]
        override_reasons = ["other-indication", "formulary"]
        links = [{ label = "Order set", url = "https://example.org/set", type = "absolute" }]
        """,
    )

    outcome = site.book.by_id["systemic-corticosteroid"].fires["first-course"]
    assert site.policy.most_cards("order-sign") == 3
    assert outcome.override_reasons == ("other-indication", "formulary")
    assert site.reasons == {"formulary": "Required by the formulary"}
    assert site.links["systemic-corticosteroid"][0]["label"] == "Order set"
    assert site.canonical_base == "https://hospital.example/cds"
    assert "cards.order-sign = 3" in site.changes


SIGNED = """
[rules.systemic-corticosteroid.review]
reviewer = "Dr. Example, Example Clinic"
on = 2026-11-30
"""
BY_DR_EXAMPLE = "reviewed by Dr. Example, Example Clinic, 2026-11-30"


def test_a_clinician_of_the_site_signs_a_rule_of_any_origin(site_file: Path) -> None:
    book = read(site_file, SIGNED).book

    assert book.by_id["systemic-corticosteroid"].origin == "seed"
    assert book.by_id["systemic-corticosteroid"].review_status == BY_DR_EXAMPLE
    assert book.by_id["serotonergic"].review_status == "awaiting clinical review"
    assert book.review_status == f"1 of {len(BOOK.rules)} rules reviewed by a clinician"
    assert BOOK.review_status == "No rule has been reviewed by a clinician"
    assert book.off == frozenset()


def test_reviewed_only_leaves_what_is_signed_here(site_file: Path) -> None:
    site = read(site_file, "reviewed_only = true\n" + SIGNED)
    speaking = BOOK.by_id.keys() - site.book.off

    assert speaking == {"systemic-corticosteroid", "data-incomplete"}
    assert [rule.id for rule in site.book.about("order-sign", ["corticosteroid"])] == [
        "systemic-corticosteroid"
    ]
    signed, off = site.changes
    every = len(BOOK.rules)
    assert signed == f"1 of {every} rules reviewed by a clinician"
    assert off == f"reviewed_only: {every - 2} of {every} rules are off until they are reviewed"


def test_reviewed_only_may_be_said_to_be_false(site_file: Path) -> None:
    site = read(site_file, "reviewed_only = false")

    assert site.book.off == frozenset()
    assert site.changes == ()


def test_a_signed_rule_can_still_be_switched_off(site_file: Path) -> None:
    text = "reviewed_only = true\n[rules.serotonergic]\noff = true\n" + SIGNED.replace(
        "systemic-corticosteroid", "serotonergic"
    )

    assert "serotonergic" in read(site_file, text).book.off


def test_what_is_off_or_quiet_here_still_speaks_against_a_proposal(site_file: Path) -> None:
    text = (
        "reviewed_only = true\n"
        '[rules.opioid-on-buprenorphine.outcomes.prescription]\norder-sign = "warning"\n'
        '[rules.systemic-corticosteroid.outcomes.first-course]\norder-select = "off"'
    )
    judge = read(site_file, text).judge

    assert judge.off == frozenset()
    for rule in BOOK.rules:
        assert judge.by_id[rule.id].fires == rule.fires, rule.id


def test_a_tier_that_is_raised_here_speaks_against_a_proposal_too(site_file: Path) -> None:
    text = '[rules.tizanidine-safety.outcomes.sedatives]\norder-select = "warning"'
    outcome = read(site_file, text).judge.by_id["tizanidine-safety"].fires["sedatives"]

    assert outcome.tiers == {"order-select": Indicator.WARNING}


def test_the_version_tells_what_the_file_decides_not_how_it_is_laid_out(
    tmp_path: Path,
) -> None:
    one = read(tmp_path / "one.toml", "[cards]\norder-sign = 3\norder-select = 2")
    same = read(tmp_path / "two.toml", "# ours\ncards = {order-select = 2, order-sign = 3}")
    other = read(tmp_path / "one.toml", "[cards]\norder-sign = 4\norder-select = 2")

    assert one.book.version == same.book.version != other.book.version
    assert one.book.version.startswith(f"{BOOK.version}+")


FAULTS = [
    pytest.param("[rules.serotonergic.review]\non = 2026-11-30",
                 "'reviewer' is a required property", id="a-review-by-nobody"),
    pytest.param('[rules.serotonergic.review]\nreviewer = "Dr. Example, Example Clinic"',
                 "'on' is a required property", id="a-review-of-no-day"),
    pytest.param('[rules.serotonergic.review]\nreviewer = "     "\non = 2026-11-30',
                 "reviewer", id="a-review-by-blanks"),
    pytest.param('[rules.serotonergic.review]\nreviewer = "<i>Dr. Who</i>"\non = 2026-11-30',
                 "reviewer", id="a-reviewer-with-markup"),
    pytest.param(
        '[rules.serotonergic.review]\nreviewer = "Dr. Example"\non = "2026-02-30"',
        "on", id="a-review-on-a-day-that-is-none"),
    pytest.param('reviewed_only = "yes"', "reviewed_only", id="a-switch-that-is-no-switch"),
    pytest.param("[rules.opioid-benzodiazapine]\noff = true",
                 "Was 'opioid-benzodiazepine' meant", id="a-rule-that-does-not-exist"),
    pytest.param("[rules.systemic-corticosteroid]\noff = true",
                 "only rules of the origin 'safety'", id="a-seed-rule-switched-off"),
    pytest.param('[rules.systemic-corticosteroid.outcomes.first-curse]\norder-sign = "info"',
                 "Was 'first-course' meant", id="an-outcome-that-does-not-exist"),
    pytest.param(
        '[rules.opioid-on-buprenorphine.outcomes.prescription]\norder-sign = "info"',
        "lowered to warning, not to info", id="a-critical-finding-made-quiet"),
    pytest.param(
        '[rules.opioid-on-buprenorphine.outcomes.prescription]\norder-sign = "off"',
        "lowered to warning, not to off", id="a-critical-finding-switched-off"),
    pytest.param('[definitions]\n"lookback.stale_day" = 400',
                 "Was 'lookback.stale_days' meant", id="a-number-that-does-not-exist"),
    pytest.param('[definitions]\n"lookback.stale_days" = 4',
                 "4 is outside 180 to 730", id="a-number-outside-its-range"),
    pytest.param('[rules.systemic-corticosteroid]\noverride_reasons = ["other-indicatio"]',
                 "Was 'other-indication' meant", id="a-reason-that-does-not-exist"),
    pytest.param("[card]\norder-sign = 3", "card", id="an-unknown-table"),
    pytest.param("[cards]\norder-sign = 0", "cards", id="a-cap-of-zero"),
    pytest.param("rules = [", "not TOML", id="no-toml"),
    pytest.param(
        '[rules.systemic-corticosteroid]\n'
        'links = [{ label = "x y z", url = "javascript:x", type = "absolute" }]',
        "links", id="a-link-that-is-no-https"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), FAULTS)
def test_a_fault_is_named_with_its_place(site_file: Path, text: str, said: str) -> None:
    with pytest.raises(SiteError, match=said) as caught:
        read(site_file, text)

    assert str(caught.value).startswith("site.toml: ")


def test_a_missing_file_is_named(site_file: Path) -> None:
    with pytest.raises(SiteError, match="cannot be read"):
        read_site(site_file, BOOK, POLICY)


def test_the_example_file_is_fit_to_use() -> None:
    site = read_site(Path(__file__).parent.parent / "docs/site.example.toml", BOOK, POLICY)

    assert site.book.off == {"serotonergic"}
    assert site.book.by_id["allergy-on-record"].numbers["check_drafts"] == 1


def answer_about_prednisone(site_file: Path, *besides: dict[str, Any]) -> Any:
    answering = Answering(Settings(site_file=site_file, database_url=SecretStr("none")))
    draft = drug_order("312615", dose=(2, "tablet"), every=(1, 1, "d"), days=5)
    body = orjson.dumps(request("order-sign", [*patient("vignette-003"), *besides], [draft]))
    asked = read_request(body, None, find("back-pain-order-sign"), extensions=True)
    assert asked.as_of
    return answering(asked, asked.as_of)


def test_a_card_says_who_has_reviewed_its_rule(site_file: Path) -> None:
    site_file.write_text("reviewed_only = true\n" + SIGNED, "utf-8")
    answer = answer_about_prednisone(site_file)
    (card,) = answer["cards"]

    assert card["detail"].endswith(f"Rule status: {BY_DR_EXAMPLE}.")
    version = answer["extension"]["org.back-pain-cds.evaluation"]["rulebook"]
    assert version == versions(Settings(site_file=site_file))["rulebook"]


def test_a_rule_that_is_not_signed_stays_silent_where_only_reviewed_ones_speak(
    site_file: Path,
) -> None:
    site_file.write_text("reviewed_only = true", "utf-8")

    assert answer_about_prednisone(site_file)["cards"] == []


THIORIDAZINE = {
    "resourceType": "MedicationStatement",
    "id": "thioridazine",
    "status": "active",
    "subject": {"reference": "Patient/vignette-003"},
    "medicationCodeableConcept": {"text": "thioridazine 50 mg oral tablet"},
    "effectivePeriod": {"start": "2026-02-01"},
}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="rule-on"),
        pytest.param("[rules.duloxetine-interaction]\noff = true", id="rule-off"),
        pytest.param("reviewed_only = true\n" + SIGNED, id="rule-not-reviewed"),
    ],
)
def test_no_proposal_is_made_that_a_rule_warns_of_even_if_it_is_silent_here(
    site_file: Path, text: str
) -> None:
    site_file.write_text(text, "utf-8")
    usual = answer_about_prednisone(site_file)["cards"][0]["suggestions"]
    beside = answer_about_prednisone(site_file, THIORIDAZINE)["cards"][0]["suggestions"]

    assert [made["label"] for made in usual if "duloxetine" in made["label"]]
    assert not [made["label"] for made in beside if "duloxetine" in made["label"]]


def test_the_service_answers_as_the_site_decides(site_file: Path) -> None:
    site_file.write_text(
        """
        canonical_base = "https://hospital.example/cds"
        [override_reasons.formulary]
        display = "Required by the formulary"
        [rules.systemic-corticosteroid]
        override_reasons = ["formulary"]
        links = [{ label = "Order set", url = "https://example.org/set", type = "absolute" }]
        [rules.systemic-corticosteroid.outcomes.first-course]
        order-sign = "critical"
        """,
        "utf-8",
    )
    (card,) = answer_about_prednisone(site_file)["cards"]

    system = "https://hospital.example/cds/CodeSystem"
    assert card["indicator"] == "critical"
    assert card["links"] == [
        {"label": "Order set", "url": "https://example.org/set", "type": "absolute"}
    ]
    assert card["source"]["topic"]["system"] == f"{system}/rule"
    assert card["overrideReasons"] == [
        {
            "system": f"{system}/override-reason",
            "code": "formulary",
            "display": "Required by the formulary",
        }
    ]


def test_health_says_what_the_site_changes(site_file: Path) -> None:
    site_file.write_text("[cards]\norder-sign = 3", "utf-8")

    told = versions(Settings(site_file=site_file))
    assert told["site"] == "cards.order-sign = 3"
    assert told["rulebook"].startswith(f"{BOOK.version}+")
    assert "site" not in versions(Settings())
    assert versions(Settings())["rulebook"] == BOOK.version


def test_the_command_shows_the_rules_of_a_site(site_file: Path) -> None:
    site_file.write_text("[rules.serotonergic]\noff = true", "utf-8")
    result = CliRunner().invoke(main, ["rules", "--site", str(site_file)])

    assert result.exit_code == 0
    assert "rules.serotonergic.off = true" in result.output


def test_the_command_shows_who_has_reviewed_a_rule(site_file: Path) -> None:
    site_file.write_text("reviewed_only = true\n" + SIGNED, "utf-8")
    told = ["rules", "--site", str(site_file)]
    result = CliRunner().invoke(main, told, env={"COLUMNS": "300"})

    assert BY_DR_EXAMPLE in result.output
    assert "off, awaiting clinical review" in result.output
    assert "rules are off until they are reviewed" in result.output


def test_the_command_names_a_fault_in_a_site_file(site_file: Path) -> None:
    site_file.write_text("[rules.serotonergc]\noff = true", "utf-8")
    result = CliRunner().invoke(main, ["rules", "--site", str(site_file)])

    assert result.exit_code == 1
    assert "Was 'serotonergic' meant?" in result.output


def test_a_site_that_is_louder_at_signing_has_proposals_judged_there(
    site_file: Path,
) -> None:
    text = '[rules.systemic-corticosteroid.outcomes.first-course]\norder-sign = "critical"'

    assert BOOK.telling_hooks == ("order-select",)
    assert read(site_file, text).judge.telling_hooks == ("order-select", "order-sign")
