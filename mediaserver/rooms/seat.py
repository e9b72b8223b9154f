"""One person's place in a room: the doors' `Seat` port.

What a person may do is checked here, once, whatever door they came through. Changes of who is in go
through the room's `Visit`; changes of media through their `Leg`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mediaserver.model.events import (
    Dismissed,
    Event,
    Held,
    MediaPathChanged,
    MutedByHost,
    ParticipantInfo,
    Presence,
    RoomSnapshot,
    SlotsChanged,
    SlotUse,
    UnmuteRequested,
)
from mediaserver.model.grants import Person
from mediaserver.model.ids import ParticipantId, ResumeKey, RoomName
from mediaserver.model.roles import Source
from mediaserver.rooms.leg import Leg
from mediaserver.rooms.tracks import Published
from mediaserver.visit import Stage
from sfu.types import IceCandidate, IceParameters, PathState
from signaling.ports import Door, ErrorCode, Follow, Listener, Quality, Refused, TrackIntent

if TYPE_CHECKING:
    from mediaserver.rooms.room import Room

# A path in these states carries nothing: the others see that someone is reconnecting.
_BROKEN = (PathState.SILENT, PathState.CONSENT_LOST)


class Participant:
    """See the module."""

    def __init__(
        self,
        room: Room,
        id: ParticipantId,
        resume_key: ResumeKey,
        person: Person,
        listener: Listener,
        door: Door,
        follow: Follow | None,
        joined_at: int,
    ) -> None:
        self.id = id
        self.resume_key = resume_key
        self.person = person
        self.door = door
        self.follow = follow
        self.raised = False
        self.closed = False
        self.told: ParticipantInfo | None = None  # what the others were last told
        self.leg: Leg  # set by the room once the transport is there
        self._room = room
        self._listener: Listener | None = listener
        self._joined_at = joined_at
        self._slots: SlotsChanged | None = None  # what the listener was last told

    # What doors read.

    @property
    def room(self) -> RoomName:
        """The room's name."""
        return self._room.name

    @property
    def room_id(self) -> str:
        """The room's random id, for logs and metrics."""
        return self._room.id

    @property
    def prepared(self) -> bool:
        """Whether they have yet to enter."""
        return self._room.visit.stage(self.id) is Stage.WAITING

    @property
    def held(self) -> str | None:
        """Why they wait, once they asked to enter."""
        return self._room.visit.held(self.id)

    @property
    def present(self) -> bool:
        """Whether they are in, dropped ones too."""
        return self._room.visit.stage(self.id) is Stage.PRESENT

    @property
    def listed(self) -> bool:
        """Whether the others know of them."""
        return self.present and not self.person.grants.hidden

    @property
    def signature(self) -> ParticipantId | None:
        """Who did it, as the others may know: nobody when hidden."""
        return None if self.person.grants.hidden else self.id

    @property
    def candidates(self) -> tuple[IceCandidate, ...]:
        """Our ICE candidates for them."""
        return self.leg.candidates

    @property
    def tracks(self) -> Sequence[Published]:
        """What they publish."""
        return tuple(self.leg.published.values())

    def info(self) -> ParticipantInfo:
        """Themselves, as others see them."""
        broken = self._room.visit.is_dropped(self.id) or self.leg.path in _BROKEN
        return ParticipantInfo(
            id=self.id,
            identity=self.person.identity,
            name=self.person.name,
            role=self.person.role,
            admin=self.person.grants.admin,
            hand=self.raised,
            state=Presence.RECONNECTING if broken else Presence.PRESENT,
            tracks=tuple(track.info for track in self.tracks),
            joined_at=self._joined_at,
        )

    def snapshot(self) -> RoomSnapshot:
        """The room; nobody and nothing is shown to one who has yet to enter."""
        return self._room.snapshot(self)

    def announce(self) -> None:
        """Says what the welcome doesn't: why they wait, and what a resumed session has missed."""
        if self.held is not None:
            self.notify(Held(self.held))
        if self._slots is not None:
            self.notify(self._slots)
        self.notify(MediaPathChanged(self.leg.state))

    # What doors ask.

    async def enter(self) -> str | None:
        """Becomes present, or waits for the reason given back."""
        self._check_open()
        return await self._room.enter(self)

    async def offer(self, sdp: str, tracks: Sequence[TrackIntent] | None) -> str:
        """Negotiates; see `Leg.offer`."""
        self._check_open()
        allowed = frozenset() if self.person.grants.hidden else self.person.grants.publish
        transport, before = self.leg.transport_id, self.tracks
        try:
            return await self.leg.offer(sdp, tracks, allowed)
        finally:
            if self.leg.transport_id != transport:
                self._slots = None  # another PeerConnection: it knows of no slot yet
            for track in self.tracks:
                if track.muted_by_host and track not in before:
                    self.notify(MutedByHost(track.source, True, None))
            self._room.updated(self)
            self._room.renew_slots()

    async def restart_ice(self) -> IceParameters:
        """New local credentials."""
        self._check_open()
        return await self.leg.restart_ice()

    async def mute(self, source: Source, muted: bool) -> None:
        """One's own track."""
        self._check_open()
        track = self._track(source)
        if track.muted_by_host and not muted:
            raise Refused(ErrorCode.FORBIDDEN, "The host muted you; raise your hand to be unmuted.")
        track.muted = muted
        await track.apply()
        self._room.updated(self)

    async def mute_other(self, participant: ParticipantId, source: Source, muted: bool) -> None:
        """Another's track, as a host."""
        self._check_admin()
        other = self._room.present(participant)
        track = other._track(source)
        if track.muted_by_host is not muted:
            # Noted beside the track as well: to send it anew must not lift what a host decided.
            other.leg.hold(source, muted)
            track.muted_by_host = muted
            await track.apply()
            other.notify(MutedByHost(source, muted, self.signature))
            self._room.updated(other)
        if not muted and track.muted:
            other.notify(UnmuteRequested(source, self.id))

    async def hand(self, raised: bool) -> None:
        """Raises or lowers it."""
        self._check_seen()
        if self.raised is not raised:
            self.raised = raised
            self._room.updated(self)

    async def chat(self, text: str) -> None:
        """A line to everyone present."""
        self._check_seen()
        self._room.say(self, text)

    async def layer(self, mid: str, quality: Quality) -> None:
        """Highest layer wanted in a slot."""
        self._check_open()
        await self.leg.layer(mid, quality)

    async def kick(self, participant: ParticipantId) -> None:
        """Removes someone, as a host."""
        self._check_admin()
        self._room.remove(participant)

    async def end(self) -> None:
        """Ends the call, as a host."""
        self._check_admin()
        self._room.end()

    async def lock(self, locked: bool) -> None:
        """Locks or opens the door, as a host."""
        self._check_admin()
        self._room.lock(locked, self.signature)

    async def leave(self) -> None:
        """Out for good."""
        self._check_open()
        self._room.leave(self)

    def lost(self, listener: Listener) -> None:
        """Their connection dropped."""
        if self._listener is listener:
            self._listener = None
            self._room.dropped(self)

    # What the room does.

    def notify(self, event: Event) -> None:
        """Tells whoever listens, if anyone does."""
        if isinstance(event, SlotsChanged):
            self._slots = event
        if self._listener is not None and not self.closed:
            if isinstance(event, Dismissed):
                listener, self._listener, self.closed = self._listener, None, True
                listener.notify(event)
            else:
                self._listener.notify(event)
        if isinstance(event, Dismissed):
            self.closed = True

    def taken_over(self, listener: Listener, farewell: Dismissed) -> None:
        """Another connection took the session up; the former one is told why it ends."""
        former, self._listener = self._listener, listener
        if former is not None:
            former.notify(farewell)

    def tell_slots(self, uses: tuple[SlotUse, ...], need_audio: int, need_video: int) -> None:
        """Announces the slot mapping when it is another than last told."""
        event = SlotsChanged(uses, need_audio, need_video)
        if event != self._slots and (self._slots is not None or uses or need_audio or need_video):
            self.notify(event)

    def _track(self, source: Source) -> Published:
        track = self.leg.track(source)
        if track is None:
            raise Refused(ErrorCode.NOT_FOUND, "There is no such track now.")
        return track

    def _check_open(self) -> None:
        if self.closed:
            raise Refused(ErrorCode.CONFLICT, "This session is over.")

    def _check_present(self) -> None:
        self._check_open()
        if not self.present:
            raise Refused(ErrorCode.CONFLICT, "Enter the room first.")

    def _check_seen(self) -> None:
        self._check_present()
        if self.person.grants.hidden:
            raise Refused(ErrorCode.FORBIDDEN, "You take part unseen: you can watch, and say nothing.")

    def _check_admin(self) -> None:
        self._check_present()
        if not self.person.grants.admin:
            raise Refused(ErrorCode.FORBIDDEN, "Only a host may do this.")
