"""Replay against any service: signed, with feedback, in parallel, with a report in HTML."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pytest_httpserver import HTTPServer
from werkzeug.wrappers import Request, Response

from service.cli import main
from service.replay import Outcome, Reply, Verdict, keep
from service.replay_feedback import feedback_items
from service.replay_report import page
from service.replay_timings import timings
from service.signing import SigningKeyError, read_key
from tests.ehr import ISSUER, JKU, private_key

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>"
CARD: dict[str, Any] = {
    "uuid": "b7d6f0c4-2a53-4d0c-8f0e-6f6f7c1d9e55",
    "summary": "Stop & think",
    "indicator": "critical",
    "detail": "**Why**\n\n- a fact",
    "source": {"label": "A guideline", "url": "https://example.org/guideline"},
    "suggestions": [
        {"label": "First", "uuid": "s-1", "actions": []},
        {"label": "Best", "uuid": "s-2", "isRecommended": True, "actions": []},
    ],
    "overrideReasons": [{"code": "later", "system": "https://x.org", "display": "Later"}],
}


def outcome(verdict: Verdict = Verdict.SAME, **fields: Any) -> Outcome:
    known: dict[str, Any] = {
        "sent": {"hook": "order-sign", "context": {}},
        "reply": Reply(200, {"cards": [CARD]}),
    }
    path = Path("family/one-request.request.json")
    return Outcome(path, verdict, fields.pop("seconds", 0.01), **known | fields)


def drawn(*outcomes: Outcome) -> str:
    return page(outcomes, "this program", AT)


def test_the_page_draws_the_card() -> None:
    html = drawn(outcome())

    assert "Stop &amp; think" in html
    assert "<strong>Why</strong>" in html
    assert "<li>a fact</li>" in html
    assert '<a href="https://example.org/guideline"' in html
    assert 'class="button recommended">Best<' in html
    assert "Override: Later" in html


def test_the_page_needs_nothing_from_outside() -> None:
    html = drawn(outcome())

    assert re.findall(r"<(?:link|img|iframe|object|embed)\b", html) == []
    assert re.findall(r"\bsrc=|url\(|@import", html) == []
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html


def test_the_only_script_is_the_one_that_the_policy_names() -> None:
    html = drawn(outcome(reply=Reply(200, {"cards": [{**CARD, "detail": ATTACK}]})))

    assert html.count("<script") == 1
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", html)
    assert "<img" not in html


@pytest.mark.parametrize("field", ["summary", "indicator", "uuid"])
def test_text_of_a_card_is_no_markup(field: str) -> None:
    html = drawn(outcome(reply=Reply(200, {"cards": [{**CARD, field: ATTACK}]})))

    assert ATTACK not in html
    assert html.count("<script") == 1


def test_an_address_that_is_not_of_the_web_is_no_link() -> None:
    card = {**CARD, "links": [{"label": "Go", "url": "javascript:alert(1)"}]}
    html = drawn(outcome(reply=Reply(200, {"cards": [card]})))

    assert 'href="javascript' not in html
    assert "Go" in html


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {"cards": "x"}, {"cards": [1, {}]}, {"cards": [{"source": "x"}]}],
)
def test_an_answer_of_any_shape_is_drawn(body: object) -> None:
    assert "one request" in drawn(outcome(reply=Reply(200, body)))


def test_a_difference_is_coloured_and_open() -> None:
    told = "--- expected\n+++ answered\n@@ -1 +1 @@\n-old\n+new\n same"
    html = drawn(outcome(Verdict.DIFFERENT, difference=told))

    assert '<span class="removed">-old\n</span>' in html
    assert '<span class="added">+new\n</span>' in html
    assert '<span class="kept"> same\n</span>' in html
    assert 'data-verdict="different" open' in html


def test_what_is_as_kept_is_closed() -> None:
    assert 'data-verdict="same">' in drawn(outcome())


def test_totals_are_told() -> None:
    html = drawn(outcome(), outcome(), outcome(Verdict.NEW))

    assert "3 requests" in html
    assert '<dt>same</dt><dd class="same">2</dd>' in html
    assert '<dt>new</dt><dd class="new">1</dd>' in html
    assert "<dt>different</dt>" not in html


def test_a_request_that_was_not_answered_is_in_the_page_and_not_in_the_chart() -> None:
    failed = outcome(Verdict.FAILED, sent={}, reply=None, difference="not reached")

    assert "not reached" in drawn(failed)
    assert "<svg" not in drawn(failed)
    assert timings([failed]) is None


def test_a_page_of_nothing_says_so() -> None:
    assert "No requests were found." in drawn()


def test_links_of_the_chart_are_not_hidden_in_a_picture() -> None:
    html = drawn(outcome())

    assert re.search(r'<svg [^>]*role="group" aria-label="Milliseconds of 1 call', html)
    assert 'role="img"' not in html


def test_timings_are_of_all_answered_calls() -> None:
    found = timings([outcome(seconds=n / 1000) for n in (4, 1, 3, 2)])

    assert found is not None
    assert (found.median, found.late, found.slowest, found.cut) == (2.0, 4.0, 4.0, 0)
    assert [bar.height for bar in found.bars] == [100.0, 25.0, 75.0, 50.0]
    assert [bar.x for bar in found.bars] == [0.0, 25.0, 50.0, 75.0]


def test_one_slow_call_does_not_flatten_the_others() -> None:
    found = timings([outcome(seconds=0.01)] * 99 + [outcome(seconds=10)])

    assert found is not None
    assert found.top < 50
    assert found.cut == 1
    assert max(bar.height for bar in found.bars) == 100


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("accept", {"outcome": "accepted", "acceptedSuggestions": [{"id": "s-2"}]}),
        (
            "override",
            {
                "outcome": "overridden",
                "overrideReason": {
                    "reason": {"code": "later", "system": "https://x.org", "display": "Later"}
                },
            },
        ),
    ],
)
def test_feedback_says_what_was_done(choice: Any, said: dict[str, Any]) -> None:
    at = "2026-03-02T12:00:00Z"

    assert list(feedback_items([CARD], choice, AT)) == [
        {"card": CARD["uuid"], **said, "outcomeTimestamp": at}
    ]


def test_a_card_without_suggestions_is_not_accepted() -> None:
    card = {**CARD, "suggestions": []}

    assert list(feedback_items([card], "accept", AT)) == []


def test_a_card_without_a_uuid_gets_no_feedback() -> None:
    card = {name: value for name, value in CARD.items() if name != "uuid"}

    assert list(feedback_items([card], "override", AT)) == []


# The command against a service that is not ours.

SERVICE = "/cds-services/their-service"
TEMPLATES = {"patient": "Patient/{{context.patientId}}", "odd": "List?date=ge{{today()}}"}


def service(server: HTTPServer, **answer: Any) -> list[Request]:
    """Let a service offer order-sign, and return the calls that it gets."""
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        body = answer.get("body", {"cards": [CARD]})
        return Response(json.dumps(body), 200, {"Content-Type": "application/json"})

    offered = {"id": "their-service", "hook": "order-sign", "prefetch": TEMPLATES}
    server.expect_request("/cds-services").respond_with_json({"services": [offered]})
    server.expect_request(SERVICE).respond_with_handler(handler)
    return seen


def requests_in(folder: Path, number: int = 1, **fields: Any) -> Path:
    context = {"userId": "Practitioner/1", "patientId": "vignette-000"}
    for nth in range(number):
        request = {"hook": "order-sign", "hookInstance": str(nth), "context": context}
        path = folder / f"{nth}.request.json"
        path.write_text(json.dumps(request | fields), "utf-8")
        keep(path, Reply(200, {"cards": [CARD]}))
    return folder


def run(server: HTTPServer, folder: Path, *options: str) -> Result:
    url = server.url_for("").rstrip("/")
    command: Sequence[str] = ["replay", str(folder), "--url", url, *options]
    return CliRunner().invoke(main, command)


def test_prefetch_is_resolved_for_requests_without_any(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    seen = service(httpserver)
    patients = Path(__file__).parent.parent / "fixtures/patients"
    result = run(httpserver, requests_in(tmp_path), "--patients", str(patients))

    assert result.exit_code == 0, result.output
    assert seen[0].get_json()["prefetch"]["patient"]["id"] == "vignette-000"
    assert list(seen[0].get_json()["prefetch"]) == ["patient"]
    assert "prefetch odd was left out" in result.output


def test_prefetch_that_is_there_is_sent_as_it_is(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    seen = service(httpserver)
    patients = Path(__file__).parent.parent / "fixtures/patients"
    folder = requests_in(tmp_path, prefetch={"patient": None})
    run(httpserver, folder, "--patients", str(patients))

    assert seen[0].get_json()["prefetch"] == {"patient": None}


def pem(folder: Path, kind: str = "ES384") -> Path:
    key = private_key(kind)
    assert not isinstance(key, str)
    path = folder / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_calls_are_signed_each_for_its_address(httpserver: HTTPServer, tmp_path: Path) -> None:
    seen = service(httpserver)
    key = pem(tmp_path)
    signing = ("--sign-key", str(key), "--issuer", ISSUER, "--kid", "k", "--jku", JKU)
    result = run(httpserver, requests_in(tmp_path, 2), *signing)
    tokens = [one.headers["Authorization"].removeprefix("Bearer ") for one in seen]
    public = private_key("ES384")
    assert not isinstance(public, str)
    claims = [
        jwt.decode(
            token,
            public.public_key(),
            algorithms=["ES384"],
            audience=httpserver.url_for(SERVICE),
            issuer=ISSUER,
        )
        for token in tokens
    ]

    assert result.exit_code == 0, result.output
    assert jwt.get_unverified_header(tokens[0]) == {
        "typ": "JWT",
        "alg": "ES384",
        "kid": "k",
        "jku": JKU,
    }
    assert claims[0]["jti"] != claims[1]["jti"]


def test_an_answer_that_asks_for_a_signature_says_how(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    offered = {"id": "their-service", "hook": "order-sign"}
    httpserver.expect_request("/cds-services").respond_with_json({"services": [offered]})
    httpserver.expect_request(SERVICE).respond_with_json({}, status=401)
    unsigned = run(httpserver, requests_in(tmp_path))
    signing = ("--sign-key", str(pem(tmp_path)), "--issuer", ISSUER)
    signed = run(httpserver, tmp_path, *signing)

    assert "status 401: sign the calls with --sign-key, --issuer, --kid" in unsigned.output
    assert "status 401: does the service know this key, --issuer and --kid?" in signed.output


def test_discovery_that_asks_for_a_signature_says_how(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request("/cds-services").respond_with_data("no", status=401)
    output = run(httpserver, requests_in(tmp_path)).output

    assert "the answer is not JSON (status 401: sign the calls with --sign-key" in output


@pytest.mark.parametrize(
    ("content", "alg", "told"),
    [
        (b"no key", "ES384", "not a private key"),
        (None, "RS384", "does not fit RS384"),
    ],
)
def test_a_key_that_cannot_sign_is_refused(
    tmp_path: Path, content: bytes | None, alg: str, told: str
) -> None:
    with pytest.raises(SigningKeyError, match=told):
        read_key(content or pem(tmp_path).read_bytes(), alg)


@pytest.mark.parametrize(
    "options", [("--sign-key", "key.pem", "--issuer", "x"), ("--feedback", "accept")]
)
def test_without_a_service_nothing_is_signed_or_told(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    result = CliRunner().invoke(main, ["replay", str(requests_in(tmp_path)), *options])

    assert result.exit_code == 2
    assert "need the --url" in result.output


def test_feedback_is_posted_for_the_cards_received(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    service(httpserver)
    told: list[Any] = []

    def take(request: Request) -> Response:
        told.append(request.get_json())
        return Response("", 200)

    httpserver.expect_request(f"{SERVICE}/feedback").respond_with_handler(take)
    result = run(httpserver, requests_in(tmp_path), "--feedback", "accept")

    assert result.exit_code == 0, result.output
    assert told[0]["feedback"][0]["acceptedSuggestions"] == [{"id": "s-2"}]
    assert "feedback on 1 of 1 cards: accept" in result.output


def test_feedback_that_is_not_taken_is_a_failure(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    service(httpserver)
    httpserver.expect_request(f"{SERVICE}/feedback").respond_with_data("", 404)
    result = run(httpserver, requests_in(tmp_path), "--feedback", "override")

    assert result.exit_code == 1
    assert "feedback was answered with status 404" in result.output


def test_several_jobs_give_the_outcomes_in_order(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    seen = service(httpserver)
    result = run(httpserver, requests_in(tmp_path, 12), "--jobs", "4")
    names = re.findall(r"(\d+)\.request\.json", result.output)

    assert result.exit_code == 0, result.output
    assert len(seen) == 12
    assert names == sorted(map(str, range(12)))


def test_a_hook_that_is_not_offered_fails_by_itself(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    service(httpserver)
    result = run(httpserver, requests_in(tmp_path, 1, hook="patient-view"))

    assert result.exit_code == 1
    assert "offers nothing at the hook patient-view" in result.output


@pytest.mark.parametrize("body", [{}, {"services": "none"}, []])
def test_an_address_without_discovery_is_refused(
    httpserver: HTTPServer, tmp_path: Path, body: Any
) -> None:
    httpserver.expect_request("/cds-services").respond_with_json(body)
    result = run(httpserver, requests_in(tmp_path))

    assert result.exit_code == 1
    assert "not a CDS Hooks discovery answer" in result.output


def test_conformance_lists_faults_and_leaves_the_exit_status(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    service(httpserver)
    folder = requests_in(tmp_path)
    result = run(httpserver, folder, "--conformance", "--quiet")

    assert result.exit_code == 0
    assert "request hookInstance: breaks the rule 'pattern'" in result.output
    assert "answer cards[0]: breaks the rule 'dependentRequired'" in result.output
    assert "1 with something that is not valid" in result.output


def test_the_report_is_written_beside_the_other_output(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    service(httpserver)
    report = tmp_path / "report.html"
    result = run(httpserver, requests_in(tmp_path), "--html", str(report))

    assert result.exit_code == 0
    assert "Stop &amp; think" in report.read_text("utf-8")
    assert "1 replayed: 1 same" in result.output
