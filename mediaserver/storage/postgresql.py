"""PostgreSQL's own part: what must hold of a server before we rely on it, and what `check` looks at."""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from mediaserver.storage.errors import StorageError, guarded

_OLDEST = 130000  # 13, the oldest that was still kept up by the PostgreSQL project when this was written


async def trust(connection: AsyncConnection) -> None:
    """Raises StorageError when what is committed there may be lost, or text be kept wrongly."""

    async def show(name: str) -> str:
        query = text("SELECT current_setting(:name)")
        return str((await guarded(connection.execute(query, {"name": name}))).scalar_one())

    if int(await show("server_version_num")) < _OLDEST:
        raise StorageError("PostgreSQL is older than 13: upgrade it")
    if await show("synchronous_commit") == "off":
        raise StorageError(
            "PostgreSQL has synchronous_commit = off and would lose what it has acknowledged:"
            " ALTER ROLE or ALTER DATABASE .. SET synchronous_commit = on"
        )
    if await show("server_encoding") != "UTF8":
        raise StorageError("the database isn't in UTF-8: create it with ENCODING 'UTF8'")


# What a crash or a half-done operation leaves behind, as far as the catalogue tells. Damaged pages are the
# business of pg_amcheck and of data checksums.
_CHECKS = {
    "SELECT name || ' = off: a power failure damages the database' FROM pg_settings"
    " WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'": "",
    "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid"
    " WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace": "REINDEX, invalid index: ",
    "SELECT conname FROM pg_constraint WHERE NOT convalidated"
    " AND connamespace = current_schema()::regnamespace": "VALIDATE CONSTRAINT, never checked: ",
}


def check(connection: Connection) -> list[str]:
    """What is wrong; empty when it is sound."""
    return [
        f"{lead}{row[0]}"
        for query, lead in _CHECKS.items()
        for row in connection.execute(text(f"{query} ORDER BY 1"))
    ]
