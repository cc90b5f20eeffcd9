"""The OpenAPI description of the interface, put together from the schemas that are in use."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from service.catalogue import HOOKS, SERVICES
from service.version import program_version

Json = dict[str, Any]

_SCHEMAS = Path(__file__).parent / "schemas"
_FRAME = _SCHEMAS / "openapi.json"
_NAMED: Mapping[str, str] = {
    "Discovery": "discovery",
    "HookRequest": "hook-request",
    "HookResponse": "hook-response",
    "Feedback": "feedback",
    "OperationOutcome": "operation-outcome",
}


@cache
def description() -> bytes:
    """Return the OpenAPI 3.1 document."""
    document: Json = orjson.loads(_FRAME.read_bytes())
    document["info"]["version"] = program_version()
    components = document["components"]
    components["parameters"]["service"]["schema"]["enum"] = [each.id for each in SERVICES]
    for name, file in _NAMED.items():
        schema: Json = orjson.loads((_SCHEMAS / f"{file}.schema.json").read_bytes())
        del schema["$schema"]  # OpenAPI 3.1 has the same dialect
        components["schemas"][name] = _moved(schema, f"#/components/schemas/{name}")
    # The schema lets any hook pass, so that the error can say which are offered.
    components["schemas"]["HookRequest"]["properties"]["hook"]["enum"] = sorted(HOOKS)
    return orjson.dumps(document)


def _moved(schema: Any, root: str) -> Any:
    """Return a schema whose references start at its new place."""
    if isinstance(schema, dict):
        return {
            key: root + value[1:] if key == "$ref" else _moved(value, root)
            for key, value in schema.items()
        }
    return [_moved(item, root) for item in schema] if isinstance(schema, list) else schema
