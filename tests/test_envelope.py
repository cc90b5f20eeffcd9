"""From bytes to HookRequest: what clients really send is read, the rest is refused by path."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.catalogue import find
from service.envelope import (
    FhirAuthorization,
    HookRequest,
    quick_validator,
    read_request,
    validator,
)
from service.errors import BadRequest, ServiceError, UnprocessableRequest, UnsupportedMediaType

SERVICE = find("back-pain-order-select")
ORDER: dict[str, Any] = {"resourceType": "MedicationRequest", "id": "1", "status": "draft"}
CANARY = "Qwertzuiop"


def document(**changes: Any) -> dict[str, Any]:
    """Return a good request; a change of ... takes the field away."""
    whole = {
        "hook": "order-select",
        "hookInstance": "6f0fab19-0000-4000-8000-000000000001",
        "context": context(),
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def context(**changes: Any) -> dict[str, Any]:
    whole = {
        "userId": "Practitioner/9",
        "patientId": "p1",
        "selections": ["MedicationRequest/1"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": ORDER}]},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def read(value: Any, *, extensions: bool = False) -> HookRequest:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_request(body, "application/json", SERVICE, extensions=extensions)


def read_context(**changes: Any) -> HookRequest:
    return read(document(context=context(**changes)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = ("hook", "hookInstance", "fhirServer", "fhirAuthorization", "prefetch", "extension")


@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON),
    inside=st.dictionaries(st.sampled_from(("userId", "patientId", "selections")), JSON),
    missing=st.sets(st.sampled_from((*FIELDS, "context"))),
)
def test_the_quick_check_and_the_one_that_explains_agree(
    fields: dict[str, Any], inside: dict[str, Any], missing: set[str]
) -> None:
    whole = document(context=context(**inside)) | fields
    body = {name: value for name, value in whole.items() if name not in missing}

    explained = not list(validator("hook-request").iter_errors(body))
    assert quick_validator("hook-request").is_valid(body) is explained


def test_good_request_is_read_whole() -> None:
    request = read(
        document(
            fhirServer="https://ehr.example.org/fhir",
            fhirAuthorization={"access_token": "t", "scope": "patient/*.rs", "expires_in": 300},
            prefetch={"patient": None},
            context=context(encounterId="e1"),
        )
    )

    assert request == HookRequest(
        service=SERVICE,
        hook="order-select",
        instance="6f0fab19-0000-4000-8000-000000000001",
        patient_id="p1",
        encounter_id="e1",
        user_id="Practitioner/9",
        selections=frozenset({"MedicationRequest/1"}),
        drafts=(ORDER,),
        draft_orders_given=True,
        prefetch={"patient": None},
        fhir_server="https://ehr.example.org/fhir",
        fhir_authorization=FhirAuthorization("t", "patient/*.rs", expires_in=300),
    )


def test_least_request_is_read() -> None:
    request = read({"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p"}})

    assert request == HookRequest(
        service=SERVICE, hook="patient-view", instance="1", patient_id="p"
    )
    assert request.prefetch == {}


def test_repr_holds_neither_patient_nor_token() -> None:
    request = read(
        document(
            context=context(patientId=CANARY, encounterId=CANARY, userId=CANARY),
            prefetch={"patient": {"id": CANARY}},
            fhirAuthorization={"access_token": CANARY},
        )
    )

    assert CANARY not in repr(request)


def test_hook_of_the_body_counts_when_it_is_not_that_of_the_path() -> None:
    request = read(document(hook="order-sign"))

    assert (request.hook, request.hook_matches_service) == ("order-sign", False)


@pytest.mark.parametrize(
    ("sent", "patient"),
    [
        pytest.param("Patient/p1", "p1", id="reference"),
        pytest.param("https://ehr.example.org/fhir/Patient/p1", "p1", id="absolute"),
        pytest.param(" p1 ", "p1", id="blanks"),
        pytest.param("e.8_x" * 40, "e.8_x" * 40, id="longer-than-fhir-allows"),
    ],
)
def test_patient_id_is_bare(sent: str, patient: str) -> None:
    assert read_context(patientId=sent).patient_id == patient


@pytest.mark.parametrize("sent", [..., None, "", "  "])
def test_absent_user_and_encounter_are_tolerated(sent: Any) -> None:
    request = read_context(userId=sent, encounterId=sent)

    assert (request.user_id, request.encounter_id) == (None, None)


def test_encounter_reference_becomes_an_id() -> None:
    assert read_context(encounterId="Encounter/e1").encounter_id == "e1"


@pytest.mark.parametrize(
    ("bundle", "drafts", "unread"),
    [
        pytest.param({"entry": [{"resource": ORDER}]}, (ORDER,), (), id="no-type"),
        pytest.param({"resourceType": "Bundle"}, (), (), id="no-entry"),
        pytest.param({"resourceType": "Bundle", "entry": None}, (), (), id="null-entry"),
        pytest.param({"entry": {"resource": ORDER}}, (ORDER,), (), id="lone-entry"),
        pytest.param({"entry": [ORDER]}, (ORDER,), (), id="entry-is-the-resource"),
        pytest.param(ORDER, (ORDER,), (), id="lone-resource"),
        pytest.param([ORDER], (ORDER,), (), id="bare-list"),
        pytest.param({}, (), (), id="empty-object"),
        pytest.param(
            {"entry": [7, {"resource": ORDER}, None, {"fullUrl": "x"}, {"resource": {}}]},
            (ORDER,),
            tuple(f"context.draftOrders.entry[{index}]" for index in (0, 2, 3, 4)),
            id="entries-that-hold-nothing",
        ),
        pytest.param(["x"], (), ("context.draftOrders[0]",), id="list-of-text"),
    ],
)
def test_drafts_are_read_from(bundle: Any, drafts: Any, unread: Any) -> None:
    request = read_context(draftOrders=bundle)

    assert (request.drafts, request.unread) == (drafts, unread)
    assert request.draft_orders_given


@pytest.mark.parametrize("bundle", [..., None])
def test_call_without_draft_orders_is_read(bundle: Any) -> None:
    request = read_context(draftOrders=bundle, selections=...)

    assert (request.drafts, request.draft_orders_given) == ((), False)


def test_medications_bundle_of_older_hooks_is_read() -> None:
    request = read_context(draftOrders=..., medications={"entry": [{"resource": ORDER}]})

    assert request.drafts == (ORDER,)


@pytest.mark.parametrize(
    ("sent", "selections"),
    [
        pytest.param(
            ["MedicationRequest/1", "2"], {"MedicationRequest/1", "2"}, id="both-forms"
        ),
        pytest.param("MedicationRequest/1", {"MedicationRequest/1"}, id="lone"),
        pytest.param([" 1 ", "", None, 7, {}], {"1"}, id="what-is-no-text-is-dropped"),
        pytest.param(None, set(), id="null"),
        pytest.param([], set(), id="empty"),
    ],
)
def test_selections_are_read(sent: Any, selections: set[str]) -> None:
    assert read_context(selections=sent).selections == selections


@pytest.mark.parametrize("sent", [..., None, {}])
def test_absent_null_and_empty_prefetch_are_alike(sent: Any) -> None:
    assert read(document(prefetch=sent)).prefetch == {}


@pytest.mark.parametrize("sent", [..., None, {}, {"access_token": " "}])
def test_authorization_without_token_is_none(sent: Any) -> None:
    assert read(document(fhirAuthorization=sent)).fhir_authorization is None


def test_unknown_fields_are_ignored() -> None:
    plain = read(document())

    assert read(document(x=1, extension=[], context=context(y={"z": None}))) == plain


def test_byte_order_mark_is_skipped() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(document()).encode()) == read(document())


def test_last_of_duplicate_keys_counts() -> None:
    body = json.dumps(document()).encode()[:-1] + b', "hookInstance": "2"}'

    assert read(body).instance == "2"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/fhir+json",
        "application/json+fhir+json",
    ],
)
def test_json_media_type_is_accepted(content_type: str | None) -> None:
    body = json.dumps(document()).encode()

    assert read_request(body, content_type, SERVICE) == read(document())


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ";"]
)
def test_other_media_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        read_request(json.dumps(document()).encode(), content_type, SERVICE)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="blank"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"{}{}", id="two-values"),
        pytest.param(b'{"a": NaN}', id="nan"),
        pytest.param(b'{"a": Infinity}', id="infinity"),
        pytest.param(b'{"a": 1,}', id="trailing-comma"),
        pytest.param(b"\xff\xfe{\x00}\x00", id="utf-16"),
        pytest.param(b'{"a": "\xff"}', id="not-utf-8"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="deep-nesting"),
        pytest.param(b'{"a":' * 100_000, id="deep-objects"),
    ],
)
def test_what_is_not_json_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        read(body)

    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("root", [[], "x", 7, None, True, [document()]])
def test_other_root_than_an_object_is_unprocessable(root: Any) -> None:
    with pytest.raises(UnprocessableRequest):
        read(root)


@pytest.mark.parametrize("hook", ["medication-prescribe", "Order-Sign", "order-sign ", "x"])
def test_hook_that_is_not_offered_is_a_bad_request(hook: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(document(hook=hook))

    assert [(i.path, i.remedy) for i in caught.value.issues] == [
        ("hook", "Use one of order-select, order-sign, patient-view.")
    ]


@pytest.mark.parametrize("patient", [..., None, "", "  ", "Patient/", 7, ["p1"], {}])
def test_request_without_patient_is_a_bad_request(patient: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        read_context(patientId=patient)

    assert [issue.path for issue in caught.value.issues] == ["context.patientId"]


@pytest.mark.parametrize("value", [..., None, [], "x", 7])
def test_request_without_context_is_a_bad_request(value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        read(document(context=value))

    assert [issue.path for issue in caught.value.issues] == ["context"]


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        pytest.param({"hook": ...}, "hook", "required", id="no-hook"),
        pytest.param({"hook": 7}, "hook", "structure", id="hook-number"),
        pytest.param({"hook": " "}, "hook", "structure", id="hook-blank"),
        pytest.param({"hookInstance": ...}, "hookInstance", "required", id="no-instance"),
        pytest.param({"hookInstance": ""}, "hookInstance", "structure", id="instance-empty"),
        pytest.param({"hookInstance": None}, "hookInstance", "structure", id="instance-null"),
        pytest.param({"prefetch": []}, "prefetch", "structure", id="prefetch-list"),
        pytest.param({"prefetch": "x"}, "prefetch", "structure", id="prefetch-text"),
        pytest.param({"fhirServer": {}}, "fhirServer", "structure", id="server-object"),
        pytest.param(
            {"fhirAuthorization": "x"}, "fhirAuthorization", "structure", id="auth-text"
        ),
        pytest.param(
            {"fhirAuthorization": {"access_token": 7}},
            "fhirAuthorization.access_token",
            "structure",
            id="token-number",
        ),
        pytest.param(
            {"context": context(draftOrders="x")},
            "context.draftOrders",
            "structure",
            id="drafts-text",
        ),
        pytest.param(
            {"context": context(selections={})},
            "context.selections",
            "structure",
            id="selections-object",
        ),
        pytest.param(
            {"context": context(userId=7)}, "context.userId", "structure", id="user-number"
        ),
    ],
)
def test_broken_field_is_unprocessable_and_named(change: Any, path: str, code: str) -> None:
    with pytest.raises(UnprocessableRequest) as caught:
        read(document(**change))

    assert [(issue.path, issue.code) for issue in caught.value.issues] == [(path, code)]
    assert all(issue.remedy for issue in caught.value.issues)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(UnprocessableRequest) as caught:
        read(document(hook=..., hookInstance=..., prefetch=[]))

    assert {issue.path for issue in caught.value.issues} == {"hook", "hookInstance", "prefetch"}


def test_hook_instance_need_not_be_a_uuid() -> None:
    assert read(document(hookInstance="abc-1")).instance == "abc-1"


AS_OF = "org.back-pain-cds.as-of"
TRACE = "org.back-pain-cds.trace"


def test_extensions_are_read_when_allowed() -> None:
    sent = document(extension={AS_OF: "2026-03-02", TRACE: True, "org.other": 1})

    request = read(sent, extensions=True)

    assert (request.as_of, request.trace) == (date(2026, 3, 2), True)


def test_extensions_are_ignored_when_not_allowed() -> None:
    request = read(document(extension={AS_OF: "nonsense", TRACE: 7}))

    assert (request.as_of, request.trace) == (None, False)


@pytest.mark.parametrize("sent", [..., None, {}, [], "x", {AS_OF: None}])
def test_absent_extensions_change_nothing(sent: Any) -> None:
    assert read(document(extension=sent), extensions=True) == read(document())


@pytest.mark.parametrize(
    ("extension", "path"),
    [
        pytest.param({AS_OF: "2026-13-01"}, f"extension.{AS_OF}", id="no-such-month"),
        pytest.param({AS_OF: "20260302"}, f"extension.{AS_OF}", id="basic-format"),
        pytest.param({AS_OF: "2026-W10-1"}, f"extension.{AS_OF}", id="week-date"),
        pytest.param({AS_OF: 7}, f"extension.{AS_OF}", id="number"),
        pytest.param({TRACE: "yes"}, f"extension.{TRACE}", id="trace-text"),
        pytest.param({TRACE: None}, f"extension.{TRACE}", id="trace-null"),
    ],
)
def test_unusable_extension_is_unprocessable(extension: Any, path: str) -> None:
    with pytest.raises(UnprocessableRequest) as caught:
        read(document(extension=extension), extensions=True)

    assert [issue.path for issue in caught.value.issues] == [path]


def test_errors_never_repeat_values() -> None:
    bad = document(
        hook=CANARY,
        hookInstance=[CANARY],
        fhirServer={CANARY: CANARY},
        prefetch=CANARY,
        context={"patientId": [CANARY], "userId": {CANARY: 1}, "draftOrders": CANARY},
    )

    with pytest.raises(ServiceError) as caught:
        read(bad)

    assert len(caught.value.issues) == 6
    assert CANARY not in repr(caught.value.issues)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PATHS = [("hook",), ("hookInstance",), ("context",), ("prefetch",), ("fhirServer",)] + [
    ("context", key) for key in context()
]


@given(body=st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(ServiceError):
        read(body)


@given(path=st.sampled_from(PATHS), value=JSON)
def test_any_value_in_any_field_is_read_or_refused(path: tuple[str, ...], value: Any) -> None:
    changed = document()
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value

    assert outcome(changed) in {"read", "BadRequest", "UnprocessableRequest"}


def outcome(value: Any) -> str:
    try:
        read(value)
    except ServiceError as error:
        return type(error).__name__
    return "read"


@given(end=st.integers(min_value=0, max_value=len(json.dumps(document())) - 1))
def test_truncated_request_is_a_bad_request(end: int) -> None:
    with pytest.raises(BadRequest):
        read(json.dumps(document()).encode()[:end])


def test_resources_of_the_draft_bundle_are_found_by_urn() -> None:
    medicine = {"resourceType": "Medication", "id": "m"}
    entries = [
        {"fullUrl": "urn:uuid:5", "resource": medicine},
        {"fullUrl": "https://ehr.example.org/fhir/MedicationRequest/1", "resource": ORDER},
        {"fullUrl": 7, "resource": ORDER},
        {"fullUrl": "urn:uuid:6"},
    ]

    request = read_context(draftOrders={"resourceType": "Bundle", "entry": entries})

    assert request.located == {"urn:uuid:5": medicine}
