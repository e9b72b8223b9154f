"""Handles of rooms and clients: Router and Transport. Names and life cycle are mediasoup's; how handles end
is told in `sfu.lifecycle`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sfu._native import Command
from sfu.control import Control
from sfu.dtls import DtlsContext, DtlsServer
from sfu.lifecycle import Handle, passed_on
from sfu.tracks import Consumer, Producer
from sfu.types import (
    DtlsFingerprint,
    DtlsState,
    HeaderExtension,
    IceCandidate,
    IceParameters,
    Kind,
    MediaError,
    PathState,
    SendParameters,
    SlotParameters,
    SrtpKeys,
    SrtpProfile,
)


def _new_ice_parameters(control: Control) -> IceParameters:
    # 64 and 192 bits, where RFC 8445 section 5.3 asks for 24 and 128; hexadecimal is all ice-chars.
    return IceParameters(control.token(8), control.token(24))


class Router(Handle):
    """A room: what is produced in it can be consumed in it. Lives on one worker, `worker`.

    Events: "speaker" (Producer | None: the loudest one changed), "close" (reason).
    """

    def __init__(
        self,
        control: Control,
        worker: int,
        candidates: tuple[IceCandidate, ...],
        dtls: DtlsContext,
    ) -> None:
        super().__init__(control, worker)
        self._candidates = candidates
        self._dtls = dtls
        self._transports: dict[int, Transport] = {}
        control.routers[self.id] = self

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Those not closed, oldest first."""
        return tuple(self._transports.values())

    async def create_transport(self) -> Transport:
        """A place for one client."""
        self._check_open()
        transport = Transport(self, self._control, self._candidates, self._dtls)
        self._transports[transport.id] = transport
        await transport.begin()
        return transport

    async def begin(self) -> None:
        """Engine's own: makes the core's side."""
        await self._begin(lambda: Command.create_router(self.id), undo=Command.close_router(self.id))

    async def close(self) -> None:
        """Ends the room and everything in it."""
        await self._close(Command.close_router(self.id))

    def forget(self, transport: Transport) -> None:
        """Engine's own: a transport has ended."""
        self._transports.pop(transport.id, None)

    def _end_children(self, reason: str) -> None:
        for transport in self.transports:
            transport.end(passed_on(reason, "router_closed"))

    def _leave(self) -> None:
        self._control.routers.pop(self.id, None)


class Transport(Handle):
    """One client: its ICE-lite end, its DTLS association, what it sends and is sent.

    Events: "path" (PathState), "dtls" (DtlsState), "rekey_needed" (the client has to join again before its
    SRTP keys wear out), "close" (reason). The state is set before listeners hear of it.
    """

    def __init__(
        self, router: Router, control: Control, candidates: tuple[IceCandidate, ...], dtls: DtlsContext
    ) -> None:
        super().__init__(control, router.worker)
        self.router = router
        self.ice = _new_ice_parameters(control)
        self.candidates = candidates
        self.path = PathState.NEW
        self.tuple: tuple[str, str] | None = None
        self.dtls = DtlsState.NEW
        self.dtls_reason = ""
        self.srtp_profile: SrtpProfile | None = None
        self._producers: dict[int, Producer] = {}
        self._consumers: dict[int, Consumer] = {}
        self._association = DtlsServer(
            dtls, send=self._send_dtls, on_keys=self.install_keys, on_state=self._dtls_changed
        )
        control.transports[self.id] = self

    @property
    def producers(self) -> tuple[Producer, ...]:
        """Those not closed, oldest first."""
        return tuple(self._producers.values())

    @property
    def consumers(self) -> tuple[Consumer, ...]:
        """Those not closed, oldest first."""
        return tuple(self._consumers.values())

    async def begin(self) -> None:
        """Engine's own: makes the core's side."""
        ice = self.ice
        await self._begin(
            lambda: Command.create_transport(self.router.id, self.id, ice.ufrag, ice.pwd),
            undo=Command.close_transport(self.id),
        )

    async def connect(self, fingerprints: Sequence[DtlsFingerprint]) -> None:
        """Tells what the client's certificate has to match, before or after its handshake begins.

        Returns at once; "dtls" events tell. Again with the same fingerprints does nothing.
        """
        self._check_open()
        self._association.expect(fingerprints)

    async def restart_ice(self) -> IceParameters:
        """New credentials; the old ones hold until a tuple is nominated with the new."""
        fresh = _new_ice_parameters(self._control)
        await self._call(lambda: Command.restart_ice(self.id, fresh.ufrag, fresh.pwd))
        self.ice = fresh
        return fresh

    async def set_extensions(self, extensions: Sequence[HeaderExtension], *, mixed: bool) -> None:
        """Negotiated header extensions; `mixed` allows one- and two-byte headers (RFC 8285)."""
        rows = [(extension.uri, extension.id) for extension in extensions]
        await self._call(lambda: Command.set_extensions(self.id, rows, mixed))

    async def produce(self, kind: Kind, parameters: SendParameters, *, paused: bool = False) -> Producer:
        """Takes a track that the client sends."""
        self._check_open()
        producer = Producer(self, self._control, kind, parameters, paused=paused)
        self._producers[producer.id] = producer
        await producer.begin()
        return producer

    async def consume(self, producer: Producer, slot: SlotParameters, *, paused: bool = False) -> Consumer:
        """Sends a producer of this router's to the client, in a receive slot of its.

        Of the slot's codecs those are used that the producer sends; MediaError when there are none.
        """
        self._check_open()
        if producer.closed or producer.transport.router is not self.router:
            raise MediaError("the producer is closed, or in another router")
        if producer.kind is not slot.kind:
            raise MediaError("producer and slot are not of one kind")
        consumer = Consumer(self, self._control, producer, slot, paused=paused)
        self._consumers[consumer.id] = consumer
        await consumer.begin()
        return consumer

    async def close(self) -> None:
        """Ends the client: BYE for what it was sent, close_notify, and everything it produced."""
        await self._close(Command.close_transport(self.id))

    def install_keys(self, keys: SrtpKeys) -> None:
        """Engine's own: hands SRTP keys down. The association calls it; simulation and bench do."""
        self.srtp_profile = keys.profile
        command = Command.install_keys(
            self.id, keys.profile, keys.receive_key, keys.receive_salt, keys.send_key, keys.send_salt
        )
        self._control.send(self.worker, command)

    def handle_dtls(self, datagram: bytes) -> None:
        """Engine's own: a handshake datagram of the client's."""
        self._association.receive(datagram)

    def handle_path(self, state: PathState, addresses: tuple[str, str] | None) -> None:
        """Engine's own: the path changed."""
        self.tuple = addresses
        if state is not self.path:
            self.path = state
            self.emit("path", state)

    def forget(self, child: Producer | Consumer) -> None:
        """Engine's own: a producer or consumer has ended."""
        self._producers.pop(child.id, None)
        self._consumers.pop(child.id, None)

    def _send_dtls(self, datagram: bytes) -> None:
        self._control.send(self.worker, Command.send_dtls(self.id, datagram))

    def _dtls_changed(self, state: DtlsState, reason: str) -> None:
        self.dtls, self.dtls_reason = state, reason
        self.emit("dtls", state)
        if state in (DtlsState.FAILED, DtlsState.CLOSED) and not self.closed:
            self._control.send(self.worker, Command.close_transport(self.id))
            self.end("dtls_failed" if state is DtlsState.FAILED else "dtls_closed")

    def _end_children(self, reason: str) -> None:
        for child in (*self.consumers, *self.producers):
            child.end(passed_on(reason, "transport_closed"))
        # Its close_notify goes down before the command that ends the transport.
        self._association.close()

    def _leave(self) -> None:
        self._control.transports.pop(self.id, None)
        self.router.forget(self)
