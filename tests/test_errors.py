"""Every error becomes an OperationOutcome with a status, and holds no value of the request."""

from collections.abc import Iterator

import pytest

from service import errors
from service.envelope import validator
from service.errors import Issue, ServiceError, from_status, operation_outcome


def kinds(kind: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from kinds(child)


STATUS = {
    "BadRequest": 400,
    "NotFound": 404,
    "UnknownService": 404,
    "MethodNotAllowed": 405,
    "PreconditionFailed": 412,
    "DataUnavailable": 412,
    "PayloadTooLarge": 413,
    "UnsupportedMediaType": 415,
    "UnprocessableRequest": 422,
    "OtherHttpError": 500,  # replaced by the status it is made with
    "InternalError": 500,
}


def test_each_error_has_its_status() -> None:
    assert {kind.__name__: int(kind.status) for kind in kinds()} == STATUS


def test_tree_in_the_docstring_names_every_error() -> None:
    missing = [kind.__name__ for kind in kinds() if kind.__name__ not in (errors.__doc__ or "")]

    assert missing == []


def test_issue_becomes_text_remedy_and_path() -> None:
    error = errors.UnprocessableRequest(
        Issue("hookInstance is missing.", "hookInstance", "Send a UUID.", "required")
    )

    assert operation_outcome(error) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "required",
                "details": {"text": "hookInstance is missing."},
                "diagnostics": "Send a UUID.",
                "expression": ["hookInstance"],
            }
        ],
    }


def test_empty_elements_are_left_out() -> None:
    assert operation_outcome(errors.NotFound(Issue("Nothing here.")))["issue"] == [
        {"severity": "error", "code": "not-found", "details": {"text": "Nothing here."}}
    ]


@pytest.mark.parametrize("status", [400, 404, 405, 408, 413, 414, 429, 431, 499, 500, 503])
def test_any_status_of_the_framework_has_a_valid_outcome(status: int) -> None:
    error = from_status(status)

    assert error.status == status
    assert list(validator("operation-outcome").iter_errors(operation_outcome(error))) == []
