"""What commands share: options, settings, errors in one plain line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from mediaserver.app import Identity, identify
from mediaserver.config import ConfigError, Settings, load
from mediaserver.identity.keys import KeyFileError
from mediaserver.model.clock import SystemClock
from mediaserver.model.ids import RoomName, room_name
from mediaserver.model.roles import Role

F = TypeVar("F", bound=Callable[..., Any])


def config_options(function: F) -> F:
    """`--config FILE` and `--data DIR`: where the settings and keys are."""
    config = click.option("--config", type=click.Path(path_type=Path), help="YAML file with settings.")
    data = click.option("--data", type=click.Path(path_type=Path), help="Data folder: keys, links. [./data]")
    return config(data(function))


def settings_of(config: Path | None, data: Path | None, flags: dict[str, Any] | None = None) -> Settings:
    """The settings; ends the command when they are no good."""
    merged = dict(flags or {})
    if data is not None:
        merged["data"] = data
    try:
        return load(config, merged)
    except ConfigError as error:
        raise click.ClickException(f"settings: {error}") from None


def identity_of(settings: Settings) -> Identity:
    """Keys and links of the data folder; ends the command when there are none."""
    try:
        return identify(settings, SystemClock())
    except KeyFileError as error:
        raise click.ClickException(str(error)) from None


class RoomParam(click.ParamType[RoomName]):
    """A room name."""

    name = "room"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RoomName:
        """Checks it."""
        try:
            return room_name(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DurationParam(click.ParamType[int]):
    """Seconds, or 15m, 24h, 30d."""

    name = "seconds"
    _units = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # noqa: RUF012

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        text = str(value)
        unit = self._units.get(text[-1:], 0)
        digits = text[:-1] if unit else text
        if not digits.isdigit() or int(digits) == 0:
            self.fail("write it as seconds, or like 15m, 24h, 30d", param, ctx)
        return int(digits) * (unit or 1)


ROLE = click.Choice([role.value for role in Role])


def when(seconds: float) -> str:
    """A time for people and scripts: ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
