"""Makes the OpenAPI 3.1 document from declared operations and the msgspec types of their bodies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from signaling.http import ProblemBody

_PARAMETERS = {
    "room": "Name of a room.",
    "participant": "Id of a participant, as listed.",
}
_ERRORS = {
    "400": "The body is not JSON.",
    "401": "The bearer token is missing or not valid.",
    "403": "The token has no `rooms` grant.",
    "404": "There is no such room or participant.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "The body is JSON of another shape.",
    "503": "The server takes no new rooms now; see Retry-After.",
}
_OF_BODIES = frozenset({"400", "413", "415", "422"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. `body` and `result` are msgspec Structs."""

    id: str
    method: str
    path: str
    summary: str
    status: int = 200
    body: type[msgspec.Struct] | None = None
    result: type[msgspec.Struct] | None = None


def document(operations: tuple[Operation, ...], version: str) -> dict[str, Any]:
    """The whole document."""
    bodies = {kind for one in operations for kind in (one.body, one.result) if kind is not None}
    types: list[type[msgspec.Struct]] = [*sorted(bodies, key=lambda kind: kind.__name__), ProblemBody]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _describe(operation, by_type)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Media server",
            "version": version,
            "description": "Rooms and who is in them. Times are milliseconds since 1970 (UTC).",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token with the `rooms` grant.",
                }
            },
        },
    }


def _describe(operation: Operation, schemas: dict[type[msgspec.Struct], dict[str, Any]]) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", operation.path)
    success: dict[str, Any] = {"description": "Done."}
    if operation.result is not None:
        success["content"] = {"application/json": {"schema": schemas[operation.result]}}
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": {str(operation.status): success, **_problems(operation, names, schemas[ProblemBody])},
    }
    if names:
        described["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": _PARAMETERS[name],
                "schema": {"type": "string"},
            }
            for name in names
        ]
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _problems(operation: Operation, names: list[str], schema: dict[str, Any]) -> dict[str, Any]:
    codes = {"401", "403"}
    if names:
        codes.add("404")
    if operation.body is not None:
        codes |= _OF_BODIES | {"503"}
    return {
        code: {
            "description": _ERRORS[code],
            "content": {"application/problem+json": {"schema": schema}},
        }
        for code in sorted(codes)
    }
