"""Logging without people in it: no names, tokens, addresses, SDP or link codes, by construction.

Our own lines carry fixed words and random ids. Lines of libraries (asyncio, aiohttp) are reduced to
where they come from, their template and the type of an exception, because what they put into the
template may quote a request. Access logs stay off: a join link's path is a secret.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from mediaserver.model.pii import fault


class _LibraryHandler(logging.Handler):
    """Passes a library's record on, reduced."""

    def emit(self, record: logging.LogRecord) -> None:
        """Never formats the record: its arguments may be anything."""
        log = structlog.get_logger(record.name)
        error = record.exc_info[1] if record.exc_info else None
        words = {"fault": fault(error)} if error is not None else {}
        template = record.msg if isinstance(record.msg, str) and record.args else "library message"
        log.log(record.levelno, template, **words)


def _without_exc_info(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # A traceback's last line is the exception's text.
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        event["fault"] = fault(error)
    return event


def configure(level: str = "info", style: str = "json") -> None:
    """Sets logging up for the process; `style` json or console. Writes to stderr."""
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: Any = structlog.processors.JSONRenderer()
    if style == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # Asked for each line: whoever redirects stderr gets what comes after.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler()]
    root.setLevel(max(number, logging.WARNING))
    logging.captureWarnings(True)
