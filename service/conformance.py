"""FHIR R4 validity, resource by resource: the one home of ``fhir.resources``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.fhirresourcemodel import FHIRResourceModel
from pydantic import ValidationError

Json = Mapping[str, Any]

_UNKNOWN_NAME = "extra_forbidden"
_FORM = "is not written as FHIR R4 asks"
# The validator names its own types; these are the words for who sent the resource.
_WORDS = {
    _UNKNOWN_NAME: "FHIR R4 has no such element",
    "missing": "is missing",
    "model_field_validation.missing": "is missing",
    "value_error": _FORM,
    "string_pattern_mismatch": _FORM,
    "list_type": "must be a list",
    "string_type": "must be a string",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "decimal_parsing": "must be a number",
    "json_invalid": "must be an object",
    "json_type": "must be an object",
    "dict_type": "must be an object",
    "model_type": "must be an object",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not valid FHIR R4: where, and what kind; never the value.

    ``element`` is the path below the resource as FHIR names it, without positions; a name
    that FHIR does not have is ``*``, because the sender may have written anything there.
    """

    path: str
    text: str
    element: str = ""


def faults(resource: Json) -> tuple[Fault, ...]:
    """Return what is not valid FHIR R4 (as R4B) in one resource; empty when it is valid."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return (Fault("resourceType", "is missing"),)
    model = _model(kind)
    if model is None:
        return (Fault(kind, "is not a resource type of FHIR R4"),)
    try:
        model.model_validate(dict(resource))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return tuple(_fault(kind, each["loc"], each["type"]) for each in found)
    except (KeyError, ValueError, TypeError):  # what the models say of a contained resource
        return (Fault(kind, "holds what is not a resource of FHIR R4"),)
    except RecursionError:
        return (Fault(kind, "is nested too deeply to be read"),)
    return ()


def is_valid(resource: Json) -> bool:
    """Tell whether the resource is valid FHIR R4."""
    return not faults(resource)


def is_resource_type(name: str) -> bool:
    """Tell whether FHIR R4 has a resource type of this name."""
    return _model(name) is not None


def _model(kind: str) -> type[FHIRResourceModel] | None:
    try:
        model = get_fhir_model_class(kind)
    except (KeyError, ValueError):  # an unknown type is no ValidationError
        return None
    # The package gives data types, such as HumanName, by the same function.
    return model if issubclass(model, FHIRResourceModel) else None


def _fault(kind: str, place: tuple[str | int, ...], fault: str) -> Fault:
    names = [name for name in place if isinstance(name, str)]
    if fault == _UNKNOWN_NAME:
        names[-1:] = ["*"]
    path = ".".join(map(str, (kind, *place)))
    return Fault(path, _WORDS.get(fault, fault.replace("_", " ")), ".".join(names))
