"""Every operation of the published description, called with what it allows and forbids."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.checks import CheckFunction
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection

from service.openapi import description
from tests.live import REQUEST, Service, served
from tests.test_audit import BORN, NAME, call

CONFIG = {"generation": {"mode": "all", "max-examples": 60, "deterministic": True}}
# What is out of form in feedback, and is not read, is taken all the same.
TOLERATED: Mapping[str, list[CheckFunction]] = {
    "POST /cds-services/{service}/feedback": [negative_data_rejection]
}
LISTED = frozenset({"hook", "outcome", "outcomeTimestamp"})  # another value breaks the form

api = schemathesis.openapi.from_dict(
    json.loads(description()), config=SchemathesisConfig.from_dict(CONFIG)
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("fuzzed")
    with served(directory, database_url=f"sqlite:///{directory}/cds.sqlite3") as service:
        assert service.ask("GET", "/openapi.json").body == api.raw_schema
        yield service


@pytest.fixture(scope="module")
def log(service: Service) -> Iterator[TextIO]:
    with service.log.open() as log:
        yield log


@api.parametrize()
def test_every_answer_is_as_described(case: Case[Any], service: Service, log: TextIO) -> None:
    tolerated = TOLERATED.get(case.operation.label)

    response = case.call_and_validate(base_url=service.base, excluded_checks=tolerated)

    assert "Traceback" not in response.text + log.read()


def marked(value: Any, key: str = "") -> Any:
    """Put the canary into every text and object; what is in form stays so."""
    match value:
        case dict():
            inside = {name: marked(inner, name) for name, inner in value.items()}
            return inside | {NAME: {NAME: BORN}}
        case list():
            return [marked(inner, key) for inner in value]
        case str() if value.strip() and key not in LISTED:
            return value + NAME
    return value


def about_the_canary(body: Any) -> Any:
    """Return a body about the canary; its chart and orders come first, where in form."""
    body, whole = marked(body), call(REQUEST.read_text("utf-8"))
    context = body.get("context") if isinstance(body, dict) else None
    if not isinstance(context, dict):
        return body
    if isinstance(context.get("patientId"), str):
        context["patientId"] = context["patientId"] and NAME
    drafts = context.get("draftOrders", {})
    if isinstance(drafts, dict | list | None):
        context["draftOrders"] = whole["context"]["draftOrders"]
        context["draftOrders"]["entry"].append(drafts)
    prefetch = body.get("prefetch", {})
    if isinstance(prefetch, dict | None):
        body["prefetch"] = whole["prefetch"] | (prefetch or {})
    return body


@api.include(method="POST").parametrize()
def test_patient_is_in_no_error_and_no_log(
    case: Case[Any], service: Service, log: TextIO
) -> None:
    case.body = about_the_canary(case.body)

    response = case.call(base_url=service.base)

    told = log.read()
    if b'"cards"' in response.content:
        told += "".join(card["summary"] + card["detail"] for card in response.json()["cards"])
    else:
        told += response.text
    assert [text for text in (NAME, BORN, "Traceback") if text in told] == []
