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

    assert "opioid-benzodiazepine" in BOOK.by_id
    assert "opioid-benzodiazepine" not in site.book.by_id
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


FAULTS = [
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

    assert "serotonergic" not in site.book.by_id
    assert site.book.by_id["allergy-on-record"].numbers["check_drafts"] == 1


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
    answering = Answering(Settings(site_file=site_file, database_url=SecretStr("none")))
    draft = drug_order("312615", dose=(2, "tablet"), every=(1, 1, "d"), days=5)
    body = orjson.dumps(request("order-sign", patient("vignette-003"), [draft]))
    asked = read_request(body, None, find("back-pain-order-sign"), extensions=True)
    assert asked.as_of
    answer: Any = answering(asked, asked.as_of)
    (card,) = answer["cards"]

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

    assert versions(Settings(site_file=site_file))["site"] == "cards.order-sign = 3"
    assert "site" not in versions(Settings())


def test_the_command_shows_the_rules_of_a_site(site_file: Path) -> None:
    site_file.write_text("[rules.serotonergic]\noff = true", "utf-8")
    result = CliRunner().invoke(main, ["rules", "--site", str(site_file)])

    assert result.exit_code == 0
    assert "rules.serotonergic.off = true" in result.output


def test_the_command_names_a_fault_in_a_site_file(site_file: Path) -> None:
    site_file.write_text("[rules.serotonergc]\noff = true", "utf-8")
    result = CliRunner().invoke(main, ["rules", "--site", str(site_file)])

    assert result.exit_code == 1
    assert "Was 'serotonergic' meant?" in result.output


def test_a_site_that_is_loud_only_at_signing_has_proposals_judged_there(
    site_file: Path,
) -> None:
    text = '[rules.systemic-corticosteroid.outcomes.first-course]\norder-select = "off"'

    assert BOOK.telling_hooks == ("order-select",)
    assert read(site_file, text).book.telling_hooks == ("order-select", "order-sign")
