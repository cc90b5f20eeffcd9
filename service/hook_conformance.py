"""What of a request or an answer is not valid CDS Hooks 2.0 or not valid FHIR R4."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from service.conformance import faults
from service.envelope import validator
from service.fhir import objects

Json = Mapping[str, Any]


def request_faults(request: Json) -> Iterator[str]:
    """Yield what is not valid in a request: path and kind of fault, never a value."""
    for fault in _schema_faults("cds-hooks-request", request):
        yield f"request {fault}"
    context = request.get("context")
    if isinstance(context, dict):
        yield from _fhir_faults("context.draftOrders", context.get("draftOrders"))
    prefetch = request.get("prefetch")
    for key, value in prefetch.items() if isinstance(prefetch, dict) else ():
        yield from _fhir_faults(f"prefetch.{key}", value)


def answer_faults(status: int, body: object) -> Iterator[str]:
    """Yield what is not valid in an answer; a refusal should be an OperationOutcome."""
    if status != HTTPStatus.OK:
        refusal = body if isinstance(body, dict) else {}
        for fault in faults(refusal):
            yield f"answer {fault.path}: {fault.text}"
        return
    for told in _schema_faults("cds-hooks-response", body):
        yield f"answer {told}"
    for path, action in _actions(body):
        if isinstance(action.get("resource"), dict):
            yield from _fhir_faults(path, action["resource"])


def _schema_faults(name: str, document: object) -> Iterator[str]:
    """Yield one line an error; the validator's own message quotes the document."""
    for error in validator(name).iter_errors(document):
        path = error.json_path.removeprefix("$").removeprefix(".") or "as a whole"
        if error.validator == "required" and isinstance(error.instance, dict):
            missing = [key for key in error.validator_value if key not in error.instance]
            yield f"{path}: {', '.join(missing)} is missing"
        else:
            yield f"{path}: breaks the rule {error.validator!r} of CDS Hooks"


def _fhir_faults(path: str, value: object) -> Iterator[str]:
    """Yield the faults of a resource, or of each resource of a Bundle."""
    if not isinstance(value, dict):
        return
    if value.get("resourceType") != "Bundle":
        for fault in faults(value):
            yield f"{path} {fault.path}: {fault.text}"
        return
    for index, entry in enumerate(objects(value.get("entry"))):
        resource = entry.get("resource")
        yield from _fhir_faults(f"{path}.entry[{index}]", resource)


def _actions(body: object) -> Iterator[tuple[str, Json]]:
    answer = body if isinstance(body, dict) else {}
    for at, card in enumerate(objects(answer.get("cards"))):
        for nth, suggestion in enumerate(objects(card.get("suggestions"))):
            path = f"cards[{at}].suggestions[{nth}]"
            yield from ((path, action) for action in objects(suggestion.get("actions")))
    yield from (("systemActions", action) for action in objects(answer.get("systemActions")))
