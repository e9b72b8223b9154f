"""One participant's media: a transport, the tracks they publish, the slots they receive in.

Everything that changes the leg's negotiated state holds its lock, so an offer never meets a slot change
half-way. The transport lives as long as the client's PeerConnection: an offer with another certificate
is another PeerConnection (a page that resumed after a crash), and gets a fresh transport.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mediaserver.model.roles import Source
from mediaserver.rooms.tracks import Published, SourcePlan, plan_sources
from sfu import Consumer, Router, Transport
from sfu.types import DtlsFingerprint, DtlsState, IceCandidate, IceParameters, MediaError, PathState
from signaling.negotiation import (
    Negotiated,
    NegotiationCode,
    NegotiationError,
    SendSection,
    ServerParameters,
    Slot,
    negotiate,
    with_ice,
)
from signaling.ports import ErrorCode, Quality, Refused, TrackIntent

# Spatial layer by wish and number of layers; temporal layers are all wanted.
_ALL_TEMPORAL = 7
# An m-line kept, a certificate not: what an offer of another PeerConnection looks like.
_OTHER_CONNECTION = (NegotiationCode.FINGERPRINT_CHANGED, NegotiationCode.SECTIONS_CHANGED)
_DTLS_TOLD = (DtlsState.CONNECTED, DtlsState.FAILED, DtlsState.CLOSED)


@dataclass(slots=True)
class _Fed:
    """A slot in use."""

    track: Published
    consumer: Consumer


class Leg:
    """See the module. `on_path` hears path and DTLS states as words."""

    def __init__(
        self,
        router: Router,
        transport: Transport,
        fingerprints: tuple[DtlsFingerprint, ...],
        on_state: Callable[[str], None],
    ) -> None:
        self.lock = asyncio.Lock()
        self.published: dict[str, Published] = {}  # by mid
        self.visible = False  # whether what is published may reach anybody; `show` applies it
        self.held: set[Source] = set()  # muted by a host, whatever becomes of the track
        self.connected = False  # whether media ever flowed
        self.path = PathState.NEW
        self.state = PathState.NEW.value
        self._router = router
        self._fingerprints = fingerprints
        self._on_state = on_state
        self._negotiated: Negotiated | None = None
        self._fed: dict[str, _Fed] = {}  # by mid
        self._quality: dict[str, Quality] = {}  # by mid
        self._transport = self._watch(transport)
        self._closed = False

    # Facts.

    @property
    def transport_id(self) -> int:
        """Names the leg in the engine's statistics."""
        return self._transport.id

    @property
    def candidates(self) -> tuple[IceCandidate, ...]:
        """Our candidates."""
        return self._transport.candidates

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Slots the client has offered."""
        return () if self._negotiated is None else self._negotiated.slots

    @property
    def fed(self) -> Mapping[str, Published]:
        """What each slot in use carries."""
        return {mid: fed.track for mid, fed in self._fed.items()}

    @property
    def consumers(self) -> Mapping[int, Source]:
        """Consumer id -> what it carries, for statistics."""
        return {fed.consumer.id: fed.track.source for fed in self._fed.values()}

    def track(self, source: Source) -> Published | None:
        """The track of a source."""
        return next((track for track in self.published.values() if track.source is source), None)

    def hold(self, source: Source, held: bool) -> None:
        """A host mutes a source, or lets go of it."""
        if held:
            self.held.add(source)
        else:
            self.held.discard(source)

    # Negotiation.

    async def offer(self, sdp: str, intents: Sequence[TrackIntent] | None, allowed: frozenset[Source]) -> str:
        """Answers an offer and does what it says. Unless `visible`, what is published stays paused."""
        async with self.lock:
            self._check_open()
            try:
                result, fresh = await self._negotiate(sdp)
                plan = plan_sources(result.sends, intents, allowed)
            except NegotiationError as error:
                raise Refused(ErrorCode.NEGOTIATION_FAILED, error.message) from None
            try:
                if fresh is not None:
                    await self._move_to(fresh)
                return await self._apply(result, plan)
            except MediaError:
                raise Refused(ErrorCode.MEDIA_FAILED, "The media path failed; connect again.") from None

    async def restart_ice(self) -> IceParameters:
        """New local credentials; the old stay good until media comes by the new."""
        async with self.lock:
            self._check_open()
            return await self._transport.restart_ice()

    async def _negotiate(self, sdp: str) -> tuple[Negotiated, Transport | None]:
        previous = self._negotiated
        if self._transport.closed:  # the client closed its PeerConnection, or its handshake failed
            fresh = await self._router.create_transport()
            return self._answer(sdp, None, fresh), fresh
        try:
            return self._answer(sdp, previous, self._transport), None
        except NegotiationError as error:
            if previous is None or error.code not in _OTHER_CONNECTION:
                raise
            fresh = await self._router.create_transport()
            try:
                result = self._answer(sdp, None, fresh)
                if set(result.fingerprints) == set(previous.fingerprints):
                    raise error  # the same PeerConnection after all, and its offer is wrong
            except NegotiationError:
                await fresh.close()
                raise
            return result, fresh

    def _answer(self, sdp: str, previous: Negotiated | None, transport: Transport) -> Negotiated:
        server = ServerParameters(transport.ice, transport.candidates, self._fingerprints)
        return negotiate(sdp, previous, server, ssrcs=lambda: secrets.randbits(32))

    async def _move_to(self, fresh: Transport) -> None:
        old, self._transport = self._transport, self._watch(fresh)
        self._negotiated = None
        self.published.clear()
        self._fed.clear()
        self._quality.clear()
        self.connected = False
        await old.close()

    async def _apply(self, result: Negotiated, plan: SourcePlan) -> str:
        transport = self._transport
        if result.ice_restart:
            result = with_ice(result, await transport.restart_ice())
        await transport.set_extensions(result.extensions, mixed=result.mixed)
        if self._negotiated is None:
            await transport.connect(result.fingerprints)
        self._negotiated = result
        await self._publish(result.sends, plan)
        living = {slot.mid for slot in result.slots}
        for mid in [mid for mid in self._fed if mid not in living]:
            await self._fed.pop(mid).consumer.close()
        return result.answer

    async def _publish(self, sends: Sequence[SendSection], plan: SourcePlan) -> None:
        sections = {section.mid or "": section for section in sends if (section.mid or "") in plan}
        for mid, track in list(self.published.items()):
            section = sections.get(mid)
            same = section is not None and section.parameters == track.producer.parameters
            if not same or plan[mid].source is not track.source:
                del self.published[mid]
                await track.producer.close()
        for mid, section in sections.items():
            intent = plan[mid]
            known = self.published.get(mid)
            if known is None:
                by_host = intent.source in self.held
                paused = not self.visible or intent.muted or by_host or not section.active
                producer = await self._transport.produce(section.kind, section.parameters, paused=paused)
                known = self.published[mid] = Published(intent.source, producer, muted_by_host=by_host)
            known.muted, known.active, known.visible = intent.muted, section.active, self.visible
            await known.apply()

    # Forwarding.

    async def feed(self, wanted: Mapping[str, Published]) -> bool:
        """Makes the slots carry `wanted` (by mid). Hold the lock. Gives whether anything changed."""
        changed = False
        for mid, fed in list(self._fed.items()):
            if wanted.get(mid) is not fed.track or fed.consumer.closed:
                changed = True
                del self._fed[mid]
                await fed.consumer.close()
        slots = {slot.mid or "": slot for slot in self.slots}
        for mid, track in wanted.items():
            if mid in self._fed or mid not in slots or track.producer.closed:
                continue
            try:
                consumer = await self._transport.consume(track.producer, slots[mid].parameters)
            except MediaError:
                continue  # no codec in common, or gone meanwhile: the slot stays free
            self._fed[mid] = _Fed(track, consumer)
            changed = True
            if mid in self._quality:
                await self._prefer(mid, self._quality[mid])
        return changed

    async def layer(self, mid: str, quality: Quality) -> None:
        """Remembers a wish for a slot and applies it to what is in it now."""
        async with self.lock:
            if all(slot.mid != mid for slot in self.slots):
                raise Refused(ErrorCode.NOT_FOUND, "There is no such slot.")
            self._quality[mid] = quality
            await self._prefer(mid, quality)

    async def _prefer(self, mid: str, quality: Quality) -> None:
        fed = self._fed.get(mid)
        if fed is None or fed.track.source.is_audio or fed.consumer.closed:
            return
        top = max(0, len(fed.track.producer.parameters.encodings) - 1)
        spatial = {Quality.LOW: 0, Quality.MEDIUM: min(1, top), Quality.HIGH: top}[quality]
        await fed.consumer.set_preferred_layer(spatial, _ALL_TEMPORAL)

    # State and end.

    async def show(self) -> None:
        """Lets what is published be heard and seen, or holds it, as `visible` says by then."""
        async with self.lock:
            for track in self.published.values():
                track.visible = self.visible
            # At once, so that all of them flow before the first consumer is made: a keyframe asked of a
            # paused track is lost, and the next one may be asked for only 200 ms later.
            await asyncio.gather(*(track.apply() for track in self.published.values()))

    async def close(self) -> None:
        """Ends the transport and all on it; idempotent."""
        self._closed = True
        await self._transport.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Refused(ErrorCode.CONFLICT, "This session is over.")

    def _watch(self, transport: Transport) -> Transport:
        transport.on("path", lambda state: self._path(transport, state))
        transport.on("dtls", lambda state: self._dtls(transport, state))
        transport.on("rekey_needed", lambda: self._on_state("rekey_needed"))
        return transport

    def _path(self, transport: Transport, state: PathState) -> None:
        if transport is not self._transport:
            return
        self.path = state
        self.connected = self.connected or state is PathState.CONNECTED
        self.state = state.value
        self._on_state(state.value)

    def _dtls(self, transport: Transport, state: DtlsState) -> None:
        if transport is self._transport and state in _DTLS_TOLD:
            self._on_state(f"dtls_{state.value}")
