"""Makes the OpenAPI 3.1 document from declared operations and the msgspec types of their bodies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from signaling.http import ProblemBody

if TYPE_CHECKING:
    from mediaserver.http.api import Operation

_PARAMETERS = {
    "code": "The secret part of a join link.",
    "room": "Name of a room.",
    "participant": "Id of a participant, as listed.",
    "visit": "Id of a visit, as listed.",
    "person": "Id of a person of the visit, as listed.",
    "account": "Id of an account, as listed.",
    "session": "Id of a session, as listed.",
    "plugin": "Name of a plugin.",
}
_ERRORS = {
    "400": "The body is not JSON.",
    "401": "Nobody is signed in, or the key is not good.",
    "403": "The right is missing, or another site's page asks.",
    "404": "There is no such thing here, or it is another clinic's.",
    "408": "The body took too long to arrive.",
    "409": "Somebody else changed it meanwhile, or the state it is in forbids this.",
    "410": "It was good once, and is no longer.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "JSON or a query of another shape.",
    "429": "Too many tries; see Retry-After.",
    "503": "The server cannot do this now; see Retry-After.",
}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "Public": [],
    "Signed": [{"session": []}, {"bearer": []}],
    "Bearer": [{"bearer": []}],
    "LinkHolder": [{"link": []}],
}
_SCHEMES = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-session",
        "description": "Set by signing in (`session` where the server runs without TLS, in development). "
        "A call that changes something also sends `X-CSRF: 1`, from a page of this origin.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A developer key, or an access token with the `rooms` grant.",
    },
    "link": {
        "type": "apiKey",
        "in": "cookie",
        "name": "visit",
        "description": "Set by opening a join link.",
    },
}


def document(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """The whole document."""
    shapes = {shape for one in operations for shape in (one.body, one.result) if shape is not None}
    types: list[type[msgspec.Struct]] = [*sorted(shapes, key=lambda kind: kind.__name__), ProblemBody]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _describe(operation, by_type, components)
        paths.setdefault(_template(operation.path), {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Media server",
            "version": version,
            "description": "Times are milliseconds since 1970 (UTC) unless a field says otherwise.",
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


def _template(path: str) -> str:
    """aiohttp's `{name:pattern}` as OpenAPI writes it."""
    return re.sub(r"{(\w+):[^}]*}", r"{\1}", path)


def _describe(
    operation: Operation, schemas: dict[type[msgspec.Struct], dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", _template(operation.path))
    success: dict[str, Any] = {"description": "Done."}
    if operation.result is not None:
        success["content"] = {"application/json": {"schema": schemas[operation.result]}}
    access = type(operation.access).__name__
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "security": _SECURITY[access],
        "responses": {str(operation.status): success, **_problems(operation, names, schemas[ProblemBody])},
    }
    permission = getattr(operation.access, "permission", None)
    if permission is not None:
        described["x-permission"] = str(permission)
    parameters = [*map(_path_parameter, names), *_query_parameters(operation, components)]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _PARAMETERS.get(name, f"Id of the {name.replace('_', ' ')}."),
        "schema": {"type": "string"},
    }


def _query_parameters(operation: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    (_,), found = msgspec.json.schema_components(
        [operation.query], ref_template="#/components/schemas/{name}"
    )
    shape = found.pop(operation.query.__name__)
    components.update(found)
    required = set(shape.get("required", ()))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": schema.get("description", "."),
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
        for name, schema in shape["properties"].items()
    ]


def _problems(operation: Operation, names: list[str], schema: dict[str, Any]) -> dict[str, Any]:
    codes = {"429", "503"}
    if type(operation.access).__name__ != "Public":
        codes |= {"401"}
    if type(operation.access).__name__ != "Public" or operation.method != "GET":
        codes |= {"403"}
    if names:
        codes |= {"404", "410"}
    if operation.method != "GET":
        codes |= {"401", "409"}
    if operation.query is not None:
        codes |= {"422"}
    if operation.body is not None:
        codes |= {"400", "404", "408", "410", "413", "415", "422"}
    return {
        code: {
            "description": _ERRORS[code],
            "content": {"application/problem+json": {"schema": schema}},
        }
        for code in sorted(codes)
    }
