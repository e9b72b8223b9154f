"""The SDK's types are the server's messages."""

from __future__ import annotations

from pathlib import Path

from signaling.schema import jsdoc

COMMITTED = Path(__file__).parents[3] / "web" / "sdk" / "src" / "messages.js"


def test_the_committed_sdk_types_are_current() -> None:
    assert COMMITTED.read_text() == jsdoc(), "run: python -m signaling.schema > web/sdk/src/messages.js"


def test_tags_are_required_and_optional_fields_are_not() -> None:
    text = jsdoc()
    join = text[text.index("@typedef {object} Join") : text.index("@typedef {object} Enter")]
    assert '@property {"join"} type' in join
    assert "@property {string | null} [token]" in join
    assert "@property {number} id" in join
