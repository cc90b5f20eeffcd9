"""Whatever comes in, the answer is JSON of the right kind, and never a fault of ours."""

import copy
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.envelope import validator
from tests.vignettes import findings

ADDRESS = "/cds-services/back-pain-order-sign"
FIXTURE = (
    Path(__file__).parent.parent
    / "fixtures/opioid-on-buprenorphine"
    / "oxycodone-prescribed-to-a-patient-on-buprenorphine.request.json"
)
BODY: dict[str, Any] = json.loads(FIXTURE.read_bytes())
MEANT = frozenset({200, 400, 412, 413, 415, 422})

often = settings(
    max_examples=150,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
text = st.text(st.characters(codec="utf-8"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


def well_answered(client: FlaskClient, body: bytes) -> Any:
    """Post the body, check the form of the answer, and return the answer."""
    response = client.post(ADDRESS, data=body, content_type="application/json")
    assert response.status_code in MEANT
    assert response.content_type == "application/json"
    answer = json.loads(response.data)
    schema = "hook-response" if response.status_code == 200 else "operation-outcome"
    assert [fault.json_path for fault in validator(schema).iter_errors(answer)] == []
    return answer


@often
@given(body=anything)
def test_any_json_is_answered_in_form(client: FlaskClient, body: Any) -> None:
    well_answered(client, json.dumps(body).encode())


@often
@given(body=st.binary(max_size=200))
def test_any_bytes_are_answered_in_form(client: FlaskClient, body: bytes) -> None:
    well_answered(client, body)


def test_every_truncation_is_a_bad_request(client: FlaskClient) -> None:
    body = json.dumps(BODY, separators=(",", ":")).encode()
    for length in range(0, len(body), 7):
        response = client.post(ADDRESS, data=body[:length], content_type="application/json")
        assert response.status_code == 400, length
        assert response.get_json()["resourceType"] == "OperationOutcome"


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a JSON value."""
    if at:
        yield at
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, each in inner:
        yield from paths(each, (*at, key))


PATHS = list(paths(BODY))


def changed(path: tuple[Any, ...], *value: Any) -> bytes:
    """Return the fixture with one field replaced, or without a value, left out."""
    body = copy.deepcopy(BODY)
    holder: Any = body
    for key in path[:-1]:
        holder = holder[key]
    if value:
        holder[path[-1]] = value[0]
    else:
        del holder[path[-1]]
    return json.dumps(body).encode()


def test_every_single_field_left_out_is_answered_in_form(client: FlaskClient) -> None:
    for path in PATHS:
        well_answered(client, changed(path))


@pytest.mark.parametrize(
    "value", [None, True, 7, -1.5, "", "x", [], {}, [[]], [None], {"a": 1}], ids=repr
)
def test_every_field_of_another_type_is_answered_in_form(
    client: FlaskClient, value: Any
) -> None:
    for path in PATHS[::3]:
        well_answered(client, changed(path, value))


@often
@given(place=st.integers(0, len(PATHS) - 1), value=anything)
def test_any_value_in_any_place_is_answered_in_form(
    client: FlaskClient, place: int, value: Any
) -> None:
    well_answered(client, changed(PATHS[place], value))


@often
@given(junk=st.dictionaries(text, anything, max_size=5), kind=text)
def test_an_unrelated_bad_resource_changes_no_card(
    client: FlaskClient, junk: dict[str, Any], kind: str
) -> None:
    body = copy.deepcopy(BODY)
    entry = {"resource": {**junk, "resourceType": kind}}
    body["prefetch"]["conditions"]["entry"].insert(0, entry)
    answer = well_answered(client, json.dumps(body).encode())

    assert findings(answer) == findings(well_answered(client, json.dumps(BODY).encode()))


def test_deep_nesting_is_answered_in_form(client: FlaskClient) -> None:
    well_answered(client, b'{"hook":' + b"[" * 5000 + b"]" * 5000 + b"}")
    well_answered(client, b"[" * 200_000)
