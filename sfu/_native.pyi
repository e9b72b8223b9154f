"""The media core. See sfu/native; the public API is `sfu`."""

from typing import Any

DROP_REASONS: list[str]

Report = tuple[Any, ...]
"""`(name, worker, ...)`:

    done             request, error text or None
    stats            request, rows (sfu/stats.py), counters of the I/O loop by name; comes before its done
    dtls             transport, datagram
    path             transport, state, (local, remote) as "address:port" or None
    producer_stream  producer, spatial, MIME type
    producer_layer   producer, spatial, active
    consumer_layer   consumer, spatial or None, MIME type or None
    speaker          router, producer or None
    bye              producer
    rekey_needed     transport
    worker_panicked  reason, routers that are lost
"""

_CodecRow = tuple[str, int, int | None, int, int]
_EncodingRow = tuple[str | None, int | None, int | None]

class Command:
    @staticmethod
    def create_router(router: int) -> Command: ...
    @staticmethod
    def close_router(router: int) -> Command: ...
    @staticmethod
    def create_transport(router: int, transport: int, ufrag: str, pwd: str) -> Command: ...
    @staticmethod
    def set_extensions(transport: int, extensions: list[tuple[str, int]], mixed: bool) -> Command: ...
    @staticmethod
    def restart_ice(transport: int, ufrag: str, pwd: str) -> Command: ...
    @staticmethod
    def close_transport(transport: int) -> Command: ...
    @staticmethod
    def install_keys(
        transport: int,
        profile: str,
        receive_key: bytes,
        receive_salt: bytes,
        send_key: bytes,
        send_salt: bytes,
    ) -> Command: ...
    @staticmethod
    def send_dtls(transport: int, datagram: bytes) -> Command: ...
    @staticmethod
    def adopt_tuple(transport: int, local: str, remote: str) -> Command: ...
    @staticmethod
    def create_producer(
        transport: int,
        producer: int,
        kind: str,
        mid: str | None,
        codecs: list[_CodecRow],
        encodings: list[_EncodingRow],
        paused: bool,
    ) -> Command: ...
    @staticmethod
    def pause_producer(producer: int, paused: bool) -> Command: ...
    @staticmethod
    def close_producer(producer: int) -> Command: ...
    @staticmethod
    def create_consumer(
        transport: int,
        consumer: int,
        producer: int,
        mid: str | None,
        ssrc: int,
        rtx_ssrc: int | None,
        cname: str,
        codecs: list[_CodecRow],
        paused: bool,
    ) -> Command: ...
    @staticmethod
    def pause_consumer(consumer: int, paused: bool) -> Command: ...
    @staticmethod
    def close_consumer(consumer: int) -> Command: ...
    @staticmethod
    def set_preferred_layer(consumer: int, spatial: int, temporal: int) -> Command: ...
    @staticmethod
    def request_keyframe(consumer: int) -> Command: ...
    @staticmethod
    def read_stats() -> Command: ...
    @staticmethod
    def set_local_addresses(addresses: list[str]) -> Command: ...
    @staticmethod
    def panic() -> Command: ...

class NativeEngine:
    def __init__(
        self,
        hosts: list[str],
        port: int,
        workers: int,
        seed: int,
        limits: dict[str, float],
        *,
        receive_buffer: int,
        send_buffer: int,
        offload: bool,
    ) -> None: ...
    @property
    def fd(self) -> int: ...
    def sockets(self, worker: int) -> list[tuple[str, int, int, int, bool, bool]]: ...
    def submit(self, worker: int, request: int, command: Command) -> None: ...
    def drain(self) -> list[Report]: ...
    def close(self) -> list[Report]: ...

def interfaces() -> list[tuple[str, str, bool]]: ...

_LayerRow = tuple[str | None, int, int | None, str, int | None]
_TrackRow = tuple[str, str | None, int, int | None, list[_LayerRow], int, float]
_SlotRow = tuple[str, str | None, int, int | None, bool]
_KeyRow = tuple[str, bytes, bytes, bytes, bytes]

class NativeSim:
    def __init__(self, seed: int, limits: dict[str, float]) -> None: ...
    @staticmethod
    def server() -> tuple[str, int]: ...
    @property
    def now(self) -> float: ...
    def submit(self, worker: int, request: int, command: Command) -> None: ...
    def run(self, duration: float) -> None: ...
    def drain(self) -> list[Report]: ...
    def add_client(
        self,
        *,
        ufrag: str,
        server_ufrag: str,
        server_pwd: str,
        keys: _KeyRow,
        tracks: list[_TrackRow],
        slots: list[_SlotRow],
        transport_feedback: bool,
        cname: str,
        up: dict[str, Any],
        down: dict[str, Any],
    ) -> int: ...
    def add_slot(self, client: int, slot: _SlotRow) -> None: ...
    def set_links(self, client: int, up: dict[str, Any], down: dict[str, Any]) -> None: ...
    def silence(self, client: int) -> None: ...
    def move_to(self, client: int, address: str) -> None: ...
    def set_active(self, client: int, track: int, layer: int | None, active: bool) -> None: ...
    def set_audio_level(self, client: int, track: int, level: int, voice: bool) -> None: ...
    def stats(
        self, client: int
    ) -> tuple[
        tuple[Any, ...], list[tuple[Any, ...]], list[tuple[Any, ...]], tuple[Any, ...], tuple[Any, ...]
    ]: ...
