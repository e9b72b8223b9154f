"""An event as the bytes that are hashed, version 1.

The canonical form is JSON by RFC 8785 (JCS): members sorted by UTF-16 code units, no white space, UTF-8,
escapes only where JSON demands them; numbers are integers. A member that is absent or empty is left out, so
an event has one form only. Later versions add members or change them under another `v`; rows of old versions
are never rewritten.

    v        1
    at       milliseconds since 1970 UTC
    tenant   the clinic
    actor    {id, kind, name, roles (sorted), session, visit, address}
    type     dotted word, such as visit.admit
    action   FHIR AuditEvent.action: C R U D E
    outcome  FHIR AuditEvent.outcome: 0 4 8 12
    patient  id of the party whose record it concerns
    visit    id of the visit
    entities [[kind, id], ...] in the order given
    reason   a person's own words
    request  X-Request-Id
    detail   {name: text}

A half of a surrogate pair, which UTF-8 can't hold, becomes U+FFFD: what someone typed must not be able to
keep the event out of the log.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent, AuditOutcome
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role

VERSION = 1

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Leaf:
    """An event and when it was (milliseconds since 1970 UTC)."""

    at: int
    event: AuditEvent


def encode(leaf: Leaf) -> bytes:
    """The canonical bytes."""
    event = leaf.event
    return canonical(
        {
            "v": VERSION,
            "at": leaf.at,
            "tenant": event.actor.tenant,
            "actor": _actor(event.actor),
            "type": event.type,
            "action": event.action.value,
            "outcome": event.outcome.value,
            "patient": event.patient,
            "visit": event.visit,
            "entities": [[entity.kind, entity.id] for entity in event.entities],
            "reason": _reveal(event.reason),
            "request": event.request,
            "detail": dict(event.detail),
        }
    )


def decode(data: bytes) -> Leaf:
    """The event of canonical bytes. Raises ValueError for anything that `encode` doesn't write."""
    content = parse(data)
    try:
        return _leaf(content)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not an event of the log ({type(error).__name__})") from None


def parse(data: bytes) -> dict[str, Any]:
    """The members of canonical bytes, of any version and with any words. Raises ValueError."""
    try:
        content = json.loads(data)
        if not isinstance(content, dict) or canonical(content) != data:
            raise ValueError("not in the canonical form")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not an event of the log ({type(error).__name__})") from None
    return content


def canonical(value: Any) -> bytes:
    """RFC 8785 for objects, arrays, strings and integers; empty members of objects are left out."""
    text = json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {_clean(key): _ordered(item) for key, item in value.items() if item not in (None, "", [], {})}
        return dict(sorted(kept.items(), key=lambda member: member[0].encode("utf-16-be")))
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _actor(actor: Actor) -> dict[str, Any]:
    return {
        "id": actor.id,
        "kind": actor.kind.value,
        "name": actor.name.reveal(),
        "roles": sorted(role.value for role in actor.roles),
        "session": actor.session,
        "visit": actor.visit,
        "address": _reveal(actor.address),
    }


def _reveal(text: Pii[str] | None) -> str | None:
    return None if text is None else text.reveal()


def _pii(text: str | None) -> Pii[str] | None:
    return None if text is None else Pii(text)


def _leaf(content: dict[str, Any]) -> Leaf:
    if content["v"] != VERSION:
        raise ValueError("of another version")
    who = content["actor"]
    actor = Actor(
        tenant=TenantId(content["tenant"]),
        id=who["id"],
        kind=ActorKind(who["kind"]),
        name=Pii(who.get("name", "")),
        roles=frozenset(Role(role) for role in who.get("roles", ())),
        session=who.get("session"),
        visit=who.get("visit"),
        address=_pii(who.get("address")),
    )
    event = AuditEvent(
        actor=actor,
        type=content["type"],
        action=AuditAction(content["action"]),
        outcome=AuditOutcome(content["outcome"]),
        patient=content.get("patient"),
        visit=content.get("visit"),
        entities=tuple(AuditEntity(kind, id) for kind, id in content.get("entities", ())),
        reason=_pii(content.get("reason")),
        request=content.get("request"),
        detail=content.get("detail", {}),
    )
    return Leaf(content["at"], event)
