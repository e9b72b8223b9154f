"""For the bench and the simulation alone: media without ICE and DTLS.

Not part of the public API. A transport treated like this takes packets that nobody authenticated by a
handshake; nothing reachable from a network may call it.
"""

from __future__ import annotations

from sfu._native import Command
from sfu.handles import Transport
from sfu.types import DtlsState, SrtpKeys


async def adopt(transport: Transport, keys: SrtpKeys, *, local: str, remote: str) -> None:
    """Takes `remote` ("address:port") as validated and nominated, with consent until the transport closes,
    and installs `keys` as if a handshake had given them."""
    await transport._call(lambda: Command.adopt_tuple(transport.id, local, remote))
    transport.install_keys(keys)
    transport.dtls = DtlsState.CONNECTED
    transport.emit("dtls", transport.dtls)
