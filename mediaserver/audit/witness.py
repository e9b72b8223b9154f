"""The other place: keeps the signed tree heads where whoever cuts the log can't reach them.

A witness takes heads in the order of the commits and never gives one up. `FileWitness` is a file that only
grows; a remote one implements the same three methods (docs/audit.md says what it owes).
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from mediaserver.audit.errors import AuditBrokenError, WitnessError, WitnessMissingError
from mediaserver.audit.heads import SignedTreeHead
from mediaserver.identity.files import private_folder

T = TypeVar("T")

_TAIL = 4096  # bytes; a head's line has about 300
DEADLINE = 5.0  # seconds for a head to be on disk; a call must not wait for a hanging file server


@dataclass(frozen=True, slots=True)
class BadLine:
    """Something in the witness that is no head."""

    line: int  # from 1


class Witness(Protocol):
    """Where heads go. Each method raises AuditUnavailableError (WitnessError, AuditBrokenError) and nothing
    else.
    """

    async def put(self, heads: Sequence[SignedTreeHead]) -> None:
        """Keeps heads for good before it returns: in order, each one's `since` the size of the one before.
        Those it has already are passed over. No heads: only shows that it could take some.
        """
        ...

    async def last(self) -> SignedTreeHead | None:
        """The head put last."""
        ...

    async def heads(self) -> Sequence[SignedTreeHead | BadLine]:
        """All heads in the order they came. Raises WitnessMissingError when there never was a `put`."""
        ...


class FileWitness:
    """A file of JSON lines of mode 0600, synced for each `put`; several processes may share it."""

    def __init__(self, path: Path, deadline: float = DEADLINE) -> None:
        self.path = path
        self._deadline = deadline
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit-witness")

    async def put(self, heads: Sequence[SignedTreeHead]) -> None:
        """See Witness."""
        await self._run(lambda: self._put(heads))

    async def last(self) -> SignedTreeHead | None:
        """See Witness."""
        return await self._run(self._last)

    async def heads(self) -> Sequence[SignedTreeHead | BadLine]:
        """See Witness."""
        return await self._run(lambda: read_heads(self.path), deadline=None)

    def close(self) -> None:
        """Lets its thread go."""
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T], deadline: float | None = -1) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline if deadline == -1 else deadline):
                return await loop.run_in_executor(self._thread, work)
        except TimeoutError:
            raise WitnessError(f"the audit witness {self.path} takes too long") from None
        except OSError as error:
            raise WitnessError(f"the audit witness {self.path} fails: {error.strerror}") from error

    def _put(self, heads: Sequence[SignedTreeHead]) -> None:
        fresh = not self.path.exists()
        if fresh:
            private_folder(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if fresh:
                _sync_folder(self.path.parent)
            self._append(descriptor, heads)
        finally:
            os.close(descriptor)

    def _append(self, descriptor: int, heads: Sequence[SignedTreeHead]) -> None:
        length, tail = _tail(descriptor)
        if tail and not tail.endswith(b"\n"):
            # A crash or a full disk cut this line short; it was never acknowledged.
            length -= len(tail) - (tail.rfind(b"\n") + 1)
            os.ftruncate(descriptor, length)
        last = _last_head(tail, self.path)
        size = last.size if last is not None else 0
        new = [head for head in heads if head.size > size]
        if not new:
            return
        if new[0].since != size:
            raise AuditBrokenError(
                f"the audit witness {self.path} ends at {size} entries where {new[0].since} were expected; "
                "run `mediaserver audit verify`"
            )
        data = b"".join(head.line() for head in new)
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # what a short write to a file means
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, length)
            raise

    def _last(self) -> SignedTreeHead | None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise WitnessMissingError(f"there is no audit witness {self.path}") from None
        try:
            return _last_head(_tail(descriptor)[1], self.path)
        finally:
            os.close(descriptor)


def read_heads(path: Path) -> list[SignedTreeHead | BadLine]:
    """All heads of a file. A last line without an end was never acknowledged and doesn't count.

    Raises WitnessMissingError, OSError.
    """
    found: list[SignedTreeHead | BadLine] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    found.append(SignedTreeHead.parse(line))
                except ValueError:
                    if line.endswith(b"\n"):
                        found.append(BadLine(number))
    except FileNotFoundError:
        raise WitnessMissingError(f"there is no audit witness {path}") from None
    return found


def _sync_folder(folder: Path) -> None:
    # A new file is there after a power cut only when its folder is synced too.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tail(descriptor: int) -> tuple[int, bytes]:
    length = os.fstat(descriptor).st_size
    return length, os.pread(descriptor, _TAIL, max(0, length - _TAIL))


def _last_head(tail: bytes, path: Path) -> SignedTreeHead | None:
    lines = tail.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    if not lines:
        return None
    try:
        return SignedTreeHead.parse(lines[-1])
    except ValueError:
        raise AuditBrokenError(
            f"the last line of the audit witness {path} is no head; run `mediaserver audit verify`"
        ) from None
