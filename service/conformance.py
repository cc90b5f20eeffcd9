"""FHIR R4 validity, resource by resource: the one home of ``fhir.resources``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not valid FHIR R4: where, and what kind; never the value."""

    path: str
    text: str


def faults(resource: Json) -> tuple[Fault, ...]:
    """Return what is not valid FHIR R4 (as R4B) in one resource; empty when it is valid."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return (Fault("resourceType", "is missing"),)
    try:
        # An unknown type is a KeyError or ValueError of the library, not a ValidationError.
        get_fhir_model_class(kind).model_validate(dict(resource))
    except ValidationError as error:
        return tuple(
            Fault(f"{kind}.{'.'.join(map(str, fault['loc']))}", fault["type"].replace("_", " "))
            for fault in error.errors(
                include_url=False, include_input=False, include_context=False
            )
        )
    except (KeyError, ValueError, TypeError):
        return (Fault(kind, "is not a resource type of FHIR R4"),)
    return ()


def is_valid(resource: Json) -> bool:
    """Tell whether the resource is valid FHIR R4."""
    return not faults(resource)
