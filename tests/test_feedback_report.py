"""The report counts each card once, by the last word about it, and says why."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from cards.override_reasons import about_the_record
from service.feedback_report import (
    Answers,
    Line,
    Report,
    Tally,
    as_csv,
    as_json,
    build_report,
)
from service.feedback_views import chart, tables
from service.storage_commands import db, feedback
from service.store import CardAnswer, Delivery, FeedbackItem, IssuedCard, Store

pytest_plugins = ("tests.postgres",)

MONDAY = datetime(2026, 6, 29, 0, 0, tzinfo=UTC)
SYSTEM = "https://example.org/back-pain-cds/CodeSystem/override-reason"
RULES = {"steroid": "systemic-corticosteroid", "rest": "bed-rest"}


def issued(name: str, rule: str, at: datetime, indicator: str = "warning") -> IssuedCard:
    return IssuedCard(
        uuid=name,
        rule=RULES[rule],
        outcome="fires",
        indicator=indicator,
        service="back-pain-order-sign",
        hook_instance="5b1d",
        rulebook_version="9c41e7d2",
        client="ehr",
        tenant="",
        issued_at=at,
        findings=((RULES[rule], "fires", indicator), ("nsaid-underdosed", "low", "info")),
    )


def overridden(card: str, code: str | None = None, **more: str) -> FeedbackItem:
    return FeedbackItem(
        card=card,
        outcome="overridden",
        at=MONDAY + timedelta(minutes=1),
        reason_code=code,
        reason_system=more.get("system", SYSTEM),
        comment=more.get("comment"),
    )


def accepted(card: str, minute: int = 1) -> FeedbackItem:
    at = MONDAY + timedelta(minutes=minute)
    return FeedbackItem(card=card, outcome="accepted", at=at, suggestions=("s",))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    store.upgrade()
    yield store
    store.close()


@pytest.fixture
def filled(store: Store) -> Store:
    """Two weeks, two rules, every response."""
    store.record_cards(
        [
            issued("a", "steroid", MONDAY),
            issued("b", "steroid", MONDAY + timedelta(days=6, hours=23)),
            issued("c", "steroid", MONDAY + timedelta(days=7)),
            issued("d", "steroid", MONDAY + timedelta(days=8), indicator="critical"),
            issued("e", "rest", MONDAY),
        ]
    )
    delivery = Delivery(service="s", client="ehr", tenant="", received_at=MONDAY)
    store.record_feedback(
        [
            overridden("a", "record-outdated"),
            overridden("b", "benefit-outweighs-risk"),
            overridden("c", "mine", system="https://ehr.example/reasons"),
            accepted("e"),
            accepted("never-issued"),
        ],
        delivery,
    )
    return store


def test_cards_are_counted_by_week_rule_outcome_indicator_response_and_reason(
    filled: Store,
) -> None:
    report = build_report(filled)

    first, second = date(2026, 6, 29), date(2026, 7, 6)
    steroid = ("systemic-corticosteroid", "fires")
    assert report.cards == {
        Line(first, "bed-rest", "fires", "warning", "accepted", ""): 1,
        Line(first, *steroid, "warning", "overridden", "benefit-outweighs-risk"): 1,
        Line(first, *steroid, "warning", "overridden", "record-outdated"): 1,
        Line(second, *steroid, "critical", "ignored", ""): 1,
        Line(second, *steroid, "warning", "overridden", "https://ehr.example/reasons|mine"): 1,
    }
    assert list(report.cards) == sorted(report.cards)
    assert report.mentions == {"nsaid-underdosed": 5}
    assert report.unknown_cards == 1


def test_the_least_followed_rule_comes_first_with_its_reasons(filled: Store) -> None:
    report = build_report(filled)

    assert list(report.rules.items()) == [
        (
            "systemic-corticosteroid",
            Tally(
                shown=4,
                accepted=0,
                overridden=3,
                record_wrong=1,
                reasons=(
                    ("benefit-outweighs-risk", 1),
                    ("https://ehr.example/reasons|mine", 1),
                    ("record-outdated", 1),
                ),
            ),
        ),
        ("bed-rest", Tally(shown=1, accepted=1, overridden=0, record_wrong=0, reasons=())),
    ]
    assert (report.total.shown, report.total.ignored, report.total.override_share) == (
        5,
        1,
        0.75,
    )
    assert [(week, tally.shown) for week, tally in report.weeks.items()] == [
        (date(2026, 6, 29), 3),
        (date(2026, 7, 6), 2),
    ]


@pytest.mark.parametrize(
    ("since", "until", "shown"),
    [
        pytest.param(None, None, 5, id="ever"),
        pytest.param(date(2026, 6, 29), date(2026, 6, 29), 2, id="one-day"),
        pytest.param(date(2026, 6, 29), date(2026, 7, 5), 3, id="both-days-included"),
        pytest.param(date(2026, 7, 6), None, 2, id="since"),
        pytest.param(None, date(2026, 6, 28), 0, id="before"),
        pytest.param(date(2026, 7, 8), None, 0, id="after"),
        pytest.param(date.min, date.max - timedelta(days=1), 5, id="as-far-as-it-goes"),
    ],
)
def test_a_report_is_about_the_cards_issued_in_its_days(
    filled: Store, since: date | None, until: date | None, shown: int
) -> None:
    assert build_report(filled, since, until).total.shown == shown


def test_the_last_word_about_a_card_counts(store: Store) -> None:
    store.record_cards([issued("a", "steroid", MONDAY), issued("b", "steroid", MONDAY)])
    delivery = Delivery(service="s", client="ehr", tenant="", received_at=MONDAY)
    store.record_feedback(
        [accepted("a", minute=2), overridden("a"), accepted("b", 0)], delivery
    )
    store.record_feedback([overridden("b")], delivery)

    tally = build_report(store).total

    assert (tally.shown, tally.accepted, tally.overridden) == (2, 1, 1)
    assert tally.reasons == (("no reason given", 1),)


def test_the_same_database_gives_the_same_bytes(filled: Store) -> None:
    one, two = build_report(filled), build_report(filled)

    assert (as_csv(one), as_json(one), chart(one)) == (as_csv(two), as_json(two), chart(two))


class Answered:
    """Cards of one rule, in memory."""

    def __init__(self, responses: Mapping[str, int], reason: str = "") -> None:
        self.responses = responses
        self.reason = reason

    def answers(self, _since: datetime, _until: datetime) -> Iterator[CardAnswer]:
        """Give them one by one."""
        for response, count in self.responses.items():
            for number in range(count):
                yield CardAnswer(
                    client="ehr",
                    tenant="",
                    uuid=f"{response}-{number}",
                    rule="bed-rest",
                    outcome="fires",
                    indicator="info",
                    issued_at=MONDAY,
                    findings=[],
                    response=None if response == "ignored" else response,
                    reason_system=None,
                    reason_code=self.reason or None,
                )

    def unknown_feedback(self, _since: datetime, _until: datetime) -> int:
        """Know every card."""
        return 0


@pytest.mark.parametrize(
    ("responses", "to_review"),
    [
        pytest.param({"overridden": 181, "accepted": 19}, True, id="over-90-percent-of-200"),
        pytest.param({"overridden": 180, "accepted": 20}, False, id="90-percent"),
        pytest.param({"overridden": 199}, False, id="199-cards"),
        pytest.param({"overridden": 200, "ignored": 5000}, True, id="ignored-do-not-count"),
        pytest.param({"overridden": 100, "ignored": 900}, False, id="too-few-answered"),
        pytest.param({"accepted": 300}, False, id="accepted"),
        pytest.param({"ignored": 300}, False, id="nothing-answered"),
    ],
)
def test_a_rule_that_is_nearly_always_overridden_is_flagged(
    responses: Mapping[str, int],
    to_review: bool,
) -> None:
    source: Answers = Answered(responses)
    report = build_report(source)

    assert report.rules["bed-rest"].to_review is to_review
    assert ("than 90% of at least 200 answered cards: bed-rest." in shown(report)) is to_review


def test_reasons_that_say_the_record_is_wrong_are_counted_apart() -> None:
    assert about_the_record() == {
        "done-elsewhere",
        "record-outdated",
        "radicular-not-coded",
        "red-flag-not-coded",
    }
    for reason in about_the_record():
        assert build_report(Answered({"overridden": 2}, reason)).total.record_wrong == 2
    assert build_report(Answered({"overridden": 2}, "monitored")).total.record_wrong == 0


def shown(report: Report) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(tables(report))
    return console.export_text()


def test_the_table_says_which_rule_is_not_followed_and_why(filled: Store) -> None:
    text = shown(build_report(filled, date(2026, 6, 29)))

    assert "Cards by rule since 2026-06-29" in text
    assert "│ systemic-corticosteroid │     4 │        0 │          3 │       1 │" in text
    assert "benefit-outweighs-risk (1), https://ehr.example/reasons|mine (1)" in text
    assert "│ 2026-07-06 │     2 │" in text
    assert "answered cards: none." in text
    assert "Feedback on cards that are not recorded: 1." in text


def test_an_empty_database_gives_an_empty_report(store: Store) -> None:
    report = build_report(store)

    assert shown(report).strip() == (
        "No cards were issued so far. Feedback on cards that are not recorded: 0."
    )
    assert as_csv(report) == (
        "week,rule,outcome,indicator,response,reason,record_wrong,cards\n"
    )
    assert json.loads(as_json(report))["rules"] == []
    ElementTree.fromstring(chart(report))  # noqa: S314 - our own


def test_csv_has_a_row_for_cards_that_are_alike(filled: Store) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(build_report(filled)))))

    assert rows[2] == {
        "week": "2026-06-29",
        "rule": "systemic-corticosteroid",
        "outcome": "fires",
        "indicator": "warning",
        "response": "overridden",
        "reason": "record-outdated",
        "record_wrong": "yes",
        "cards": "1",
    }
    assert sum(int(row["cards"]) for row in rows) == 5
    assert [row["record_wrong"] for row in rows].count("yes") == 1


def test_json_has_everything(filled: Store) -> None:
    document = json.loads(as_json(build_report(filled, until=date(2026, 7, 5))))

    rest = {
        "shown": 1,
        "accepted": 1,
        "overridden": 0,
        "ignored": 0,
        "overrideShare": 0.0,
        "recordWrong": 0,
        "reasons": {},
    }
    steroid = {
        "shown": 2,
        "accepted": 0,
        "overridden": 2,
        "ignored": 0,
        "overrideShare": 1.0,
        "recordWrong": 1,
        "reasons": {"benefit-outweighs-risk": 1, "record-outdated": 1},
    }
    both = {**steroid, "shown": 3, "accepted": 1, "overrideShare": 0.6667}
    assert document == {
        "since": None,
        "until": "2026-07-05",
        "total": both,
        "rules": [
            {
                "rule": rule,
                **counts,
                "toReview": False,
                "mentionedOnOtherCards": 0,
                "outcomes": [{"outcome": "fires", "indicator": "warning", **counts}],
                "weeks": [{"week": "2026-06-29", **counts}],
            }
            for rule, counts in (("systemic-corticosteroid", steroid), ("bed-rest", rest))
        ],
        "weeks": [{"week": "2026-06-29", **both}],
        "feedbackOnUnknownCards": 1,
    }


def test_the_chart_has_a_bar_a_rule_and_a_column_a_week(filled: Store) -> None:
    svg = ElementTree.fromstring(chart(build_report(filled)))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"

    blocks = [title.text for title in svg.iterfind(f"{space}rect/{space}title")]
    assert blocks == [
        "systemic-corticosteroid: 3 overridden",
        "systemic-corticosteroid: 1 ignored",
        "bed-rest: 1 accepted",
        "2026-06-29: 1 accepted",
        "2026-06-29: 2 overridden",
        "2026-07-06: 1 overridden",
        "2026-07-06: 1 ignored",
    ]
    width, height = map(float, svg.attrib["viewBox"].split()[2:])
    for block in svg.iter(f"{space}rect"):
        x, y, wide, high = (float(block.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("=HYPERLINK(1)", id="formula"),
        pytest.param("[bold red]<b>&amp;</b>", id="markup"),
        pytest.param("\x1b[2J\x07\n", id="terminal-control"),
    ],
)
def test_a_reason_that_a_client_made_up_is_harmless(code: str) -> None:
    report = build_report(Answered({"overridden": 1}, code))

    cells = next(csv.DictReader(io.StringIO(as_csv(report))))
    assert not cells["reason"].startswith("=")
    assert "\x1b" not in as_csv(report) + as_json(report) + shown(report)
    assert code.startswith("[bold red]") is ("[bold red]<b>" in shown(report))


def run(url: str, *arguments: str) -> Result:
    group = {"db": db, "feedback": feedback}[arguments[0]]
    return CliRunner().invoke(
        group, arguments[1:], env={"BACK_PAIN_CDS_DATABASE_URL": url, "COLUMNS": "80"}
    )


def test_the_commands_create_show_report_and_purge(database_url: str, tmp_path: Path) -> None:
    assert run(database_url, "db", "upgrade").output == "The database is at revision 0002.\n"
    assert run(database_url, "db", "current").exit_code == 0
    store = Store(database_url)
    store.record_cards([issued("a", "steroid", MONDAY - timedelta(days=10_000))])
    store.close()

    file = tmp_path / "report.csv"
    reported = run(database_url, "feedback", "report", "--format", "csv", "--output", str(file))
    assert (reported.exit_code, reported.output) == (0, "")
    assert len(file.read_text("utf-8").splitlines()) == 2

    purged = run(database_url, "db", "purge", "--older-than", "30")
    assert purged.output == "Removed 1 cards, 0 feedback items and 0 expired tokens.\n"
    assert run(database_url, "feedback", "report").output.startswith("No cards were issued")


@pytest.mark.parametrize("form", ["table", "csv", "json", "svg"])
def test_every_form_goes_to_the_terminal(filled: Store, database_url: str, form: str) -> None:
    filled.close()
    result = run(database_url, "feedback", "report", "--format", form, "--since", "2026-06-29")

    assert result.exit_code == 0
    assert "systemic-corticosteroid" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["db", "current"], "cannot be used", id="current"),
        pytest.param(["db", "purge"], "cannot be used", id="purge"),
        pytest.param(["feedback", "report"], "cannot be used", id="report"),
        pytest.param(["db", "purge", "--older-than", "0"], "Invalid value", id="purge-all"),
        pytest.param(["feedback", "report", "--since", "May"], "Invalid value", id="no-day"),
        pytest.param(
            ["feedback", "report", "--since", "2026-06-02", "--until", "2026-06-01"],
            "--until is before --since",
            id="backwards",
        ),
    ],
)
def test_a_command_that_cannot_work_says_so(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    result = run(f"sqlite:///{tmp_path / 'absent.sqlite3'}", *arguments)

    assert result.exit_code != 0
    assert says in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_password_is_in_no_message() -> None:
    for url in (
        "postgresql://u:hunter2@127.0.0.1:1/db",
        "mysql://u:hunter2@host/db",
        "x hunter2",
    ):
        result = run(url, "db", "upgrade")

        assert result.exit_code == 1
        assert "hunter2" not in result.output


def test_a_database_that_is_behind_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite3"
    path.touch()

    result = run(f"sqlite:///{path}", "db", "current")

    assert result.exit_code == 1
    assert result.output == (
        "Error: The database is at revision none, this version uses 0002.\n"
    )
