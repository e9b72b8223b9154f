"""Prometheus metrics. The media core is asked once a second, however often the page is scraped.

Labels are random ids (`room`, `participant`), never names. A leg's series end with it; drops are summed
here over legs that are gone, so that their counters never step back.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mediaserver.model.pii import fault
from sfu import Engine
from sfu.stats import EngineStats
from sfu.types import PathState
from signaling.ports import Authenticator, Refused

log = structlog.get_logger(__name__)

PERIOD = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class LegNames:
    """Who a media leg is: ids of the engine to ids of the room. Tracks and slots are named by source."""

    room: str
    participant: str
    role: str
    transport: int
    producers: Mapping[int, str]  # producer id -> source
    consumers: Mapping[int, str]  # consumer id -> source


@dataclass(slots=True)
class DropTotals:
    """Drops by reason over everything that ever dropped."""

    totals: dict[str, int] = field(default_factory=dict)
    _last: dict[tuple[str, int, str], int] = field(default_factory=dict)

    def update(self, stats: EngineStats) -> None:
        """Adds what has been dropped since the last figures."""
        now: dict[tuple[str, int, str], int] = {}
        for worker in stats.workers:
            groups = (
                ("worker", {worker.worker: worker}),
                ("transport", worker.transports),
                ("producer", worker.producers),
                ("consumer", worker.consumers),
            )
            for kind, owners in groups:
                for id, owner in owners.items():
                    for reason, count in owner.drops.items():
                        now[kind, id, reason] = count
        for (kind, id, reason), count in now.items():
            before = self._last.get((kind, id, reason), 0)
            self.totals[reason] = self.totals.get(reason, 0) + max(0, count - before)
        self._last = now


class Metrics(Collector):
    """Keeps the engine's latest figures and writes them for Prometheus."""

    def __init__(
        self,
        engine: Engine,
        legs: Callable[[], Sequence[LegNames]],
        rooms: Callable[[], int],
        websockets: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._legs = legs
        self._rooms = rooms
        self._websockets = websockets
        self._stats = EngineStats(())
        self._drops = DropTotals()
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    @property
    def stats(self) -> EngineStats:
        """The latest figures."""
        return self._stats

    async def watch(self) -> None:
        """Asks the engine every second, for ever."""
        while True:
            try:
                await self.refresh()
            except Exception as error:
                log.warning("no figures of the media core", fault=fault(error))
            await asyncio.sleep(PERIOD)

    async def refresh(self) -> None:
        """Asks the engine once."""
        self._stats = await self._engine.stats()
        self._drops.update(self._stats)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        """Prometheus' `Collector`."""
        legs = self._legs()
        yield from self._server(legs)
        yield from self._workers()
        yield from self._paths(legs)
        yield from self._tracks(legs)
        yield from self._slots(legs)

    def _server(self, legs: Sequence[LegNames]) -> Iterable[Metric]:
        yield GaugeMetricFamily("mediaserver_rooms", "Open rooms.", self._rooms())
        yield GaugeMetricFamily("mediaserver_websockets", "Open websockets.", self._websockets())
        people = GaugeMetricFamily("mediaserver_participants", "People in or waiting.", labels=["role"])
        for role in sorted({leg.role for leg in legs}):
            people.add_metric([role], sum(leg.role == role for leg in legs))
        yield people
        drops = CounterMetricFamily("mediaserver_drops", "Packets that went no further.", labels=["reason"])
        for reason, count in sorted(self._drops.totals.items()):
            drops.add_metric([reason], count)
        yield drops

    def _workers(self) -> Iterable[Metric]:
        datagrams = CounterMetricFamily(
            "mediaserver_datagrams", "UDP datagrams.", labels=["worker", "direction"]
        )
        io = CounterMetricFamily("mediaserver_io", "I/O loop by counter name.", labels=["worker", "counter"])
        for worker in self._stats.workers:
            datagrams.add_metric([str(worker.worker), "in"], worker.datagrams_received)
            datagrams.add_metric([str(worker.worker), "out"], worker.datagrams_sent)
            for name, count in worker.io.items():
                io.add_metric([str(worker.worker), name], count)
        yield datagrams
        yield io

    def _paths(self, legs: Sequence[LegNames]) -> Iterable[Metric]:
        names = ["room", "participant"]
        up = GaugeMetricFamily("mediaserver_leg_connected", "1 while the media path is.", labels=names)
        rtt = GaugeMetricFamily("mediaserver_leg_rtt_seconds", "Round trip by RTCP.", labels=names)
        packets = CounterMetricFamily("mediaserver_leg_packets", "Packets.", labels=[*names, "direction"])
        octets = CounterMetricFamily("mediaserver_leg_bytes", "UDP payload.", labels=[*names, "direction"])
        drops = CounterMetricFamily("mediaserver_leg_drops", "Drops.", labels=[*names, "reason"])
        transports = self._stats.transports
        for leg in legs:
            stats = transports.get(leg.transport)
            if stats is None:
                continue
            who = [leg.room, leg.participant]
            up.add_metric(who, float(stats.state is PathState.CONNECTED))
            if stats.rtt_us is not None:
                rtt.add_metric(who, stats.rtt_us / 1e6)
            packets.add_metric([*who, "in"], stats.packets_received)
            packets.add_metric([*who, "out"], stats.packets_sent)
            octets.add_metric([*who, "in"], stats.bytes_received)
            octets.add_metric([*who, "out"], stats.bytes_sent)
            for reason, count in stats.drops.items():
                drops.add_metric([*who, reason], count)
        yield from (up, rtt, packets, octets, drops)

    def _tracks(self, legs: Sequence[LegNames]) -> Iterable[Metric]:
        names = ["room", "participant", "source", "layer"]
        octets = CounterMetricFamily("mediaserver_track_bytes", "Received of a track.", labels=names)
        packets = CounterMetricFamily("mediaserver_track_packets", "Received of a track.", labels=names)
        lost = GaugeMetricFamily("mediaserver_track_lost_packets", "Lost after repair.", labels=names)
        jitter = GaugeMetricFamily("mediaserver_track_jitter_seconds", "RFC 3550 jitter.", labels=names)
        nacks = CounterMetricFamily("mediaserver_track_nacks", "NACKs sent to the publisher.", labels=names)
        keyframes = CounterMetricFamily("mediaserver_track_keyframes", "Keyframes received.", labels=names)
        producers = self._stats.producers
        for leg in legs:
            for id, source in leg.producers.items():
                for stream in producers[id].streams if id in producers else ():
                    who = [leg.room, leg.participant, source, str(stream.spatial)]
                    octets.add_metric(who, stream.bytes)
                    packets.add_metric(who, stream.packets)
                    lost.add_metric(who, stream.lost)
                    jitter.add_metric(who, stream.jitter_us / 1e6)
                    nacks.add_metric(who, stream.nacks_sent)
                    keyframes.add_metric(who, stream.keyframes)
        yield from (octets, packets, lost, jitter, nacks, keyframes)

    def _slots(self, legs: Sequence[LegNames]) -> Iterable[Metric]:
        names = ["room", "participant", "consumer", "source"]
        octets = CounterMetricFamily("mediaserver_slot_bytes", "Sent in a slot.", labels=names)
        lost = GaugeMetricFamily("mediaserver_slot_loss_ratio", "Of the last report.", labels=names)
        jitter = GaugeMetricFamily("mediaserver_slot_jitter_seconds", "RFC 3550 jitter.", labels=names)
        resent = CounterMetricFamily("mediaserver_slot_retransmissions", "Packets resent.", labels=names)
        requests = CounterMetricFamily("mediaserver_slot_keyframe_requests", "Of the viewer.", labels=names)
        consumers = self._stats.consumers
        for leg in legs:
            for id, source in leg.consumers.items():
                stats = consumers.get(id)
                if stats is None:
                    continue
                who = [leg.room, leg.participant, str(id), source]
                octets.add_metric(who, stats.bytes)
                lost.add_metric(who, stats.fraction_lost / 256)
                jitter.add_metric(who, stats.jitter_us / 1e6)
                resent.add_metric(who, stats.retransmissions_sent)
                requests.add_metric(who, stats.keyframe_requests_received)
        yield from (octets, lost, jitter, resent, requests)


def add_metrics(router: web.UrlDispatcher, metrics: Metrics, authenticator: Authenticator) -> None:
    """`/metrics`, for this machine, or with a token that has the `rooms` grant."""

    async def handler(request: web.Request) -> web.Response:
        if not _local(request) and not _operator(request, authenticator):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        return web.Response(
            body=metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    router.add_get("/metrics", handler)


def _local(request: web.Request) -> bool:
    # A proxy on this machine that isn't trusted (or was not told) makes the whole world look local.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _operator(request: web.Request, authenticator: Authenticator) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    try:
        return authenticator.authenticate(token.strip()).grants.rooms
    except Refused:
        return False
