"""Command line: `python -m bench forward ...`."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from bench import admit, join
from bench.figures import figures
from bench.forward import Forward, Options
from bench.machine import MissingError
from bench.processes import BenchError
from bench.scenario import KEY_LENGTHS, Shape
from bench.signals import end_cleanly

DEFAULT_SRTP = "SRTP_AEAD_AES_128_GCM"


@click.group()
def main() -> None:
    """Measures the media core on this machine."""
    end_cleanly()


@main.command("join")
@click.option("--runs", type=click.IntRange(1), default=20, show_default=True, help="Patients, one by one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def join_time(*, runs: int, as_json: bool) -> None:
    """Time from opening a link to the first remote frame and sound, in Chromium."""
    try:
        report = join.measure(runs)
    except (BenchError, MissingError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(report))
        return
    for step, spread in {**report["steps_ms"], "both": report["both_ms"]}.items():
        click.echo(
            f"{step:10} p50 {spread['p50']:5} ms   p95 {spread['p95']:5} ms   max {spread['max']:5} ms"
        )


@main.command("admit")
@click.option("--runs", type=click.IntRange(1), default=20, show_default=True, help="Patients, one by one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def admit_time(*, runs: int, as_json: bool) -> None:
    """Time from an admission to the first frame of the other, both ways, in Chromium."""
    try:
        report = admit.measure(runs)
    except (BenchError, MissingError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(report))
        return
    for side in ("patient_sees", "clinician_sees", "both"):
        spread = report[f"{side}_ms"]
        click.echo(
            f"{side:15} p50 {spread['p50']:5} ms   p95 {spread['p95']:5} ms   max {spread['max']:5} ms"
        )


@main.command()
@click.option("--rooms", type=click.IntRange(1), default=1, show_default=True)
@click.option("--publishers", type=click.IntRange(1), help="In each room; each sends one camera.")
@click.option("--subscribers", type=click.IntRange(1), help="In each room; each receives all cameras.")
@click.option(
    "--participants", type=click.IntRange(2), help="In each room; camera and microphone of all to all."
)
@click.option("--seconds", type=click.FloatRange(0.5), default=5, show_default=True, help="Each window.")
@click.option("--profile", type=click.Choice(["equal", "browser"]), default="equal", show_default=True)
@click.option(
    "--srtp", type=click.Choice(list(KEY_LENGTHS)), default="SRTP_AEAD_AES_128_GCM", show_default=True
)
@click.option("--fps", type=click.IntRange(1, 2000), help="Frames per second of the cameras, instead of 30.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
@click.option("--latency/--no-latency", default=True, help="Run the phases on loopback too.")
@click.option("--half-load/--no-half-load", default=True, help="Search for half load.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def forward(
    *,
    rooms: int,
    publishers: int | None,
    subscribers: int | None,
    participants: int | None,
    seconds: float,
    profile: str,
    srtp: str,
    fps: int | None,
    workers: int,
    latency: bool,
    half_load: bool,
    as_json: bool,
) -> None:
    """CPU per packet forwarded, loss and latency."""
    if (publishers is None) != (subscribers is None) or (participants is None) == (publishers is None):
        raise click.UsageError("give --publishers and --subscribers, or --participants")
    shape = Shape(rooms, publishers or 0, subscribers or 0, participants or 0, profile, srtp, fps)
    options = Options(shape, seconds, workers, latency, half_load)
    try:
        report = Forward(options).run()
    except (BenchError, MissingError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(130)
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print(report)


@main.command("figures")
@click.option("--seconds", type=click.FloatRange(0.5), default=5, show_default=True, help="Each window.")
def figures_command(seconds: float) -> None:
    """Measure again what docs/performance.md says (needs root and an idle machine)."""
    try:
        figures(seconds, click.echo, lambda lines: click.echo("\n".join(lines), err=True))
    except (BenchError, MissingError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(130)


def _print(report: dict[str, Any], indent: str = "") -> None:
    for name, value in report.items():
        if isinstance(value, dict) and value:
            click.echo(f"{indent}{name}")
            _print(value, indent + "  ")
        else:
            click.echo(f"{indent}{name:30} {value}")


if __name__ == "__main__":
    main()
