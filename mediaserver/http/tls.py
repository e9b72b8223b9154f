"""TLS by certificate files, read again when they change or on SIGHUP: a renewal drops no call."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import structlog

from mediaserver.model.pii import fault

log = structlog.get_logger(__name__)

CHECK_EVERY = 10.0  # seconds


class TlsFiles:
    """A server context whose certificate follows its files."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises OSError, ssl.SSLError when the files are no good."""
        self._certificate = certificate
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.context.load_cert_chain(certificate, key)
        self._stamp = self._now()

    def reload(self) -> bool:
        """Takes the files as they are now; false, and the old certificate stays, when they're no good."""
        try:
            # Tried on a context of its own first: a pair that doesn't match would leave the live one
            # with half of it.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._certificate, self._key)
            self.context.load_cert_chain(self._certificate, self._key)
        except (OSError, ssl.SSLError) as error:
            log.error("certificate not taken", fault=fault(error))
            return False
        self._stamp = self._now()
        log.info("certificate reloaded")
        return True

    async def watch(self) -> None:
        """Looks at the files every 10 s, for ever."""
        while True:
            await asyncio.sleep(CHECK_EVERY)
            now = self._now()
            if now != self._stamp:
                self._stamp = now  # a bad pair is tried once, not every 10 s
                self.reload()

    def _now(self) -> tuple[int, ...]:
        try:
            return tuple(path.stat().st_mtime_ns for path in (self._certificate, self._key))
        except OSError:
            return ()
