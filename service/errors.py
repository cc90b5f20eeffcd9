"""The errors that callers see, a status on each.

ServiceError
 ├ BadRequest 400            what is asked, or about whom, cannot be told
 ├ NotFound 404
 │  └ UnknownService
 ├ MethodNotAllowed 405
 ├ PreconditionFailed 412
 │  └ DataUnavailable        nothing about the patient could be read
 ├ PayloadTooLarge 413
 ├ UnsupportedMediaType 415
 ├ UnprocessableRequest 422  JSON, but not a CDS Hooks request
 ├ OtherHttpError            any other status of the web framework
 └ InternalError 500

An error names keys, paths and types, never a value of the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault: what is wrong, where, and what the caller can do about it."""

    text: str
    path: str = ""  # "context.patientId"
    remedy: str = ""
    code: str = ""  # FHIR issue type; the error's own when empty


class ServiceError(Exception):
    """Base of every error that becomes an OperationOutcome."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "processing"
    severity: ClassVar[str] = "error"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, *issues: Issue) -> None:
        super().__init__("; ".join(issue.text for issue in issues))
        self.issues = issues


class BadRequest(ServiceError):
    """What is asked, or about which patient, cannot be told from the request."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid"


class NotFound(ServiceError):
    """There is nothing at this address."""

    status = HTTPStatus.NOT_FOUND
    code = "not-found"


class UnknownService(NotFound):
    """No CDS service has this id."""


class MethodNotAllowed(ServiceError):
    """The address exists, but not for this HTTP method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "not-supported"


class PreconditionFailed(ServiceError):
    """Something that has to come with the request did not."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "required"


class DataUnavailable(PreconditionFailed):
    """Nothing about the patient could be read, and the drafts alone decide nothing."""


class PayloadTooLarge(ServiceError):
    """The body is larger than this service reads."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too-long"


class UnsupportedMediaType(ServiceError):
    """The body is announced as something other than JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "not-supported"


class UnprocessableRequest(ServiceError):
    """The body is JSON but does not follow CDS Hooks."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "structure"


class OtherHttpError(ServiceError):
    """A status that the web framework chose and this module has no class for."""

    def __init__(self, status: int) -> None:
        super().__init__(Issue(f"{_phrase(status)}."))
        self.status = status


class InternalError(ServiceError):
    """The fault is ours."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "exception"
    severity = "fatal"

    def __init__(self) -> None:
        super().__init__(
            Issue(
                "The service failed to work out an answer. This is not a statement that "
                "the orders are safe.",
                remedy="Try again; if it persists, tell the operator the time of the call.",
            )
        )


def operation_outcome(error: ServiceError) -> dict[str, object]:
    """Return the error as a FHIR OperationOutcome, without empty elements."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [_outcome_issue(error, issue) for issue in error.issues],
    }


def from_status(status: int) -> ServiceError:
    """Return the error for a status that the web framework raised on its own."""
    if issue := _FRAMEWORK_ISSUES.get(status):
        kind, text, remedy = issue
        return kind(Issue(text, remedy=remedy))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return InternalError()
    return OtherHttpError(status)


def _outcome_issue(error: ServiceError, issue: Issue) -> dict[str, object]:
    outcome: dict[str, object] = {
        "severity": error.severity,
        "code": issue.code or error.code,
        "details": {"text": issue.text},
    }
    if issue.remedy:
        outcome["diagnostics"] = issue.remedy
    if issue.path:
        outcome["expression"] = [issue.path]
    return outcome


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP status {status}"


_FRAMEWORK_ISSUES: dict[int, tuple[type[ServiceError], str, str]] = {
    HTTPStatus.NOT_FOUND: (
        NotFound,
        "There is nothing at this address.",
        "The services are listed at GET /cds-services.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        MethodNotAllowed,
        "This address does not answer this HTTP method.",
        "Call GET /cds-services, POST /cds-services/{id} or POST /cds-services/{id}/feedback.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        PayloadTooLarge,
        "The body is larger than this service reads.",
        "Send less prefetched data, or have BACK_PAIN_CDS_MAX_BODY_BYTES raised.",
    ),
}
