"""The right edge of a Merkle tree: all it takes to append the next entry and to say the root.

A tree of n entries is a row of perfect trees, one for each 1 bit of n, the largest first (RFC 9162 section
2.1.2 folds its stack the same way). Their roots are the frontier: 20 hashes for a million entries.
"""

from __future__ import annotations

from functools import reduce

from mediaserver.audit.hashing import EMPTY_ROOT, HASH_SIZE, node_hash


class Frontier:
    """Grows by `append`; everything is O(log size)."""

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []

    @classmethod
    def load(cls, size: int, data: bytes) -> Frontier:
        """What `dump` wrote of a tree of `size` entries. Raises ValueError when they don't fit."""
        if size < 0 or len(data) != size.bit_count() * HASH_SIZE:
            raise ValueError("a frontier has one hash for each 1 bit of the size")
        frontier = cls()
        frontier._size = size
        frontier._peaks = [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
        return frontier

    def dump(self) -> bytes:
        """The peaks' hashes in a row, the largest tree's first."""
        return b"".join(self._peaks)

    @property
    def size(self) -> int:
        """Entries so far."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Adds an entry by its leaf hash."""
        node = leaf
        # Each 1 bit at the end of the size is a tree as large as the one in hand.
        for _ in range((~self._size & (self._size + 1)).bit_length() - 1):
            node = node_hash(self._peaks.pop(), node)
        self._peaks.append(node)
        self._size += 1

    def root(self) -> bytes:
        """Root hash of the whole tree."""
        if not self._peaks:
            return EMPTY_ROOT
        return reduce(lambda right, left: node_hash(left, right), reversed(self._peaks))
