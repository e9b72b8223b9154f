"""Entries as FHIR R4 AuditEvent, by the IHE profiles (BALP 1.1) where one fits. Pure.

An act on the record is told as what it was, a RESTful read, create, update or delete, and claims the profile
when all that the profile asks for is known: success, what was touched, who did it, from which address. Acts
of the media plane (join, admit, mute ..) have no profile: they are base AuditEvents whose type and subtype
are from `SYSTEM`. Sign-in, break-glass and export have DICOM's codes.

Nothing here is a reference into a FHIR server: ids are ours, so they are identifiers with a `type`. A session
is told by its id; tokens are not in the log, hence not here (an id of a token is: urn:ietf:params:oauth:jti).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from mediaserver.audit.query import Entry
from mediaserver.model.actors import Actor, ActorKind
from mediaserver.model.audit import AuditAction, AuditEntity, AuditEvent, AuditOutcome
from mediaserver.model.roles import Role

Json = dict[str, Any]

SYSTEM = "urn:mediaserver:audit-event"
"""Code system of our types and subtypes; `SYSTEM:<kind>` are the systems of our ids."""

_PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_HL7 = "http://terminology.hl7.org/CodeSystem/"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_BALP_ENTITY = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"

# Kinds of ours that are resource types of R4. The rest (Room, Track, Link ..) are said without a type.
_RESOURCES = frozenset({
    "Appointment", "AuditEvent", "CareTeam", "ChargeItem", "Communication", "Composition", "Consent",
    "Device", "DocumentReference", "Encounter", "Location", "MedicationRequest", "Observation",
    "Organization", "Patient", "Practitioner", "PractitionerRole", "Questionnaire",
    "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Task",
})  # fmt: skip


def _coding(system: str, code: str, display: str | None = None) -> Json:
    return {"system": system, "code": code, **({"display": display} if display else {})}


_APPLICATION = _coding(_DCM, "110150", "Application")
_DESTINATION = _coding(_DCM, "110152", "Destination Role ID")
_SOURCE = _coding(_DCM, "110153", "Source Role ID")
_CUSTODIAN = _coding(f"{_HL7}provenance-participant-type", "custodian", "Custodian")
_RECIPIENT = _coding(f"{_HL7}v3-ParticipationType", "IRCP", "information recipient")
_AUTHOR = _coding(f"{_HL7}v3-ParticipationType", "AUT", "author (originator)")
_PERSON = _coding(f"{_HL7}audit-entity-type", "1", "Person")
_OBJECT = _coding(f"{_HL7}audit-entity-type", "2", "System Object")
_OTHER = _coding(f"{_HL7}audit-entity-type", "4", "Other")
_REST = _coding(f"{_HL7}audit-event-type", "rest", "Restful Operation")
_BREAK_GLASS = _coding(f"{_HL7}v3-ActReason", "BTG", "break the glass")


@dataclass(frozen=True, slots=True)
class _Act:
    """How a profile tells an act: `user` is also how the person took part."""

    type: Json
    subtype: Json
    client: Json
    server: Json
    user: Json
    profile: str | None = None


# The roles follow the data: a read flows to the client, all else flows from it (so in the profiles).
_RESTFUL = {
    AuditAction.READ: _Act(
        _REST, _coding(_INTERACTION, "read", "read"), _DESTINATION, _SOURCE, _RECIPIENT, "Read"
    ),
    AuditAction.CREATE: _Act(
        _REST, _coding(_INTERACTION, "create", "create"), _SOURCE, _DESTINATION, _AUTHOR, "Create"
    ),
    AuditAction.UPDATE: _Act(
        _REST, _coding(_INTERACTION, "update", "update"), _SOURCE, _DESTINATION, _AUTHOR, "Update"
    ),
    AuditAction.DELETE: _Act(
        _REST, _coding(_INTERACTION, "delete", "delete"), _APPLICATION, _CUSTODIAN, _AUTHOR, "Delete"
    ),
}

_AUTHENTICATION = _coding(_DCM, "110114", "User Authentication")
_ALERT = _coding(_DCM, "110113", "Security Alert")
_EXPORT = _coding(_DCM, "110106", "Export")
_DICOM: dict[str, tuple[Json, Json | None]] = {
    "session.signin": (_AUTHENTICATION, _coding(_DCM, "110122", "Login")),
    "session.signout": (_AUTHENTICATION, _coding(_DCM, "110123", "Logout")),
    "break_glass": (_ALERT, _coding(_DCM, "110127", "Emergency Override Started")),
    "audit.export": (_EXPORT, None),
}

# What the media plane does, whatever its action: nobody's FHIR server has a resource that it acts on.
_MEDIA = ("visit.", "room.", "track.", "media.", "participant.", "chat.", "recording.")


@dataclass(frozen=True, slots=True)
class Site:
    """Who tells: the clinic's name, and the name or address by which the server is reached."""

    name: str
    host: str


def to_fhir(entry: Entry, site: Site) -> Json:
    """The entry as an AuditEvent in JSON form."""
    event = entry.event
    act = _act(event)
    resource: Json = {
        "resourceType": "AuditEvent",
        "id": f"audit-{entry.position}",
        "type": act.type,
        "subtype": _subtypes(event, act),
        "action": event.action.value,
        "recorded": _instant(entry.at),
        "outcome": event.outcome.value,
        "agent": list(_agents(event, act, site)),
        "source": {
            "site": site.name,
            "observer": _who("server", site.host, "Device", site.host),
            "type": [_coding(f"{_HL7}security-source-type", "4", "Application Server")],
        },
    }
    if entities := list(_entities(event)):
        resource["entity"] = entities
    if (profile := _profile(event, act)) is not None:
        resource["meta"] = {"profile": [profile]}
    return resource


def _act(event: AuditEvent) -> _Act:
    for prefix, (type, subtype) in _DICOM.items():
        if event.type == prefix or event.type.startswith(f"{prefix}."):
            return _Act(type, subtype or _own(event.type), _SOURCE, _DESTINATION, _AUTHOR)
    restful = _RESTFUL.get(event.action)
    if restful is None or event.type.startswith(_MEDIA):
        return _Act(_own("media", "Act of the media plane"), _own(event.type), _SOURCE, _DESTINATION, _AUTHOR)
    return restful


def _subtypes(event: AuditEvent, act: _Act) -> list[Json]:
    own = _own(event.type)
    # The profiles leave the subtypes open: our own word says more than "read".
    return [act.subtype] if act.subtype == own else [act.subtype, own]


def _own(code: str, display: str | None = None) -> Json:
    return _coding(SYSTEM, code, display)


def _profile(event: AuditEvent, act: _Act) -> str | None:
    told = event.actor.address is not None and event.entities
    if act.profile is None or event.outcome is not AuditOutcome.SUCCESS or not told:
        return None
    return f"{_PROFILE}{'Patient' if event.patient else ''}{act.profile}"


def _agents(event: AuditEvent, act: _Act, site: Site) -> Iterator[Json]:
    actor = event.actor
    if actor.address is not None:
        address = actor.address.reveal()
        client = _who("client", actor.session or actor.id, "Device")
        yield _agent(act.client, client, requestor=False, network=_network(address))
    server = _who("server", site.host, "Device", site.host)
    yield _agent(act.server, server, requestor=actor.kind is ActorKind.SYSTEM, network=_network(site.host))
    if actor.kind is not ActorKind.SYSTEM:
        yield _user(event, actor, act)


def _user(event: AuditEvent, actor: Actor, act: _Act) -> Json:
    user = _agent(act.user, _who(actor.kind.value, actor.id, _resource_of(actor)), requestor=True)
    if name := actor.name.reveal():
        user["name"] = name
    if actor.roles:
        user["role"] = [{"coding": [_coding(f"{SYSTEM}:role", role.value)]} for role in sorted(actor.roles)]
    if actor.session is not None:
        scheme = "urn:ietf:params:oauth:jti" if actor.kind is ActorKind.TOKEN else f"{SYSTEM}:session"
        user["policy"] = [f"{scheme}:{actor.session}"]
    purpose: Json = {}
    if event.type == "break_glass" or event.type.startswith("break_glass."):
        purpose["coding"] = [_BREAK_GLASS]
    if event.reason:
        purpose["text"] = event.reason.reveal()
    if purpose:
        user["purposeOfUse"] = [purpose]
    return user


def _resource_of(actor: Actor) -> str | None:
    if actor.has(Role.PATIENT):
        return "Patient"
    if actor.has(Role.CARER):
        return "RelatedPerson"
    return "Practitioner" if actor.has(Role.CLINICIAN) else None


def _agent(type: Json, who: Json, *, requestor: bool, network: Json | None = None) -> Json:
    agent: Json = {"type": {"coding": [type]}, "who": who, "requestor": requestor}
    return {**agent, "network": network} if network is not None else agent


def _network(address: str) -> Json:
    try:
        ip_address(address)
    except ValueError:
        return {"address": address, "type": "1"}  # machine name
    return {"address": address, "type": "2"}  # IP address


def _entities(event: AuditEvent) -> Iterator[Json]:
    # A profile has one System Object and one Person; what else was touched is an Other.
    first, *others = event.entities or (None,)
    if event.patient is not None:
        yield {
            "type": _PERSON,
            "role": _coding(f"{_HL7}object-role", "1", "Patient"),
            "what": _who("party", event.patient, "Patient"),
        }
    if first is not None:
        yield _entity(_OBJECT, first)
    for entity in others:
        if entity is not None:
            yield _entity(_OTHER, entity)
    visit = AuditEntity("Encounter", event.visit) if event.visit is not None else None
    if visit is not None and visit not in event.entities:
        yield _entity(_OTHER, visit)
    if event.request is not None:
        yield {
            "type": _coding(_BALP_ENTITY, "XrequestId"),
            "what": {"identifier": {"value": event.request}},
        }
    if event.detail:
        detail = [{"type": name, "valueString": text or "-"} for name, text in sorted(event.detail.items())]
        yield {"type": _OTHER, "name": event.type, "detail": detail}


def _entity(type: Json, entity: AuditEntity) -> Json:
    resource = entity.kind if entity.kind in _RESOURCES else None
    return {
        "type": type,
        "role": _coding(f"{_HL7}object-role", "4", "Domain Resource"),
        "what": _who(entity.kind.lower(), entity.id, resource),
    }


def _who(kind: str, id: str, resource: str | None = None, display: str | None = None) -> Json:
    """A logical reference: an identifier and, where it has one, its resource type."""
    reference: Json = {"identifier": {"system": f"{SYSTEM}:{kind}", "value": id}}
    if resource is not None:
        reference["type"] = resource
    return {**reference, "display": display} if display is not None else reference


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
