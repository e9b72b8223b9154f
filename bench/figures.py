"""Runs the scenarios of docs/performance.md and writes its tables and plots.

    .venv/bin/python -m bench figures          # about three minutes, on a machine that does nothing else

The page keeps its prose; what stands between the two markers is replaced.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.forward import Forward, Options
from bench.processes import ROOT
from bench.scenario import Shape

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
DATA = ROOT / "docs" / "performance.json"
BEGIN, END = "<!-- figures begin -->", "<!-- figures end -->"
GCM128, GCM256, CM = "SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_256_GCM", "SRTP_AES128_CM_SHA1_80"
SWEEP = (20, 50, 100, 200)
LOSSES = (0.01, 0.05, 0.1, 0.2)
ROUND_TRIP = 0.1


@dataclass(frozen=True)
class Run:
    """A row of the table."""

    label: str
    shape: Shape
    full: bool
    """Latency and half load too."""


def _shape(publishers: int, subscribers: int, profile: str = "equal", srtp: str = GCM128) -> Shape:
    return Shape(1, publishers, subscribers, 0, profile, srtp)


RUNS = (
    Run("10 publishers x 20 subscribers", _shape(10, 20), full=True),
    Run("the same, AES-256-GCM", _shape(10, 20, srtp=GCM256), full=False),
    Run("the same, AES-CM and HMAC-SHA1", _shape(10, 20, srtp=CM), full=False),
    Run("10 x 20, a browser's packets", _shape(10, 20, "browser"), full=True),
    *(Run(f"1 publisher x {count}", _shape(1, count), full=False) for count in SWEEP),
    Run("50 rooms of 2, camera and microphone", Shape(50, 0, 0, 2, "equal", GCM128), full=True),
)


def measure(seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Runs everything; the raw reports by label, and the simulations."""
    reports = {}
    for run in RUNS:
        say(run.label)
        reports[run.label] = Forward(Options(run.shape, seconds, latency=run.full, half_load=run.full)).run()
    say("simulations")
    return {"forward": reports, "repair": asyncio.run(_repair())}


async def _repair() -> list[dict[str, float]]:
    """Two clients over links that lose packets each way; the loss before and after repair."""
    from sfu.sim import Link, SimEngine, camera, microphone
    from sfu.types import Kind

    rows = []
    for loss in LOSSES:
        way = Link(delay=ROUND_TRIP / 4, loss=loss)
        async with await SimEngine.start(seed=1) as sim:
            router = await sim.create_router()
            kinds = (Kind.VIDEO, Kind.AUDIO)
            send = (camera(), microphone())
            peers = [await sim.join(router, send=send, receive=kinds, up=way, down=way) for _ in range(2)]
            for one, other in (peers, peers[::-1]):
                for producer in other.producers:
                    await one.watch(producer)
            began = time.perf_counter()
            await sim.run(60)
            took = time.perf_counter() - began
            slots = [slot for peer in peers for slot in peer.stats().slots]
        packets = sum(slot.packets + slot.lost + slot.missing for slot in slots)
        rows.append(
            {
                "loss": loss,
                "missing_at_first": sum(slot.gaps for slot in slots) / packets,
                "residual": sum(slot.lost + slot.missing for slot in slots) / packets,
                "times_real_time": 60 / took,
            }
        )
    return rows


def tables(data: dict[str, Any]) -> str:
    """The generated part of the page."""
    reports = data["forward"]
    first = next(iter(reports.values()))
    busy = [r["load_average"] for r in reports.values()]
    lines = [
        f"{first['machine']}, Linux {first['kernel']}, commit {first['commit'].rstrip('+')}; load average "
        f"when each run began: {min(busy)} to {max(busy)}. {first['conditions'][0].upper()}"
        f"{first['conditions'][1:]}. Windows of {first['seconds']:g} s.",
        "",
        "| scenario | server us/packet | bare loop | ratio | packets/s out | loss | KiB/participant |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, r in reports.items():
        loss = f"{r['packets_lost']} of {r['packets_expected']}" if "loss" in r else ""
        lines.append(
            f"| {label} | {r['cpu_us_per_packet']:.2f} | {r['limit_us_per_packet']:.2f} | {r['ratio']:.2f} "
            f"| {r['packets_out_per_second']} | {loss} | {r['rss_bytes_per_participant'] / 1024:.0f} |"
        )
    lines += [
        "",
        "![CPU per packet by subscribers](images/performance-cost.svg)",
        "",
        "| latency, us | load | p50 | p99 | bare loop p99 | at half load | p50 | p99 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label, r in reports.items():
        if "half_load" not in r:
            continue
        here, half, bare = r["latency_us"], r["latency_at_half_load_us"], r["limit_loopback"]["latency_us"]
        share = r["half_load"]
        lines.append(
            f"| {label} | {r['server_cpu_share_loopback']:.0%} of a core "
            f"| {here['p50']:.0f} | {here['p99']:.0f} | {bare['p99']:.0f} "
            f"| {share['packets_out_per_second']} packets/s ({share['server_cpu_share']:.0%}) "
            f"| {half['p50']:.0f} | {half['p99']:.0f} |"
        )
    lines += [
        "",
        "Repair in simulation (seed 1, camera and microphone, round trip client to client "
        f"{ROUND_TRIP * 1000:.0f} ms, random loss on each of the two ways):",
        "",
        "| loss each way | missing at first | lost after repair | times real time |",
        "|---|---|---|---|",
        *(
            f"| {row['loss']:.0%} | {row['missing_at_first']:.1%} | {row['residual']:.3%} "
            f"| {row['times_real_time']:.0f} |"
            for row in data["repair"]
        ),
        "",
        "![Loss before and after repair](images/performance-repair.svg)",
    ]
    return "\n".join(lines)


def plots(data: dict[str, Any]) -> None:
    """Writes the two images."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "performance"  # the same figures give the same file
    from matplotlib import pyplot

    sweep = [data["forward"][f"1 publisher x {count}"] for count in SWEEP]
    figure, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    axes.plot(SWEEP, [r["cpu_us_per_packet"] for r in sweep], "o-", label="server")
    axes.plot(SWEEP, [r["limit_us_per_packet"] for r in sweep], "s--", label="bare loop, same pace")
    axes.plot(SWEEP, [r["limit_flat_out_us_per_packet"] for r in sweep], "^:", label="bare loop, flat out")
    axes.set(xlabel="subscribers of one publisher", ylabel="CPU us per packet sent", ylim=(0, None))
    _finish(figure, axes, "performance-cost.svg")

    rows = data["repair"]
    figure, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    loss = [row["loss"] * 100 for row in rows]
    axes.plot(loss, [row["missing_at_first"] * 100 for row in rows], "s--", label="missing at first")
    axes.plot(loss, [max(row["residual"] * 100, 1e-3) for row in rows], "o-", label="lost after NACK and RTX")
    axes.axhline(0.5, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="random loss each way, %", ylabel="% of packets", yscale="log")
    _finish(figure, axes, "performance-repair.svg")


def _finish(figure: Any, axes: Any, name: str) -> None:
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / name, metadata={"Date": None})


def write(page: Path, text: str) -> None:
    """Puts the generated part between the markers of the page."""
    old = page.read_text()
    head, rest = old.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    page.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def figures(seconds: float, say: Callable[[str], None], warn: Callable[[Sequence[str]], None]) -> None:
    """Measures and writes everything."""
    data = measure(seconds, say)
    for label, report in data["forward"].items():
        if report["warnings"]:
            warn([f"{label}: {warning}" for warning in report["warnings"]])
    DATA.write_text(json.dumps(data, indent=1) + "\n")
    plots(data)
    write(PAGE, tables(data))
