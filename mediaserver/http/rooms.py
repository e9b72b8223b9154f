"""Rooms over the api: the operations of `signaling.rest`, for sessions, keys and access tokens alike.

Whoever holds `rooms.manage` (an operator's session, a key of that scope, a token with the `rooms` grant) may
ask for them. The handlers are signaling's own: this only opens another door to them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from mediaserver.http.api import Api, Call, Operation, Signed
from mediaserver.identity.permissions import Permission
from signaling import rest
from signaling.ports import Directory


def add_rooms(api: Api, directory: Directory) -> None:
    """Adds them all."""
    for declared in rest.OPERATIONS:
        operation = Operation(
            declared.id,
            declared.method,
            declared.path,
            declared.summary,
            Signed(Permission.ROOMS_MANAGE),
            status=declared.status,
            body=declared.body,
            result=declared.result,
        )
        api.add(operation, _over(directory, rest.HANDLERS[declared.id]))


def _over(directory: Directory, handler: rest.Handle) -> Callable[[Call], Awaitable[msgspec.Struct | None]]:
    async def handle(call: Call) -> Any:
        return await handler(directory, call.request, call.body)

    return handle
