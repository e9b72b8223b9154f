"""One event has one form, for good."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.audit.leaf import Leaf, canonical, decode, encode, parse
from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent, AuditOutcome
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role

ACTOR = Actor(
    TenantId("clinic"),
    "acc-1",
    ActorKind.ACCOUNT,
    Pii("Dr. Zoë Rivera"),
    frozenset({Role.CLINICIAN, Role.ADMINISTRATOR}),
    session="ses-9",
    address=Pii("203.0.113.7"),
)
EVENT = AuditEvent(
    ACTOR,
    "visit.admit",
    AuditAction.EXECUTE,
    patient="pat-1",
    visit="vis-1",
    entities=(AuditEntity("Room", "r1"), AuditEntity("Encounter", "vis-1")),
    reason=Pii('said "now"\n'),
    request="req-1",
    detail={"b": "2", "a": "1"},
)
# A change of these bytes makes every log that there is unreadable: add a version instead.
BYTES = (
    '{"action":"E","actor":{"address":"203.0.113.7","id":"acc-1","kind":"account","name":"Dr. Zoë Rivera",'
    '"roles":["administrator","clinician"],"session":"ses-9"},"at":1800000000123,"detail":{"a":"1","b":"2"},'
    '"entities":[["Room","r1"],["Encounter","vis-1"]],"outcome":"0","patient":"pat-1",'
    '"reason":"said \\"now\\"\\n","request":"req-1","tenant":"clinic","type":"visit.admit","v":1,'
    '"visit":"vis-1"}'
).encode()

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def test_version_1_is_these_bytes() -> None:
    assert encode(Leaf(1_800_000_000_123, EVENT)) == BYTES
    assert decode(BYTES) == Leaf(1_800_000_000_123, EVENT)


def test_what_is_absent_or_empty_takes_no_place() -> None:
    event = AuditEvent(Actor.system(), "server.start", AuditAction.EXECUTE, reason=Pii(""), patient="")
    content = json.loads(encode(Leaf(0, event)))
    assert content.keys() == {"v", "at", "tenant", "actor", "type", "action", "outcome"}
    assert content["at"] == 0


@given(TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=4), st.sampled_from(AuditOutcome))
def test_any_event_comes_back_as_it_was(
    name: str, reason: str, detail: dict[str, str], outcome: AuditOutcome
) -> None:
    actor = Actor(TenantId("t"), "id", ActorKind.LINK, Pii(name), frozenset(), visit="v")
    event = AuditEvent(
        actor,
        "x.y",
        AuditAction.READ,
        outcome,
        reason=Pii(reason),
        detail=detail,
        entities=(AuditEntity("K", name),),
    )
    data = encode(Leaf(7, event))
    assert decode(data) == Leaf(7, event)
    assert canonical(json.loads(data)) == data


def test_members_stand_in_the_order_of_rfc_8785_section_3_2_3() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = list(json.loads(canonical(dict.fromkeys(keys, "x"))))
    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_what_utf8_cannot_hold_does_not_keep_an_event_out() -> None:
    event = AuditEvent(
        ACTOR, "a.b", AuditAction.READ, reason=Pii("x\ud83dy\x00"), detail={"\udc00": "\ud800"}
    )
    leaf = decode(encode(Leaf(1, event)))
    assert leaf.event.reason == Pii("x\ufffdy\x00")
    assert leaf.event.detail == {"\ufffd": "\ufffd"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        BYTES + b" ",
        BYTES.replace(b'"v":1', b'"v":2'),
        BYTES.replace(b'"type":"visit.admit"', b'"type":"visit.admit","type":"x"'),
        BYTES.replace(b'"kind":"account"', b'"kind":"ghost"'),
        BYTES.replace(b'"actor":{', b'"actor":[{').replace(b'"ses-9"}', b'"ses-9"}]'),
    ],
)
def test_what_is_no_event_is_an_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode(data)


def test_words_of_another_version_still_parse() -> None:
    other = BYTES.replace(b'"visit.admit"', b'"visit.other"').replace(b'"clinician"', b'"consultant"')
    assert parse(other)["type"] == "visit.other"
