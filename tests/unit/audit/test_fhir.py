"""Entries as FHIR AuditEvents: valid R4, and of IHE's profiles what they demand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from fhirclient.models.auditevent import AuditEvent as R4AuditEvent

from mediaserver.audit.fhir import SYSTEM, Site, to_fhir
from mediaserver.audit.query import Entry
from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent, AuditOutcome
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role

SITE = Site("Clinic", "visit.clinic.example")
DOCTOR = Actor(
    TenantId("clinic"),
    "acc-1",
    ActorKind.ACCOUNT,
    Pii("Dr. Rivera"),
    frozenset({Role.CLINICIAN}),
    session="ses-1",
    address=Pii("203.0.113.7"),
)
NOTE = AuditEvent(
    DOCTOR,
    "note.read",
    AuditAction.READ,
    patient="pat-1",
    visit="vis-1",
    entities=(AuditEntity("DocumentReference", "note-1"), AuditEntity("Observation", "obs-1")),
    request="req-1",
)
DCM = "http://dicom.nema.org/resources/ontology/DCM"
TERMS = "http://terminology.hl7.org/CodeSystem/"
PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."


def fhir(event: AuditEvent) -> dict[str, Any]:
    resource = to_fhir(Entry(41, 1_800_000_000_123, event), SITE)
    assert R4AuditEvent(resource).as_json() == resource  # strict: raises on what R4 doesn't know
    for agent in resource["agent"]:
        assert agent["who"]["identifier"]["value"]
    return resource


def code(coding: dict[str, str]) -> tuple[str, str]:
    return coding["system"], coding["code"]


def agent(resource: dict[str, Any], system: str, value: str) -> dict[str, Any]:
    [found] = [a for a in resource["agent"] if code(a["type"]["coding"][0]) == (system, value)]
    return dict(found)


def entities(resource: dict[str, Any], system: str, value: str) -> list[dict[str, Any]]:
    return [e for e in resource.get("entity", ()) if code(e["type"]) == (system, value)]


def test_a_read_of_a_record_is_the_profile_patient_read() -> None:
    resource = fhir(NOTE)
    assert resource["meta"]["profile"] == [f"{PROFILE}PatientRead"]
    assert code(resource["type"]) == (f"{TERMS}audit-event-type", "rest")
    assert code(resource["subtype"][0]) == ("http://hl7.org/fhir/restful-interaction", "read")
    assert code(resource["subtype"][1]) == (SYSTEM, "note.read")
    assert (resource["action"], resource["outcome"]) == ("R", "0")
    assert resource["recorded"] == "2027-01-15T08:00:00.123Z"
    client, server = agent(resource, DCM, "110152"), agent(resource, DCM, "110153")
    assert client["network"] == {"address": "203.0.113.7", "type": "2"}
    assert server["network"] == {"address": "visit.clinic.example", "type": "1"}
    assert "media" not in client
    user = agent(resource, f"{TERMS}v3-ParticipationType", "IRCP")
    assert user["requestor"] is True
    assert user["who"]["identifier"]["value"] == "acc-1"
    assert "network" not in user
    assert user["name"] == "Dr. Rivera"
    assert user["role"][0]["coding"][0]["code"] == "clinician"
    [data] = entities(resource, f"{TERMS}audit-entity-type", "2")
    assert code(data["role"]) == (f"{TERMS}object-role", "4")
    assert data["what"]["type"] == "DocumentReference"
    [patient] = entities(resource, f"{TERMS}audit-entity-type", "1")
    assert code(patient["role"]) == (f"{TERMS}object-role", "1")
    assert patient["what"]["type"] == "Patient"
    [transaction] = entities(
        resource, "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId"
    )
    assert transaction["what"]["identifier"]["value"] == "req-1"
    others = entities(resource, f"{TERMS}audit-entity-type", "4")
    assert [(e["what"]["type"], e["what"]["identifier"]["value"]) for e in others] == [
        ("Observation", "obs-1"),
        ("Encounter", "vis-1"),
    ]


@pytest.mark.parametrize(
    ("action", "interaction", "client", "server", "user"),
    [
        (AuditAction.READ, "read", (DCM, "110152"), (DCM, "110153"), "IRCP"),
        (AuditAction.CREATE, "create", (DCM, "110153"), (DCM, "110152"), "AUT"),
        (AuditAction.UPDATE, "update", (DCM, "110153"), (DCM, "110152"), "AUT"),
        (
            AuditAction.DELETE,
            "delete",
            (DCM, "110150"),
            (f"{TERMS}provenance-participant-type", "custodian"),
            "AUT",
        ),
    ],
)
def test_client_and_server_swap_their_parts_between_read_and_write(
    action: AuditAction, interaction: str, client: tuple[str, str], server: tuple[str, str], user: str
) -> None:
    resource = fhir(replace(NOTE, type=f"note.{interaction}", action=action))
    assert resource["meta"]["profile"] == [f"{PROFILE}Patient{interaction.capitalize()}"]
    assert code(resource["subtype"][0]) == ("http://hl7.org/fhir/restful-interaction", interaction)
    assert resource["action"] == action.value
    assert agent(resource, *client)["network"]["address"] == "203.0.113.7"
    assert agent(resource, *server)["network"]["address"] == "visit.clinic.example"
    assert agent(resource, f"{TERMS}v3-ParticipationType", user)["requestor"]


def test_without_a_patient_it_is_the_plain_profile() -> None:
    assert fhir(replace(NOTE, patient=None))["meta"]["profile"] == [f"{PROFILE}Read"]


@pytest.mark.parametrize(
    "event",
    [
        replace(NOTE, outcome=AuditOutcome.SERIOUS_FAILURE),
        replace(NOTE, actor=replace(DOCTOR, address=None)),
        replace(NOTE, entities=()),
    ],
    ids=["failed", "no address", "nothing touched"],
)
def test_a_profile_is_not_claimed_when_it_is_not_met(event: AuditEvent) -> None:
    assert "meta" not in fhir(event)


@pytest.mark.parametrize(
    "type", ["visit.admit", "visit.sent_back", "track.subscribe", "room.end", "media.join"]
)
def test_acts_of_the_media_plane_are_base_events_with_our_own_subtype(type: str) -> None:
    event = AuditEvent(
        DOCTOR, type, AuditAction.EXECUTE, patient="pat-1", entities=(AuditEntity("Room", "r-1"),)
    )
    resource = fhir(event)
    assert "meta" not in resource
    assert code(resource["type"]) == (SYSTEM, "media")
    assert [code(subtype) for subtype in resource["subtype"]] == [(SYSTEM, type)]
    [room] = entities(resource, f"{TERMS}audit-entity-type", "2")
    assert "type" not in room["what"]  # no resource of FHIR's


def test_signing_in_and_breaking_the_glass_have_the_codes_of_dicom() -> None:
    signed = fhir(AuditEvent(DOCTOR, "session.signin", AuditAction.EXECUTE))
    assert [code(signed["type"]), code(signed["subtype"][0])] == [(DCM, "110114"), (DCM, "110122")]
    broken = fhir(
        replace(NOTE, type="break_glass.open", action=AuditAction.EXECUTE, reason=Pii("unconscious"))
    )
    assert code(broken["type"]) == (DCM, "110113")
    assert code(broken["subtype"][0]) == (DCM, "110127")
    purpose = agent(broken, f"{TERMS}v3-ParticipationType", "AUT")["purposeOfUse"][0]
    assert (purpose["coding"][0]["code"], purpose["text"]) == ("BTG", "unconscious")


def test_a_session_is_told_by_its_id_and_a_token_by_its_jti() -> None:
    user = agent(fhir(NOTE), f"{TERMS}v3-ParticipationType", "IRCP")
    assert user["policy"] == [f"{SYSTEM}:session:ses-1"]
    token = replace(NOTE, actor=replace(DOCTOR, kind=ActorKind.TOKEN, session="jti-1"))
    user = agent(fhir(token), f"{TERMS}v3-ParticipationType", "IRCP")
    assert user["policy"] == ["urn:ietf:params:oauth:jti:jti-1"]


def test_the_server_is_an_agent_when_it_acts_by_itself() -> None:
    resource = fhir(
        AuditEvent(Actor.system(), "visit.close", AuditAction.EXECUTE, detail={"why": "", "n": "2"})
    )
    [server] = resource["agent"]
    assert server["requestor"] is True
    assert json.dumps(resource)


def test_the_model_that_judges_is_strict() -> None:
    wrong = to_fhir(Entry(0, 0, NOTE), SITE) | {"recorded": "yesterday"}
    with pytest.raises(Exception, match="recorded"):
        R4AuditEvent(wrong)
    with pytest.raises(Exception, match="nonsense"):
        R4AuditEvent(to_fhir(Entry(0, 0, NOTE), SITE) | {"nonsense": 1})
