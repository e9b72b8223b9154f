"""`bench forward`: what forwarding costs, what it loses and how long it takes.

Three phases with a server process each, and the bare loop beside each:

cost      into a black-hole device in a namespace: CPU of the server per packet sent to subscribers
latency   on loopback with readers on the other core: loss and latency at the given load
half load the same at the frame rate at which the server uses half a core
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench import machine
from bench.machine import BlackHole, MissingError
from bench.processes import ROOT, BenchError, Child, build_load_generator, server
from bench.scenario import Scenario, Shape, build, limit_config, load_config

ANY = "0.0.0.0"  # noqa: S104 - inside a namespace of its own
LOOPBACK = "127.0.0.1"
WARMUP = 1.0
"""Seconds from connection to the measured window."""
HALF_LOAD_SECONDS = 4.0
HALF_LOAD = (0.45, 0.55)
"""Share of a core that counts as half load."""
MOST_FRAMES_PER_SECOND = 500
"""Beyond it a camera's frames follow each other faster than the load generator is woken."""
LOAD_GENERATOR_BUSY = 0.9
"""Above this share of its core the load generator measures itself."""


@dataclass(frozen=True)
class Options:
    """How to measure a shape."""

    shape: Shape
    seconds: float
    workers: int = 1
    latency: bool = True
    half_load: bool = True


@dataclass
class Window:
    """The server's counters over the measured window, and what the load generator reports."""

    cpu: float
    seconds: float
    packets_out: int
    packets_in: int
    rss_per_participant: float
    drops: dict[str, int]
    io: dict[str, int]
    load: dict[str, Any]

    @property
    def cpu_us_per_packet(self) -> float:
        """User and system time of the server's process per packet sent to subscribers."""
        return self.cpu * 1e6 / max(self.packets_out, 1)

    @property
    def cpu_share(self) -> float:
        """Cores used by the server's process."""
        return self.cpu / self.seconds


class Forward:
    """A measurement."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.binary = build_load_generator()
        self.server_core, self.load_core = machine.cores()
        self.warnings: list[str] = []
        if self.server_core is None:
            self.warnings.append("one core only: server and load share it, so latency is not comparable")

    def run(self) -> dict[str, Any]:
        """All phases; the report."""
        report: dict[str, Any] = {}
        try:
            with BlackHole() as hole:
                report |= self._cost(hole)
        except MissingError as missing:
            self.warnings.append(f"no black-hole device, so cost is of loopback: {missing}")
        if self.options.latency or not report:
            report |= self._latency(cost_too=not report)
        if self.options.half_load and self.options.latency:
            report |= self._half_load(report["server_cpu_share_loopback"])
        return self._header() | report | {"warnings": self.warnings}

    def _header(self) -> dict[str, Any]:
        shape = self.options.shape
        return {
            "scenario": str(shape),
            **asdict(shape),
            "srtp_profile": shape.srtp,
            "seconds": self.options.seconds,
            "workers": self.options.workers,
            "commit": machine.commit(ROOT),
            **machine.description(),
            "conditions": (
                f"server on core {self.server_core}, load and readers on core {self.load_core}, "
                f"{machine.scheduling()}; paced as "
                "cameras are; RTX, transport-wide-cc, abs-send-time and mid negotiated"
            ),
        }

    def _cost(self, hole: BlackHole) -> dict[str, Any]:
        scenario = build(self.options.shape)
        with self._server(hole.prefix) as (child, _):
            window = self._measure(child, scenario, hole.prefix, self.options.seconds, adopted=True)
        limit = self._limit(scenario, hole.prefix, self.options.seconds)
        flat_out = self._limit(scenario, hole.prefix, self.options.seconds, flat_out=True)
        self._check(window)
        return self._cost_report(window, limit) | {
            "limit_flat_out_us_per_packet": round(flat_out["cpu_us_per_packet"], 3),
            "cost_measured_into": "ifb",
        }

    def _cost_report(self, window: Window, limit: dict[str, Any]) -> dict[str, Any]:
        cost, bound = window.cpu_us_per_packet, limit["cpu_us_per_packet"]
        return {
            "cpu_us_per_packet": round(cost, 3),
            "limit_us_per_packet": round(bound, 3),
            "ratio": round(cost / bound, 2),
            "packets_out": window.packets_out,
            "packets_in": window.packets_in,
            "packets_out_per_second": round(window.packets_out / window.seconds),
            "server_cpu_share": round(window.cpu_share, 4),
            "limit_run_length": round(limit["run_length"], 2),
            "rss_bytes_per_participant": round(window.rss_per_participant),
            "drops": window.drops,
            "io": window.io,
        }

    def _latency(self, *, cost_too: bool) -> dict[str, Any]:
        scenario = build(self.options.shape)
        with self._server(()) as (child, _):
            window = self._measure(child, scenario, (), self.options.seconds, adopted=False)
        bare = self._limit_on_loopback(scenario, min(self.options.seconds, HALF_LOAD_SECONDS))
        self._check(window)
        report = self._cost_report(window, bare) | {"cost_measured_into": "loopback"} if cost_too else {}
        load = window.load
        return report | {
            "loss": load["loss"],
            "packets_expected": load["expected"],
            "packets_lost": load["lost"],
            "packets_repaired": load["repaired"],
            "latency_us": _latency_us(load["latency_us"]),
            "audio_latency_us": _latency_us(load["audio_latency_us"]),
            "cpu_us_per_packet_loopback": round(window.cpu_us_per_packet, 3),
            "server_cpu_share_loopback": round(window.cpu_share, 4),
            "limit_loopback": {
                "cpu_us_per_packet": round(bare["cpu_us_per_packet"], 3),
                "latency_us": _latency_us(bare["sink"]["latency_us"]),
                "loss": 1 - bare["sink"]["packets"] / max(bare["packets"], 1),
            },
        }

    def _half_load(self, share: float) -> dict[str, Any]:
        """Scales the cameras' frame rate until the server uses half a core."""
        rate, target = self.options.shape.frames_per_second or 30, sum(HALF_LOAD) / 2
        window = None
        for _ in range(4):
            if window and HALF_LOAD[0] <= share <= HALF_LOAD[1]:
                break
            wanted = max(1, min(round(rate * target / max(share, 1e-3)), MOST_FRAMES_PER_SECOND))
            if window and wanted == rate:
                break
            rate = wanted
            scenario = build(replace(self.options.shape, frames_per_second=rate))
            with self._server(()) as (child, _):
                window = self._measure(child, scenario, (), HALF_LOAD_SECONDS, adopted=False)
            share = window.cpu_share
            if window.load["load_cpu_share"] > LOAD_GENERATOR_BUSY:
                self.warnings.append(
                    f"at {rate} frames/s the load generator used {window.load['load_cpu_share']:.0%} of its "
                    "core: latency at half load includes its own delay"
                )
        if window is None:
            return {}
        if not HALF_LOAD[0] <= share <= HALF_LOAD[1]:
            self.warnings.append(f"half load was not met: {share:.0%} of a core at {rate} frames/s")
        return {
            "latency_at_half_load_us": _latency_us(window.load["latency_us"]),
            "half_load": {
                "frames_per_second": rate,
                "server_cpu_share": round(share, 4),
                "packets_out_per_second": round(window.packets_out / window.seconds),
                "loss": window.load["loss"],
                "load_cpu_share": round(window.load["load_cpu_share"], 4),
            },
        }

    @contextmanager
    def _server(self, prefix: Sequence[str]) -> Iterator[tuple[Child, int]]:
        with server(prefix, core=self.server_core) as child:
            started = child.ask(
                do="start",
                host=ANY if prefix else LOOPBACK,
                workers=self.options.workers,
            )
            self._port, self._rss = started["port"], started["rss"]
            yield child, started["port"]
            child.send({"do": "stop"})

    def _measure(
        self, child: Child, scenario: Scenario, prefix: Sequence[str], seconds: float, *, adopted: bool
    ) -> Window:
        ice = child.ask(do="setup", shape=asdict(scenario.shape), black_hole=adopted)["ice"]
        config = load_config(
            scenario,
            f"127.0.0.1:{self._port}",
            ice=None if adopted else ice,
            core=self.load_core,
            warmup=WARMUP,
            seconds=seconds,
        )
        with Child([*prefix, str(self.binary), "forward"], core=self.load_core) as load:
            load.send(config, last=True)
            _expect(load, "connected")
            _expect(load, "measuring")
            before = child.ask(do="read")
            _expect(load, "measured")
            after = child.ask(do="read")
            report = load.receive()
        drops = {name: count - before["drops"].get(name, 0) for name, count in after["drops"].items()}
        return Window(
            cpu=after["cpu"] - before["cpu"],
            seconds=after["at"] - before["at"],
            packets_out=after["packets_out"] - before["packets_out"],
            packets_in=after["packets_in"] - before["packets_in"],
            rss_per_participant=(after["rss"] - self._rss) / len(scenario.participants),
            drops={name: count for name, count in drops.items() if count},
            io={name: count - before["io"].get(name, 0) for name, count in after["io"].items()},
            load=report,
        )

    def _limit(
        self,
        scenario: Scenario,
        prefix: Sequence[str],
        seconds: float,
        ports: Sequence[int] | None = None,
        *,
        flat_out: bool = False,
    ) -> dict[str, Any]:
        """The bare loop at the pace of the streams, so that it wakes as often as the server and finds caches
        as cold; or flat out, with neither."""
        config = limit_config(scenario, core=self.server_core, seconds=seconds, ports=ports)
        config["flat_out"] = flat_out
        with Child([*prefix, str(self.binary), "limit"], core=self.server_core) as child:
            child.send(config, last=True)
            return child.receive()

    def _limit_on_loopback(self, scenario: Scenario, seconds: float) -> dict[str, Any]:
        receivers = len(list(scenario.subscribers))
        with Child([str(self.binary), "sink"], core=self.load_core) as sink:
            config = {"receivers": receivers, "seconds": seconds + 5, "quiet": 0.5, "core": self.load_core}
            sink.send(config, last=True)
            ports = sink.receive()["ports"]
            limit = self._limit(scenario, (), seconds, ports)
            return limit | {"sink": sink.receive()}

    def _check(self, window: Window) -> None:
        busy = window.load["load_cpu_share"]
        if busy > LOAD_GENERATOR_BUSY:
            self.warnings.append(
                f"the load generator used {busy:.0%} of its core: latency is not the server's"
            )
        if window.load["refused"]:
            self.warnings.append(f"the kernel refused {window.load['refused']} packets of publishers")
        if window.packets_out == 0:
            raise BenchError("the server sent nothing to subscribers")


def _expect(load: Child, event: str) -> None:
    if (got := load.receive().get("event")) != event:
        raise BenchError(f"the load generator said {got!r} where {event!r} was due")


def _latency_us(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 1) for name, value in values.items()}
