"""Bytes to HookRequest: the outside of a CDS Hooks call, checked by a shallow JSON Schema.

A body that does not say what is asked or about whom is a 400: no JSON, no patient, a hook
that is not offered. JSON that breaks CDS Hooks in another way is a 422. Everything else
that clients are known to send is read; what is left unread is named.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
from jsonschema import Draft202012Validator, ValidationError

from service.catalogue import HOOKS, ServiceDefinition
from service.errors import BadRequest, Issue, UnprocessableRequest, UnsupportedMediaType

AS_OF = "org.back-pain-cds.as-of"
TRACE = "org.back-pain-cds.trace"

Json = dict[str, Any]

_SCHEMAS = Path(__file__).parent / "schemas"
_WHO = frozenset({"context", "context.patientId"})
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TYPE_NAMES: Mapping[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class FhirAuthorization:
    """The client's permission to read its FHIR server during this call, never kept."""

    access_token: str = field(repr=False)
    scope: str = ""
    token_type: object = None  # as sent: it is judged where the server is chosen
    expires_in: object = None
    patient: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRequest:
    """One call; what identifies the patient stays out of its ``repr``."""

    service: ServiceDefinition  # named by the path
    hook: str  # named by the body: decides what is evaluated
    instance: str
    patient_id: str = field(repr=False)
    encounter_id: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    selections: frozenset[str] = field(default=frozenset(), repr=False)  # "Type/id" or "id"
    drafts: tuple[Json, ...] = field(default=(), repr=False)
    located: Mapping[str, Json] = field(default_factory=dict, repr=False)  # drafts, by URN
    draft_orders_given: bool = False
    prefetch: Mapping[str, Any] = field(default_factory=dict, repr=False)
    fhir_server: str | None = None
    fhir_authorization: FhirAuthorization | None = None
    as_of: date | None = None
    trace: bool = False
    unread: tuple[str, ...] = ()  # paths into the body: "context.draftOrders.entry[2]"

    @property
    def hook_matches_service(self) -> bool:
        """Say whether body and path agree; the public sandbox sends calls where they do not."""
        return self.hook == self.service.hook


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator of one of our schemas: ``hook-request``, ``hook-response``, ..."""
    Draft202012Validator.check_schema(_schema(name))
    return Draft202012Validator(_schema(name))


@cache
def quick_validator(name: str) -> jsonschema_rs.Draft202012Validator:
    """Return one that says in a hundredth of the time whether all is well, and no more."""
    return jsonschema_rs.Draft202012Validator(_schema(name))


def _schema(name: str) -> Json:
    schema: Json = orjson.loads((_SCHEMAS / f"{name}.schema.json").read_bytes())
    return schema


def read_request(
    body: bytes,
    content_type: str | None,
    service: ServiceDefinition,
    *,
    extensions: bool = False,
) -> HookRequest:
    """Read one call; ``extensions`` says whether as-of and trace are listened to."""
    _check_media_type(content_type)
    document = _structured(_parse(body))
    _check_hook(document["hook"])
    context, extension = document["context"], document.get("extension")
    bundle, bundle_path = _draft_bundle(context)
    drafts, unread = _resources(bundle, bundle_path)
    as_of, trace = _request_extensions(extension if extensions else None)
    return HookRequest(
        service=service,
        hook=document["hook"],
        instance=document["hookInstance"].strip(),
        patient_id=_patient_id(context["patientId"]),
        encounter_id=_bare_id(context.get("encounterId"), "Encounter/"),
        user_id=_text(context.get("userId")),
        selections=_selections(context.get("selections")),
        drafts=drafts,
        located=_located(bundle, bundle_path),
        draft_orders_given=bundle is not None,
        prefetch=document.get("prefetch") or {},
        fhir_server=_text(document.get("fhirServer")),
        fhir_authorization=_authorization(document.get("fhirAuthorization")),
        as_of=as_of,
        trace=trace,
        unread=unread,
    )


def _check_media_type(content_type: str | None) -> None:
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(
            Issue("The body is not announced as JSON.", remedy="Send application/json.")
        )


def _parse(body: bytes) -> object:
    text = body.removeprefix(_BYTE_ORDER_MARK)
    if not text.strip():
        raise BadRequest(Issue("The body is empty.", remedy="Send a JSON object."))
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
    # Raised outside of the handler: the parser's exception holds the whole body.
    raise BadRequest(
        Issue(
            f"The body is not JSON ({where}).",
            remedy="Send one JSON value in UTF-8, without comments, NaN or trailing commas.",
        )
    )


def _structured(document: object) -> Json:
    """Return the document when it has the outside of a CDS Hooks request."""
    if isinstance(document, dict) and quick_validator("hook-request").is_valid(document):
        return document
    issues = list(dict.fromkeys(_structure_issues(document)))
    if any(issue.path in _WHO for issue in issues):
        raise BadRequest(*issues)
    if issues or not isinstance(document, dict):
        raise UnprocessableRequest(*issues)
    return document


def _structure_issues(document: object) -> Iterator[Issue]:
    for error in validator("hook-request").iter_errors(document):
        path = ".".join(map(str, error.absolute_path))
        schema: Json = error.schema if isinstance(error.schema, dict) else {}
        if error.validator == "required":
            yield from _missing(schema, error.instance, path)
        else:
            yield Issue(_fault(error, path), path, schema["description"], "structure")


def _missing(schema: Json, instance: Json, path: str) -> Iterator[Issue]:
    for key in schema["required"]:
        if key not in instance:
            where = f"{path}.{key}" if path else key
            remedy = schema["properties"][key]["description"]
            yield Issue(f"{where} is missing.", where, remedy, "required")


def _fault(error: ValidationError, path: str) -> str:
    """Say what is wrong in words of ours; the validator's own message quotes the body."""
    name = path or "The body"
    if error.validator == "pattern":
        return f"{name} is blank."
    if error.validator == "maxLength":
        return f"{name} is longer than {error.validator_value} characters."
    return f"{name} is {_TYPE_NAMES[type(error.instance)]}; that does not belong there."


def _check_hook(hook: str) -> None:
    if hook not in HOOKS:
        raise BadRequest(
            Issue(
                "This hook is not offered here.",
                "hook",
                "Use one of " + ", ".join(sorted(HOOKS)) + ".",
                "not-supported",
            )
        )


def _patient_id(value: str) -> str:
    if patient_id := _bare_id(value, "Patient/"):
        return patient_id
    raise BadRequest(
        Issue("context.patientId holds no id.", "context.patientId", code="required")
    )


def _bare_id(value: str | None, prefix: str) -> str | None:
    """Return the id; many clients send a reference where the hook asks for an id."""
    return _text((value or "").rpartition(prefix)[2])


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _selections(value: list[object] | str | None) -> frozenset[str]:
    listed: Iterable[object] = [value] if isinstance(value, str) else value or ()
    return frozenset(item.strip() for item in listed if isinstance(item, str) and item.strip())


def _draft_bundle(context: Json) -> tuple[object, str]:
    """Return the orders of the call and their path; order hooks before 2.0 said medications."""
    for key in ("draftOrders", "medications"):
        if context.get(key) is not None:
            return context[key], f"context.{key}"
    return None, ""


def _resources(bundle: object, path: str) -> tuple[tuple[Json, ...], tuple[str, ...]]:
    """Return the resources of a Bundle, and the paths of the entries that hold none."""
    entries, path = _entries(bundle, path)
    drafts: list[Json] = []
    unread: list[str] = []
    for index, entry in enumerate(entries):
        resource = entry.get("resource", entry) if isinstance(entry, dict) else None
        if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
            drafts.append(resource)
        else:
            unread.append(f"{path}[{index}]")
    return tuple(drafts), tuple(unread)


def _located(bundle: object, path: str) -> dict[str, Json]:
    """Return the resources of a Bundle by the URNs that others of it may refer to."""
    entries, _ = _entries(bundle, path)
    return {
        url: entry["resource"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
        if isinstance(url := entry.get("fullUrl"), str) and url.startswith("urn:")
    }


def _entries(bundle: object, path: str) -> tuple[list[object], str]:
    """Return what a Bundle, a lone resource or a bare list has to offer."""
    if isinstance(bundle, dict):
        if bundle.get("resourceType", "Bundle") != "Bundle":
            return [bundle], path
        bundle, path = bundle.get("entry"), f"{path}.entry"
    if bundle is None:
        return [], path
    return (bundle if isinstance(bundle, list) else [bundle]), path


def _authorization(value: Json | None) -> FhirAuthorization | None:
    """Return the permission; without a token there is none."""
    sent = value or {}
    if token := _text(sent.get("access_token")):
        said = (sent.get(name) for name in ("token_type", "expires_in", "patient"))
        return FhirAuthorization(token, sent.get("scope") or "", *said)
    return None


def _request_extensions(extension: object) -> tuple[date | None, bool]:
    """Return the evaluation date and whether a trace is wanted."""
    if not isinstance(extension, dict):
        return None, False
    trace = extension.get(TRACE, False)
    if not isinstance(trace, bool):
        raise UnprocessableRequest(
            Issue("The trace extension is not a boolean.", f"extension.{TRACE}", code="value")
        )
    return _as_of(extension.get(AS_OF)), trace


def _as_of(value: object) -> date | None:
    if value is None:
        return None
    try:
        as_of = date.fromisoformat(str(value))
    except ValueError:
        as_of = None
    if as_of is None or as_of.isoformat() != value:
        raise UnprocessableRequest(
            Issue(
                "The as-of extension is not a date.",
                f"extension.{AS_OF}",
                "Send it as in 2026-03-02.",
                "value",
            )
        )
    return as_of
