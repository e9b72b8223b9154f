"""Brings what a viewer should see into their slots: the pure `signaling.slots` applied to a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediaserver.model.events import SlotUse
from mediaserver.model.ids import ParticipantId
from mediaserver.rooms.seat import Participant
from mediaserver.rooms.tracks import Published
from signaling.ports import Follow
from signaling.slots import Assignment, Track, assign, follow

if TYPE_CHECKING:
    from mediaserver.rooms.room import Room


async def feed(room: Room, viewer: Participant) -> None:
    """Assigns, moves consumers, and tells the viewer when the mapping changed."""
    if not viewer.person.grants.subscribe:
        return
    leg = viewer.leg
    async with leg.lock:
        if viewer.closed:
            return
        if not viewer.present:
            await leg.feed({})
            viewer.tell_slots((), 0, 0)
            return
        tracks = visible_tracks(room, viewer)
        by_object = {id(published): track for track, published in tracks.items()}
        running = {mid: by_object[id(p)] for mid, p in leg.fed.items() if id(p) in by_object}
        assignment = _assign(room, viewer, running, tracks)
        await leg.feed({mid: tracks[track] for mid, track in assignment.tracks.items()})
        if not viewer.present:  # sent back meanwhile
            await leg.feed({})
            return
        uses = tuple(
            SlotUse(
                mid, track.participant, track.source, tracks[track].info.muted or tracks[track].muted_by_host
            )
            for mid, track in assignment.tracks.items()
            if mid in leg.fed
        )
    viewer.tell_slots(uses, assignment.need.audio, assignment.need.video)


def visible_tracks(room: Room, viewer: Participant) -> dict[Track, Published]:
    """Everything that others who are in publish, the speaker's first, then whoever came first."""
    others = [seat for seat in room.people.values() if seat.listed and seat is not viewer]
    others.sort(key=lambda seat: seat.id != room.speaker)
    return {
        Track(seat.id, published.source): published
        for seat in others
        for published in seat.tracks
        if not published.producer.closed
    }


def _assign(
    room: Room, viewer: Participant, running: dict[str, Track], tracks: dict[Track, Published]
) -> Assignment:
    if viewer.follow is None:
        return assign(viewer.leg.slots, running, list(tracks))
    return follow(viewer.leg.slots, _followed(room, viewer, viewer.follow, running), list(tracks))


def _followed(
    room: Room, viewer: Participant, wish: Follow, running: dict[str, Track]
) -> ParticipantId | None:
    """Whom a WHEP player shows: the one it asked for, or the speaker; in a silence the last speaker."""
    listed = [seat for seat in room.people.values() if seat.listed and seat is not viewer]
    if wish.identity is not None:
        return next((seat.id for seat in listed if wish.identity in (seat.person.identity, seat.id)), None)
    if room.speaker is not None and room.speaker != viewer.id:
        return room.speaker
    shown = {track.participant for track in running.values()}
    last = next((seat.id for seat in listed if seat.id in shown), None)
    return last or next((seat.id for seat in listed if seat.tracks), None)
