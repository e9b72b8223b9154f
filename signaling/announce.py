"""Room events as messages: the one place where the model's facts become protocol."""

from __future__ import annotations

from mediaserver.model import events as ev
from sfu.types import Kind
from signaling import messages as m
from signaling.ports import CloseCode

_CLOSE = {
    ev.Departure.LEFT: CloseCode.LEFT,
    ev.Departure.REMOVED: CloseCode.REMOVED,
    ev.Departure.ENDED: CloseCode.ENDED,
    ev.Departure.REPLACED: CloseCode.REPLACED,
    ev.Departure.TIMED_OUT: CloseCode.HEARTBEAT,
    ev.Departure.MEDIA_LOST: CloseCode.HEARTBEAT,
    ev.Departure.ROOM_CLOSED: CloseCode.ROOM_CLOSED,
    ev.Departure.SERVER_RESTARTS: CloseCode.RESTART,
    ev.Departure.WORKER_LOST: CloseCode.RESTART,
    ev.Departure.RENEW: CloseCode.RESTART,
    ev.Departure.PROTOCOL_ERROR: CloseCode.PROTOCOL_ERROR,
    ev.Departure.SENT_BACK: CloseCode.FORBIDDEN,  # of devices that can't wait; a browser isn't closed
}

_FAREWELL = {
    ev.Departure.LEFT: "You left the call.",
    ev.Departure.REMOVED: "The host removed you from the call.",
    ev.Departure.ENDED: "The call was ended.",
    ev.Departure.REPLACED: "You joined from another window or device.",
    ev.Departure.TIMED_OUT: "The connection was lost for too long. Join again.",
    ev.Departure.MEDIA_LOST: "Audio and video could not be sent for too long. Join again.",
    ev.Departure.ROOM_CLOSED: "The room was closed.",
    ev.Departure.SERVER_RESTARTS: "The server restarts. You will be reconnected.",
    ev.Departure.WORKER_LOST: "The call was interrupted. You will be reconnected.",
    ev.Departure.RENEW: "The connection is renewed. You will be reconnected.",
    ev.Departure.PROTOCOL_ERROR: "The connection did not follow the protocol.",
    ev.Departure.SENT_BACK: "You were sent back to the waiting room.",
}


def close_code(reason: ev.Departure) -> CloseCode:
    """The websocket close code of a departure."""
    return _CLOSE[reason]


def farewell(reason: ev.Departure) -> m.Bye:
    """The last message for a departure."""
    return m.Bye(reason=reason.value, message=_FAREWELL[reason], rejoin=reason.rejoin)


def participant(info: ev.ParticipantInfo) -> m.Participant:
    """A participant as the protocol has them; the name is revealed here, to people in the room."""
    return m.Participant(
        id=info.id,
        identity=info.identity,
        name=info.name.reveal(),
        role=info.role,
        admin=info.admin,
        hand=info.hand,
        state=info.state,
        tracks=tuple(
            m.TrackState(source=t.source, muted=t.muted, muted_by_host=t.muted_by_host) for t in info.tracks
        ),
        joined_at=info.joined_at,
    )


def chat_line(line: ev.ChatLine) -> m.ChatLine:
    """A line of chat."""
    return m.ChatLine(
        id=line.id, sender=line.sender, name=line.name.reveal(), text=line.text.reveal(), at=line.at
    )


def tracks(event: ev.SlotsChanged) -> m.Tracks:
    """The slot mapping."""
    return m.Tracks(
        slots=tuple(
            m.SlotState(
                mid=slot.mid,
                participant=slot.participant,
                source=slot.source,
                kind=Kind.AUDIO if slot.source.is_audio else Kind.VIDEO,
                muted=slot.muted,
            )
            for slot in event.slots
        ),
        need=m.SlotCounts(audio=event.need_audio, video=event.need_video),
    )


def message_for(event: ev.Event) -> m.ServerMessage:
    """The message that tells a client of an event."""
    match event:
        case ev.ParticipantJoined(participant=info):
            return m.Joined(participant=participant(info))
        case ev.ParticipantUpdated(participant=info):
            return m.Updated(participant=participant(info))
        case ev.ParticipantLeft(participant=who, reason=reason):
            return m.Left(participant=who, reason=reason)
        case ev.SpeakerChanged(participant=speaker):
            return m.Speaker(participant=speaker)
        case ev.ChatSaid(line=line):
            return chat_line(line)
        case ev.RoomLocked(locked=locked, by=by):
            return m.Locked(locked=locked, by=by)
        case ev.SlotsChanged():
            return tracks(event)
        case ev.MutedByHost(source=source, muted=muted, by=by):
            return m.Muted(source=source, muted=muted, by=by)
        case ev.UnmuteRequested(source=source, by=who):
            return m.UnmuteRequest(source=source, by=who)
        case ev.MediaPathChanged(state=state):
            return m.Media(state=state)
        case ev.Held(reason=reason):
            return m.Held(reason=reason)
        case ev.Admitted():
            return m.Admitted()
        case ev.SentBack(reason=reason):
            return m.SentBack(reason=reason)
        case ev.PanelChanged(plugin=plugin, panel=panel):
            return m.Panel(plugin=plugin, panel=panel)
        case ev.Dismissed(reason=reason):
            return farewell(reason)
