"""Feedback is read tolerantly; what cannot be used is refused item by item, with its path."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from service.errors import Issue
from service.feedback import FeedbackBatch, feedback_answer, read_feedback
from service.store import FeedbackItem

AT = "2026-06-30T14:07:31.250Z"
MOMENT = datetime(2026, 6, 30, 14, 7, 31, 250_000, tzinfo=UTC)
SYSTEM = "https://example.org/back-pain-cds/CodeSystem/override-reason"
CARD = "b7d6f0c4-2a53-4d0c-8f0e-6f6f7c1d9e55"
SUGGESTION = "8e4f6d22-91c7-4b0a-a7f5-5c1e2d3f4b02"
OTHER = "3b0f2c9e-7f11-4c7e-9d1c-0f0d2b6f8a01"


def accepted(**changes: object) -> dict[str, Any]:
    item = {
        "card": CARD,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": SUGGESTION}],
        "outcomeTimestamp": AT,
    }
    return item | changes


def overridden(reason: object = None, **changes: object) -> dict[str, Any]:
    item: dict[str, Any] = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": AT}
    return item | ({} if reason is None else {"overrideReason": reason}) | changes


def read(*items: object) -> FeedbackBatch:
    return read_feedback(json.dumps({"feedback": items}).encode())


ACCEPTED = FeedbackItem(card=CARD, outcome="accepted", at=MOMENT, suggestions=(SUGGESTION,))
OVERRIDDEN = FeedbackItem(card=CARD, outcome="overridden", at=MOMENT)


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        pytest.param(accepted(), ACCEPTED, id="accepted"),
        pytest.param(
            accepted(acceptedSuggestions=[{"id": SUGGESTION}, {"id": OTHER}]),
            FeedbackItem(
                card=CARD, outcome="accepted", at=MOMENT, suggestions=(SUGGESTION, OTHER)
            ),
            id="two-suggestions",
        ),
        pytest.param(
            accepted(acceptedSuggestions={"id": SUGGESTION}), ACCEPTED, id="lone-suggestion"
        ),
        pytest.param(accepted(card="never-issued"), ..., id="unknown-card"),
        pytest.param(overridden(), OVERRIDDEN, id="overridden-without-reason"),
        pytest.param(overridden({}), OVERRIDDEN, id="empty-reason"),
        pytest.param(overridden({"reason": None}), OVERRIDDEN, id="null-reason"),
        pytest.param(
            overridden({"reason": {"code": "", "system": ""}, "userComment": ""}),
            OVERRIDDEN,
            id="blank-strings",
        ),
        pytest.param(
            overridden({"reason": {"system": SYSTEM, "code": "record-outdated"}}),
            FeedbackItem(
                card=CARD,
                outcome="overridden",
                at=MOMENT,
                reason_system=SYSTEM,
                reason_code="record-outdated",
            ),
            id="reason",
        ),
        pytest.param(
            overridden({"reason": {"code": "their-own"}}),
            FeedbackItem(card=CARD, outcome="overridden", at=MOMENT, reason_code="their-own"),
            id="unknown-code-without-system",
        ),
        pytest.param(
            overridden({"userComment": "See letter."}),
            FeedbackItem(card=CARD, outcome="overridden", at=MOMENT, comment="See letter."),
            id="comment-alone",
        ),
        pytest.param(
            overridden(acceptedSuggestions="x", later={"field": 1}),
            OVERRIDDEN,
            id="fields-that-do-not-belong",
        ),
        pytest.param(
            overridden(outcomeTimestamp="2026-06-30T16:07:31.25+02:00"),
            OVERRIDDEN,
            id="another-time-zone",
        ),
        pytest.param(
            overridden(outcomeTimestamp="2026-06-30t14:07:31.250000000z"),
            OVERRIDDEN,
            id="lower-case-and-nanoseconds",
        ),
        pytest.param(overridden(card=f" {CARD} "), OVERRIDDEN, id="blanks-around-the-card"),
    ],
)
def test_an_item_is_read(sent: object, read_as: object) -> None:
    batch = read(sent)

    assert batch.refused == ()
    if read_as is ...:
        read_as = FeedbackItem(
            card="never-issued", outcome="accepted", at=MOMENT, suggestions=(SUGGESTION,)
        )
    assert batch.items == (read_as,)


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        pytest.param("x", "feedback[0]", id="no-object"),
        pytest.param(None, "feedback[0]", id="null"),
        pytest.param(accepted(card=None), "feedback[0].card", id="no-card"),
        pytest.param(accepted(card=""), "feedback[0].card", id="empty-card"),
        pytest.param(accepted(card="  "), "feedback[0].card", id="blank-card"),
        pytest.param(accepted(card=7), "feedback[0].card", id="card-is-a-number"),
        pytest.param(accepted(card="x" * 256), "feedback[0].card", id="card-too-long"),
        pytest.param(accepted(outcome=None), "feedback[0].outcome", id="no-outcome"),
        pytest.param(accepted(outcome="ignored"), "feedback[0].outcome", id="ignored"),
        pytest.param(accepted(outcome="Accepted"), "feedback[0].outcome", id="upper-case"),
        pytest.param(accepted(outcome=["accepted"]), "feedback[0].outcome", id="outcome-list"),
        pytest.param(
            accepted(acceptedSuggestions=None),
            "feedback[0].acceptedSuggestions",
            id="accepted-without-suggestions",
        ),
        pytest.param(
            accepted(acceptedSuggestions=[]),
            "feedback[0].acceptedSuggestions",
            id="accepted-with-no-suggestion",
        ),
        pytest.param(
            accepted(acceptedSuggestions=[{"id": SUGGESTION}, {}]),
            "feedback[0].acceptedSuggestions[1].id",
            id="suggestion-without-id",
        ),
        pytest.param(
            accepted(acceptedSuggestions=[SUGGESTION]),
            "feedback[0].acceptedSuggestions[0].id",
            id="suggestion-is-a-string",
        ),
        pytest.param(overridden("no"), "feedback[0].overrideReason", id="reason-is-a-string"),
        pytest.param(
            overridden({"reason": "x"}),
            "feedback[0].overrideReason.reason",
            id="coding-is-a-string",
        ),
        pytest.param(
            overridden({"reason": {"code": 4}}),
            "feedback[0].overrideReason.reason.code",
            id="code-is-a-number",
        ),
        pytest.param(
            overridden({"reason": {"code": "x", "system": []}}),
            "feedback[0].overrideReason.reason.system",
            id="system-is-a-list",
        ),
        pytest.param(
            overridden({"userComment": {}}),
            "feedback[0].overrideReason.userComment",
            id="comment-is-an-object",
        ),
        pytest.param(
            overridden({"userComment": "x" * 4_001}),
            "feedback[0].overrideReason.userComment",
            id="comment-too-long",
        ),
        pytest.param(
            accepted(acceptedSuggestions=[{"id": SUGGESTION}] * 101),
            "feedback[0].acceptedSuggestions",
            id="too-many-suggestions",
        ),
        *(
            pytest.param(
                overridden(outcomeTimestamp=time), "feedback[0].outcomeTimestamp", id=name
            )
            for name, time in {
                "no-time": None,
                "invalid-date": "Invalid date",
                "date-alone": "2026-06-30",
                "no-zone": "2026-06-30T14:07:31",
                "no-such-day": "2026-02-30T14:07:31Z",
                "before-the-calendar": "0001-01-01T00:00:00+10:00",
                "week-date": "2026-W27-2T14:07:31Z",
                "epoch": 1_782_828_451,
                "other-digits": "٢٠٢٦-06-30T14:07:31Z",
            }.items()
        ),
    ],
)
def test_an_item_is_refused_with_its_path(sent: object, path: str) -> None:
    batch = read(sent)

    assert batch.items == ()
    assert [issue.path for issue in batch.refused] == [path]
    assert batch.refused[0].remedy != ""


def test_every_fault_of_an_item_is_named_at_once() -> None:
    batch = read(
        {"card": "", "outcome": "foo"}, overridden({"reason": 1, "userComment": 2}), {}
    )

    assert [(issue.path, issue.text) for issue in batch.refused] == [
        ("feedback[0].card", "card is not a string of 1 to 255 characters."),
        ("feedback[0].outcomeTimestamp", "outcomeTimestamp is missing."),
        ("feedback[0].outcome", "outcome is neither accepted nor overridden."),
        ("feedback[1].overrideReason.reason", "reason is not an object."),
        ("feedback[1].overrideReason.userComment", "userComment is not a string."),
        ("feedback[2].card", "card is missing."),
        ("feedback[2].outcomeTimestamp", "outcomeTimestamp is missing."),
        ("feedback[2].outcome", "outcome is missing."),
    ]
    assert batch.refused_items == 3


def test_an_item_with_several_faults_counts_once() -> None:
    _, body = feedback_answer(read(accepted(), {"outcome": "foo"}))

    assert _issues(body)[0]["details"]["text"] == "1 of 2 items were stored."


def test_good_items_are_kept_beside_bad_ones() -> None:
    batch = read(accepted(), 7, overridden(), accepted(card=None), accepted())

    assert batch.items == (ACCEPTED, OVERRIDDEN, ACCEPTED)
    assert [issue.path for issue in batch.refused] == ["feedback[1]", "feedback[3].card"]


def test_a_long_comment_is_kept_whole() -> None:
    assert [item.comment for item in read(overridden({"userComment": "é" * 4_000})).items] == [
        "é" * 4_000
    ]


def test_a_lone_item_is_read_as_an_array_of_one() -> None:
    body = json.dumps({"feedback": accepted()}).encode()

    assert read_feedback(body) == FeedbackBatch(items=(ACCEPTED,))
    assert read_feedback(b"\xef\xbb\xbf" + body) == FeedbackBatch(items=(ACCEPTED,))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"{", "", id="half"),
        pytest.param(b"\xff\xfe", "", id="not-utf-8"),
        pytest.param(b'"\\ud800"', "", id="lone-surrogate"),
        pytest.param(b"[" * 100_000, "", id="deep"),
        pytest.param(b"null", "", id="null"),
        pytest.param(json.dumps([accepted()]).encode(), "", id="bare-array"),
        pytest.param(json.dumps(accepted()).encode(), "feedback", id="bare-item"),
        pytest.param(b"{}", "feedback", id="no-feedback"),
        pytest.param(b'{"feedback": []}', "feedback", id="no-item"),
        pytest.param(b'{"feedback": "x"}', "feedback", id="string"),
    ],
)
def test_a_body_of_another_shape_is_refused_whole(body: bytes, path: str) -> None:
    batch = read_feedback(body)

    assert batch.items == ()
    assert [issue.path for issue in batch.refused] == [path]
    assert feedback_answer(batch)[0] == 400


def test_the_answer_says_how_many_were_stored() -> None:
    assert feedback_answer(read(accepted(), overridden())) == (
        200,
        {
            "resourceType": "OperationOutcome",
            "issue": [
                {
                    "severity": "information",
                    "code": "informational",
                    "details": {"text": "2 of 2 items were stored."},
                }
            ],
        },
    )


def test_the_answer_names_what_was_refused() -> None:
    assert feedback_answer(read(accepted(), overridden(outcome="ignored"))) == (
        200,
        {
            "resourceType": "OperationOutcome",
            "issue": [
                {
                    "severity": "information",
                    "code": "informational",
                    "details": {"text": "1 of 2 items were stored."},
                },
                {
                    "severity": "error",
                    "code": "invalid",
                    "details": {"text": "outcome is neither accepted nor overridden."},
                    "diagnostics": "Send one of the two; a card that was ignored is not "
                    "reported.",
                    "expression": ["feedback[1].outcome"],
                },
            ],
        },
    )


def test_a_batch_without_a_good_item_is_400() -> None:
    status, body = feedback_answer(read(7, 8))

    assert status == 400
    assert body["resourceType"] == "OperationOutcome"
    assert [issue["expression"] for issue in _issues(body)] == [
        ["feedback[0]"],
        ["feedback[1]"],
    ]


def test_an_answer_about_many_refusals_stays_short() -> None:
    refused = tuple(Issue("no", f"feedback[{n}]") for n in range(70))
    batch = FeedbackBatch((ACCEPTED,), refused, refused_items=70)

    issues = _issues(feedback_answer(batch)[1])

    assert len(issues) == 52
    assert issues[0]["details"]["text"] == "1 of 71 items were stored."
    assert issues[-1]["details"]["text"] == "20 more faults were found."


def test_no_answer_and_no_repr_quotes_the_client() -> None:
    secret = "Qwertzuiop"  # noqa: S105 - a patient's name
    batch = read(
        overridden({"userComment": secret}),
        overridden({"userComment": [secret]}),
        overridden({"reason": {"code": {secret: secret}}}),
        accepted(card={secret: 1}),
        overridden(outcome=secret),
        overridden(outcomeTimestamp=secret),
    )

    assert [item.comment for item in batch.items] == [secret]
    assert len(batch.refused) == 5
    assert secret not in f"{batch!r} {feedback_answer(batch)!r}"


def _issues(body: dict[str, Any]) -> list[dict[str, Any]]:
    issues: list[dict[str, Any]] = body["issue"]
    return issues
