"""`mediaserver plugin list` and `plugin check`: what is installed, and whether it keeps to the rules."""

from __future__ import annotations

import asyncio
import sys

import click

from mediaserver.plugins.discovery import Found, discover
from mediaserver.plugins.kit import Report
from mediaserver.plugins.kit import check as run_checks


@click.group()
def plugin() -> None:
    """Workflow plugins."""


@plugin.command("list")
def list_plugins() -> None:
    """What is installed, by name."""
    found = discover()
    for one in found:
        click.echo(f"{one.name:<24} {one.version or '-':<12} {_what(one)}")
    if not found:
        click.echo("No plugin is installed.", err=True)


@plugin.command()
@click.argument("names", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Hold NAMES (all, if none is given) to the rules of docs/hooks.md; exit 1 when there is anything to
    mend.
    """
    installed = {one.name: one for one in discover()}
    if missing := [name for name in names if name not in installed]:
        known = ", ".join(installed) or "none"
        raise click.ClickException(f"{', '.join(missing)} is not installed; installed: {known}")
    reports = [asyncio.run(run_checks(installed[name])) for name in names or installed]
    for report in reports:
        _print(report)
    if not all(report.passed for report in reports):
        sys.exit(1)


def _what(one: Found) -> str:
    if one.manifest is None:
        return f"can't be loaded: {one.problem}"
    read = one.manifest
    lines = (read.kind.__doc__ or "").strip().splitlines()
    return lines[0] if lines else "-"


def _print(report: Report) -> None:
    click.echo(f"{report.plugin} {report.version}".rstrip())
    for result in report.results:
        click.echo(f"  {'mend' if result.problems else 'ok':<5} {result.title}")
        for problem in result.problems:
            click.echo(f"        {problem}")
    click.echo(f"  {'all is well' if report.passed else 'there is something to mend'}")
