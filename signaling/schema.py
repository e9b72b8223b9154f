"""The protocol's messages as JSDoc types for the SDK, from the msgspec structs.

    python -m signaling.schema > web/sdk/src/messages.js

A test compares the committed file with what this prints.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from signaling import messages as m

_HEADER = """\
// Made from signaling/messages.py by `python -m signaling.schema`. Change it there.

/** @file The messages of the signaling protocol, version {version}. docs/protocol.md tells them in prose. */
"""


def jsdoc() -> str:
    """The whole file."""
    client, server = get_args(m.ClientMessage), get_args(m.ServerMessage)
    _, defs = msgspec.json.schema_components((*client, *server), ref_template="{name}")
    parts = [_HEADER.format(version=m.PROTOCOL)]
    parts += [
        _typedef(name, defs[name]) for name in sorted(defs, key=lambda name: _order(name, client, server))
    ]
    parts.append(_union("ClientMessage", "What a client says.", [t.__name__ for t in client]))
    parts.append(_union("ServerMessage", "What the server says.", [t.__name__ for t in server]))
    parts.append("export {};\n")
    return "\n".join(parts)


def _order(name: str, client: tuple[type, ...], server: tuple[type, ...]) -> tuple[int, int, str]:
    """Shared shapes by name, then messages as the Python file has them."""
    names = [t.__name__ for t in (*client, *server)]
    return (1, names.index(name), "") if name in names else (0, 0, name)


def _typedef(name: str, schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return _comment([*_prose(schema), f"@typedef {{{_type(schema)}}} {name}"])
    required = set(schema.get("required", ()))
    lines = [*_prose(schema), f"@typedef {{object}} {name}"]
    for field, shape in schema["properties"].items():
        # A tag is always sent, though msgspec's schema leaves it out of `required`.
        label = field if field in required or field == "type" else f"[{field}]"
        about = f"  {shape['description']}" if "description" in shape else ""
        lines.append(f"@property {{{_type(shape)}}} {label}{about}")
    return _comment(lines)


def _union(name: str, about: str, members: list[str]) -> str:
    return _comment([about, f"@typedef {{{' | '.join(members)}}} {name}"])


def _prose(schema: dict[str, Any]) -> Iterator[str]:
    text = " ".join(schema.get("description", "").split())
    yield from textwrap.wrap(text, 100)


def _comment(lines: list[str]) -> str:
    return "\n".join(["/**", *(f" * {line}" for line in lines), " */", ""])


def _type(schema: dict[str, Any]) -> str:
    """A JSON Schema as a TypeScript type."""
    if "$ref" in schema:
        return str(schema["$ref"])
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    match schema["type"]:
        case "array":
            inner = _type(schema["items"])
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        case "integer" | "number":
            return "number"
        case name:
            return str(name)


if __name__ == "__main__":
    sys.stdout.write(jsdoc())
