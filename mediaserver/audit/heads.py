"""Signed tree heads: what the log was after a commit, in the server's hand.

The bytes signed are TreeHeadDataV2 of RFC 9162 section 4.10; `since`, the size before the commit, is in an
extension of the private-use range. It makes the heads a chain: one that is missing between two others shows.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

from mediaserver.audit.hashing import HASH_SIZE
from mediaserver.audit.keys import AuditKey

_SINCE = 0xF000  # sth_extension type, 0xF000-0xFFFF is for private use (RFC 9162 section 10.2.5)
SIGNATURE_SIZE = 64  # bytes, Ed25519


@dataclass(frozen=True, slots=True)
class SignedTreeHead:
    """A head. `size`: entries, with those of the commit; `since`: before it; `at`: milliseconds since 1970
    UTC, never less than the head before; `key`: id of the key that signed.
    """

    size: int
    since: int
    root: bytes
    at: int
    key: str
    signature: bytes

    @classmethod
    def sign(cls, key: AuditKey, *, size: int, since: int, root: bytes, at: int) -> SignedTreeHead:
        """Signs a head."""
        return cls(size, since, root, at, key.id, key.sign(_tree_head_data(size, since, root, at)))

    def signed_by(self, key: AuditKey) -> bool:
        """Whether one of the server's keys signed exactly this."""
        try:
            data = _tree_head_data(self.size, self.since, self.root, self.at)
        except struct.error:
            return False
        return key.verify(self.key, self.signature, data)

    def line(self) -> bytes:
        """As one line of JSON, with its end."""
        members = {
            "v": 1,
            "size": self.size,
            "since": self.since,
            "root": self.root.hex(),
            "at": self.at,
            "key": self.key,
            "signature": self.signature.hex(),
        }
        return json.dumps(members, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> SignedTreeHead:
        """What `line` wrote, byte for byte. Raises ValueError."""
        try:
            content = json.loads(line)
            head = cls(
                size=content["size"],
                since=content["since"],
                root=bytes.fromhex(content["root"]),
                at=content["at"],
                key=content["key"],
                signature=bytes.fromhex(content["signature"]),
            )
            sound = (
                0 <= head.since < head.size
                and len(head.root) == HASH_SIZE
                and len(head.signature) == SIGNATURE_SIZE
                and head.line() == line
            )
        except (KeyError, TypeError, ValueError, RecursionError):
            sound = False
        if not sound:
            raise ValueError("not a signed tree head")
        return head


def _tree_head_data(size: int, since: int, root: bytes, at: int) -> bytes:
    extension = struct.pack(">HHQ", _SINCE, 8, since)
    return struct.pack(">QQB", at, size, len(root)) + root + struct.pack(">H", len(extension)) + extension
