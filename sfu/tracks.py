"""Tracks: what a client sends (Producer), and what it is sent (Consumer)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sfu._native import Command
from sfu.codecs import codec_rows, matching_rows
from sfu.control import Control
from sfu.lifecycle import Handle, passed_on
from sfu.types import Kind, SendParameters, SlotParameters

if TYPE_CHECKING:
    from sfu.handles import Transport


class Producer(Handle):
    """A track that a client sends.

    Events: "stream" (spatial layer, MIME type: its first packet, or its codec changed), "layer" (spatial
    layer, whether it is active), "bye" (the client ended the track's streams), "close" (reason).
    """

    def __init__(
        self, transport: Transport, control: Control, kind: Kind, parameters: SendParameters, *, paused: bool
    ) -> None:
        super().__init__(control, transport.worker)
        self.transport = transport
        self.kind = kind
        self.parameters = parameters
        self.paused = paused
        self.streams: dict[int, str] = {}
        """MIME type of each spatial layer that a packet came of."""
        self.consumers: dict[int, Consumer] = {}
        control.producers[self.id] = self

    async def begin(self) -> None:
        """Engine's own: makes the core's side. Raises MediaError when no codec can be forwarded."""
        parameters = self.parameters
        await self._begin(
            lambda: Command.create_producer(
                self.transport.id,
                self.id,
                self.kind,
                parameters.mid,
                codec_rows(parameters.codecs),
                [(one.rid, one.ssrc, one.rtx_ssrc) for one in parameters.encodings],
                self.paused,
            ),
            undo=Command.close_producer(self.id),
        )

    async def pause(self) -> None:
        """Receives but forwards nothing: a mute at the server."""
        await self._call(lambda: Command.pause_producer(self.id, True))
        self.paused = True

    async def resume(self) -> None:
        """Forwards again."""
        await self._call(lambda: Command.pause_producer(self.id, False))
        self.paused = False

    async def close(self) -> None:
        """Ends the track and its consumers."""
        await self._close(Command.close_producer(self.id))

    def handle_stream(self, spatial: int, mime_type: str) -> None:
        """Engine's own: a first packet."""
        self.streams[spatial] = mime_type
        self.emit("stream", spatial, mime_type)

    def handle_layer(self, spatial: int, active: bool) -> None:
        """Engine's own: a layer stopped or came back."""
        self.emit("layer", spatial, active)

    def _end_children(self, reason: str) -> None:
        for consumer in tuple(self.consumers.values()):
            consumer.end(passed_on(reason, "producer_closed"))

    def _leave(self) -> None:
        self._control.producers.pop(self.id, None)
        self.transport.forget(self)


class Consumer(Handle):
    """A track sent to a client, in one of its receive slots.

    Events: "layer" (spatial layer now forwarded | None), "close" (reason).
    """

    def __init__(
        self,
        transport: Transport,
        control: Control,
        producer: Producer,
        slot: SlotParameters,
        *,
        paused: bool,
    ) -> None:
        super().__init__(control, transport.worker)
        self.transport = transport
        self.producer = producer
        self.slot = slot
        self.paused = paused
        self.spatial: int | None = None
        self.mime_type: str | None = None
        control.consumers[self.id] = self
        producer.consumers[self.id] = self

    async def begin(self) -> None:
        """Engine's own: makes the core's side. Raises MediaError when no codec matches."""
        slot = self.slot
        await self._begin(
            lambda: Command.create_consumer(
                self.transport.id,
                self.id,
                self.producer.id,
                slot.mid,
                slot.ssrc,
                slot.rtx_ssrc,
                slot.cname,
                matching_rows(self.producer.parameters.codecs, slot.codecs),
                self.paused,
            ),
            undo=Command.close_consumer(self.id),
        )

    async def pause(self) -> None:
        """Sends nothing."""
        await self._call(lambda: Command.pause_consumer(self.id, True))
        self.paused = True

    async def resume(self) -> None:
        """Sends again, video from a keyframe on."""
        await self._call(lambda: Command.pause_consumer(self.id, False))
        self.paused = False

    async def set_preferred_layer(self, spatial: int, temporal: int) -> None:
        """The highest layers wanted: an index into the producer's encodings and a temporal layer.

        The core switches at a keyframe of the target, for which it asks; "layer" tells when it has.
        """
        await self._call(lambda: Command.set_preferred_layer(self.id, spatial, temporal))

    async def request_keyframe(self) -> None:
        """Asks the sender for a keyframe, throttled."""
        await self._call(lambda: Command.request_keyframe(self.id))

    async def close(self) -> None:
        """Frees the slot."""
        await self._close(Command.close_consumer(self.id))

    def handle_layer(self, spatial: int | None, mime_type: str | None) -> None:
        """Engine's own: another layer is forwarded."""
        self.spatial, self.mime_type = spatial, mime_type
        self.emit("layer", spatial)

    def _leave(self) -> None:
        self._control.consumers.pop(self.id, None)
        self.producer.consumers.pop(self.id, None)
        self.transport.forget(self)
