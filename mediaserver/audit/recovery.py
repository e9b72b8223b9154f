"""A new witness for an old log: when the old one is lost, or the database was restored from a backup.

The server refuses to start over such a contradiction, because an attacker's cut looks the same. An
administrator who knows better says so here, and that they did is the next entry of the log.
"""

from __future__ import annotations

from pathlib import Path

from mediaserver.audit.errors import WitnessMissingError
from mediaserver.audit.heads import SignedTreeHead
from mediaserver.audit.keys import AuditKey
from mediaserver.audit.log import AuditLog
from mediaserver.audit.reading import own_heads
from mediaserver.audit.witness import FileWitness, read_heads
from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditAction, AuditEvent, AuditOutcome
from mediaserver.model.clock import Clock
from mediaserver.model.pii import Pii
from mediaserver.storage import Database


async def rewitness(
    database: Database, key: AuditKey, path: Path, clock: Clock, *, reason: str, user: str
) -> Path | None:
    """Puts the old file aside (its new name comes back), hands all heads of the database to a new one and
    records it with the last head of the old. Nothing else may write the log meanwhile.

    Raises AuditUnavailableError, StorageError, OSError.
    """
    try:
        before = [head for head in read_heads(path) if isinstance(head, SignedTreeHead)]
        aside = path.with_name(f"{path.name}.{int(clock.wall() * 1000)}")
        path.rename(aside)  # noqa: ASYNC240 - a command's work, nobody waits
    except WitnessMissingError:
        before, aside = [], None
    async with database.read(Actor.system()) as reader:
        heads = await own_heads(reader)
    witness = FileWitness(path)
    try:
        await witness.put(heads)
        log = await AuditLog.open(database, key, witness, clock)
        detail = {"user": user, "size": str(heads[-1].size if heads else 0)}
        if before:
            detail |= {"old_size": str(before[-1].size), "old_root": before[-1].root.hex()}
        event = AuditEvent(
            Actor.system(),
            "audit.rewitness",
            AuditAction.EXECUTE,
            AuditOutcome.SUCCESS,
            reason=Pii(reason),
            detail=detail,
        )
        await log.access(Actor.system(), event)
    finally:
        witness.close()
    return aside
