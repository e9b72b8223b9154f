"""What a browser holds between two requests of one sign-in: short-lived, used once, stored as a hash.

Nobody is signed in halfway: between password and second factor there is a challenge, which opens nothing,
and no session, which might be mistaken for one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, update

from mediaserver.identity.errors import CredentialsError
from mediaserver.identity.secret_values import digest, for_tenant, new_secret
from mediaserver.identity.tables import challenge
from mediaserver.storage import Unit

LIFE = 5 * 60  # seconds: time to find a phone
TRIES = 5

AGAIN = "This sign-in took too long, or was tried too often. Begin again."


@dataclass(frozen=True, slots=True)
class Challenge:
    """What was kept: whose it is, and what only the server knew."""

    account: str | None
    data: dict[str, Any]


async def ask(
    unit: Unit, kind: str, *, account: str | None = None, data: dict[str, Any] | None = None
) -> str:
    """A new challenge; gives what the browser holds. Sweeps away those that are over."""
    await unit.delete(challenge, challenge.c.expires_at <= unit.now)
    token = for_tenant(unit.tenant, new_secret())
    await unit.insert(
        challenge,
        id=digest(token),
        kind=kind,
        account=account,
        data=json.dumps(data or {}),
        tries=0,
        expires_at=unit.now + LIFE * 1000,
    )
    return token


async def spend(unit: Unit, kind: str, token: str) -> Challenge:
    """Takes a challenge: no second request gets it. Raises CredentialsError when it isn't there."""
    mine = unit.owns(challenge) & (challenge.c.id == digest(token)) & (challenge.c.kind == kind)
    alive = mine & (challenge.c.expires_at > unit.now)
    row = (
        await unit.execute(delete(challenge).where(alive).returning(challenge.c.account, challenge.c.data))
    ).first()
    if row is None:
        raise CredentialsError(AGAIN)
    return Challenge(row.account, json.loads(row.data))


async def attempt(unit: Unit, kind: str, token: str) -> Challenge:
    """Uses one of a challenge's tries and leaves it there. Raises CredentialsError when none is left."""
    mine = unit.owns(challenge) & (challenge.c.id == digest(token)) & (challenge.c.kind == kind)
    alive = mine & (challenge.c.expires_at > unit.now) & (challenge.c.tries < TRIES)
    counted = update(challenge).where(alive).values(tries=challenge.c.tries + 1)
    row = (await unit.execute(counted.returning(challenge.c.account, challenge.c.data))).first()
    if row is None:
        raise CredentialsError(AGAIN)
    return Challenge(row.account, json.loads(row.data))
