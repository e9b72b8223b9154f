"""The two hashes of a Merkle tree, RFC 9162 section 2.1.1.

The bytes 0x00 and 0x01 keep leaves and inner nodes apart, so that nobody shows an inner node as an entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_SIZE = 32  # bytes of SHA-256

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree of no entries."""


def leaf_hash(entry: bytes) -> bytes:
    """H(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """H(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH of the RFC, over leaf hashes: the definition, in O(n). `Frontier` is the same step by step."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return node_hash(tree_hash(leaves[:middle]), tree_hash(leaves[middle:]))


def split(size: int) -> int:
    """The largest power of two below `size` (2 or more): k of the RFC, where a tree divides."""
    return 1 << (size - 1).bit_length() - 1
