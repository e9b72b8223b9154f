"""Counters, read from the workers at no cost to the packet path.

All count since the thing they are about was made. Bytes are UDP payload, times in `_us` microseconds.
`drops` hold only reasons that occurred, by the names in `sfu.DROP_REASONS`. Field order is the native
module's row order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sfu.types import PathState


@dataclass(frozen=True, slots=True)
class TransportStats:
    """One client's path."""

    transport: int
    state: PathState
    packets_received: int
    bytes_received: int
    packets_sent: int
    bytes_sent: int
    rtt_us: int | None
    drops: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StreamStats:
    """One stream received: a simulcast layer, or the only one."""

    spatial: int
    ssrc: int
    packets: int
    bytes: int
    lost: int  # RFC 3550 cumulative, after repair
    jitter_us: int
    nacks_sent: int
    retransmissions_received: int
    keyframes: int
    keyframe_requests_sent: int


@dataclass(frozen=True, slots=True)
class ProducerStats:
    """One track sent to us. `audio_level` is -dBov (127 is silence), smoothed."""

    producer: int
    streams: tuple[StreamStats, ...]
    audio_level: int | None
    drops: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ConsumerStats:
    """One track sent by us. `fraction_lost` is of the last receiver report, 0..255."""

    consumer: int
    producer: int
    spatial: int | None
    packets: int
    bytes: int
    nacks_received: int
    retransmissions_sent: int
    keyframe_requests_received: int
    fraction_lost: int
    cumulative_lost: int
    jitter_us: int
    rtt_us: int | None
    drops: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """All counters of a worker at one moment.

    `io` are those of its sockets and system calls by name (crates/io/src/counters.rs explains each).
    `drops` are of datagrams that belong to no transport.
    """

    worker: int
    transports: Mapping[int, TransportStats]
    producers: Mapping[int, ProducerStats]
    consumers: Mapping[int, ConsumerStats]
    drops: Mapping[str, int]
    datagrams_received: int
    datagrams_sent: int
    io: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EngineStats:
    """All workers' counters."""

    workers: tuple[WorkerStats, ...]

    @property
    def transports(self) -> dict[int, TransportStats]:
        """Of all workers, by `Transport.id`."""
        return {key: value for worker in self.workers for key, value in worker.transports.items()}

    @property
    def producers(self) -> dict[int, ProducerStats]:
        """Of all workers, by `Producer.id`."""
        return {key: value for worker in self.workers for key, value in worker.producers.items()}

    @property
    def consumers(self) -> dict[int, ConsumerStats]:
        """Of all workers, by `Consumer.id`."""
        return {key: value for worker in self.workers for key, value in worker.consumers.items()}

    @property
    def drops(self) -> dict[str, int]:
        """Every drop by its reason: of transports, producers, consumers and of nobody."""
        total: dict[str, int] = {}
        for worker in self.workers:
            for drops in (
                worker.drops,
                *(owner.drops for owner in worker.transports.values()),
                *(owner.drops for owner in worker.producers.values()),
                *(owner.drops for owner in worker.consumers.values()),
            ):
                for reason, count in drops.items():
                    total[reason] = total.get(reason, 0) + count
        return total


def worker_stats(worker: int, rows: tuple[Any, ...], io: Mapping[str, int]) -> WorkerStats:
    """Typed counters of the native module's rows."""
    transports, producers, consumers, drops, received, sent = rows
    return WorkerStats(
        worker=worker,
        transports={row[0]: TransportStats(row[0], PathState(row[1]), *row[2:]) for row in transports},
        producers={row[0]: _producer(row) for row in producers},
        consumers={row[0]: ConsumerStats(*row) for row in consumers},
        drops=drops,
        datagrams_received=received,
        datagrams_sent=sent,
        io=io,
    )


def _producer(row: tuple[Any, ...]) -> ProducerStats:
    producer, streams, audio_level, drops = row
    typed: Iterable[StreamStats] = (StreamStats(*stream) for stream in streams)
    return ProducerStats(producer, tuple(typed), audio_level, drops)
